"""A run's folder: whole or not at all, repeatable, and taken up where it was left."""

import csv
import dataclasses
import itertools
import json
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from safetensors.torch import load_file, save_file
from torch import nn

import shuzi
from shuzi import version
from shuzi.data.digits import Digits
from shuzi.errors import ShuziError, Stopped
from shuzi.train import runs
from shuzi.train.checkpoint import digest, read_checkpoint_metadata
from shuzi.train.fit import fit
from shuzi.train.held_out import parts
from shuzi.train.listener import Listener
from shuzi.train.plan import Plan, make_plan, recipe, recipe_of, start_notice
from shuzi.train.recipes import RECIPES, adamw
from shuzi.train.run import metrics_csv
from shuzi.train.run_folder import read_run
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

FINISHED = ["metrics.csv", "run.json", "weights.safetensors"]
UNFINISHED = ["checkpoint.safetensors", "metrics.csv", "run.json"]
CPU = torch.device("cpu")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def accuracy(training, digits) -> float:
    right, count = training.count_correct(digits)
    return right / count


def weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


@pytest.fixture
def plan(small_folder):
    return Plan("softmax", Settings(3, 100, 0.1), str(small_folder), "cpu")


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small_folder) -> Path:
    """A run of three epochs that is never changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    runs.train(Plan("softmax", Settings(3, 100, 0.1), str(small_folder), "cpu"), folder)
    return folder


def stop_after(epochs: int) -> Listener:
    """A listener at which a person presses Ctrl-C after so many epochs."""

    def epoch(run):
        if len(run.metrics) == epochs:
            raise KeyboardInterrupt

    return Listener(epoch=epoch)


@pytest.fixture
def unfinished(tmp_path, plan) -> Path:
    """A run that was stopped after one of three epochs."""
    with pytest.raises(Stopped):
        runs.train(plan, tmp_path / "unfinished", listener=stop_after(1))
    return tmp_path / "unfinished"


@pytest.fixture
def copied(tmp_path, finished) -> Path:
    """A finished run to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def test_a_finished_run_is_three_files_that_any_tool_reads(finished, small_folder):
    assert names(finished) == FINISHED
    told = json.loads((finished / "run.json").read_text())
    assert told["state"] == "finished"
    assert told["recipe"] == "softmax"
    assert (told["epochs"], told["batch_size"], told["lr"], told["seed"]) == (3, 100, 0.1, 0)
    assert told["data"] == str(small_folder)
    assert len(told["data_sha256"]) == 64
    assert set(told["versions"]) == {"shuzi", "python", "torch", "numpy"}
    assert told["versions"]["shuzi"] == version.full()
    assert told["test_accuracy_interval"][0] < told["test_accuracy"] < told["test_accuracy_interval"][1]
    shapes = {name: tuple(value.shape) for name, value in load_file(finished / "weights.safetensors").items()}
    assert shapes == {"linear.weight": (10, 784), "linear.bias": (10,)}
    rows = list(csv.DictReader((finished / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])


def test_a_run_is_read_as_it_was_written(finished, small):
    run = read_run(finished)
    assert json.loads(json.dumps(run.to_json())) == json.loads((finished / "run.json").read_text())
    assert run.results.test_accuracy == accuracy(runs.load_training(run), small[1])
    assert [epoch.epoch for epoch in run.metrics] == [1, 2, 3]
    assert metrics_csv(run.metrics) == (finished / "metrics.csv").read_text()


@pytest.mark.parametrize("recipe", ["softmax", "softmax-tensors", "softmax-numpy"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit(tmp_path, plan, recipe):
    for name in ("a", "b"):
        runs.train(dataclasses.replace(plan, recipe=recipe), tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


def test_the_test_set_has_no_say_in_the_weights(tmp_path, write_set, plan, small, finished):
    upset = Digits(small[1].images, (small[1].labels + 1) % 10)
    folder = write_set(tmp_path / "set", small[0], upset)
    run = runs.train(dataclasses.replace(plan, data=str(folder)), tmp_path / "run")
    assert weights(tmp_path / "run") == weights(finished)
    assert run.results.test_accuracy < 0.1


def test_validation_holds_out_of_each_label_its_share_drawn_from_the_seed(plan, small):
    for count in (200, 8):
        settings = dataclasses.replace(plan.settings, validation=count)
        learnt, held_out = parts(dataclasses.replace(plan, settings=settings), small[0])
        assert (len(learnt), len(held_out)) == (1000 - count, count)
        shares = np.array(held_out.counts()) - np.array(small[0].counts()) * count / 1000
        assert np.abs(shares).max() < 1
        again = parts(dataclasses.replace(plan, settings=settings), small[0])[1]
        assert np.array_equal(again.images, held_out.images)
        other = parts(dataclasses.replace(plan, settings=dataclasses.replace(settings, seed=1)), small[0])
        assert not np.array_equal(other[1].images, held_out.images)


def test_of_a_set_in_the_order_of_its_labels_every_label_is_learnt(plan):
    labels = np.repeat(np.arange(10, dtype=np.uint8), 4)
    digits = Digits(np.arange(40, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2), labels)
    for count, least in ((8, 3), (20, 2), (30, 1)):
        settings = dataclasses.replace(plan.settings, validation=count)
        learnt, held_out = parts(dataclasses.replace(plan, settings=settings), digits)
        assert min(learnt.counts()) >= least
        assert sorted([*learnt.images[:, 0, 0], *held_out.images[:, 0, 0]]) == list(range(40))
        assert all(image[0, 0] // 4 == label for image, label in zip(held_out.images, held_out.labels, strict=True))


def test_of_a_named_set_the_last_are_held_out_as_the_shipped_networks_were(plan, mnist):
    settings = dataclasses.replace(plan.settings, validation=5000)
    _, held_out = parts(dataclasses.replace(plan, data="mnist", settings=settings), mnist[0])
    assert np.array_equal(held_out.images, mnist[0].images[-5000:])


def test_a_run_measures_what_it_holds_out_and_learns_nothing_of_it(tmp_path, plan, small):
    settings = dataclasses.replace(plan.settings, validation=200)
    plan = dataclasses.replace(plan, settings=settings)
    run = runs.train(plan, tmp_path / "run")
    training = Training(RECIPES["softmax"], settings, CPU)
    expected = [epoch.validation_accuracy for epoch in fit(training, *parts(plan, small[0]))]
    assert [epoch.validation_accuracy for epoch in run.metrics] == expected
    assert torch.equal(runs.model(run, CPU).linear.weight, training.model.linear.weight)
    assert [epoch.validation_accuracy for epoch in read_run(tmp_path / "run").metrics] == expected


def test_holding_out_everything_is_refused(tmp_path, plan):
    settings = dataclasses.replace(plan.settings, validation=1000)
    with pytest.raises(ShuziError, match="--validation 1000: the training set has only 1,000 images"):
        runs.train(dataclasses.replace(plan, settings=settings), tmp_path / "run")
    assert names(tmp_path) == []


def test_a_run_that_is_killed_and_resumed_ends_with_the_weights_of_one_that_never_was(command, tmp_path, small_folder):
    options = ["--data", small_folder, "--epochs", 40, "--batch-size", 64, "--seed", 2]
    command("train", "--device", "cpu", *options, "--out", tmp_path / "straight", "--json").json  # noqa: B018
    with command.start("train", "--device", "cpu", *options, "--out", tmp_path / "killed") as process:
        assert process.stderr.readline().startswith("epoch 1/40")
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert read_run(tmp_path / "killed").results is None
    (tmp_path / "killed" / ".shuzi-a1b2c3d4.part").touch()  # as if killed while it wrote
    command("train", "--resume", tmp_path / "killed", "--json").json  # noqa: B018
    assert weights(tmp_path / "killed") == weights(tmp_path / "straight")
    assert names(tmp_path / "killed") == FINISHED
    one, other = (read_run(tmp_path / name) for name in ("killed", "straight"))
    assert [epoch.loss for epoch in one.metrics] == [epoch.loss for epoch in other.metrics]
    assert one.results.test_accuracy == other.results.test_accuracy


def test_ctrl_c_ends_with_one_sentence_and_the_checkpoint_kept(command, tmp_path, small_folder):
    with command.start(
        "train", "--device", "cpu", "--data", small_folder, "--epochs", 100000, "--out", tmp_path / "run", "--json"
    ) as process:
        assert process.stderr.readline().startswith("epoch 1/")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    *epochs, last = err.splitlines()
    assert all(line.startswith("epoch ") for line in epochs)
    kept = len(epochs) + 1
    assert last == (f"shuzi: stopped; epochs 1 to {kept} are kept, go on with: shuzi train --resume {tmp_path / 'run'}")
    assert names(tmp_path / "run") == UNFINISHED
    assert len(read_run(tmp_path / "run").metrics) in (kept, kept + 1)


def test_ctrl_c_in_the_first_epoch_says_so_and_leaves_nothing(command, tmp_path):
    with command.start("train", "--batch-size", 1, "--out", tmp_path / "new" / "run") as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "new" / "run").exists() and time.monotonic() < deadline:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.startswith("shuzi: stopped")
    assert err.count("\n") == 1
    assert names(tmp_path) == []


def test_a_stopped_run_says_what_is_kept(tmp_path, plan):
    with pytest.raises(Stopped, match="epochs 1 to 2 are kept, go on with: shuzi train --resume"):
        runs.train(plan, tmp_path / "run", listener=stop_after(2))
    assert names(tmp_path / "run") == UNFINISHED

    def at_once(*_):
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="stopped before anything was kept; nothing was written"):
        runs.train(plan, tmp_path / "other", listener=Listener(step=at_once))
    assert names(tmp_path) == ["run"]


def test_a_run_killed_between_its_last_epoch_and_its_test_is_finished_by_resume(tmp_path, plan, finished):
    with pytest.raises(Stopped):
        runs.train(plan, tmp_path / "run", listener=stop_after(3))
    assert names(tmp_path / "run") == UNFINISHED
    assert runs.resume(tmp_path / "run").results is not None
    assert weights(tmp_path / "run") == weights(finished)


@pytest.mark.parametrize("file", ["metrics.csv", "run.json"])
@pytest.mark.parametrize("content", [b"", b"{", None])
def test_beside_a_checkpoint_nothing_else_is_needed(unfinished, finished, file, content):
    (unfinished / file).unlink()
    if content is not None:
        (unfinished / file).write_bytes(content)  # as if killed between the files of an epoch
    run = runs.resume(unfinished)
    assert [epoch.epoch for epoch in run.metrics] == [1, 2, 3]
    assert weights(unfinished) == weights(finished)


def test_a_finished_run_cannot_be_resumed(finished):
    with pytest.raises(ShuziError, match="finished, 3 of 3 epochs; to train for longer start a new run"):
        runs.resume(finished)


@pytest.mark.parametrize("option", [("--epochs", 9), ("--seed", 1), ("--out", "x"), ("--force",), ("softmax",)])
def test_resume_takes_no_other_settings(command, unfinished, option):
    before = files(unfinished)
    ended = command("train", "--resume", unfinished, *option)
    assert (ended.code, ended.stdout) == (1, "")
    assert "--resume uses the settings of the run" in ended.stderr
    assert files(unfinished) == before


def test_a_run_is_not_resumed_with_other_data(tmp_path, write_set, plan, small):
    folder = write_set(tmp_path / "set", *small)
    with pytest.raises(Stopped):
        runs.train(dataclasses.replace(plan, data=str(folder)), tmp_path / "run", listener=stop_after(1))
    write_set(folder, small[0], small[1].part(0, 100))
    with pytest.raises(ShuziError, match=r"trained on data with SHA-256 .* Restore the former data"):
        runs.resume(tmp_path / "run")


def test_an_existing_run_is_not_overwritten_without_force(tmp_path, plan, copied):
    before = files(copied)
    with pytest.raises(ShuziError, match="a run is there already; give --force to replace it"):
        runs.train(plan, copied)
    assert files(copied) == before


def test_force_replaces_a_run(plan, copied):
    other = dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, seed=1))
    before = weights(copied)
    for folder in ("pictures", "hub"):
        (copied / folder).mkdir()
    for name in ("model.onnx", "pictures/confusion.png", "hub/model.onnx", "hub/config.json", ".shuzi-a1b2c3d4.part"):
        (copied / name).touch()  # of the old weights, and left over by a process that was killed
    runs.train(other, copied, force=True)
    assert names(copied) == FINISHED
    assert weights(copied) != before
    assert names(copied.parent) == ["copied"]


def test_force_deletes_nothing_that_a_person_put_there(plan, copied):
    mine = ("notes.txt", "pictures/mine.png", "deep/weights.safetensors")
    for name in mine:
        (copied / name).parent.mkdir(exist_ok=True)
        (copied / name).write_text("mine")
    runs.train(plan, copied, force=True)
    assert all((copied / name).read_text() == "mine" for name in mine)


def test_there_is_a_whole_run_at_every_crash_point_of_a_replacement(tmp_path, plan, copied, monkeypatch):
    """Every write and every deletion is a point to crash at: what is there then is the old run or the new one."""
    changed = dataclasses.replace(plan, settings=Settings(2, 100, 0.1, seed=1))
    before, whole = weights(copied), Path(shutil.copytree(copied, tmp_path / "whole"))

    class Crash(BaseException):
        pass

    def crashing(function, left):
        def called(*given, **named):
            left[0] -= 1
            if left[0] < 0:
                raise Crash
            return function(*given, **named)

        return called

    for point in itertools.count():
        shutil.rmtree(copied)
        shutil.copytree(whole, copied)
        left = [point]
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", crashing(Path.replace, left))
            patched.setattr(Path, "unlink", crashing(Path.unlink, left))
            try:
                runs.train(changed, copied, force=True)
            except Crash:
                ended = False
            else:
                ended = True
        run = read_run(copied)
        if run.plan.settings.seed == 0:
            assert weights(copied) == before
        elif run.results is None:
            run = runs.resume(copied)
        assert run.results.test_accuracy > 0.5
        assert [name for name in names(copied) if not name.endswith(".part")] == FINISHED
        if ended:
            break
    assert point > 8


def test_force_keeps_the_old_run_until_the_first_epoch_of_the_new_one_is_done(plan, copied):
    before, seen = files(copied), []

    def at_step(*_):
        seen.append(files(copied) == before)

    def at_epoch(run):
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="epochs 1 to 1 are kept"):
        runs.train(plan, copied, force=True, listener=Listener(step=at_step, epoch=at_epoch))
    assert all(seen)
    assert names(copied) == UNFINISHED


