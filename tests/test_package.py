"""What an engineer expects to find beside the code."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import trove_classifiers
import yaml

import shuzi

ROOT = Path(__file__).parents[1]


def test_the_hooks_before_a_commit_are_the_checks_of_make_test():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    planned = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/dev", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^(\.venv/bin/[^#\n]*)", planned, re.M)
    assert [hook["entry"] for hook in local["hooks"]] == [line for line in commands if "pytest" not in line]
    assert len([line for line in commands if "pytest" in line]) == 1


def test_make_train_says_size_and_time_then_installs_the_extra_show_at_pinned_versions(tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    planned = subprocess.run(
        ["make", "--dry-run", "train"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    installs = list(re.finditer(r"pip install .*", planned))
    assert re.search("GB on disk, a minute", planned).start() < installs[0].start()
    assert all(" --constraint requirements-dev.txt " in each[0] for each in installs)
    assert [re.findall(r"\[(\w+)\]", each[0]) for each in installs] == [[], ["show"]]


def test_every_version_of_an_environment_for_development_is_pinned():
    for path in ROOT.glob("requirements-*.txt"):
        assert all("==" in line for line in path.read_text().split()), path


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## \[(.+?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0][0] == shuzi.__version__
    assert all(re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", date) for _, date in versions)


def test_the_classifiers_are_those_there_are():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["classifiers"] == sorted(set(project["classifiers"]))
    assert set(project["classifiers"]) <= trove_classifiers.classifiers


def test_the_citation_is_of_this_version_and_every_workflow_and_template_parses():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == shuzi.__version__
    files = [*(ROOT / ".github").rglob("*.yml")]
    assert len(files) == 5
    assert all(isinstance(yaml.safe_load(path.read_text()), dict) for path in files)


def test_the_workflow_tests_each_python_that_a_classifier_names():
    tested = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = [version for each in project["classifiers"] if (version := each.rpartition("Python :: ")[2])[:2] == "3."]
    assert tested["jobs"]["quick"]["strategy"]["matrix"]["python"] == pythons


def test_what_is_to_be_installed_is_what_the_source_has_and_no_index():
    texts = [*ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "shuzi").rglob("*")]
    for path in texts:
        if path.suffix in {".py", ".md", ".js", ".html", ".ipynb"}:
            assert "install 'shuzi" not in path.read_text(), path
