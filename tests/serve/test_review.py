"""Fields that are not sure, put right in a real browser: what is written to the CSV, and what is kept for training."""

import csv
import dataclasses
import io
import json
import os
import shutil
import sys

import numpy as np
import pytest
import requests
from mouse import Held
from PIL import Image
from playwright.sync_api import expect

import shuzi
from shuzi.batch.csv_file import CsvFile, Layout, table_file
from shuzi.errors import ShuziError
from shuzi.forms.fields import Form
from shuzi.page import Digit, Mark, Number, Page
from shuzi.serve.problems import Problem
from shuzi.serve.review import UncertainField, open_review
from shuzi.serve.server import ServerSettings, greeting, serve
from shuzi.synth.filled_forms import FORM

ROWS = """file,form,account,account confidence,account checked,amount,amount confidence,amount checked
scans/1.png,form.json,704123?,0.5000,,1250,0.9900,
scans/2.png,form.json,704128,0.9900,,125?,0.4000,
gone.png,form.json,?,0.0000,,7,0.9900,
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scan):
    folder = tmp_path_factory.mktemp("forms")
    form = FORM | {"fields": [FORM["fields"][0], FORM["fields"][3]]}
    (folder / "form.json").write_text(json.dumps(form))
    (folder / "scans").mkdir()
    for name in ("1.png", "2.png"):
        Image.fromarray(scan).save(folder / "scans" / name)
    (folder / "out.csv").write_text(ROWS)
    return folder


@pytest.fixture
def table(folder):
    """A CSV file of forms, as it was written."""
    (folder / "out.csv").write_text(ROWS)
    return folder / "out.csv"


@pytest.fixture
def review(shared_server, table):
    """A server that reviews the table, with no corrections."""
    server = shared_server(review=str(table))
    shutil.rmtree(server.corrections, ignore_errors=True)
    return server


def rows(path):
    return list(csv.reader(io.StringIO(path.read_text())))[1:]


def kept(server):
    return sorted(path.parent.name for path in server.corrections.glob("*/*.png"))


@pytest.mark.slow
def test_what_is_not_sure_is_put_right_by_keyboard(chromium, review, assert_accessible, table):
    server = review
    assert server.url.endswith("/review")
    page = chromium.new_page(locale="en-GB")
    page.goto(server.url)
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#which")).to_have_text("1 / 3 · scans/1.png · account")
    expect(page.locator("#text")).to_have_value("704123")
    expect(page.locator("#text")).to_be_focused()
    assert page.locator("#zone").evaluate("image => image.decode().then(() => image.naturalWidth)") == 620
    assert_accessible(page)
    page.keyboard.type("70412")  # not six digits
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("rules don't allow this")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#said")).to_contain_text("不符合该字段的规则")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#text")).to_have_value("70412")
    page.locator("#text").focus()
    page.keyboard.press("End")
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    expect(page.locator("#which")).to_have_text("2 / 3 · scans/2.png · amount")
    expect(page.locator("#said")).to_have_text("Saved. Kept for training: 6 digits.")
    assert rows(table)[0][2:5] == ["704128", "0.5000", "yes"]
    assert kept(server) == sorted("704128")
    page.keyboard.press("Escape")
    expect(page.locator("#which")).to_have_text("3 / 3 · gone.png · account")
    expect(page.locator("#said")).to_have_text("The picture can't be read.")
    page.keyboard.press("PageUp")
    page.keyboard.type("99")
    page.keyboard.press("Enter")  # other digits than were found: nothing to learn
    expect(page.locator("#which")).to_contain_text("3 / 3")
    page.get_by_role("button", name="中文").click()
    page.keyboard.press("Escape")
    expect(page.locator("#which")).to_have_text("1 / 1 · gone.png · account")
    page.locator("#text").fill("12")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("再按一次 Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#which")).to_have_text("全部内容均已确认。")
    page.close()
    assert [row[2:] for row in rows(table)] == [
        ["704128", "0.5000", "yes", "1250", "0.9900", ""],
        ["704128", "0.9900", "", "99", "0.4000", "yes"],
        ["12", "0.0000", "yes", "7", "0.9900", ""],
    ]
    assert kept(server) == sorted("704128")


def test_all_of_a_field_is_in_view_and_the_page_says_what_is_kept_where(chromium, review, table):
    server = review
    settings = ServerSettings(review=str(table), corrections=str(server.corrections))
    _, said = greeting(settings, "address")
    assert said == (
        f"Saved fields are written to {table}; their digits are also kept for training, in {server.corrections}."
    )
    for width, locale in ((1280, "en-GB"), (390, "zh-CN")):
        page = chromium.new_page(locale=locale, viewport={"width": width, "height": 800})
        page.goto(server.url)
        page.wait_for_selector("html[data-ready]")
        page.locator("#zone").evaluate("image => image.decode()")
        box = page.locator("#zone").bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.locator("#kept")).to_contain_text(str(server.corrections))
        page.close()


@pytest.fixture
def reviews(start_server, tmp_path, table, read_page):
    """Starts a server that reviews a file of forms, numbers or tables."""
    with CsvFile(tmp_path / "numbers.csv") as out:
        out.write("a.png", read_page)
    with table_file(str(tmp_path / "tables.csv"), sys.stdout) as pages:
        pages.append(("a.png", 1, read_page))
    files = {"forms": table, "numbers": tmp_path / "numbers.csv", "tables": tmp_path / "tables.csv"}
    return lambda of: start_server(tmp_path / "corrections", review=str(files[of]), workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("of", ["forms", "numbers", "tables"])
def test_axe_finds_no_violation_in_a_review(chromium, axe_in_every_look, reviews, of):
    page = chromium.new_page(locale="en-GB")
    page.goto(reviews(of).url)
    page.wait_for_selector("html[data-ready]")
    assert axe_in_every_look(page) == []
    while page.locator("#form").is_visible():
        which = page.locator("#which").inner_text()
        page.locator("#text").fill("704128")
        page.keyboard.press("Enter")
        expect(page.locator("#which")).not_to_have_text(which)
    assert axe_in_every_look(page) == []
    page.close()


def test_what_is_pressed_while_a_field_is_saved_changes_no_other_field(chromium, review):
    page = chromium.new_page(locale="en-GB")
    page.goto(review.url)
    page.wait_for_selector("html[data-ready]")
    held = Held(page, "**/api/review")
    page.locator("#text").fill("704128")
    with page.expect_request("**/api/review"):
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#which")).to_have_text("1 / 3 · scans/1.png · account")
    held[0].continue_()
    expect(page.locator("#which")).to_have_text("2 / 3 · scans/2.png · amount")
    page.keyboard.press("PageUp")
    expect(page.locator("#text")).to_have_value("704128")
    assert len(held) == 1
    page.close()


def test_the_reviews_answers(review, table):
    api = review.url.replace("/review", "/api/review")
    items = requests.get(api, timeout=60).json()["items"]
    assert items[1] == {"file": "scans/2.png", "field": "amount", "text": "125", "confidence": "0.4000"}
    for path in ("../../etc/passwd", "form.json"):
        assert requests.get(f"{api}/zone", {"file": path, "field": "amount"}, timeout=60).status_code == 404
    missing = requests.get(f"{api}/zone", {"file": "gone.png", "field": "amount"}, timeout=60)
    assert (missing.status_code, "no such file" in missing.json()["detail"]) == (422, True)
    answer = {"file": "scans/1.png", "field": "account", "text": "=1+1"}
    assert requests.post(api, json=answer, timeout=60).status_code == 422
    assert requests.post(api, json=answer | {"text": "12"}, timeout=60).status_code == 409
    assert requests.post(api, json=answer | {"field": "name"}, timeout=60).status_code == 422
    assert requests.post(api, data="{}", timeout=60).status_code == 415
    assert table.read_text() == ROWS


def test_forms_are_read_into_a_file_that_is_reviewed_and_no_row_is_lost(table):
    form = Form.load(table.parent / "form.json")
    entries = shuzi.Reader().read_fields(table.parent / "scans" / "1.png", form)
    with CsvFile(table, Layout.for_form(form, "form.json"), resume=True) as out:
        out.write("4.png", entries)
        open_review(table).write("scans/1.png", "account", "704128", anyway=False)
        out.write("5.png", entries)
        open_review(table).write("scans/2.png", "amount", "1250", anyway=False)
        out.write("6.png", entries)
    assert [row[0] for row in rows(table)] == ["scans/1.png", "scans/2.png", "gone.png", "4.png", "5.png", "6.png"]
    assert rows(table)[0][2:5] == ["704128", "0.5000", "yes"]
    assert rows(table)[1][5:] == ["1250", "0.4000", "yes"]


def number(text, x, line, confidence=0.95):
    """A number of digits, "?" for an unsure 7, and points, ten pixels from sign to sign."""
    places = {(x + 10 * i, 40 * line, 8, 20): sign for i, sign in enumerate(text)}
    digits = [
        Digit(None if sign == "?" else int(sign), 7, confidence, np.full(10, 0.1), box, np.zeros((28, 28)))
        for box, sign in places.items()
        if sign != "."
    ]
    marks = [Mark(sign, 1.0, box) for box, sign in places.items() if sign == "."]
    return Number(tuple(digits), line, marks=tuple(marks))


@pytest.fixture
def read_page(tmp_path):
    """A page of two lines and two columns, and its picture: one number is unsure, one more likely wrong than right."""
    numbers = number("12.5", 20, 0), number("1?", 200, 0), number("7", 20, 1, 0.4), number("99", 200, 1)
    pixels = np.full((100, 300), 255, np.uint8)
    pixels[0:20, 200:220] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return Page(numbers, (300, 100))


def test_numbers_are_put_right_in_their_file(tmp_path, read_page):
    with CsvFile(tmp_path / "n.csv") as out:
        out.write("a.png", read_page)
    review = open_review(tmp_path / "n.csv")
    assert review.uncertain() == [
        UncertainField("a.png", "R1C2", "1", "0.9025"), UncertainField("a.png", "R2C1", "7", "0.4000"),
    ]  # fmt: skip
    zone = np.asarray(Image.open(io.BytesIO(review.zone("a.png", "R1C2"))))
    assert zone.shape[:2] == (29, 36)
    assert (zone == 0).mean() > 0.3
    with pytest.raises(Problem, match="expected digits, spaces and"):
        review.write("a.png", "R1C2", "=1+1", anyway=False)
    assert review.write("a.png", "R1C2", "-1.25", anyway=False) == "125"
    review.write("a.png", "R2C1", "7", anyway=False)
    assert review.uncertain() == []
    with (tmp_path / "n.csv").open(newline="") as file:
        written = [(row["text"], row["value"], row["confidence"], row["checked"]) for row in csv.DictReader(file)]
    assert written[1:3] == [("-1.25", "-1.25", "0.9025", "yes"), ("7", "7", "0.4000", "yes")]
    assert written[0][3] == written[3][3] == ""


@pytest.mark.parametrize(("decimal", "value"), [("", ""), (".", "1.234"), (",", "1234")])
def test_the_decimal_sign_decides_what_a_corrected_number_is_worth(tmp_path, read_page, decimal, value):
    with CsvFile(tmp_path / "n.csv") as out:
        out.write("a.png", read_page)
    open_review(tmp_path / "n.csv", decimal).write("a.png", "R1C2", "1.234", anyway=False)
    with (tmp_path / "n.csv").open(newline="") as file:
        assert [row["value"] for row in csv.DictReader(file)][1] == value
    with pytest.raises(ShuziError, match="--decimal ';': expected"):
        ServerSettings(review="n.csv", decimal=";")


def test_a_tables_cells_are_put_right_in_its_file(tmp_path, read_page):
    with table_file(str(tmp_path / "t.csv"), sys.stdout) as pages:
        pages.append(("a.png", 1, read_page))
    review = open_review(tmp_path / "t.csv")
    assert [(item.field, item.text) for item in review.uncertain()] == [("R1C2", "1"), ("R2C1", "7")]
    assert review.zone("a.png", "R1C2").startswith(b"\x89PNG")
    review.write("a.png", "R1C2", "1.25", anyway=False)
    review.write("a.png", "R2C1", "7", anyway=False)
    assert review.uncertain() == []
    assert [row[3:5] for row in rows(tmp_path / "t.csv")] == [["12.5", "1.25"], ["7", "99"]]


def test_a_number_of_a_turned_page_is_shown_upright(tmp_path, read_page):
    with CsvFile(tmp_path / "n.csv") as out:
        out.write("a.png", dataclasses.replace(read_page, turned=90))
    field = next(item.field for item in open_review(tmp_path / "n.csv").uncertain() if item.text == "1")
    zone = np.asarray(Image.open(io.BytesIO(open_review(tmp_path / "n.csv").zone("a.png", field))))
    assert zone.shape[:2] == (36, 29)


def test_a_row_that_is_being_written_is_passed_over(table):
    table.write_text(ROWS + "4.png,form.json,70")
    assert [item.file for item in open_review(table).uncertain()] == ["scans/1.png", "scans/2.png", "gone.png"]


def test_a_file_that_excel_saved_is_corrected(table):
    table.write_text(table.read_text(), "utf-8-sig")
    review = open_review(table)
    first = review.uncertain()[0]
    review.write(first.file, first.field, "1234", anyway=True)
    assert (first.file, first.field) not in [(item.file, item.field) for item in review.uncertain()]


def test_no_server_without_a_review_has_its_page(server):
    for path in ("/review", "/api/review"):
        assert requests.get(server.url + path, timeout=60).status_code == 404


@pytest.mark.parametrize(
    "content", ["file,line\n", "", "file,form,a\nx\n", "\0", "file,form,a,a confidence\n1.png,f,1,checked\n"]
)
def test_another_file_is_refused_and_stays(tmp_path, content):
    (tmp_path / "other.csv").write_text(content)
    with pytest.raises(ShuziError, match="not a CSV file of forms, numbers or tables as this version's shuzi read"):
        serve(ServerSettings(review=str(tmp_path / "other.csv")), open_browser=False)
    with pytest.raises(ShuziError, match="can't be read"):
        open_review(tmp_path / "none.csv")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ShuziError, match=r"can't be read .a pipe or a device"):
        open_review(tmp_path / "pipe")
    assert (tmp_path / "other.csv").read_text() == content


def test_a_review_cannot_be_read_only(table):
    with pytest.raises(ShuziError, match="--review saves corrections"):
        ServerSettings(review=str(table), read_only=True)
