"""The command line: one sentence for what went wrong, one object for --json, nothing heavy for --help."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import shuzi
from shuzi.cli.app import app
from shuzi.cli.output import WIDE
from shuzi.data import sources
from shuzi.train.recipes import RECIPES

COMMANDS = list(app.commands)
ESCAPE, COLOUR = "\x1b", re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d[;\dm]")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["train", "--epochs", 0], "--epochs 0: training takes 1 epoch or more"),
        (["train", "--epochs", -1], "--epochs -1"),
        (["train", "--batch-size", 0], "--batch-size 0: a batch holds 1 image or more"),
        (["train", "--batch-size", 1001], "--batch-size 1001: larger than the 1,000 training images"),
        (["train", "--validation", 950, "--batch-size", 100], "larger than the 50 training images"),
        (["train", "--validation", 1000], "--validation 1000: the training set has only 1,000 images"),
        (["train", "--lr", "nan"], "--lr nan: the learning rate is a number above 0"),
        (["train", "--lr", "inf"], "--lr inf"),
        (["train", "--lr", 0], "--lr 0.0"),
        (["train", "--lr", 3.5e38], "--lr 3.5e+38: the learning rate is a number above 0, at most 1e+38"),
        (["train", "--lr", 1e38], "train with a smaller --lr than 1e+38"),
        (["train", "--seed", -1], "--seed -1: a seed is a whole number from 0"),
        (["train", "--seed", 2**63], "--seed 9223372036854775808"),
        (["train", "softmax", "--device", "nonsense"], "--device nonsense: not usable with torch"),
        (["train", "fast", "--device", "cuda:99"], "--device cuda:99"),
        (["train", "--device", "cuda"], "--device cuda: softmax-numpy computes on the CPU"),
        (["train", "hardmax"], "unknown recipe 'hardmax'. Choose softmax, softmax-tensors"),
        (["train", "--out", "."], "a run takes a folder of its own"),
        (["train", "--out", "/dev/null/below"], "cannot be written (Not a directory)"),
        (["train", "--resume", "nothing"], "nothing: not a run (no run.json)"),
        (["train", "--epochs", "many"], "'--epochs'"),
        (["train", "--lr", ""], "'--lr'"),
        (["train", "--ephocs", 3], "No such option '--ephocs'. Did you mean '--epochs'? See: shuzi train --help"),
        (["train", "softmax", "more"], "unexpected extra argument"),
        (["evaluate"], "Missing argument"),
        (["evaluate", "nothing"], "nothing: not a run (no run.json)"),
        (["evaluate", "x" * 300], "x" * 300),
        (
            ["show", "nothing"],
            "nothing: neither a file, a folder nor a dataset that shuzi knows (mnist, fashion-mnist)",
        ),
        (["data", "minst"], "minst: neither a file, a folder nor a dataset that shuzi knows (mnist, fashion-mnist)"),
        (["data", "."], "no dataset in it"),
        (["data", "--root", "/dev/null"], "/dev/null: a file, expected a folder"),
        (["dta"], "No such command 'dta'"),
        (["data", "--root"], "Option '--root' requires an argument. See: shuzi data --help"),
        (["data", "unipen", "--to", "pens.csv"], "remove --to and --labels"),
        (["data", "missing.csv"], "missing.csv: neither a file"),
        (["evaluate", "reader", "--data", "pages", "--labels", "0-3"], "pages is a suite; remove it"),
        (["train", "--force"], "--force replaces the run at --out"),
        (["read", "x.png", "--csv", ""], "--csv names no file"),
        (["--verison"], "No such option '--verison'"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(command, tmp_path, small_folder, args, words):
    data = ["--data", small_folder] if args[0] == "train" and "--resume" not in args else []
    ended = command(*args, *data, cwd=tmp_path)
    assert ended.code in (1, 2)
    assert ended.stdout == ""
    assert words in ended.stderr
    assert ended.stderr.startswith("shuzi: ")
    assert ended.stderr.count("\n") == 1
    assert ESCAPE not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args", [("--version",), ("data", "minst")])
def test_a_process_of_its_own_answers_the_same(command, args):
    process = command.start(*args)
    out, err = process.communicate()
    ended = command(*args)
    assert (process.returncode, out, err) == (ended.code, ended.stdout, ended.stderr)


def test_the_version_is_printed(command):
    assert command("--version").stdout == f"shuzi {shuzi.__version__}\n"


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_full_disk_under_stdout_is_one_sentence(command, small_folder, json_too):
    ended = command("data", small_folder, *json_too, stdout=Path("/dev/full"))
    assert (ended.code, ended.stderr) == (1, "shuzi: output: No space left on device\n")


def test_train_as_json_has_its_names_and_stdout_nothing_else(command, tmp_path, small_folder):
    ended = command("train", "--data", small_folder, "--epochs", 2, "--out", tmp_path / "run", "--json")
    told = ended.json
    assert ended.stdout.count("\n") == 1
    assert {
        "run", "recipe", "seed", "epochs", "train_seconds", "test_seconds", "test_accuracy",
        "test_accuracy_interval", "device", "data_sha256",
    } <= told.keys()  # fmt: skip
    assert (told["run"], told["recipe"], told["seed"], told["epochs"]) == (str(tmp_path / "run"), "softmax-numpy", 0, 2)
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == told
    first, second = ended.stderr.splitlines()
    assert re.fullmatch(r"epoch 1/2  loss \d\.\d{4}  training accuracy 0\.\d{4}  [\d,]+ images/s  [\d.]+ s", first)
    assert second.startswith("epoch 2/2  loss ")


def test_evaluate_as_json_has_its_names_and_train_measured_the_same(command, tmp_path, small_folder):
    trained = command("train", "--data", small_folder, "--out", tmp_path / "run", "--json").json
    ended = command("evaluate", tmp_path / "run", "--json")
    told = ended.json
    assert (ended.stdout.count("\n"), ended.stderr) == (1, "")
    assert {"accuracy", "interval", "count", "per_class", "confusion", "mistakes"} <= told.keys()
    assert told["accuracy"] == trained["test_accuracy"]
    assert told["interval"] == trained["test_accuracy_interval"]
    assert told["count"] == sum(map(sum, told["confusion"])) == 200
    assert [each["digit"] for each in told["per_class"]] == list(range(10))


def test_evaluate_says_it_to_people_too(command, tmp_path, small_folder):
    command("train", "--data", small_folder, "--out", tmp_path / "run")
    ended = command("evaluate", tmp_path / "run")
    assert re.search(r"accuracy 0\.\d{4} of 200, 95 % interval 0\.\d{4} to 0\.\d{4}", ended.stdout)
    for words in ("precision", "recall", "true \\ predicted", "most confident mistakes"):
        assert words in ended.stdout
    without_paths = ended.stdout.replace(str(small_folder), "small").replace(str(tmp_path), ".")
    assert max(map(len, without_paths.splitlines())) <= WIDE


def test_a_run_is_evaluated_on_another_set(command, tmp_path, small_folder):
    command("train", "--data", small_folder, "--out", tmp_path / "run")
    assert command("evaluate", tmp_path / "run", "--data", "mnist", "--json").json["count"] == 10000


def test_a_path_is_printed_as_it_is(command, tmp_path, small_folder):
    folder = tmp_path / "a [bold]b[/bold] :smile: 数字"
    ended = command("train", "--data", small_folder, "--out", folder)
    assert f"saved in {folder};" in ended.stdout


def test_a_path_that_is_no_text_ends_no_command(command, tmp_path, small_folder):
    ended = command("train", "--data", small_folder, "--out", os.fsdecode(os.fsencode(tmp_path) + b"/\xff"),
                    PYTHONIOENCODING="utf-8:strict")  # fmt: skip
    assert ended.code == 0, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [os.fsdecode(b"\xff")]


def test_training_on_a_terminal_shows_a_bar_and_no_color_holds(command, tmp_path, small_folder):
    train = partial(command.on_terminal, "train", columns=100)
    args = ("--data", small_folder, "--epochs", 30, "--out")
    code, coloured = train(*args, tmp_path / "a", PYTHONWARNINGS="always")
    assert code == 0
    assert COLOUR.search(coloured)
    assert "preparing" in coloured
    assert "Warning" not in coloured
    assert re.search(r"epoch \S*\d+/30.*loss .*\d\.\d{4}.*images/s.*\d:\d\d:\d\d", coloured)
    code, plain = train(*args, tmp_path / "b", NO_COLOR="1")
    assert code == 0
    assert "images/s" in plain
    assert not COLOUR.search(plain)


def test_no_output_that_is_no_terminal_has_escape_codes(command, tmp_path, small_folder):
    for args in (
        ("data", small_folder),
        ("train", "--data", small_folder, "--out", tmp_path / "run"),
        ("evaluate", tmp_path / "run"),
        ("show", tmp_path / "run"),
        ("--help",),
        ("train", "--help"),
    ):
        ended = command(*args, TERM="xterm-256color")
        assert ended.code == 0
        assert ESCAPE not in ended.stdout + ended.stderr


def test_shuzi_data_is_the_root(command, tmp_path):
    (tmp_path / sources.NAMES[0]).write_text("<html>")
    ended = command("data", SHUZI_DATA=str(tmp_path))
    assert ended.code == 1
    assert str(tmp_path / sources.NAMES[0]) in ended.stderr


def test_shuzi_alone_prints_its_help(command):
    assert command().stdout == command("--help").stdout


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_80_columns_and_is_cut_nowhere(command, name):
    ended = command(*filter(None, [name]), "--help", COLUMNS="80", TERMINAL_WIDTH="80")
    assert ended.code == 0
    assert not re.search(r"…|\w\.\.\.", ended.stdout.replace(" FILE...", ""))
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_help_names_every_command_recipe_and_set(command):
    assert all(f" {name} " in command("--help").stdout for name in COMMANDS)
    words = command("train", "--help").stdout.replace(",", " ").replace(".", " ").split()
    assert set(RECIPES) <= set(words)
    assert all(name in command("data", "--help").stdout for name in sources.SOURCES)


def test_help_loads_nothing_heavy():
    script = """
import sys
from shuzi.cli.app import app
for args in (["--help"], *([name, "--help"] for name in app.commands)):
    app(args, standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0
    loaded = {name.split(".")[0] for name in ended.stderr.split()}
    assert "click" in loaded
    assert not loaded & {"torch", "numpy", "matplotlib", "cv2", "onnxruntime", "fastapi", "requests"}


def test_a_shell_completes_commands_and_options(command):
    def completed(words: str) -> list[str]:
        return command(
            _SHUZI_COMPLETE="bash_complete", COMP_WORDS=f"shuzi {words}", COMP_CWORD=str(words.count(" ") + 1)
        ).stdout.split()

    assert completed("ev") == ["plain,evaluate"]
    assert completed("train --ep") == ["plain,--epochs"]
    assert completed("read doc") == completed("classify doc") == ["file,doc"]


def test_completion_is_a_script_for_the_shell(command):
    assert "complete" in command(_SHUZI_COMPLETE="bash_source").stdout