def test_force_keeps_the_old_run_if_the_new_one_fails(command, small_folder, copied):
    before = files(copied)
    for option, limit in [(("--lr", "1e38"), None), ((), 20_000)]:
        ended = command("train", "--data", small_folder, "--out", copied, "--force", *option, file_bytes=limit)
        assert ended.code == 1
        assert files(copied) == before
        assert names(copied.parent) == ["copied"]


def test_a_full_disk_is_one_sentence_and_nothing_is_left(command, tmp_path, small_folder):
    ended = command("train", "--data", small_folder, "--out", tmp_path / "run", file_bytes=20_000)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "cannot be written (File too large). Free space or choose another folder" in ended.stderr
    assert names(tmp_path) == []


def test_runs_get_the_first_free_name(command, tmp_path, small_folder):
    for _ in range(3):
        command("train", "--data", small_folder, cwd=tmp_path, LC_ALL="C")
    assert names(tmp_path / "runs") == ["softmax-numpy", "softmax-numpy-2", "softmax-numpy-3"]


def test_two_runs_begun_together_get_two_names(command, tmp_path, plan, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def other_begins(run):
        assert command("train", "--data", plan.data, cwd=tmp_path).code == 0

    runs.train(plan, listener=Listener(start=other_begins))
    assert [names(Path("runs", name)) for name in names(Path("runs"))] == [FINISHED, FINISHED]


def test_a_folder_is_a_runs_from_its_start_on(command, tmp_path, plan):
    def other_begins(run):
        other = command("train", "--data", plan.data, "--out", tmp_path / "run")
        assert (other.code, "a run is there already" in other.stderr) == (1, True)

    runs.train(plan, tmp_path / "run", listener=Listener(start=other_begins))
    assert names(tmp_path / "run") == FINISHED


def test_a_run_begun_in_the_same_folder_at_once_is_left_alone(tmp_path, plan, monkeypatch):
    (tmp_path / "run").mkdir()

    original, first = shuzi.load, True

    def once(*given, **options):
        nonlocal first
        if first:
            first = False
            runs.train(dataclasses.replace(plan, settings=Settings(1, 100, 0.1, seed=9)), tmp_path / "run")
        return original(*given, **options)

    monkeypatch.setattr(shuzi, "load", once)
    with pytest.raises(ShuziError, match="another run has started there meanwhile"):
        runs.train(plan, tmp_path / "run")
    assert read_run(tmp_path / "run").plan.settings.seed == 9
    assert names(tmp_path / "run") == FINISHED


def test_a_file_laid_into_a_new_runs_folder_stays_and_loses_nothing(tmp_path, plan, finished):
    def lay(*_):
        (tmp_path / "run" / "notes.txt").write_text("mine")

    runs.train(plan, tmp_path / "run", listener=Listener(step=lay))
    assert names(tmp_path / "run") == sorted([*FINISHED, "notes.txt"])
    assert weights(tmp_path / "run") == weights(finished)


def test_an_out_that_is_something_else_is_refused(tmp_path, plan):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    for out, words in [
        (tmp_path / "file", "exists and is not a shuzi run"),
        (tmp_path / "folder", "exists and is not a shuzi run"),
        (tmp_path / "file" / "below", "cannot be written"),
        (tmp_path / ("x" * 300), "cannot be written"),
        (Path(), "a run takes a folder of its own"),
        (tmp_path / "..", "a run takes a folder of its own"),
    ]:
        with pytest.raises(ShuziError, match=words):
            runs.train(plan, out, force=True)
    assert names(tmp_path) == ["file", "folder"]
    assert names(tmp_path / "folder") == ["mine"]


def test_an_empty_folder_may_be_the_runs(tmp_path, plan):
    (tmp_path / "run").mkdir()
    runs.train(plan, tmp_path / "run")
    assert names(tmp_path / "run") == FINISHED


@pytest.mark.parametrize("use", [read_run, runs.resume, runs.evaluate_run])
def test_a_run_that_isnt_there_says_what_one_is(tmp_path, use):
    (tmp_path / "file").touch()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "weights.safetensors").touch()
    for name in ("nothing", "file", "half"):
        with pytest.raises(ShuziError, match=f"{name}: not a run"):
            use(tmp_path / name)


