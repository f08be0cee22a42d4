"""Where a form's sheet is found, and what is read in its fields: from Python, and by `shuzi read --fields`."""

import csv
import functools
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

import shuzi
from shuzi.batch.csv_file import COLUMNS
from shuzi.forms.fields import parse_form
from shuzi.forms.sheet import cut_zones, find_sheet
from shuzi.synth.filled_forms import FORM
from shuzi.synth.pages import HEIGHT, WIDTH

SHORT = FORM | {"fields": [FORM["fields"][0], FORM["fields"][3]]}  # account and amount: read in no time
ASPECT = WIDTH / HEIGHT
TRUE = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)


@functools.cache
def grain(deviation):
    return np.random.default_rng(0).normal(0, deviation, (1300, 1600, 3)).astype(np.float32)


def on_table(scan, corners, table=(70, 90, 60), noise=4.0):
    """The sheet with its corners there, on a table, as a camera sees it."""
    view = cv2.getPerspectiveTransform(TRUE, np.array(corners, np.float32))
    seen = cv2.warpPerspective(scan, view, (1600, 1300), borderValue=table).astype(np.float32)
    return np.clip(seen + grain(noise), 0, 255).astype(np.uint8)


CORNERS = [
    [[100, 120], [1500, 80], [1540, 1200], [60, 1170]],  # from above
    [[300, 200], [1250, 180], [1500, 1150], [90, 1180]],  # leaning back
    [[250, 60], [1450, 300], [1290, 1220], [90, 980]],  # turned by 11 degrees
]


@pytest.mark.parametrize("table", [(70, 90, 60), (250, 205, 150), (225, 225, 225), (20, 20, 20)])
@pytest.mark.parametrize("corners", CORNERS)
def test_the_sheet_is_found_by_its_edges(scan, corners, table):
    paper = np.where(scan > 225, 255, scan).astype(np.uint8) if table == (225, 225, 225) else scan
    found = find_sheet(on_table(paper, corners, table), ASPECT)
    assert np.abs(found - corners).max() < 8  # pixels of 1600: half a percent


def test_a_scan_is_the_sheet_itself(scan):
    assert (find_sheet(scan, ASPECT) == TRUE).all()
    assert (find_sheet(np.full((HEIGHT, WIDTH, 3), 250, np.uint8), ASPECT) == TRUE).all()


def test_a_frame_that_is_printed_is_no_edge(scan):
    framed = cv2.rectangle(scan.copy(), (120, 100), (1380, 1000), (0, 0, 0), 6)
    assert (find_sheet(framed, ASPECT) == TRUE).all()


@pytest.mark.parametrize("corners", CORNERS)
def test_zones_are_seen_from_straight_above(scan, corners):
    """What stands in the middle of a zone, and as large, is there in the photograph's too."""
    form = parse_form(SHORT)
    sheet = np.full_like(scan, 250)
    for field in form.fields:
        x, y, width, height = (v * n for v, n in zip(field.zone, (WIDTH, HEIGHT) * 2, strict=True))
        cv2.rectangle(sheet, (round(x + 0.4 * width), round(y + 0.3 * height)),
                      (round(x + 0.6 * width), round(y + 0.7 * height)), (0, 0, 0), -1)  # fmt: skip
    for zone in cut_zones(on_table(sheet, corners), form):
        rows, columns = np.nonzero(zone[:, :, 1] < 125)
        ends = [*np.percentile(columns, [1, 99]) / zone.shape[1], *np.percentile(rows, [1, 99]) / zone.shape[0]]
        assert ends == pytest.approx([0.4, 0.6, 0.3, 0.7], abs=0.06)  # a pixel of the small picture


def table_alone():
    return on_table(np.full((HEIGHT, WIDTH, 3), (70, 90, 60), np.uint8), CORNERS[0])


def clouds():
    soft = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH, 3)), (0, 0), 60)
    return np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)


