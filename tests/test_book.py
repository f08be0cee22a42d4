"""The lesson: both languages say the same, all of it runs, and what ships is what is written."""

import csv
import importlib.util
import json
import locale
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shuzi.cli.app import app
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
    assert len(build.chapters()) == 14
    for chapter in build.chapters():
        chinese, english = (build.source(language, chapter) for language in ("zh", "en"))
        assert build.code(chinese) == build.code(english), chapter
        assert build.answers(chinese) == build.answers(english), chapter
        assert [cell.cell_type for cell in chinese.cells] == [cell.cell_type for cell in english.cells], chapter


@pytest.mark.parametrize(
    ("language", "mark", "predict"), [("zh", "？", "先预测，再运行"), ("en", "?", "Predict, then run")]
)
def test_each_chapter_opens_with_a_question_and_ends_with_three_exercises(build, language, mark, predict):
    for chapter in build.chapters():
        first, *rest = build.source(language, chapter).cells
        assert mark in first.source.split("\n\n")[1], f"{chapter} opens with no question"
        exercises = "".join(cell.source for cell in rest if cell.cell_type == "markdown")
        answers = re.findall(r"<details><summary>.*?</details>", exercises, re.DOTALL)
        assert len(answers) == 3, chapter
        assert all("```python" in answer for answer in answers), f"{chapter}: an answer has no code"
        assert predict in exercises, f"{chapter}: nothing to predict"


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
            assert told == [LINES.sub("", cell.source) for cell in written.cells], f"{path}: run make site"
            outputs = [out for cell in shipped["cells"] for out in cell.get("outputs", [])]
            assert any("image/png" in out.get("data", {}) for out in outputs), f"{chapter}: the idea has no picture"
            assert not [out for out in outputs if out["output_type"] == "error"]
            total += path.stat().st_size
    assert total <= 3_000_000


def test_the_loop_in_numpy_takes_as_long_as_its_chapter_says():
    told = (notebooks.HOME / "en" / "10-numpy.ipynb").read_text()
    seconds = float(re.search(r"test accuracy 0\.90\d\d, (\d+\.\d+) s", told)[1])
    assert seconds < 2  # beside work on all cores too


@pytest.mark.parametrize("language", notebooks.LANGUAGES)
def test_every_number_of_three_decimals_in_the_prose_was_printed_or_is_in_the_code(language):
    ours, quoted = [], []
    for path in sorted((notebooks.HOME / language).glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            blocks = re.split(r"```(?:python|text)\n(.*?)```", "".join(cell["source"]), flags=re.DOTALL)
            texts = [text for out in cell.get("outputs", []) for text in ("".join(out.get("text", "")), *shown(out))]
            ours += numbers(" ".join((*texts, *(blocks if cell["cell_type"] == "code" else blocks[1::2]))))
            quoted += [] if cell["cell_type"] == "code" else numbers(" ".join(blocks[::2]))
    assert len(quoted) > 10
    for number in quoted:
        places = len(number.split(".")[1])
        assert any(round(float(each), places) == float(number) for each in ours), f"who printed {number}?"


def shown(output: dict) -> list[str]:
    """Give the texts of an output's data."""
    return ["".join(text) for kind, text in output.get("data", {}).items() if kind.startswith("text/")]


def numbers(text: str) -> list[str]:
    """Find the numbers of three decimals or more."""
    return re.findall(r"(?<![\d.,])\d+\.\d{3,}(?!\d|\.\d)", text)


NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
TIMING = re.compile(r"[\d.,]+\s?(?:images/s|seconds|ms|s)\b")
TOLERANCE = {"rel": 0.02, "abs": 0.005}  # another processor rounds otherwise, and a few answers tip over


def printed(cell: dict) -> list[str]:
    """The texts that a cell shows, without its timings; pictures, HTML and what stands behind them aside."""
    shown = [out for out in cell.get("outputs", []) if not {"image/png", "text/html"} & {*out.get("data", {})}]
    texts = [out.get("text", out.get("data", {}).get("text/plain", "")) for out in shown]
    return [TIMING.sub("TIMING", "".join(text)) for text in texts]


def assert_close(now: str, was: str, where: object) -> None:
    """Both texts are the same but for numbers, and the numbers are close."""
    assert NUMBER.split(now) == NUMBER.split(was), where
    values = [[float(each.replace(",", "")) for each in NUMBER.findall(text)] for text in (now, was)]
    assert values[0] == pytest.approx(values[1], **TOLERANCE), where


@pytest.mark.slow
@pytest.mark.timeout(900)  # two to three minutes where nothing else runs
def test_every_chapter_and_every_answer_runs_and_prints_what_ships(tmp_path):
    script = """if True:
        import build, json, pathlib, sys
        books, differ = build.executed()
        build.write(books, pathlib.Path(sys.argv[1]))
        print(json.dumps(differ))
    """
    ended = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=BOOK, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    for answer, was, now in json.loads(ended.stdout.splitlines()[-1]):
        assert_close(TIMING.sub("TIMING", now), TIMING.sub("TIMING", was), answer)
    paths = sorted(tmp_path.rglob("*.ipynb"))
    assert len(paths) == 28
    for path in paths:
        shipped = json.loads((notebooks.HOME / path.relative_to(tmp_path)).read_text())["cells"]
        for was, now in zip(shipped, json.loads(path.read_text())["cells"], strict=True):
            for old, new in zip(printed(was), printed(now), strict=True):
                assert_close(new, old, path)


def test_learn_copies_the_notebooks_and_leaves_the_readers_work(command, tmp_path):
    laid = command("learn", "--lang", "zh", "--to", tmp_path / "lesson", "--json").json["notebooks"]
    assert len(laid) == 14
    first = Path(laid[0])
    assert "数据" in first.read_text()
    assert "](../" not in "".join(Path(path).read_text() for path in laid)
    first.write_text("mine")
    told = command("learn", "--lang", "zh", "--to", tmp_path / "lesson", "--no-browser")
    assert (told.code, len(told.stdout.splitlines())) == (0, 14)
    assert first.read_text() == "mine"
    english = command("learn", "--lang", "en", "--to", tmp_path / "en", "--json").json["notebooks"]
    assert "The data" in Path(english[0]).read_text()


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "en_US.UTF-8", "LC_ALL": "zh_SG"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
    ],
)
def test_learn_follows_the_locale(monkeypatch, variables, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert notebooks.language_of_locale() == language


@pytest.mark.parametrize(
    ("name", "language"),
    [("Chinese (Simplified)_China", "zh"), ("zh_CN", "zh"), ("English_United States", "en"), (None, "en")],
)
def test_where_no_variable_is_set_learn_follows_the_locale_of_the_system(monkeypatch, name, language):
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: (name, "UTF-8"))
    assert notebooks.language_of_locale() == language


def test_learn_says_how_to_get_jupyter(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    app(["learn", "--to", str(tmp_path / "my lesson")], standalone_mode=False)
    said = capsys.readouterr().out
    assert "pip install '.[learn]'" in said
    assert f"shuzi learn --to '{tmp_path / 'my lesson'}'" in said
    assert not notebooks.open_in_jupyter(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    ("args", "words"), [(["--lang", "fr"], "written in zh and en"), (["--to", "/dev/null/x"], "cannot be written")]
)
def test_learn_says_in_one_sentence_what_is_wrong(command, tmp_path, args, words):
    ended = command("learn", *args, "--no-browser", cwd=tmp_path)
    assert ended.code == 1
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
