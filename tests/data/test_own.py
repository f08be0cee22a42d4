"""Digits of one's own: pictures in folders 0 to 9."""

import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest

import shuzi
from shuzi.data import own
from shuzi.evaluate import suites
from shuzi.train import export, held_out, runs
from shuzi.train.plan import make_plan
from shuzi.train.run_folder import read_run
from shuzi.train.start import READER


@pytest.fixture
def folder(mnist, tmp_path):
    """Six pictures each of 3 and 8, MNIST's digits enlarged, dark on light, of several sizes."""
    train, _ = mnist
    for label in (3, 8):
        (tmp_path / str(label)).mkdir()
        for number, index in enumerate(np.flatnonzero(train.labels == label)[:6]):
            picture = cv2.resize(255 - train.images[index], None, fx=3 + number / 2, fy=3 + number / 2)
            cv2.imwrite(str(tmp_path / str(label) / f"{number}.png"), picture)
    return tmp_path


def sides(folder):
    """Which part each picture is in, by its 28x28 as the folder's digits have it."""
    return {
        image.tobytes(): part
        for part, digits in zip(("train", "test"), shuzi.load(folder), strict=True)
        for image in digits.images
    }


def test_pictures_become_digits_with_the_label_of_their_folder(folder):
    train, test = shuzi.load(folder)
    assert np.add(train.counts(), test.counts()).tolist() == [0, 0, 0, 6, 0, 0, 0, 0, 6, 0]
    assert min(part.counts()[label] for part in (train, test) for label in (3, 8)) >= 1


def test_pictures_are_seen_as_the_reader_sees_them(folder):
    seen = {shuzi.Reader().writing(path).tobytes() for path in folder.glob("*/*")}
    assert seen == sides(folder).keys()


@pytest.mark.parametrize(
    ("digests", "tested"),
    [
        (["10", "20", "90", "f0"], {"10", "20"}),  # the lowest fifth ends at 0x33
        (["80", "90", "f0"], {"80"}),
        (["10", "20"], {"10"}),
        (["10", "10", "20", "20"], {"10"}),
        (["10"], set()),
        (["80", "80"], set()),
    ],
)
def test_the_lowest_fifth_is_tested_or_the_lowest_and_one_picture_is_learnt(digests, tested):
    assert own.test_digests([digest.ljust(64, "0") for digest in digests], own.HELD_OUT) == {
        d.ljust(64, "0") for d in tested
    }


def test_a_picture_stays_on_its_side_when_others_are_added_renamed_or_removed(folder):
    # of each label one that is tested by its own hash, so that it needs no other's absence
    number = iter(range(10**6))
    for label in (3, 8):
        data = (folder / str(label) / "0.png").read_bytes()
        while int(hashlib.sha256(data).hexdigest(), 16) >= 2**256 // 5:
            data = (folder / str(label) / "0.png").read_bytes() + b"%d" % next(number)
        (folder / str(label) / "0.png").write_bytes(data)
    before, checksum = sides(folder), shuzi.load(folder)[0].sha256
    for label in (3, 8):
        for path in (folder / str(label)).iterdir():
            path.rename(path.with_name(f"renamed-{9 - int(path.stem)}.png"))
    assert (sides(folder), shuzi.load(folder)[0].sha256) == (before, checksum)
    larger = np.pad(cv2.imread(str(folder / "3" / "renamed-8.png")), ((9, 9), (9, 9), (0, 0)))
    for name in ("000.png", "zzz.png"):
        cv2.imwrite(str(folder / "3" / name), larger)
    after = sides(folder)
    assert {image: after[image] for image in before} == before
    (folder / "8" / "renamed-4.png").unlink()
    fewer = sides(folder)
    assert {image: after[image] for image in fewer} == fewer


def test_copies_of_a_picture_are_on_one_side(folder):
    before = [len(part) for part in shuzi.load(folder)]
    for path in list(folder.glob("*/*")):
        shutil.copy(path, path.with_name("a-copy-of-" + path.name))
    assert [len(part) for part in shuzi.load(folder)] == [2 * count for count in before]


def test_the_checksum_tells_another_picture(folder):
    before = shuzi.load(folder)[0].sha256
    (folder / "3" / "0.png").unlink()
    assert shuzi.load(folder)[0].sha256 != before


def test_hidden_files_are_left_out(folder):
    (folder / "3" / ".DS_Store").write_bytes(b"not a picture")
    assert sum(len(part) for part in shuzi.load(folder)) == 12


def test_a_single_picture_of_a_label_is_learnt_not_tested(folder):
    for path in sorted((folder / "8").iterdir())[1:]:
        path.unlink()
    train, test = shuzi.load(folder)
    assert (train.counts()[8], test.counts()[8]) == (1, 0)


def test_a_run_learns_ones_own_digits(folder, tmp_path):
    run = runs.train(make_plan("softmax", data=str(folder)), tmp_path / "run")
    assert run.results.test_accuracy == 1.0
    assert run.metrics[0].accuracy > 0.9