def test_an_unfinished_run_is_not_evaluated(unfinished):
    with pytest.raises(ShuziError, match="unfinished; go on with: shuzi train --resume"):
        runs.evaluate_run(unfinished)


def test_every_truncation_of_run_json_is_one_sentence(copied):
    whole = (copied / "run.json").read_bytes()
    for length in range(len(whole) - 1):  # all but the last newline
        (copied / "run.json").write_bytes(whole[:length])
        with pytest.raises(ShuziError, match=r"run\.json: damaged .* train the run again with --force"):
            read_run(copied)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@given(st.data())
def test_a_run_json_with_other_values_is_read_or_refused(tmp_path_factory, finished, data):
    told = json.loads((finished / "run.json").read_text())
    name = data.draw(st.sampled_from(sorted(told)))
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    if not folder.exists():
        shutil.copytree(finished, folder)
    changed = json.dumps(data.draw(JSON | st.just(told | {name: data.draw(JSON)})))
    (folder / "run.json").write_text(changed)
    try:
        run = read_run(folder)
        runs.model(run, CPU)
    except ShuziError as refused:
        sentence = str(refused)
    else:
        sentence = json.dumps(run.to_json())  # what was taken can be told again
    assert sentence


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("run.json", b"\xff\xfe{}", "run.json: damaged"),
        ("run.json", b"[]", "run.json: damaged"),
        ("run.json", b"{}", "run.json: damaged (no 'epochs' in it)"),
        ("metrics.csv", b"", "metrics.csv: has 0 epochs, expected 3"),
        ("metrics.csv", b"epoch,loss\n1,0.5\n2,0.4\n3,0.3\n", "metrics.csv: damaged (no 'accuracy' in it)"),
        ("metrics.csv", b"\x00\xff", "metrics.csv: damaged"),
        ("metrics.csv", None, "metrics.csv: missing"),
        ("weights.safetensors", None, "weights.safetensors: missing"),
        ("weights.safetensors", b"", "weights.safetensors: damaged"),
        ("weights.safetensors", b"<html>", "weights.safetensors: damaged"),
    ],
)
@pytest.mark.parametrize("name", ["evaluate", "show"])
def test_a_damaged_run_is_one_sentence_that_names_the_file(command, copied, name, file, content, words):
    (copied / file).unlink()
    if content is not None:
        (copied / file).write_bytes(content)
    before = files(copied)
    ended = command(name, copied)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert words in ended.stderr
    assert files(copied) == before


