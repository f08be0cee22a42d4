import dataclasses
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

import shuzi
from shuzi.errors import ShuziError
from shuzi.read.reader import Reader
from shuzi.softmax.equations import softmax
from shuzi.train import export, held_out, hub, models, runs
from shuzi.train.graph import with_half_weights
from shuzi.train.plan import make_plan
from shuzi.train.recipes import RECIPES
from shuzi.train.run import Run
from shuzi.train.start import read_start


@pytest.fixture(scope="module")
def network():
    """The reader's network with weights, and statistics within, that are anything but the initial ones."""
    torch.manual_seed(0)
    model = models.reader()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory, mnist):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    calibration = export.TemperatureScaling(temperature=1.25, threshold=0.4)
    path.write_bytes(export.to_onnx(network, mnist[0].images[:16], {"shuzi.name": "best"}, calibration))
    return path


@pytest.mark.slow
def test_the_file_gives_torchs_logits_number_for_number(network, file, mnist):
    images = mnist[1].images[:300]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = network(torch.from_numpy(images).unsqueeze(1).float() / 255).numpy()
    assert np.abs(session.run(["logits"], {"images": images})[0] - expected).max() < 1e-3


@pytest.mark.slow
def test_reader_takes_the_file_with_its_calibration(file):
    reader = Reader(file)
    assert (reader.name, reader.temperature, reader.threshold) == ("best", 1.25, 0.4)
    probabilities, sure = reader.classify(np.zeros((3, 28, 28), np.uint8))
    assert probabilities.shape == (3, 10)
    assert sure.shape == (3,)


@pytest.mark.slow
def test_the_file_of_the_largest_network_keeps_to_two_megabytes(file):
    assert file.stat().st_size <= 2_000_000


def test_the_temperature_undoes_logits_that_are_too_sure():
    generator = np.random.default_rng(0)
    honest = generator.normal(0, 2, (5000, 10))
    p = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = np.array([generator.choice(10, p=row) for row in p])
    calibration = export.calibrate(honest * 2.5, labels)
    assert abs(calibration.temperature - 2.5) < 0.2


def test_the_threshold_keeps_nearly_all_validation_digits():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 4000)
    logits = generator.normal(0, 1, (4000, 11))
    logits[np.arange(4000), labels] += 3
    calibration = export.calibrate(logits, labels)
    confidence = softmax(logits / calibration.temperature)[:, :10].max(1)
    assert (confidence >= calibration.threshold).mean() >= 0.985
    assert 0 < calibration.threshold <= export.CEILING


def planned(folder, **changes) -> Run:
    """An unfinished run of a plan, as far as calibration asks for it."""
    plan = make_plan("best", **changes)
    train = shuzi.load(plan.data)[0]
    sha256, split = train.sha256, train.split_rule
    return Run(folder, plan, "cpu", 1, {}, sha256, {}, split=split)


def test_a_run_is_calibrated_on_what_it_has_not_learnt_or_says_why_not(tmp_path, mnist, small_folder):
    mine = tmp_path / "mine"
    for label in range(10):
        (mine / str(label)).mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(mnist[0].labels == label)[:6]):
            cv2.imwrite(str(mine / str(label) / f"{number}.png"), 255 - mnist[0].images[index])
    tested = shuzi.load(mine)[1]
    count = len(tested)
    digits, why = export.not_learnt(planned(tmp_path, data=str(mine), start="reader"))
    assert why == f"{count} pictures not learnt from and 5,000 digits of MNIST"
    assert np.array_equal(digits.images[: 2 * count], np.tile(tested.images, (2, 1, 1)))
    assert np.array_equal(digits.images[-5000:], mnist[0].images[-5000:])
    digits, why = export.not_learnt(planned(tmp_path, data=str(mine), start="reader", validation=8))
    assert why == f"{count + 8} pictures not learnt from and 5,000 digits of MNIST"
    digits, why = export.not_learnt(planned(tmp_path, data=str(mine)))
    assert (digits, why) == (None, f"{count} images not learnt from are too few, 100 are needed")
    digits, why = export.not_learnt(planned(tmp_path, data=str(small_folder), validation=100))
    assert (len(digits), why) == (100, "100 images held out")
    digits, why = export.not_learnt(planned(tmp_path, data=str(small_folder)))
    assert (digits, why) == (None, "no images were held out; train with --validation")


@pytest.mark.slow
def test_what_the_weights_at_the_start_have_learnt_validates_nothing(tmp_path, small, small_folder):
    data = str(small_folder)
    first = runs.train(make_plan("softmax", data, epochs=1, validation=100), tmp_path / "first").folder
    exported = export.export(first, tmp_path / "first.onnx").path
    for start in (str(first), str(exported), str(hub.to_hub(first))):
        learnt = read_start(start, "softmax")[1]
        assert learnt == held_out.Learnt(small[0].sha256, held_out.BY_FILES, 100, 0)
        for fine in ({"validation": 100}, {}, {"seed": 1}):
            held_out.check_start(make_plan("softmax", data, start=start, **fine), learnt, small[0])
        for asked, words in (
            ({"validation": 101}, "hold out at most 100"),
            ({"validation": 100, "seed": 1}, "leave --validation out"),
        ):
            with pytest.raises(ShuziError, match=words):
                runs.train(make_plan("softmax", data, start=start, **asked), tmp_path / "second")
        assert not (tmp_path / "second").exists()


def test_a_run_is_exported_whole_and_training_can_start_from_it(tmp_path, small_folder):
    plan = make_plan("fast", str(small_folder), epochs=1, batch_size=64, validation=100)
    run = runs.train(plan, tmp_path / "run")
    exported = export.export(run.folder)
    path = exported.path
    assert (exported.calibration.threshold, exported.why) == (Reader(path).threshold, "100 images held out")
    assert path == tmp_path / "run" / "model.onnx"
    kept, trained = read_start(str(path), "fast")[0], runs.model(run, torch.device("cpu")).state_dict()
    assert kept.keys() == trained.keys()
    for name in kept:
        assert torch.equal(kept[name], trained[name]) or name.endswith("num_batches_tracked")


