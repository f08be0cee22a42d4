"""`shuzi read` as people and programs use it: terminals, pipes, CSV, folders of all sorts."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from shuzi.batch.csv_file import COLUMNS


def picture(path, sevens=1):
    """A page of so many 7s in a row."""
    paper = Image.new("L", (300, 200), 240)
    for each in range(sevens):
        bends = [(x + 75 * each, y) for x, y in ((50, 60), (105, 58), (75, 150))]
        ImageDraw.Draw(paper).line(bends, 20, 9, joint="curve")
    path.parent.mkdir(parents=True, exist_ok=True)
    paper.save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    for number in range(1, 4):
        picture(tmp_path / "a" / f"{number}.png", number)
    picture(tmp_path / "b" / "1.png")
    return tmp_path


def files(path):
    return [row["file"] for row in csv.DictReader(io.StringIO(path.read_text()))]


@pytest.mark.parametrize(("option", "each"), [("--csv", 1), ("--csv-digits", 2)])
def test_rows_are_told_apart_by_whole_paths_and_none_is_lost(command, folder, option, each):
    assert command("read", "a/1.png", "a/2.png", option, "r", cwd=folder).code == 0
    assert command("read", "b/1.png", option, "r", "--continue", cwd=folder).code == 0
    assert files(folder / "r") == ["a/1.png", *each * ["a/2.png"], "b/1.png"]
    ended = command("read", "a", "b", option, "r", "--continue", cwd=folder)
    assert ended.stdout.split()[::4] == ["a/3.png", "b/1.png"]  # the last of r, and what wasn't in it
    rows = ["a/1.png", *each * ["a/2.png"], *(2 * each - 1) * ["a/3.png"], "b/1.png"]
    assert sorted(files(folder / "r")) == rows


def test_a_picture_is_never_overwritten_by_a_csv(command, folder):
    before = (folder / "a" / "1.png").read_bytes()
    ended = command("read", "--csv", "a/1.png", "b/1.png", cwd=folder)
    assert (ended.code, ended.stdout) == (1, "")
    assert "a/1.png is not a CSV file of readings" in ended.stderr
    assert (folder / "a" / "1.png").read_bytes() == before


def test_csv_onto_stdout_is_csv_and_nothing_else(command, folder):
    ended = command("read", "a", "--csv", "-", cwd=folder)
    rows = list(csv.reader(io.StringIO(ended.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert [row[0] for row in rows[1:]] == ["a/1.png", "a/2.png", "a/3.png"]
    ended = command("read", "a", "--csv", "-", "--json", cwd=folder)
    assert (ended.code, ended.stdout) == (1, "")
    assert "both write to stdout" in ended.stderr


def test_the_pages_of_a_tiff_have_numbers(command, folder):
    pages = [Image.open(folder / "a" / f"{number}.png") for number in (1, 2, 3)]
    pages[0].save(folder / "scan.tif", save_all=True, append_images=pages[1:])
    told = command("read", "scan.tif", "--json", "--csv", "r", cwd=folder).json
    assert [(page["file"], page["text"]) for page in told["pages"]] == [
        ("scan.tif#1", "7"), ("scan.tif#2", "77"), ("scan.tif#3", "777"),
    ]  # fmt: skip
    assert files(folder / "r") == ["scan.tif#1", "scan.tif#2", "scan.tif#3"]
    with (folder / "r").open() as file:
        assert [row["page"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_what_is_skipped_and_what_is_broken_is_said(command, folder):
    (folder / "a" / "form.docx").touch()
    (folder / "a" / "bad.avif").write_bytes(b"\0\0\0\x1cftypavif" + bytes(40))
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"  # an orientation that is text
    Image.open(folder / "a" / "2.png").save(folder / "a" / "turned.jpg", exif=b"Exif\0\0" + exif)
    ended = command("read", "a", cwd=folder)
    assert ended.code == 1
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        ["1.png", "7"], ["2.png", "77"], ["3.png", "777"], ["turned.jpg", "77"],
    ]  # fmt: skip
    skipped, broken = ended.stderr.splitlines()
    assert skipped == "shuzi: skipped, not pictures: form.docx"
    assert broken.startswith("shuzi: a/bad.avif: ")
    told = command("read", "a", "--json", cwd=folder)
    assert '"skipped": ["a/form.docx"]' in told.stdout


def test_a_pipe_can_be_read(command, folder):
    ended = command("read", "-", stdin=folder / "a" / "2.png")
    assert ended.stdout.split() == ["77", *ended.stdout.split()[1:]]
    ended = command("read", "-")
    assert (ended.code, ended.stderr) == (1, "shuzi: 0 bytes: an empty file. Give a picture\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([""], "'': no such file or folder"),
        (["pipe"], "pipe: can't be read (a pipe or a device)"),
        (["samples.tif"], "samples.tif: "),
        (["/dev/zero"], "/dev/zero: can't be read (a pipe or a device)"),
        (["a/1.png", "--csv", "pipe"], "pipe is not a file"),
        (["a/1.png", "--weights", "b"], "b is not a file. Give an ONNX network"),
        (["a/1.png", "--continue", "--csv", "-"], "name it"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(command, folder, args, words):
    os.mkfifo(folder / "pipe")
    stream = io.BytesIO()
    Image.new("RGB", (50, 60)).save(stream, "TIFF")
    samples = b"\x15\x01\x03\0\x01\0\0\0"  # the tag of how many a pixel has
    (folder / "samples.tif").write_bytes(stream.getvalue().replace(samples + b"\x03\0", samples + b"\x03\xc7"))
    ended = command("read", *args, cwd=folder)
    assert (ended.code, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


CLOSED = [(1, 1, "shuzi: stdout is closed; nothing was done\n"), (2, 0, "")]


@pytest.mark.parametrize(("closed", "code", "said"), CLOSED)
def test_a_closed_stream_is_no_traceback(command, folder, closed, code, said):
    line = f"{sys.executable} -m shuzi read a/1.png {closed}>&-"
    ended = subprocess.run(line, shell=True, cwd=folder, env=command.environment(), capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (code, said)


def screen(printed):
    """The lines that stand on a terminal in the end, by the few codes that a bar uses."""
    lines, row, column = [""], 0, 0
    for code, text in re.findall(r"(\x1b\[[?\d;]*[A-Za-z]|[\r\n])|([^\x1b\r\n]+)", printed):
        if text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
        elif code == "\r":
            column = 0
        elif code == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif code.endswith("A"):
            row = max(0, row - int(code[2:-1] or 1))
        elif code == "\x1b[2K":
            lines[row] = ""
    return [line.rstrip() for line in lines if line.strip()]


def test_on_a_terminal_results_and_errors_have_lines_of_their_own(command, folder):
    for number in range(4, 12):
        picture(folder / "a" / f"{number:02}.png", number % 3)
    (folder / "a" / "x.png").write_bytes(b"none")
    code, printed = command.on_terminal("read", "a", cwd=folder, columns=60, NO_COLOR="1")
    assert code == 1
    assert "reading" in printed
    shown = screen(printed)
    assert len(shown) == 12
    for line in shown[:-1]:
        assert re.fullmatch(r"\d+\.png  (\s*7{1,3}  [\d .]{5} %|no digits)", line), shown
    assert shown[-1].startswith("shuzi: a/x.png: not a picture")


def test_forty_columns_lose_nothing(command, folder):
    wide = command("read", "--help").stdout.split()
    narrow = command("read", "--help", COLUMNS="40", TERMINAL_WIDTH="40").stdout.split()
    assert narrow == wide
    assert "…" not in "".join(wide)
    assert "list[" not in "".join(wide)
    name = "a-very-long-name-of-a-picture-that-takes-more-than-a-line.png"
    picture(folder / "c" / name, 2)
    picture(folder / "c" / "z.png", 1)
    _, printed = command.on_terminal("read", "c", cwd=folder, columns=40, NO_COLOR="1")
    assert name in printed.replace("\r", "").replace("\n", "")


def test_tables_lose_nothing_in_a_narrow_terminal(command, small_folder):
    _, printed = command.on_terminal("data", small_folder, columns=40, NO_COLOR="1")
    assert "…" not in printed
    for words in ("train", "test", "1000", "200"):
        assert words in printed


def test_a_command_is_described_whole_in_the_list_of_commands(command):
    told = command("--help", COLUMNS="40").stdout
    assert "..." not in told.split("Commands:")[1]
    for name in ("read", "train", "serve", "data"):
        assert f"\n  {name} " in told


@pytest.mark.parametrize("most", [100, 200])
def test_a_full_disk_leaves_whole_rows_and_nothing_else(command, folder, most):
    ended = command("read", "a", "b", "--csv", "r", cwd=folder, file_bytes=most)
    assert ended.code == 1
    assert "r: cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "r"]
    assert command("read", "a", "b", "--csv", "r", "--continue", cwd=folder).code == 0
    assert sorted(files(folder / "r")) == ["a/1.png", "a/2.png", "a/3.png", "b/1.png"]


def test_names_do_not_command_the_terminal(command, folder):
    odd = "\x1b[2Jx\ny\x9b\u202e.png"
    for name in (odd, "\r" + odd):
        picture(folder / "c" / name, 2)
    (folder / "c" / ("z" + odd)).write_bytes(b"none")
    (folder / "c" / "\x07.txt").touch()
    ended = command("read", "c", "--csv", "r", cwd=folder)
    assert [line.split()[0] for line in ended.stdout.splitlines()] == [
        r"\r\x1b[2Jx\ny\x9b\u202e.png", r"\x1b[2Jx\ny\x9b\u202e.png",
    ]  # fmt: skip
    skipped, broken = ended.stderr.splitlines()
    assert skipped == r"shuzi: skipped, not pictures: \x07.txt"
    assert broken.startswith(r"shuzi: c/z\x1b[2Jx\ny\x9b\u202e.png: not a picture")
    with (folder / "r").open(newline="", encoding="utf-8") as file:  # files have the names as they are
        assert {row["file"] for row in csv.DictReader(file)} == {f"c/{odd}", f"c/\r{odd}"}
    told = json.loads(command("read", "c", "--json", cwd=folder).stdout)
    assert {page["file"] for page in told["pages"]} == {odd, f"\r{odd}"}


@pytest.mark.parametrize("argument", ["a\nb", "a\x1b]0;title\x07b"])
def test_an_argument_does_not_command_the_terminal(command, folder, argument):
    for args in (["read", argument], ["read", "a/1.png", f"--{argument}"], [argument]):
        ended = command(*args, cwd=folder)
        assert ended.code != 0
        assert ended.stderr.rstrip("\n").isprintable()


@pytest.mark.parametrize("letter", ["x", "数"])
def test_a_name_too_long_for_an_output_is_shortened(command, folder, letter):
    longest = 251 // len(letter.encode())
    for name in ("1" + letter * (longest - 1), "2" + letter * (longest - 1)):
        picture(folder / "c" / f"{name}.png")
    ended = command("read", "c", "--overlay", "o", "--inputs", "i", cwd=folder)
    assert (ended.code, ended.stdout.count("\n")) == (0, 2), ended.stderr
    assert len([*(folder / "o").iterdir()]) == len([*(folder / "i").iterdir()]) == 2
    assert all(path.name.endswith("-000-7.png") for path in (folder / "i").iterdir())


def test_a_page_is_printed_in_lines_and_written_as_a_table(command, tmp_path):
    paper = Image.new("L", (900, 420), 240)
    for x, y in ((0, 0), (400, 0), (475, 0), (0, 180), (475, 180)):
        bends = [(x + across, y + down) for across, down in ((50, 60), (105, 58), (75, 150))]
        ImageDraw.Draw(paper).line(bends, 20, 9, joint="curve")
    paper.save(tmp_path / "p.png")
    ended = command("read", "p.png", "--table", "t.csv", "--csv", "n.csv", cwd=tmp_path)
    assert [line.split()[:-2] for line in ended.stdout.splitlines()] == [["7", "77"], ["7", "7"]]
    with (tmp_path / "t.csv").open() as file:
        assert [row[:5] for row in csv.reader(file)][1:] == [
            ["p.png", "1", "0", "7", "77"],
            ["p.png", "1", "1", "7", "7"],
        ]
    with (tmp_path / "n.csv").open() as file:
        places = [(row["line"], row["column"], row["value"]) for row in csv.DictReader(file)]
    assert places == [("0", "0", "7"), ("0", "1", "77"), ("1", "0", "7"), ("1", "1", "7")]
    again = command("read", "p.png", "--table", "t.csv", cwd=tmp_path)
    assert (again.code, "t.csv exists already and was left unchanged" in again.stderr) == (1, True)