@pytest.mark.parametrize("file", ["weights.safetensors", "checkpoint.safetensors"])
def test_every_truncation_of_tensors_is_one_sentence(unfinished, finished, file):
    folder = unfinished
    if file == "weights.safetensors":
        shutil.rmtree(folder)
        shutil.copytree(finished, folder)
    whole = (folder / file).read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        (folder / file).write_bytes(whole[:length])
        with pytest.raises(ShuziError, match=f"{file}: damaged"):
            runs.evaluate_run(folder) if file == "weights.safetensors" else runs.resume(folder)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"linear.weight": np.zeros((10, 100)), "linear.bias": np.zeros(10)}, "linear.weight is float64 of shape"),
        ({"W": np.zeros((784, 10)), "b": np.zeros(10)}, "linear.weight is not there"),
        ({"linear.weight": np.full((10, 784), np.nan, np.float32), "linear.bias": np.zeros(10)}, "not finite"),
    ],
)
def test_weights_of_other_shapes_or_another_recipe_are_refused(copied, tensors, words):
    save_file({name: torch.from_numpy(value) for name, value in tensors.items()}, copied / "weights.safetensors")
    with pytest.raises(ShuziError, match=words) as raised:
        runs.evaluate_run(copied)
    assert str(raised.value).startswith(str(copied / "weights.safetensors"))


