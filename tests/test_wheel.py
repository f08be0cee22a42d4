"""What pip installs: the wheel, in a fresh environment that has its declared requirements and nothing else."""

import email
import importlib.metadata
import json
import shutil
import socket
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
MOST = 5_000_000  # bytes of the wheel

pytestmark = pytest.mark.slow


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


@pytest.fixture(autouse=True)
def nothing_but_what_is_installed(monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)


def build(kind: str, folder: Path) -> Path:
    """Build the "wheel" or the "sdist" of this checkout into an empty folder."""
    subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("sdist"))


def test_the_index_would_take_the_wheel_and_the_sdist(wheel, sdist):
    ended = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout.count("PASSED")) == (0, 2), ended.stdout + ended.stderr


def test_the_sdist_installs_what_the_wheel_holds(wheel, sdist, tmp_path):
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile"]
    subprocess.run([sys.executable, "-m", "pip", *install, "--target", tmp_path, sdist], check=True)
    installed = {str(path.relative_to(tmp_path)) for path in (tmp_path / "shuzi").rglob("*") if path.is_file()}
    assert installed == {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("shuzi/")}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The programs of an environment with the wheel; its requirements are links to those installed here."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    link(folder, needed([line for line in requires(wheel) if "extra ==" not in line]))
    return folder / "bin"


def requires(wheel: Path) -> list[str]:
    """What a wheel asks for."""
    about = zipfile.ZipFile(wheel).read(f"shuzi-{shuzi.__version__}.dist-info/METADATA")
    return email.message_from_bytes(about).get_all("Requires-Dist")


def link(folder: Path, distributions: dict[str, importlib.metadata.Distribution]) -> None:
    """Put links to distributions into an environment."""
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in distributions.values():
        for top in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
            place = packages / top
            if not place.exists():
                place.symlink_to(distribution.locate_file(top))


def test_the_wheel_holds_the_package_and_no_more(wheel):
    assert wheel.stat().st_size <= MOST
    names = zipfile.ZipFile(wheel).namelist()
    info = f"shuzi-{shuzi.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"shuzi", info}
    for name in (
        "shuzi/read/weights/reader.onnx",
        "shuzi/read/weights/finder.onnx",
        "shuzi/read/weights/formats.json",
        "shuzi/train/weights/best.onnx",
        "shuzi/batch/shards.py",
        "shuzi/forms/fields.py",
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
    assert "torch" not in needed([line for line in requires(wheel) if "extra ==" not in line])
    assert "torch>=2.6; extra == 'train'" in requires(wheel)
    assert "torch" not in needed([line for line in requires(wheel) if "extra ==" not in line or "'show'" in line])


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
from shuzi.page import Page

train, test = shuzi.load("mnist", root=None)
assert_type(train, shuzi.Digits)
assert_type(train.counts(), list[int])
reader = shuzi.Reader(threshold=0.5)
page = reader.read(b"", single=True)
assert_type(page, Page)
assert_type([d.digit for number in page.numbers for d in number.digits], list[int | None])
chances, sure = reader.classify(np.zeros((1, 28, 28), np.uint8))
assert_type([result.error for result in shuzi.read_files(["scans"], reader)], list[str | None])
shuzi.normalise(np.zeros((9, 9), np.uint8))

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


@pytest.mark.parametrize(
    ("extra", "args"), [("train", ("train", "softmax")), ("show", ("show", "mnist")), ("train", ("export", "run"))]
)
def test_what_needs_an_extra_says_how_to_get_it(installed, tmp_path, extra, args):
    ended = run(installed, tmp_path, *args)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert f"pip install '.[{extra}]'" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_installed_package_reads_a_digit_without_torch(installed, tmp_path):
    script = "import shuzi; _, test = shuzi.load('mnist'); print(shuzi.Reader().read(255 - test.images[0]).text)"
    ended = subprocess.run([installed / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("7\n", "")


def steps() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with what they are given."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def test_the_containers_user_is_made_and_is_not_root():
    last_user = [given for name, given in steps() if name == "USER"][-1]
    assert last_user != "root"
    assert f"useradd --create-home {last_user}" in [given for name, given in steps() if name == "RUN"]
    assert steps().index(("USER", last_user)) < [name for name, _ in steps()].index("CMD")


def test_the_containers_steps_serve_in_a_fresh_environment(tmp_path):
    """What the Dockerfile copies and runs, with pip of a new environment that has the requirements and no index."""
    source, wheels, home = tmp_path / "src", tmp_path / "wheels", tmp_path / "venv"
    source.mkdir()
    for given in (given for name, given in steps() if name == "COPY" and not given.startswith("--from")):
        *names, to = given.split()
        for name in names:
            ignored = shutil.ignore_patterns("__pycache__")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / to, ignore=ignored)
            else:
                shutil.copy(ROOT / name, source / to)
    venv.create(home, with_pip=False)
    pip = home / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip --python "{home}/bin/python" "$@"\n')
    pip.chmod(0o755)
    link(home, needed(["hatchling"]))  # in a container it comes from the index
    env = {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "false"}
    wheel_step, install_step, _ = (given for name, given in steps() if name == "RUN")
    run = {"cwd": source, "env": env, "check": True, "capture_output": True, "text": True}
    subprocess.run(["sh", "-c", wheel_step.replace("/wheels", str(wheels))], **run)
    (wheel,) = wheels.iterdir()
    served = [line.partition(";")[0] for line in requires(wheel) if "extra ==" not in line or "'serve'" in line]
    link(home, needed(served))
    subprocess.run(["sh", "-c", install_step.replace("/wheels", str(wheels))], **run)
    assert not wheels.exists()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    start = json.loads([given for name, given in steps() if name == "CMD"][-1].replace("8000", port))
    (health,) = (given for name, given in steps() if name == "HEALTHCHECK")
    asks = json.loads(health.partition("CMD ")[2].replace("8000", port))
    home_env = {"PATH": env["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(
        [home / "bin" / start[0], *start[1:]], env=home_env, stderr=subprocess.PIPE, text=True
    ) as server:
        assert f"shuzi is at http://127.0.0.1:{port}/" in server.stderr.readline()
        try:
            subprocess.run(asks, env=home_env, check=True)
        finally:
            server.terminate()
            server.communicate()
    assert subprocess.run(asks, env=home_env, capture_output=True).returncode == 1  # it is gone
