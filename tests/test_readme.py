"""The README: both languages say the same, and what they print is so."""

import inspect
import json
import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import typer

from shuzi import cli
from shuzi.train import softmax

ROOT = Path(__file__).parents[1]
LANGUAGES = ("README.md", "README.zh-CN.md")
ENGLISH, CHINESE = ((ROOT / name).read_text() for name in LANGUAGES)


def blocks(text: str) -> list[str]:
    """The blocks of code, without comments."""
    found = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    return [re.sub(r"\s+# .*", "", block) for block in found]


def commands(text: str) -> list[list[str]]:
    """The commands of shuzi in a text, in blocks and in sentences; those with a placeholder in capitals are none."""
    lines = [*re.findall(r"^(?:\$ )?(shuzi [^\n]*)", "\n".join(blocks(text)), re.M)]
    lines += re.findall(r"`(shuzi [^`]*)`", text)
    return [shlex.split(line.split(" | ")[0], comments=True) for line in lines if "FILE" not in line]


def test_both_languages_have_the_same_code_and_percentages():
    layout = blocks(ENGLISH)[-1]
    assert blocks(ENGLISH)[:-1] == blocks(CHINESE)[:-1]
    assert [line.split()[0] for line in layout.splitlines()] == [
        line.split()[0] for line in blocks(CHINESE)[-1].splitlines()
    ]
    shares = [Counter(re.findall(r"\d+(?:\.\d+)?(?= %)", text)) for text in (ENGLISH, CHINESE)]
    assert shares[0] == shares[1]
    assert sum(shares[0].values()) > 50


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=LANGUAGES)
def test_every_command_of_the_readme_is_one(text):
    group = typer.main.get_command(cli.app)
    assert len(commands(text)) > 20
    for _, *words in commands(text):
        if words[0].startswith("--"):
            continue
        context = group.make_context("shuzi", ["--help"], resilient_parsing=True)
        name, command, rest = group.resolve_command(context, words)
        command.make_context(name, rest or ["--help"], resilient_parsing=not rest)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=LANGUAGES)
def test_every_file_that_the_readme_names_is_there(text):
    links = re.findall(r"\]\(([^)]+)\)", text)
    named = re.findall(r"\b(?:docs|examples|tests)/[\w./-]+", text)
    assert len(links) > 20
    assert [path for path in (*links, *named) if not (ROOT / path).exists()] == []


def test_every_extra_that_the_readme_names_is_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"'\.\[(\w+)\]'", ENGLISH)) == set(extras)


def test_the_readme_quotes_softmax_regression_as_it_is():
    quoted = next(block for block in blocks(ENGLISH) if "return x.T" in block)
    source = inspect.getsource(softmax.gradient)
    assert all(line in source for line in quoted.splitlines())


def test_the_form_is_read_as_the_readme_prints_it(command):
    described = next(block for block in blocks(ENGLISH) if block.startswith('{"sheet"'))
    assert json.loads(described) == json.loads((ROOT / "examples" / "form.json").read_text())
    (shown,) = (block for block in blocks(ENGLISH) if block.startswith("$ shuzi read --fields"))
    line, printed = shown.split("\n", 1)
    ended = command(*shlex.split(line)[2:], cwd=ROOT)
    assert (ended.code, ended.stdout, ended.stderr) == (0, printed, "")


def test_the_page_is_read_as_the_readme_prints_it(command):
    (shown,) = (block for block in blocks(ENGLISH) if block.startswith("$ shuzi read docs/photo.jpg"))
    ended = command("read", "docs/photo.jpg", cwd=ROOT)
    assert ended.stdout.startswith(shown.split("\n", 1)[1])
