"""The page's files, as files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "shuzi" / "serve" / "static"
REVIEW = "../review_page/review"
LARGEST = 170_000  # bytes in all


def text(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


SCRIPTS = [path.name for path in STATIC.glob("*.js") if 'from "./text.js"' in path.read_text("utf-8")]


def test_the_page_is_small():
    assert sum(file.stat().st_size for file in STATIC.iterdir()) <= LARGEST


def test_no_file_names_another_host():
    for file in STATIC.iterdir():
        hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", file.read_text("utf-8")))
        assert hosts <= {"http://www.w3.org/2000/svg"}, file


@pytest.mark.parametrize("name", ["index.html", "learn.html", REVIEW + ".html"])
def test_every_text_of_a_page_stands_there_in_both_languages(name):
    page = text(name)
    words = re.compile(r"[A-Za-z]{2}")
    for tag, said in re.findall(r"<(\w[^>]*)>([^<]+)<", page.partition("<body")[2]):
        alike = any(each in tag for each in ('lang="', 'class="eq"', "code", "sub", "sup", "kbd"))
        assert "data-zh=" in tag or alike or not words.search(said), said
    for tag in re.findall(r"<[^>]*aria-label=[^>]*>", page):
        assert "data-zh-label=" in tag, tag
    assert re.findall(r'data-zh[-\w]*="(?![^"]*[\u4e00-\u9fff])[^"]*"', page) == ['data-zh="English"']


@pytest.mark.parametrize("name", [*SCRIPTS, REVIEW + ".js"])
def test_every_text_of_the_code_stands_there_in_both_languages(name):
    one = r'"((?:[^"\\]|\\.)+)"'
    both = re.findall(rf"\bt\({one}, {one}", text(name))
    assert len(both) == len(re.findall(r"\bt\((?!refused|fault)", text(name)))
    for english, chinese in both:
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese)), english
        assert re.search(r"[\u4e00-\u9fff，：]", chinese) or chinese == "en", english


def test_no_digit_has_one_sign_and_it_is_not_that_of_multiplication():
    code = "".join(text(path.name) for path in STATIC.glob("*.js"))
    assert re.findall('"([×–])"', code) == ["–"]


def test_the_code_that_the_lesson_shows_is_the_code_that_runs():
    book = Path(__file__).parents[2] / "book" / "en" / "11-hidden.md"
    code = (STATIC.parents[1] / "softmax" / "equations.py").read_text() + book.read_text("utf-8")
    lines = [line for each in re.findall(r"<code[^>]*>([^<]+)</code>", text("learn.html")) for line in each.split("\n")]
    assert len(lines) == 12
    assert [line for line in lines if line not in code] == []


def test_the_server_loads_no_torch():
    look = "import shuzi.serve.server, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_a_missing_extra_is_answered_with_the_command_that_mends_it():
    look = """
import sys
sys.modules["uvicorn"] = None
try:
    from shuzi.errors import needs
    needs("serve", "shuzi.serve.server")
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    assert said.startswith("ShuziError")
    assert "pip install '.[serve]'" in said
