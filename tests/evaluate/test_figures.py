"""Figures of a model's answers, against scikit-learn and published values."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from sklearn import metrics
from sklearn.calibration import calibration_curve

from shuzi.evaluate.figures import accuracy_interval, calibration_error, evaluate
from shuzi.softmax.equations import softmax


@pytest.fixture(scope="module")
def answers():
    """Probabilities (500, 10) that are right about two times in three, and the labels."""
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 10, 500)
    logits = generator.normal(size=(500, 10)) + 2.5 * np.eye(10)[labels]
    return softmax(logits), labels


def test_the_interval_is_wilsons_as_published():
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
    # (1998), table I, method 3: the score method without continuity correction
    for right, count, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert accuracy_interval(right, count) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_holds_the_share_and_stays_within_0_and_1(pair):
    right, count = pair
    low, high = accuracy_interval(right, count)
    assert 0 <= low <= right / count + 1e-12
    assert right / count - 1e-12 <= high <= 1


def test_precision_recall_and_confusion_are_scikit_learns(answers):
    probabilities, labels = answers
    read = probabilities.argmax(axis=1)
    figures = evaluate(probabilities, labels)
    assert figures.count == 500
    assert figures.accuracy == metrics.accuracy_score(labels, read)
    assert figures.confusion == metrics.confusion_matrix(labels, read, labels=range(10)).tolist()
    precision, recall, _, count = metrics.precision_recall_fscore_support(labels, read, labels=range(10))
    assert [each.digit for each in figures.per_class] == list(range(10))
    assert [each.precision for each in figures.per_class] == pytest.approx(precision)
    assert [each.recall for each in figures.per_class] == pytest.approx(recall)
    assert [each.count for each in figures.per_class] == count.tolist()


def test_the_calibration_error_is_that_of_scikit_learns_bins(answers):
    probabilities, labels = answers
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    counts, _ = np.histogram(confidence, bins=15, range=(0, 1))
    expected = (counts[counts > 0] / 500 * np.abs(accuracy - mean)).sum()
    assert evaluate(probabilities, labels).calibration_error == pytest.approx(expected)


def test_the_calibration_error_of_the_sure_and_wrong_is_one_and_of_the_sure_and_right_none():
    sure = np.ones(4)
    assert calibration_error(sure, np.zeros(4, bool)) == 1
    assert calibration_error(sure, np.ones(4, bool)) == 0


def test_mistakes_are_all_of_them_the_surest_first(answers):
    probabilities, labels = answers
    mistakes = evaluate(probabilities, labels).mistakes
    assert sorted(m.index for m in mistakes) == np.flatnonzero(probabilities.argmax(1) != labels).tolist()
    confidences = [m.confidence for m in mistakes]
    assert confidences == sorted(confidences, reverse=True)
    for mistake in mistakes:
        assert mistake.label == labels[mistake.index]
        assert mistake.read == probabilities[mistake.index].argmax() != mistake.label
        assert mistake.confidence == probabilities[mistake.index].max()


def test_a_digit_that_is_never_there_or_never_read_has_figures_without_a_warning():
    probabilities = np.eye(10)[[0, 0, 1]]
    figures = evaluate(probabilities, np.array([0, 2, 1]))
    assert (figures.per_class[2].recall, figures.per_class[2].precision) == (0, 0)
    assert (figures.per_class[5].recall, figures.per_class[5].precision, figures.per_class[5].count) == (0, 0, 0)


def test_softmax_survives_large_logits():
    assert softmax(np.array([[1000.0, 0, -1000]], np.float32)).tolist() == [[1, 0, 0]]


def test_figures_are_plain_json(answers):
    told = evaluate(*answers).to_json(mistakes=3)
    assert json.loads(json.dumps(told)) == told
    assert {"accuracy", "interval", "count", "per_class", "confusion", "mistakes"} <= told.keys()
    assert len(told["mistakes"]) == 3
    assert told["mistake_count"] == 500 - sum(told["confusion"][digit][digit] for digit in range(10))
