"""What pip installs: the wheel, in a fresh environment that has its declared requirements and nothing else."""

import email
import importlib.metadata
import json
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import shuzi
from shuzi import version

ROOT = Path(__file__).parents[1]


def needed(requirements: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """The distributions here that requirements ask for, and what those ask for in turn."""
    found: dict[str, importlib.metadata.Distribution] = {}
    pending = [Requirement(line) for line in requirements]
    while pending:
        requirement = pending.pop()
        extras = requirement.extras or {""}
        if requirement.marker and not any(requirement.marker.evaluate({"extra": e}) for e in extras):
            continue
        distribution = importlib.metadata.distribution(requirement.name)
        assert requirement.specifier.contains(distribution.version, prereleases=True), requirement
        if distribution.name not in found:
            found[distribution.name] = distribution
            pending += [
                each
                for line in distribution.requires or []
                if not (each := Requirement(line)).marker
                or any(each.marker.evaluate({"extra": extra}) for extra in extras)
            ]
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The programs of an environment with the wheel; its requirements are links to those installed here."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    about = email.message_from_bytes(
        zipfile.ZipFile(wheel).read(f"shuzi-{shuzi.__version__}.dist-info/METADATA")
    )
    core = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    for distribution in needed(core).values():
        for top in {
            file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")
        }:
            link = packages / top
            if not link.exists():
                link.symlink_to(distribution.locate_file(top))
    return folder / "bin"


def test_the_wheel_holds_the_package_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    info = f"shuzi-{shuzi.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"shuzi", info}
    for name in (
        "shuzi/read/weights/reader.onnx",
        "shuzi/serve/static/index.html",
        "shuzi/py.typed",
        f"{info}/licenses/LICENSE",
    ):
        assert name in names
    assert not [name for name in names if "test" in name or "__pycache__" in name or name.endswith(".pyc")]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout, so no commit is known")
def test_the_wheel_knows_its_commit_as_the_checkout_does(wheel, installed, tmp_path):
    git = ["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    commit = zipfile.ZipFile(wheel).read("shuzi/commit.txt").decode().strip()
    assert commit.removesuffix(".dirty") == version.commit().removesuffix(".dirty") == head
    script = "from shuzi import version; print(version.full())"
    ended = subprocess.run([installed / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert ended.stdout == f"{shuzi.__version__}+{commit}\n"


def test_a_copy_without_git_has_a_version_without_a_commit(tmp_path):
    copy = shutil.copytree(ROOT / "shuzi", tmp_path / "shuzi", ignore=shutil.ignore_patterns("*.onnx"))
    script = "import shuzi, shuzi.version; print(shuzi.__file__, shuzi.version.full())"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    assert ended.stdout == f"{copy / '__init__.py'} {shuzi.__version__}\n"


def test_the_core_asks_for_no_torch(wheel):
    about = email.message_from_bytes(
        zipfile.ZipFile(wheel).read(f"shuzi-{shuzi.__version__}.dist-info/METADATA")
    )
    core = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    assert "torch" not in needed(core)
    assert "torch>=2.6; extra == 'train'" in about.get_all("Requires-Dist")
    assert about["Requires-Python"] == ">=3.11"


def run(installed, cwd, *args):
    return subprocess.run([installed / "shuzi", *args], cwd=cwd, capture_output=True, text=True)


def test_the_installed_command_says_its_version(installed, tmp_path):
    ended = run(installed, tmp_path, "--version")
    assert (ended.stdout, ended.stderr) == (f"shuzi {shuzi.__version__}\n", "")


def test_the_installed_command_loads_mnist(installed, tmp_path):
    ended = run(installed, tmp_path, "data", "--json")
    assert ended.stderr == ""
    told = json.loads(ended.stdout)
    assert (told["train"]["count"], told["test"]["count"]) == (60000, 10000)


def test_the_environment_is_fresh(installed, tmp_path):
    script = "import importlib.util, shuzi; print(importlib.util.find_spec('torch'), shuzi.__file__)"
    ended = subprocess.run([installed / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    torch, file = ended.stdout.split()
    assert torch == "None"
    assert Path(file).is_relative_to(installed.parent)


OUTSIDE = """
import numpy as np
import shuzi
from typing import assert_type
from shuzi.read.reader import Page

train, test = shuzi.load("mnist", root=None)
assert_type(train, shuzi.Digits)
assert_type(train.counts(), list[int])
reader = shuzi.Reader(threshold=0.5)
page = reader.read(b"", single=True)
assert_type(page, Page)
assert_type([d.digit for number in page.numbers for d in number.digits], list[int | None])
chances, sure = reader.classify(np.zeros((1, 28, 28), np.uint8))

def read(path: str) -> str | None:
    try:
        return shuzi.Reader().read(path).text
    except shuzi.ShuziError:
        return None
"""


@pytest.mark.parametrize(("program", "complaint"), [
    (OUTSIDE, ""),
    ("import shuzi\nshuzi.Reader(threshold='high')\n", 'incompatible type "str"; expected "float | None"'),
])  # fmt: skip
def test_mypy_strict_knows_the_types_of_the_installed_package(installed, tmp_path, program, complaint):
    (tmp_path / "outside.py").write_text(program)
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed / "python", "outside.py"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, complaint in ended.stdout) == (bool(complaint), True), ended.stdout
    assert complaint or ended.stdout.startswith("Success")


@pytest.mark.parametrize("args", [("train",), ("show", "mnist"), ("evaluate", "run")])
def test_what_needs_an_extra_says_how_to_get_it(installed, tmp_path, args):
    ended = run(installed, tmp_path, *args)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "install it with: pip install '.[train]'" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_installed_package_reads_a_digit_without_torch(installed, tmp_path):
    script = (
        "import shuzi; _, test = shuzi.load('mnist'); print(shuzi.Reader().read(255 - test.images[0]).text)"
    )
    ended = subprocess.run([installed / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("7\n", "")
