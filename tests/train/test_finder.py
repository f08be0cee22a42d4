"""The finder's targets, losses, batches and file."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from shuzi.errors import ShuziError
from shuzi.maps import CHANNELS, CLASS, FINER, HEAT, LINK, NEXT, OFFSET, OWNER, SIZE, STRIDE
from shuzi.read import find
from shuzi.read.reader import Reader
from shuzi.synth.canvas import ANYTHING, LETTER
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import SQUARE, STRIP
from shuzi.synth.negatives import NOT_A_DIGIT
from shuzi.synth.scene import Scene, scene
from shuzi.train.finder import export
from shuzi.train.finder.batches import Scenes, scene_batches
from shuzi.train.finder.crops import draw_crops, mix
from shuzi.train.finder.export import ShippedFinder
from shuzi.train.finder.loss import loss, losses
from shuzi.train.finder.network import Finder
from shuzi.train.finder.targets import FAR, Targets, collate, targets
from shuzi.train.fit import fit
from shuzi.train.recipes import RECIPES
from shuzi.train.settings import Settings
from shuzi.train.start import read_start
from shuzi.train.torch_loop import Training

pytestmark = pytest.mark.usefixtures("few_writers")

CPU = torch.device("cpu")
TO_TRAIN_ON = Path(__file__).parents[2] / "training" / "finder.onnx"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Finder().eval()


@pytest.fixture(scope="module")
def by_hand():
    """A number 42 with a comma after it, a digit cut by the frame, a low one, and a line of smaller writing."""
    boxes = np.array([[10, 20, 16, 24], [30, 20, 16, 24], [50, 42, 4, 6], [90, 50, 6, 24], [60, 8, 6, 13]], np.float32)
    owner = np.full((64, 96), -1, np.int16)
    for i in (0, 1, 3, 4):
        x, y, w, h = boxes[i].astype(int)
        owner[y : y + h, x : x + w] = i
    ink = np.where(owner >= 0, 255, 0).astype(np.uint8)
    return Scene(
        picture=255 - ink,
        labels=np.array([4, 2, 11, 7, 9], np.uint8),
        boxes=boxes,
        sizes=np.array([24, 24, 24, 24, 13], np.float32),
        visible=np.array([1, 1, 1, 0.4, 1], np.float32),
        following=np.array([1, -1, -1, -1, -1]),
        ink=ink,
        owner=owner,
        writing=ink,
        small=np.array([[60, 56, 20, 8]], np.float32),
    )


def cell(scene, i):
    """The cell of the maps that holds the middle of a scene's digit or mark."""
    middle = (scene.boxes[i, :2] + scene.boxes[i, 2:] / 2) / STRIDE - 0.5
    x, y = np.round(middle).astype(int)
    return y, x


def test_peaks_stand_in_the_middles_of_what_is_there(by_hand):
    wanted = targets(by_hand)
    peaks = {(kind, y, x) for kind, y, x in np.argwhere(wanted["heat"] == 1).tolist()}
    assert peaks == {(0, *cell(by_hand, 0)), (0, *cell(by_hand, 1)), (2, *cell(by_hand, 2)), (0, *cell(by_hand, 4))}
    assert (wanted["heat"] <= 1).all()
    for i in (0, 1, 4):
        at = cell(by_hand, i)
        assert wanted["label"][at] == by_hand.labels[i]
        assert wanted["weight"][at] > 0.8
        offset, size = wanted["place"][:2, *at], np.exp(wanted["place"][2:, *at]) * FAR
        middle = (np.array(at[::-1]) + 0.5 + offset) * STRIDE
        assert np.allclose(np.concatenate([middle - size / 2, size]), by_hand.boxes[i], atol=1e-3)
    comma = cell(by_hand, 2)
    assert (wanted["weight"][comma], wanted["marked"][comma] > 0.8) == (0, True)


def test_links_lead_to_the_next_digit_in_its_own_size(by_hand):
    wanted = targets(by_hand)
    first, last = cell(by_hand, 0), cell(by_hand, 1)
    assert (wanted["link"][first], wanted["link"][last]) == (1, 0)
    assert np.allclose(wanted["next"][:, *first], [20 / 24, 0])
    cut = dataclasses.replace(by_hand, following=np.array([3, -1, -1, -1, -1]))
    assert targets(cut)["link"][first] == -1  # the next one is cut off: nobody can say


