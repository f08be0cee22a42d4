"""The READMEs and docs/: both languages say the same, and what they print is so."""

import base64
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import shuzi
from shuzi.cli.app import app

ROOT = Path(__file__).parents[1]
README, CHINESE_README = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = sorted((ROOT / "docs" / "en").glob("*.md"))
PAIRS = [(README, CHINESE_README), *((page, ROOT / "docs" / "zh" / page.name) for page in PAGES)]
TEXTS = [page for pair in PAIRS for page in pair]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, kind: str = r"(?:\w*|{eval-rst})") -> list[str]:
    """The blocks of code, without comments."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(), re.M | re.S)
    return [re.sub(r"\s+# .*", "", block) for block in found]


def commands(page: Path) -> list[list[str]]:
    """The commands of shuzi in a text, in blocks and in sentences; those with a placeholder in capitals are none."""
    lines = [*re.findall(r"^(?:\$ )?(shuzi [^\n]*)", "\n".join(blocks(page)), re.M)]
    lines += re.findall(r"`(shuzi [^`]*)`", page.read_text())
    placeholder = re.compile(r"\b(?:FILE|FOLDER|RUN|NAME)\b")
    return [shlex.split(line.split(" | ")[0], comments=True) for line in lines if not placeholder.search(line)]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=[name(page) for page, _ in PAIRS])
def test_both_languages_have_the_same_code_headings_and_percentages(english, chinese):
    assert [block for block in blocks(english) if "toctree" not in block] == [
        block for block in blocks(chinese) if "toctree" not in block
    ]
    levels = [re.findall(r"^#+ ", page.read_text(), re.M) for page in (english, chinese)]
    assert levels[0] == levels[1]
    shares = [Counter(re.findall(r"\d+(?:\.\d+)?(?= ?%)", page.read_text())) for page in (english, chinese)]
    assert shares[0] == shares[1]


def test_the_readme_has_at_most_1000_words_and_its_first_code_on_the_first_screen():
    text = README.read_text()
    assert len(text.split()) <= 1000
    assert text[: text.index("```")].count("\n") <= 12


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_every_command_is_one(page):
    for _, *words in commands(page):
        if words[0].startswith("--"):
            continue
        context = app.make_context("shuzi", ["--help"], resilient_parsing=True)
        called, command, rest = app.resolve_command(context, words)
        command.make_context(called, rest or ["--help"], resilient_parsing=not rest)


@pytest.mark.parametrize("page", [*TEXTS, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=name)
def test_every_file_that_a_page_names_is_there(page):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text())]
    links = [link for link in links if link and not link.startswith("http")]
    named = re.findall(r"(?<![\w./])(?:docs|examples|tests|benchmarks)/[\w./-]*\w", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_extra_is_named():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    start = (ROOT / "docs" / "en" / "start.md").read_text()
    assert set(re.findall(r"'\.\[(\w+)\]'", start)) == set(extras)


def test_every_public_name_is_in_the_api_reference():
    listed = re.findall(r":: shuzi\.(\w+)$", (ROOT / "docs" / "en" / "api.md").read_text(), re.M)
    assert set(listed) == {public for public in shuzi.__all__ if not public.startswith("__")}


def test_every_name_in_the_api_reference_is_there():
    for dotted in re.findall(r":: (shuzi\.[\w.]+)$", (ROOT / "docs" / "en" / "api.md").read_text(), re.M):
        module, _, attribute = dotted.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), dotted


def test_the_form_is_read_as_its_page_prints_it(command):
    page = ROOT / "docs" / "en" / "forms.md"
    (described,) = blocks(page, "json")
    assert json.loads(described) == json.loads((ROOT / "examples" / "form.json").read_text())
    (shown,) = (block for block in blocks(page) if block.startswith("$ shuzi read --fields"))
    line, printed = shown.split("\n", 1)
    ended = command(*shlex.split(line)[2:], cwd=ROOT)
    assert (ended.code, ended.stdout, ended.stderr) == (0, printed, "")


def test_the_page_is_read_as_its_page_prints_it(command):
    shown = blocks(ROOT / "docs" / "en" / "reading.md")[0]
    ended = command("read", "docs/photo.jpg", cwd=ROOT)
    assert ended.stdout.startswith(shown.split("\n", 1)[1])


@pytest.mark.parametrize("page", [README, *(ROOT / "docs" / "en" / f"{it}.md" for it in ("start", "forms"))], ids=name)
def test_the_programs_in_python_run(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for program in blocks(page, "python"):
        exec(program.replace('shuzi.Reader("model.onnx")', "shuzi.Reader()"), {"__name__": "program"})


@pytest.mark.slow
def test_the_program_that_reads_folders_runs(tmp_path):
    (program,) = blocks(ROOT / "docs" / "en" / "reading.md", "python")
    (tmp_path / "program.py").write_text(program)
    ended = subprocess.run([sys.executable, tmp_path / "program.py"], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "(28, 28)"), ended.stderr


@pytest.mark.slow
def test_every_line_of_curl_is_answered(command, tmp_path):
    """The lines in their order; IMAGE stands for an image that was read, ID for the answer before."""
    given = "\n".join(blocks(ROOT / "docs" / "en" / "http.md") + blocks(README))
    lines = re.findall(r"^curl .*$", given, re.M)
    assert len(lines) >= 8
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    known = {"IMAGE": base64.b64encode(image.tobytes()).decode(), "ID": ""}
    server = command.start("serve", "--no-browser", "--port", "0", cwd=tmp_path, XDG_DATA_HOME=str(tmp_path))
    try:
        url = re.search(r"http://[\w.:]+", server.stderr.readline())[0]
        for line in lines:
            for placeholder, value in known.items():
                line = line.replace(f'"{placeholder}"', f'"{value}"').replace(f"/{placeholder}", f"/{value}")
            words = shlex.split(line.replace("http://localhost:8000", url))
            ended = subprocess.run([*words, "-sS", "--fail-with-body"], cwd=ROOT, capture_output=True, text=True)
            assert ended.returncode == 0, f"{line}: {ended.stdout}{ended.stderr}"
            known["ID"] = json.loads(ended.stdout or "{}").get("id", "")
    finally:
        server.terminate()
        server.communicate()