def stripes():
    rows = (np.arange(HEIGHT) // 40 % 2 * 180 + 40).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rows[:, None, None], (HEIGHT, WIDTH, 3)))


@pytest.mark.parametrize("what", [table_alone, clouds, stripes])
def test_where_no_sheet_is_none_is_found(what):
    with pytest.raises(shuzi.ShuziError, match=r"No form found\. All four edges"):
        find_sheet(what(), ASPECT)


def test_a_sheet_that_is_cut_or_turned_is_not_guessed(scan):
    photo = on_table(scan, CORNERS[0])
    with pytest.raises(shuzi.ShuziError, match="No form found"):
        find_sheet(photo[:, 500:], ASPECT)
    for turned in (np.rot90(photo), np.rot90(scan)):
        with pytest.raises(shuzi.ShuziError, match=r"lies on its side\. Turn the picture"):
            find_sheet(np.ascontiguousarray(turned), ASPECT)


def test_the_fields_of_a_form_are_read(scan, tmp_path):
    entries = shuzi.Reader().read_fields(on_table(scan, CORNERS[0]), parse_form(SHORT))
    assert [(e.name, e.text, e.sure) for e in entries] == [("account", "704128", True), ("amount", "1250", True)]
    assert [str(d.guess) for d in entries[0].digits] == list("704128")
    assert entries[0].readings[0].text == "704128"
    assert entries[0].image.shape[2] == 3
    (tmp_path / "form.json").write_text(json.dumps(SHORT))
    unsure = shuzi.Reader().read_fields(scan, tmp_path / "form.json", sure=1.0)
    assert [str(e) for e in unsure] == ["704128?", "1250?"]


@pytest.mark.parametrize(("form", "sure"), [(5, 0.5), (None, 0.5), (parse_form(SHORT), 2), (parse_form(SHORT), "x")])
def test_what_is_no_form_or_confidence_is_refused_in_one_sentence(scan, form, sure):
    with pytest.raises(shuzi.ShuziError, match=r"expected a confidence|Give a Form, or the path"):
        shuzi.Reader().read_fields(scan, form, sure)


# ---- the command ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, scan):
    (tmp_path / "form.json").write_text(json.dumps(SHORT))
    (tmp_path / "scans").mkdir()
    Image.fromarray(scan).save(tmp_path / "scans" / "1.png")
    Image.fromarray(on_table(scan, CORNERS[1])).save(tmp_path / "scans" / "2.jpg", quality=90)
    return tmp_path


def read(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_forms_become_a_row_each(command, folder):
    ended = command("read", "--fields", "form.json", "scans", "--csv", "out.csv", cwd=folder)
    assert ended.code == 0, ended.stderr
    assert [line.split()[:3] for line in ended.stdout.splitlines()] == [
        ["1.png", "account", "704128"], ["1.png", "amount", "1250"],
        ["2.jpg", "account", "704128"], ["2.jpg", "amount", "1250"],
    ]  # fmt: skip
    rows = read(folder / "out.csv")
    assert list(rows[0]) == [
        "file", "form", "account", "account confidence", "account checked",
        "amount", "amount confidence", "amount checked",
    ]  # fmt: skip
    assert {row["amount checked"] for row in rows} == {""}
    assert [(r["file"], r["form"], r["account"], r["amount"]) for r in rows] == [
        ("scans/1.png", "form.json", "704128", "1250"), ("scans/2.jpg", "form.json", "704128", "1250"),
    ]  # fmt: skip
    assert all(0.9 <= float(r["account confidence"]) <= 1 for r in rows)


def test_forms_go_on_and_are_never_replaced(command, folder):
    whole = ["read", "--fields", "form.json", "scans", "--csv", "out.csv"]
    assert command("read", "--fields", "form.json", "scans/1.png", "--csv", "out.csv", cwd=folder).code == 0
    corrected = (folder / "out.csv").read_text().replace("704128", "999999")
    (folder / "out.csv").write_text(corrected)
    ended = command(*whole, cwd=folder)
    assert (ended.code, ended.stderr.count("\n")) == (1, 1)
    assert "already holds this form's fields. Add to it with --continue" in ended.stderr
    assert command(*whole, "--continue", cwd=folder).code == 0
    assert (folder / "out.csv").read_text().startswith(corrected)
    assert [r["account"] for r in read(folder / "out.csv")] == ["999999", "704128"]


@pytest.mark.slow
def test_forms_as_json_with_what_failed(command, folder):
    Image.fromarray(clouds()).save(folder / "scans" / "clouds.png")
    ended = command("read", "--fields", "form.json", "scans", "--json", "--threshold", "1", cwd=folder)
    assert ended.code == 1
    told = json.loads(ended.stdout)
    assert told["pages"][0]["file"] == "1.png"
    assert told["pages"][0]["fields"][1] | {"confidence": 1} == {
        "name": "amount", "text": "1250", "confidence": 1, "sure": False, "value": "1250",
    }  # fmt: skip
    (failed,) = told["failed"]
    assert failed["error"].startswith("clouds.png: No form found. ")
    assert ended.stderr == f"shuzi: {failed['error'].removesuffix('.')}\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--fields", "none.json"], "none.json: can't be read"),
        (["--fields", "bad.json"], "bad.json: field 'account': the pattern"),
        (["--fields", "form.json", "--single"], "--fields can't be combined with --single"),
        (["--fields", "form.json", "--csv", "readings.csv"], "is not a CSV file of this form's fields"),
        (["--csv", "forms.csv"], "is not a CSV file of readings"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command, folder, args, words):
    bad = json.loads(json.dumps(SHORT))
    bad["fields"][0]["pattern"] = "(\\d"
    (folder / "bad.json").write_text(json.dumps(bad))
    (folder / "readings.csv").write_text(",".join(COLUMNS) + "\n")
    (folder / "forms.csv").write_text("file,form,account,account confidence\n")
    ended = command("read", "scans", *args, cwd=folder)
    assert (ended.code, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
