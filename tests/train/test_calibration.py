"""A finder's calibration: what is fitted is what made the data, and it lies in the file."""

import numpy as np
import onnx
import pytest

from shuzi.errors import ShuziError
from shuzi.read.find import CALIBRATION, SHIPPED, Calibration, Finder
from shuzi.read.reader import Reader
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import STRIP
from shuzi.synth.scene import scene
from shuzi.train import calibration
from shuzi.train.calibration import Seen


@pytest.fixture
def numbers():
    return np.random.default_rng(5)


def test_a_logistic_regression_finds_the_constants_that_made_its_data(numbers):
    values = numbers.normal(0, 2, (20_000, 2))
    odds = 0.5 + 1.2 * values[:, 0] - 0.3 * values[:, 1]
    truth = numbers.random(20_000) < 1 / (1 + np.exp(-odds))
    assert calibration.logistic(values, truth) == pytest.approx((0.5, 1.2, -0.3), abs=0.08)


def opinions(numbers, finder, classifier):
    """What is seen of 2,000 digits on which finder and classifier are right with these shares."""
    labels = numbers.integers(0, 10, 2000)
    seen = Seen(chances=[0.9] * 2000, labels=labels.tolist())
    for label in labels:
        for share, kept, width in ((finder, seen.classes, 10), (classifier, seen.scores, 11)):
            said = np.full(width, 0.02)
            said[label if numbers.random() < share else numbers.integers(0, 10)] = 0.8
            kept.append(said / said.sum())
    return seen


def test_who_is_right_more_often_has_more_to_say_and_no_kind_of_picture_is_given_up(numbers):
    hard, easy = opinions(numbers, 0.95, 0.5), opinions(numbers, 0.9, 0.99)
    on_hard, on_easy, both = (calibration.weights(kinds) for kinds in ([hard], [easy], [hard, easy]))
    assert on_hard[0] > on_hard[1]
    assert on_easy[1] > on_easy[0]
    assert on_hard[1] < both[1] < on_easy[1]


def test_a_proposal_is_the_digit_it_lies_on_or_none_and_what_is_partly_one_is_not_asked(mnist, numbers):
    glyphs = Glyphs(mnist[0].part(0, 2000))
    finder = Finder()
    digits = others = 0
    for number in range(6):
        made = scene(glyphs, np.random.default_rng([8, number]), STRIP)
        proposals = [p for p in finder(made.picture)[0] if not p.mark]
        pairs = calibration.labelled(made, proposals)
        assert len({id(p) for p, _ in pairs}) == len(pairs) <= len(proposals)
        for proposal, label in pairs:
            inside = (
                (proposal.middle > made.boxes[:, :2] - 2)  # a 1 has few pixels across
                & (proposal.middle < made.boxes[:, :2] + made.boxes[:, 2:] + 2)
            ).all(1)
            assert label < 0 or label in made.labels[inside]
            digits, others = digits + (label >= 0), others + (label < 0)
    assert digits > 10
    assert others > 0


def test_a_calibration_is_fitted_and_kept_in_the_file(mnist, monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "SCENES", 24)
    monkeypatch.setattr(calibration, "KINDS", ("plain",))
    monkeypatch.setattr(calibration, "PAGES", 1)
    data, fitted = calibration.calibrated(SHIPPED.read_bytes(), mnist[1].part(0, 2000))
    path = tmp_path / "finder.onnx"
    path.write_bytes(data)
    assert Finder(path).calibration == fitted != Finder().calibration
    assert all(np.isfinite(values).all() for values in vars(fitted).values())
    assert fitted.chance[1] > 0
    picture = np.full((64, 128), 230, np.uint8)
    assert Reader(finder=path).read(picture).text == ""


@pytest.mark.parametrize(
    "said", ["x", "[]", '{"chance": [1]}', '{"chance": [1, "a"]}', '{"number": [NaN, 1]}', '{"new": [1]}']
)
def test_a_calibration_that_is_none_is_refused(said, tmp_path):
    proto = onnx.load(SHIPPED)
    onnx.helper.set_model_props(proto, {CALIBRATION: said})
    path = tmp_path / "finder.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ShuziError, match=r"its shuzi.calibration is .* make it anew"):
        Finder(path)


def test_a_finder_without_a_calibration_says_what_its_network_says():
    assert Calibration.from_text(Calibration().to_text()) == Calibration()
