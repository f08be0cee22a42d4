"""A finder's calibration: what is fitted is what made the data, and it lies in the file."""

import numpy as np
import onnx
import pytest

from shuzi.data.digits import CLASSES, Digits
from shuzi.read.calibration import CALIBRATION, WITH_FINDER, Calibration
from shuzi.read.find import SHIPPED_FINDER, Finder
from shuzi.read.reader import Reader
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import STRIP
from shuzi.synth.pages import make_page, score_page
from shuzi.synth.scene import scene
from shuzi.train import calibration, export, runs
from shuzi.train.calibration import Seen
from shuzi.train.plan import make_plan
from shuzi.train.start import READER


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


def test_the_odds_of_each_kind_are_those_that_made_the_data():
    g = np.random.default_rng(3)
    heats = np.where(g.random((40_000, 10)) < 0.7, g.uniform(0.05, 0.95, (40_000, 10)), 0.0)
    heats[:, 2:9] = 0  # one of the marks
    models = np.array([[0.5, 1.2], [-0.4, 2.0], [0.3, 0.8]])
    with np.errstate(divide="ignore"):
        logits = np.log(heats / (1 - heats))[:, [0, 1, 9]]
    odds = np.concatenate([np.ones((40_000, 1)), np.exp(models[:, 0] + models[:, 1] * logits)], 1)
    kinds = (g.random((40_000, 1)) * odds.sum(1, keepdims=True) > odds.cumsum(1)).sum(1)
    fitted = calibration.fit_kinds(heats, kinds)
    assert (*fitted.chance, *fitted.mark, *fitted.letter) == pytest.approx(tuple(models.ravel()), abs=0.1)


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
            assert not 0 <= label < CLASSES or label in made.labels[inside]
            digits, others = digits + (label >= 0), others + (label < 0)
    assert digits > 10
    assert others > 0


@pytest.mark.slow
@pytest.mark.usefixtures("few_writers")
def test_a_calibration_is_fitted_and_kept_in_the_file(mnist, monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "SCENES", 24)
    monkeypatch.setattr(calibration, "KINDS", ("plain",))
    monkeypatch.setattr(calibration, "PAGES", 1)
    data, fitted = calibration.calibrated(SHIPPED_FINDER.read_bytes(), mnist[1].part(0, 2000))
    path = tmp_path / "finder.onnx"
    path.write_bytes(data)
    assert Finder(path).calibration == fitted != Finder().calibration
    assert all(np.isfinite(values).all() for values in vars(fitted).values())
    assert fitted.chance[1] > 0
    picture = np.full((64, 128), 230, np.uint8)
    assert Reader(finder=path).read(picture).text == ""


@pytest.fixture
def few(monkeypatch):
    """Fits calibrations on few scenes and pages."""
    for name, value in (("CLASSIFIER_SCENES", 24), ("KINDS", ("plain",)), ("PAGES", 1)):
        monkeypatch.setattr(calibration, name, value)


@pytest.mark.slow
def test_an_exported_classifier_carries_the_calibration_of_it_and_the_finder(tmp_path, few, mnist):
    run = runs.train(make_plan("softmax", validation=5000), tmp_path / "run").folder
    path = export.export(run).path
    about = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert about[WITH_FINDER] == Finder().sha256
    fitted = Calibration.from_text(about[CALIBRATION])
    assert fitted.named[0] > fitted.named[1]  # softmax regression is right less often than the finder
    assert fitted.chance == Finder().calibration.chance
    assert fitted.named != Finder().calibration.named
    page = make_page(mnist[1].images, mnist[1].labels, "plain", np.random.default_rng(1))
    right, best = (
        score_page(page, [(digit.digit, digit.box) for digit in reader.read(page.picture).digits], []).right
        for reader in (Reader(path), Reader())
    )
    assert right > 0.9 * best  # alone softmax regression is right about half as often


@pytest.mark.slow
def test_a_classifier_of_other_signs_than_digits_reads_without_the_finders_names(tmp_path, write_set, small):
    others = [Digits(part.images, (part.labels + 3) % 10) for part in small]
    run = runs.train(make_plan("softmax", str(write_set(tmp_path / "set", *others))), tmp_path / "run")
    about = {each.key for each in onnx.load(export.export(run.folder).path).metadata_props}
    assert not {CALIBRATION, WITH_FINDER} & about


def test_of_too_few_digits_the_finders_own_calibration_is_kept(mnist):
    data = calibration.beside_finder(READER.read_bytes(), mnist[0].part(0, calibration.LEAST_TOGETHER - 1))
    about = {each.key: each.value for each in onnx.load_from_string(data).metadata_props}
    assert Calibration.from_text(about[CALIBRATION]) == Finder().calibration