@pytest.mark.slow
def test_what_a_run_has_not_learnt_is_measured_only_while_its_pictures_are_as_they_were(folder, tmp_path):
    run = runs.train(make_plan("softmax-numpy", data=str(folder)), tmp_path / "run").folder
    assert json.loads((run / "run.json").read_text())["split"] == own.SPLIT

    def refused(why):
        for use in (
            lambda: runs.evaluate_run(run),
            lambda: suites.measure(runs.scorer(run)),
            lambda: suites.measure(runs.scorer(run), str(folder)),
            lambda: export.not_learnt(read_run(run)),
        ):
            with pytest.raises(shuzi.ShuziError, match=why):
                use()

    assert runs.evaluate_run(run).evaluation.count == len(shuzi.load(folder)[1])
    added = folder / "3" / "0-first.png"
    cv2.imwrite(str(added), np.pad(cv2.imread(str(folder / "3" / "5.png")), ((9, 9), (9, 9), (0, 0))))
    refused(r"trained on data with SHA-256 \w+, but .* now has \w+\. Restore the former data or train a new run")
    added.unlink()
    told = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({name: value for name, value in told.items() if name != "split"}))
    refused("split into training and test by name, now they are split by SHA-256")
    with pytest.raises(shuzi.ShuziError, match="may have learnt from pictures that would test the new weights"):
        runs.train(make_plan("softmax-numpy", data=str(folder), start=str(run)), tmp_path / "further")
    assert not (tmp_path / "further").exists()


def test_weights_whose_pictures_are_not_recorded_are_no_start_for_ones_own(folder, tmp_path):
    data = READER.read_bytes()
    (tmp_path / "old.onnx").write_bytes(data.replace(held_out.RECORD.encode(), b"shuzi.dat?"))
    plan = make_plan("best", data=str(folder), start=str(tmp_path / "old.onnx"))
    with pytest.raises(shuzi.ShuziError, match=r"old\.onnx: it may have learnt from pictures that would test"):
        runs.train(plan, tmp_path / "run")


@pytest.mark.slow
def test_training_goes_on_from_the_shipped_reader(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "LEAST_OWN", 200)
    plan = make_plan("best", data=str(folder), start="reader", epochs=1, batch_size=100)
    run = runs.train(plan, tmp_path / "run")
    assert run.results.test_accuracy == 1.0
    assert run.metrics[0].accuracy > 0.5  # drawn at random they would be right for a tenth


def test_a_few_pictures_come_as_often_as_it_takes(folder):
    train = shuzi.load(folder)[0].part(0, 10)
    many = own.repeated(train, 25)
    assert len(many) == 30
    np.testing.assert_array_equal(many.labels[10:20], train.labels)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: [p.unlink() for p in f.glob("*/*")], "hold no pictures"),
        (lambda f: [p.unlink() for p in f.glob("*/[1-9].png")], "no label has 2 different pictures"),
        (lambda f: (f / "3" / "note.txt").write_text("hello"), "note.txt"),
        (lambda f: cv2.imwrite(str(f / "3" / "9.png"), np.full((50, 50), 255, np.uint8)), "no ink"),
    ],
)
def test_a_folder_that_cannot_be_learnt_is_refused(folder, spoil, sentence):
    spoil(folder)
    with pytest.raises(shuzi.ShuziError, match=sentence):
        shuzi.load(folder)


def test_pictures_without_ink_are_listed_all_at_once_and_left_out_when_told_to(folder, tmp_path, command):
    wanted = shuzi.load(folder)
    blank = cv2.imencode(".png", np.full((50, 50), 255, np.uint8))[1].tobytes()
    while int(hashlib.sha256(blank).hexdigest(), 16) < 0.95 * 2**256:  # so that it takes no other's side
        blank += b"0"
    for name in ("3/9.png", "8/9.png"):
        (folder / name).write_bytes(blank)
    with pytest.raises(shuzi.ShuziError, match=r"no ink found in 3/9\.png, 8/9\.png\. .* --skip-blank"):
        shuzi.load(folder)
    for part, found in zip(wanted, shuzi.load(folder, skip_blank=True), strict=True):
        assert sorted(map(bytes, part.images)) == sorted(map(bytes, found.images))
    assert command("train", "--data", folder, "--out", tmp_path / "run").code == 1
    done = command("train", "--data", folder, "--out", tmp_path / "run", "--skip-blank", "--json")
    assert done.json["skip_blank"]
    assert read_run(tmp_path / "run").plan.skip_blank
    assert command("evaluate", tmp_path / "run").code == 0


def test_digits_of_ones_own_are_called_by_the_folders_name_not_by_the_way_to_it(folder, monkeypatch):
    monkeypatch.chdir(folder / "3")
    assert [part.name for part in shuzi.load("..")] == [f"{folder.name} train", f"{folder.name} test"]
