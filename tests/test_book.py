"""The lesson: both languages say the same, all of it runs, what ships is what is written, and the site stands alone."""

import csv
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shuzi.learn import notebooks

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
LINES = re.compile(r"#L\d+-L\d+")  # move whenever the code above them changes


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", BOOK / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(language: str) -> str:
    return "\n".join(path.read_text() for path in sorted((BOOK / language).glob("[0-9]*.md")))


def test_both_languages_have_the_same_chapters_and_the_same_code_to_the_letter(build):
    assert len(build.chapters()) == 12
    for chapter in build.chapters():
        chinese, english = (build.source(language, chapter) for language in ("zh", "en"))
        assert build.code(chinese) == build.code(english), chapter
        assert [cell.cell_type for cell in chinese.cells] == [cell.cell_type for cell in english.cells], (
            chapter
        )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_chapter_says_what_one_will_know_and_has_three_exercises_with_answers(language):
    will_know = {"zh": "读完这一章,你会知道", "en": "After this chapter you know"}[language]
    for path in sorted((BOOK / language).glob("[0-9]*.md")):
        text = path.read_text()
        assert will_know in text, path
        assert text.count("<details><summary>") == text.count("</details>") == 3, path


def test_both_languages_use_the_terms_they_agreed_on():
    english, chinese = (" ".join(prose(language).lower().split()) for language in ("en", "zh"))
    with (BOOK / "terms.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert len(rows) >= 25
    for ours, theirs, _ in rows:
        assert all(term in english for term in ours.lower().split("; ")), ours
        assert all(term in chinese for term in theirs.lower().split("; ")), theirs


def test_what_ships_is_what_is_written_with_outputs_and_no_errors(build):
    total = 0
    for language in notebooks.LANGUAGES:
        assert [path.stem for path in sorted((notebooks.HOME / language).glob("*.ipynb"))] == build.chapters()
        for chapter in build.chapters():
            path = notebooks.HOME / language / f"{chapter}.ipynb"
            shipped, written = json.loads(path.read_text()), build.source(language, chapter)
            told = [LINES.sub("", "".join(cell["source"])) for cell in shipped["cells"]]
            assert told == [LINES.sub("", cell.source) for cell in written.cells], f"{path}: run make book"
            outputs = [out for cell in shipped["cells"] for out in cell.get("outputs", [])]
            assert outputs
            assert not [out for out in outputs if out["output_type"] == "error"]
            total += path.stat().st_size
    assert total <= 3_000_000


@pytest.mark.timeout(900)  # a minute where nothing else runs
def test_every_chapter_runs():
    script = "import build; print(sum(len(book) for book in build.executed().values()))"
    ended = subprocess.run([sys.executable, "-c", script], cwd=BOOK, capture_output=True, text=True)
    assert ended.stdout == "24\n", ended.stderr


@pytest.mark.timeout(900)
def test_the_site_stands_alone_in_both_languages(build, tmp_path):
    build.site(tmp_path / "site")
    for language, other, word in (("zh", "en", "梯度"), ("en", "zh", "gradient")):
        page = (tmp_path / "site" / language / "04-gradient.html").read_text()
        assert word in page
        assert f'../{other}/04-gradient.html"' in page
        assert "<math" in page
        assert "<details>" in page
        for tag in re.findall(r"<(?:script|img|link|iframe)[^>]*>", page):
            assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), tag
        model = (tmp_path / "site" / language / "02-model.html").read_text()
        (link,) = set(re.findall(r"""href=["']\.\./(source/shuzi/train/softmax\.html)#line-\d+["']""", model))
        assert "def logits" in re.sub("<[^>]+>", "", (tmp_path / "site" / link).read_text())
    assert "softmax" in (tmp_path / "site" / "zh" / "searchindex.js").read_text()
    assert (tmp_path / "site" / "index.html").exists()


def test_learn_lays_the_notebooks_and_leaves_ones_own_work(command, tmp_path):
    laid = command("learn", "--to", tmp_path / "lesson", "--json").json["notebooks"]
    assert len(laid) == 12
    first = Path(laid[0])
    assert "数据" in first.read_text()
    assert "](../" not in "".join(Path(path).read_text() for path in laid)
    first.write_text("mine")
    told = command("learn", "--to", tmp_path / "lesson", "--no-browser")
    assert (told.code, len(told.stdout.splitlines())) == (0, 12)
    assert first.read_text() == "mine"
    english = command("learn", "--lang", "en", "--to", tmp_path / "en", "--json").json["notebooks"]
    assert "The data" in Path(english[0]).read_text()


def test_learn_says_how_to_get_jupyter(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not notebooks.open_in_jupyter(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    ("args", "words"),
    [(["--lang", "fr"], "there in zh and en"), (["--to", "/dev/null/x"], "cannot be written")],
)
def test_learn_says_in_one_sentence_what_is_wrong(command, tmp_path, args, words):
    ended = command("learn", *args, "--no-browser", cwd=tmp_path)
    assert ended.code == 1
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