def test_an_unknown_recipe_in_a_run_names_those_there_are(copied):
    told = (copied / "run.json").read_text()
    (copied / "run.json").write_text(told.replace('"softmax"', '"hardmax"'))
    with pytest.raises(ShuziError, match=r"'hardmax'\. Choose softmax, softmax-tensors"):
        runs.evaluate_run(copied)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, plan, unfinished):
    with pytest.raises(Stopped):
        runs.train(dataclasses.replace(plan, recipe="softmax-tensors"), tmp_path / "other", listener=stop_after(1))
    shutil.copy(tmp_path / "other" / "checkpoint.safetensors", unfinished)
    assert runs.resume(unfinished).plan.recipe == "softmax-tensors"  # the whole run is in it


def changed(folder: Path, change) -> None:
    """Change a checkpoint's tensors or texts, and give it the checksum of what it holds then."""
    path = folder / "checkpoint.safetensors"
    tensors, texts = load_file(path), read_checkpoint_metadata(path)
    change(tensors, texts)
    save_file(tensors, path, texts | {"sha256": digest(tensors, texts)})


FP8 = torch.float8_e4m3fn
MOMENT = "optimizer.0.exp_avg"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *((lambda tensors, texts, name=name: tensors.pop(name), f"{name} is not there") for name in (
            "epoch", "generator.order", "generator.inner", "tally.right", "model.1.running_mean", "average.1.bias",
            MOMENT,
        )),
        (lambda tensors, _: tensors.update(more=torch.ones(1)), "more is float32"),
        (lambda tensors, _: tensors.update({MOMENT: torch.zeros(0)}), "float32 of shape (0,), expected float32"),
        (lambda tensors, _: tensors.update({MOMENT: tensors[MOMENT].flatten()}), f"{MOMENT} is float32 of shape"),
        (lambda tensors, _: tensors.update({MOMENT: tensors[MOMENT].double()}), f"{MOMENT} is float64"),
        (lambda tensors, _: tensors.update({MOMENT: tensors[MOMENT].to(FP8)}), f"{MOMENT} is float8_e4m3fn"),
        (lambda tensors, _: tensors[MOMENT].fill_(torch.nan), f"{MOMENT} holds values that are not finite"),
        (lambda tensors, _: tensors.update({"generator.order": torch.zeros(3, dtype=torch.uint8)}), "of shape (3,)"),
        (lambda tensors, _: tensors["generator.order"].fill_(255), "generator.order is no generator's state"),
        (lambda tensors, _: tensors["generator.inner"][16].add_(9), "generator.inner is no generator's state"),
        (lambda tensors, _: tensors["epoch"].fill_(-1), "-1 epochs are done"),
        (lambda tensors, _: tensors["epoch"].fill_(2), "1 epochs have figures, 2 are done"),
        (lambda tensors, _: tensors.update({"tally.steps": torch.ones(3)}), "the steps are float32 of shape (3,)"),
        (lambda tensors, _: tensors.update({"tally.steps": torch.zeros(3, 2).double()}), "no loss or no images"),
        (lambda _, texts: texts.update(metrics=texts["metrics"].splitlines()[0]), "0 epochs have figures, 1 are done"),
        (lambda _, texts: texts.update(run=texts["run"].replace('"threads": ', '"threads": 1000')), "threads 1000"),
        (lambda _, texts: texts.pop("run"), "damaged"),
    ],
)  # fmt: skip
def test_a_checkpoint_is_checked_whole_before_anything_is_taken_from_it(everything, change, words):
    changed(everything, change)
    with pytest.raises(ShuziError) as raised:
        runs.resume(everything)
    assert words in str(raised.value)
    assert str(everything / "checkpoint.safetensors") in str(raised.value)