def test_nothing_is_asked_of_what_is_cut_off_or_too_low(by_hand):
    wanted = targets(by_hand)
    assert wanted["heat"][0, *cell(by_hand, 3)] == -1
    assert wanted["heat"][0, 60 // STRIDE, 68 // STRIDE] == -1
    assert 0 <= wanted["heat"][0, 0, 0] < 1e-9
    assert (wanted["ink"][0][by_hand.owner == 3] == -1).all()
    assert (wanted["ink"][1][by_hand.owner == 3] == -1).all()
    assert (wanted["ink"][0][by_hand.owner == 0] == 1).all()


def test_low_writing_is_to_be_looked_at_closer(by_hand):
    finer = targets(by_hand)["finer"]
    assert finer[60 // STRIDE, 68 // STRIDE] == finer[cell(by_hand, 4)] == 1
    assert finer[cell(by_hand, 0)] == finer[0, 0] == 0


def test_ink_points_to_the_middle_of_its_digit(by_hand):
    wanted = targets(by_hand)
    assert wanted["owned"][cell(by_hand, 0)] == 1
    assert wanted["owned"][0, 0] == 0
    y, x = 5, 3  # a cell near the upper left of the first digit
    assert wanted["owned"][y, x] == 1
    place = (np.array([x, y]) + 0.5) * STRIDE + wanted["owner"][:, y, x] * FAR
    assert np.allclose(place, (18, 32), atol=1e-3)


def test_answers_that_are_the_truth_lose_next_to_nothing(by_hand):
    wanted = collate([targets(by_hand)])
    maps = torch.zeros(1, CHANNELS, 16, 24)
    heat = torch.where(wanted.heat == 1, 12.0, -12.0)
    maps[:, HEAT] = heat
    maps[:, CLASS] = 20 * torch.nn.functional.one_hot(wanted.label, 10).permute(0, 3, 1, 2)
    maps[:, OFFSET], maps[:, SIZE] = wanted.place[:, :2], wanted.place[:, 2:]
    maps[:, LINK], maps[:, FINER] = 24 * wanted.link - 12, 24 * wanted.finer - 12
    maps[:, NEXT], maps[:, OWNER] = wanted.next, wanted.owner
    ink = 24 * wanted.ink - 12
    parts = losses(maps, ink, wanted)
    assert {name for name, part in parts.items() if not part < 1e-3} == set()
    worse = losses(-maps, -ink, wanted)
    assert {name for name, part in worse.items() if not part > 10 * parts[name] + 1e-2} == set()


def test_an_empty_scene_has_targets_and_losses_too(by_hand, network):
    none = {name: getattr(by_hand, name)[:0] for name in ("labels", "boxes", "sizes", "visible", "following", "small")}
    blank = dataclasses.replace(
        by_hand, **none, ink=np.zeros_like(by_hand.ink), writing=np.zeros_like(by_hand.ink), owner=np.full((64, 96), -1)
    )
    wanted = collate([targets(blank)])
    assert not wanted.heat.any()
    with torch.no_grad():
        parts = losses(*network(wanted.pictures), wanted)
    assert all(torch.isfinite(part) for part in parts.values())


def test_losses_fall_in_a_few_steps(by_hand):
    torch.manual_seed(1)
    model = Finder((8, 16, 24, 32)).train()
    wanted = collate([targets(by_hand)] * 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(8):
        parts = losses(*model(wanted.pictures), wanted)
        assert all(torch.isfinite(part) and part >= 0 for part in parts.values())
        total = sum(parts.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.7 * totals[0]


def test_without_pens_training_stops_with_one_sentence(mnist, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SHUZI_DATA")
    with pytest.raises(ShuziError, match=r"no UNIPEN there\. Download .* shuzi data unipen --root FOLDER"):
        next(scene_batches(mnist[0].part(0, 500), 2, 0, 0))


def test_letters_have_a_heatmap_of_their_own_and_of_doubtful_signs_nothing_is_asked(by_hand):
    labels = by_hand.labels.copy()
    labels[:2] = LETTER, ANYTHING
    wanted = targets(dataclasses.replace(by_hand, labels=labels, following=np.full(5, -1)))
    letter, doubtful = cell(by_hand, 0), cell(by_hand, 1)
    assert wanted["heat"][-1][letter] == 1
    assert (wanted["heat"][:-1, *letter] < 1).all()
    assert (wanted["heat"][:, *doubtful] == -1).all()
    assert (wanted["weight"][letter], wanted["marked"][letter] > 0.8) == (0, True)


def test_batches_depend_on_the_seed_and_their_number_alone(mnist):
    digits = mnist[0].part(0, 500)
    scenes_of = lambda seed, first: Scenes(digits, 2, seed, first)  # noqa: E731
    pictures, rest = scenes_of(5, 0)[4]
    again, same = scenes_of(5, 2)[2]
    assert torch.equal(pictures, again)
    assert all(torch.equal(one, other) for one, other in zip(rest, same, strict=True))
    assert not torch.equal(pictures, scenes_of(6, 0)[4][0])
    assert not torch.equal(pictures, scenes_of(5, 0)[5][0])
    assert pictures.shape == (2, 1, *STRIP)
    assert scenes_of(5, 0)[3][0].shape == (2, 1, *SQUARE)
    assert float(loss(tuple(map(torch.zeros, [(2, CHANNELS, 16, 64), (2, 2, 64, 256)])), rest)) > 0
    assert len(Targets._fields) == len(rest) + 1


@pytest.fixture(scope="module")
def trained(mnist):
    """A finder after one step, of two scenes."""
    recipe = dataclasses.replace(RECIPES["finder"], steps_per_epoch=1, second_cycle_at=None, bfloat16=False)
    training = Training(recipe, Settings(1, 2, recipe.lr), CPU)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    (epoch,) = fit(training, mnist[0].part(0, 500))
    return training, epoch, before


def test_the_recipe_takes_a_step(trained):
    training, epoch, before = trained
    assert np.isfinite(epoch.loss)
    assert epoch.accuracy is None
    after = training.model.state_dict()
    assert sum(not torch.equal(after[name], before[name]) for name in before) > len(before) / 2


@pytest.mark.slow
def test_the_file_answers_as_torch_does_at_any_size(mnist, monkeypatch):
    monkeypatch.setattr(export, "RANGED", 8)
    digits, model = mnist[0].part(0, 500), Finder().eval()
    model.load_state_dict(read_start(str(TO_TRAIN_ON), "finder")[0])
    data = RECIPES["finder"].onnx(model, digits)
    assert len(data) < 1.7e6  # weights of 8 bits
    assert {each.key for each in onnx.load_from_string(data).metadata_props} == {"shuzi.name", "shuzi.version"}
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    strips = np.stack([scene(Glyphs(digits), np.random.default_rng(i)).picture for i in range(3)])
    for count, height, width in ((1, 48, 64), (3, 16, 16), (2, 64, 256)):
        images = np.ascontiguousarray(strips[:count, :height, :width])
        maps, ink = session.run(["maps", "ink"], {"images": images})
        with torch.no_grad():
            expected, covered = (each.numpy() for each in ShippedFinder(model)(torch.from_numpy(images)))
        assert maps.shape == (count, CHANNELS, height // STRIDE, width // STRIDE)
        assert np.abs(ink - covered).mean() < 1e-2
        for each in (CLASS, OFFSET, SIZE, [LINK], NEXT, OWNER, [FINER]):  # eight bits and rounding, not more
            assert np.abs(maps[:, each] - expected[:, each]).mean() < 0.2 * expected[:, each].std()
        kept, wanted = maps[:, HEAT], expected[:, HEAT]
        both = (kept > 0) & (wanted > 0)
        assert both.sum() > 0.7 * (wanted > 0).sum()  # which of two almost equal cells is the peak may differ
        assert np.abs(kept - wanted)[both].max() < 5e-2


@pytest.mark.slow
def test_training_goes_on_from_a_finders_file(trained, tmp_path):
    model = trained[0].result
    (tmp_path / "finder.onnx").write_bytes(RECIPES["finder"].onnx(model, None))
    weights, wanted = read_start(str(tmp_path / "finder.onnx"), "finder")[0], model.state_dict()
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted if "num_batches" not in name)


def test_training_goes_on_from_the_shipped_finders_weights_in_half_precision():
    weights = read_start(str(TO_TRAIN_ON), "finder")[0]
    model = Finder()
    model.load_state_dict(weights)
    assert {value.dtype for name, value in weights.items() if "num_batches" not in name} == {torch.float32}


@pytest.mark.slow
def test_a_file_of_8_bits_is_nothing_to_start_from(trained, mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "RANGED", 2)
    (tmp_path / "finder.onnx").write_bytes(RECIPES["finder"].onnx(trained[0].result, mnist[0].part(0, 500)))
    with pytest.raises(ShuziError, match=r"holds no weights to start from, or rounded ones; .* --int8"):
        read_start(str(tmp_path / "finder.onnx"), "finder")


def test_crops_are_what_the_shipped_finder_hands_over_with_their_labels(mnist):
    glyphs = Glyphs(mnist[0].part(0, 2000))
    images, labels = draw_crops(find.Finder(), glyphs, 16, 3)
    again, same = draw_crops(find.Finder(), glyphs, 4, 3)
    assert (images.shape, images.dtype) == ((len(labels), 28, 28), np.uint8)
    assert np.array_equal(images[: len(again)], again)
    assert np.array_equal(labels[: len(again)], same)
    assert 0 < len(again) < len(images)
    assert len(labels) > 16
    digits = labels < NOT_A_DIGIT
    assert digits.sum() > len(labels) / 2
    named = Reader().scores(images[digits])[:, :10].argmax(1)
    assert (named == labels[digits]).mean() > 0.5


@pytest.mark.slow
def test_a_classifier_is_tuned_on_writers_letters_and_crops_beside_its_digits(mnist):
    digits = mnist[0].part(0, 300)
    mixed = mix(digits, np.random.default_rng(1))
    assert np.array_equal(mixed.images[:300], digits.images)
    assert set(np.unique(mixed.labels)) == set(range(NOT_A_DIGIT + 1))
    written = slice(300 + 60 + 150, 300 + 60 + 150 + 90)  # after those drawn and the negatives
    assert (mixed.labels[written] < NOT_A_DIGIT).all()
    assert mixed.images[written].any((1, 2)).all()
    assert len(mixed) > 300 + 60 + 150 + 90 + 36