@pytest.mark.slow
def test_a_run_is_exported_in_8_bits(tmp_path, mnist, small_folder, command):
    plan = make_plan("fast", str(small_folder), epochs=4, batch_size=64, validation=100)
    run = runs.train(plan, tmp_path / "run")
    whole, small = export.export(run.folder), run.folder / "model-int8.onnx"
    before = whole.path.read_bytes()
    ended = command("export", run.folder, "--int8")
    assert ended.code == 0, ended.stderr
    assert whole.path.read_bytes() == before
    assert small.stat().st_size < 0.6 * whole.path.stat().st_size
    one, other = Reader(whole.path), Reader(small)
    assert (one.temperature, one.threshold, one.name) == (other.temperature, other.threshold, other.name)
    images = mnist[0].images[-500:]
    (p, _), (q, _) = one.classify(images), other.classify(images)
    assert (p.argmax(1) == q.argmax(1)).mean() > 0.97
    assert np.abs(p - q).mean() < 0.01
    with pytest.raises(ShuziError, match="holds no weights to start from, or rounded ones"):
        read_start(str(small), "fast")


@pytest.mark.slow
def test_the_8_bits_span_pictures_of_every_label(tmp_path, mnist, monkeypatch):
    mine = tmp_path / "mine"
    for label in range(10):
        (mine / str(label)).mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(mnist[0].labels == label)[:5]):
            cv2.imwrite(str(mine / str(label) / f"{number}.png"), 255 - mnist[0].images[index])
    run = runs.train(make_plan("fast", str(mine), epochs=1, batch_size=64), tmp_path / "run")
    monkeypatch.setattr(export, "RANGED", 20)
    spanned = []
    monkeypatch.setattr(export, "in_eight_bits", lambda proto, batches, whole: spanned.extend(batches) or proto)
    export.export(run.folder, int8=True)
    learnt = shuzi.load(mine)[0]
    shown = {int(learnt.labels[(learnt.images == image).all((1, 2))][0]) for image in np.concatenate(spanned)}
    assert shown == set(range(10))


def test_what_has_no_8_bits_says_so(tmp_path, small_folder, command):
    run = runs.train(make_plan("softmax", str(small_folder)), tmp_path / "run")
    ended = command("export", run.folder, "--int8")
    assert (ended.code, "without convolutions" in ended.stderr) == (1, True)
    assert not (run.folder / "model.onnx").exists()
    ended = command("export", run.folder, "--int8", "--to", "hub")
    assert (ended.code, "unrounded weights" in ended.stderr) == (1, True)
    assert not (run.folder / "hub").exists()


@pytest.mark.slow
def test_only_an_export_is_replaced_by_an_export(tmp_path, small_folder):
    run = runs.train(make_plan("softmax", str(small_folder)), tmp_path / "run")
    (tmp_path / "photo.jpg").write_bytes(b"a photo")
    (tmp_path / "link.onnx").symlink_to("target.onnx")
    for path, words in ((tmp_path / "photo.jpg", "was left unchanged"), (Path("/dev/null"), "a device")):
        with pytest.raises(ShuziError, match=words):
            export.export(run.folder, path)
    assert (tmp_path / "photo.jpg").read_bytes() == b"a photo"
    for _ in range(2):
        export.export(run.folder, tmp_path / "link.onnx")
    assert (tmp_path / "link.onnx").is_symlink()
    assert Reader(tmp_path / "target.onnx").name == "softmax"


@pytest.mark.slow
@pytest.mark.usefixtures("few_writers")
def test_a_finder_is_said_to_be_read_with_as_a_finder_and_is_nothing_for_the_hub(
    tmp_path, small_folder, monkeypatch, command
):
    short = dataclasses.replace(RECIPES["finder"], steps_per_epoch=1, count_correct=lambda *_: (0, 1))  # an hour, else
    monkeypatch.setitem(RECIPES, "finder", short)
    run = runs.train(make_plan("finder", str(small_folder), epochs=1, batch_size=2), tmp_path / "run")
    with pytest.raises(ShuziError, match="a finder, and the hub's folder is for a network that names digits"):
        hub.to_hub(run.folder)
    assert not (run.folder / "hub").exists()
    ended = command("export", run.folder)
    assert ended.code == 0, ended.stderr
    path = run.folder / "model.onnx"
    assert ended.stdout.endswith(f'read with it: shuzi.Reader(finder="{path}"), in Python\n')
    assert Reader(finder=path).read(np.full((40, 40), 200, np.uint8)).size == (40, 40)
    with pytest.raises(
        ShuziError, match=r"not of the expected kind: images .* a finder goes to Reader\(finder=\.\.\.\)"
    ):
        Reader(path)


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), (b"", "no weights"), (b"<html>", "damaged")])
def test_starting_from_what_is_no_network_says_so(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ShuziError, match=rf"model\.onnx: .*{reason}"):
        read_start(str(tmp_path / "model.onnx"), "softmax")


@pytest.mark.slow
def test_half_weights_answer_almost_the_same_and_are_not_halved_again(file, tmp_path, mnist):
    half = with_half_weights(file.read_bytes())
    assert len(half) < 0.6 * file.stat().st_size
    assert with_half_weights(half) == half
    (tmp_path / "half.onnx").write_bytes(half)
    one, other = (Reader(path).scores(mnist[1].images[:100]) for path in (file, tmp_path / "half.onnx"))
    assert np.abs(one - other).max() < 0.01