@pytest.fixture
def everything(tmp_path, plan, monkeypatch) -> Path:
    """A run of a recipe with moments, averages and running statistics, stopped after one of three epochs."""
    recipe = dataclasses.replace(
        RECIPES["fast"], ema_decay=0.9, build=lambda generator: nn.Sequential(
            nn.Conv2d(1, 2, 5, stride=4), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10)
        ),
    )  # fmt: skip
    monkeypatch.setitem(RECIPES, "everything", recipe)
    with pytest.raises(Stopped):
        runs.train(dataclasses.replace(plan, recipe="everything"), tmp_path / "run", listener=stop_after(1))
    return tmp_path / "run"


def test_any_flipped_bit_of_a_checkpoint_is_noticed(unfinished):
    path = unfinished / "checkpoint.safetensors"
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for place in generator.integers(0, len(whole), 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ShuziError, match="damaged"):
            runs.resume(unfinished)


def test_a_run_without_a_checkpoint_begins_anew_or_says_what_is_missing(unfinished, finished):
    (unfinished / "checkpoint.safetensors").unlink()
    with pytest.raises(ShuziError, match=r"checkpoint\.safetensors: missing"):
        runs.resume(unfinished)
    (unfinished / "metrics.csv").unlink()  # as if killed in the first epoch
    assert runs.resume(unfinished).results is not None
    assert weights(unfinished) == weights(finished)


