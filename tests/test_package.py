"""What an engineer expects to find beside the code."""

import re
import tomllib
from pathlib import Path

import trove_classifiers
import yaml

import shuzi

ROOT = Path(__file__).parents[1]


def test_the_hooks_before_a_commit_are_the_checks_of_make_test():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    recipe = re.search(r"^test: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
    assert commands[-1] == ".venv/bin/pytest"
    assert [hook["entry"] for hook in local["hooks"]] == commands[:-1]


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## \[(.+?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0][0] == shuzi.__version__
    assert all(re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", date) for _, date in versions)


def test_the_classifiers_are_those_there_are():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["classifiers"] == sorted(set(project["classifiers"]))
    assert set(project["classifiers"]) <= trove_classifiers.classifiers


def test_every_file_that_contributing_names_is_there():
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / "CONTRIBUTING.md").read_text()):
        assert (ROOT / link).exists(), link


def test_what_is_to_be_installed_is_what_the_source_has_and_no_index():
    texts = [*ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "shuzi").rglob("*")]
    for path in texts:
        if path.suffix in {".py", ".md", ".js", ".html", ".ipynb"}:
            assert "install 'shuzi" not in path.read_text(), path