def test_a_recipe_that_changed_since_is_refused(unfinished, monkeypatch, finished):
    for change, words in [
        ({"ema_decay": 0.9}, "began when the ema_decay of softmax was None, now it is 0.9"),
        ({"optimizer": adamw}, "the optimizer of softmax was GradientDescent, now it is adamw"),
        ({"extend": partial(RECIPES["best"].extend.func, times=2)}, r"now it is mix\(times=2\)"),
    ]:
        with monkeypatch.context() as patched:
            patched.setitem(RECIPES, "softmax", dataclasses.replace(RECIPES["softmax"], **change))
            with pytest.raises(ShuziError, match=words):
                runs.resume(unfinished)
    with monkeypatch.context() as patched:  # the rest are the run's own settings
        patched.setitem(RECIPES, "softmax", dataclasses.replace(RECIPES["softmax"], lr=9.0, epochs=7))
        runs.resume(unfinished)
    assert weights(unfinished) == weights(finished)


def test_made_up_digits_are_joined_to_sets_of_digits_alone():
    mnist, fashion, own = (recipe_of(make_plan("best", data=data)) for data in ("mnist", "fashion-mnist", "my-digits"))
    assert mnist.extend == own.extend == recipe("best").extend
    assert fashion.extend is None


def test_a_long_epoch_is_kept_within_and_taken_up_there(tmp_path, plan, finished, monkeypatch):
    monkeypatch.setattr(runs, "PAUSE", 0)

    def stop(done, images, loss):
        if done == 400:
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"stopped; 3 steps of epoch 1 are kept, go on with: shuzi train --resume"):
        runs.train(plan, tmp_path / "run", listener=Listener(step=stop))
    assert names(tmp_path / "run") == UNFINISHED
    with pytest.raises(Stopped, match="epochs 1 to 1 are kept"):
        runs.resume(tmp_path / "run", listener=stop_after(1))
    with pytest.raises(Stopped, match="epochs 1 to 1 and 3 steps of epoch 2 are kept"):
        runs.resume(tmp_path / "run", listener=Listener(step=stop))
    runs.resume(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(finished)
    one, other = (read_run(folder).metrics for folder in (tmp_path / "run", finished))
    assert [epoch.curve for epoch in one] == [epoch.curve for epoch in other]


def test_a_starting_share_of_the_first_weights_is_kept(plan, finished, tmp_path, monkeypatch):
    starting = dataclasses.replace(plan, start=str(finished))
    learnt = load_file(runs.train(starting, tmp_path / "learnt").folder / "weights.safetensors")
    recipe = dataclasses.replace(RECIPES[plan.recipe], starting_share=0.25)
    monkeypatch.setitem(RECIPES, plan.recipe, recipe)
    kept = load_file(runs.train(starting, tmp_path / "kept").folder / "weights.safetensors")
    before = load_file(finished / "weights.safetensors")
    for name, value in kept.items():
        np.testing.assert_allclose(value, 0.75 * learnt[name] + 0.25 * before[name], atol=1e-7)


def test_a_start_says_what_it_changes_unless_it_is_set():
    def said(**given):
        plan = make_plan("best", start="reader", **given)
        return start_notice(plan, given.get("epochs"), given.get("lr"))

    rate = "at 0.05 of the recipe's rate, 0.0006"
    assert said() == f"--start reader: trains 4 epochs {rate}; --epochs and --lr set others"
    assert said(epochs=2).startswith(f"--start reader: trains {rate};")
    assert said(lr=0.1).startswith("--start reader: trains 4 epochs;")
    assert said(epochs=2, lr=0.1) == start_notice(make_plan("best"), None, None) == ""
