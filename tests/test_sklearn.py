"""Softmax regression as an estimator: held to scikit-learn's own checks, and to its own regression."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from shuzi.sklearn import SoftmaxRegression


@pytest.mark.slow
@parametrize_with_checks([SoftmaxRegression()])
def test_it_passes_what_scikit_learn_asks_of_a_classifier(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_it_passes_the_check_that_is_skipped_unless_scipy_is_told():
    script = """
from sklearn.utils.estimator_checks import estimator_checks_generator
from shuzi.sklearn import SoftmaxRegression
for estimator, check in estimator_checks_generator(SoftmaxRegression()):
    if check.func.__name__ == "check_array_api_input":
        check(estimator)
        print("passed")
"""
    told = {**os.environ, "SCIPY_ARRAY_API": "1"}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=told)
    assert (ended.stdout, ended.stderr) == ("passed\n", "")


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return train_test_split(images / 16, labels, random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [range(10), (3, 8)])
def test_it_comes_to_where_scikit_learns_own_regression_comes(digits, classes):
    X, _, y, _ = digits
    X, y = X[np.isin(y, classes)], y[np.isin(y, classes)]
    alpha = 1e-2
    ours = SoftmaxRegression(alpha=alpha, max_iter=4000 // -(-len(X) // 200)).fit(X, y)
    # of two classes ours are two templates, each half of scikit-learn's one: their squares sum up to half of it
    strength = alpha / 2 if len(classes) == 2 else alpha
    theirs = LogisticRegression(C=1 / (strength * len(X)), max_iter=3000, tol=1e-8).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.abs(ours.predict_proba(X) - theirs.predict_proba(X)).max() < 0.01
    assert np.abs(ours.coef_ - theirs.coef_).max() < 0.02 * np.abs(theirs.coef_).max()


def test_units_of_the_features_change_nothing():
    X, y = load_wine(return_X_y=True)  # from 0.1 to 1,700
    units = 10.0 ** np.arange(-6, 7)
    plain = SoftmaxRegression(alpha=0).fit(X, y)
    other = SoftmaxRegression(alpha=0).fit(X * units + units, y)
    assert np.allclose(plain.predict_proba(X), other.predict_proba(X * units + units), atol=1e-4)
    assert plain.score(X, y) > 0.97


def test_parts_of_the_data_are_learnt_one_after_another(digits):
    X, X_test, y, y_test = digits
    model = SoftmaxRegression()
    for _ in range(5):
        for rows in np.array_split(np.arange(len(X)), 9):
            model.partial_fit(X[rows], y[rows], classes=range(10))
    assert model.n_iter_ == 45
    assert model.score(X_test, y_test) > 0.93


def test_a_feature_that_first_varies_later_is_learnt_all_the_same():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(400, 2))
    y = X[:, 1] > 0
    X[:200, 1], y[:200] = 0, X[:200, 0] > 0
    model = SoftmaxRegression()
    for _ in range(40):
        model.partial_fit(X[:200], y[:200], classes=(False, True))
        model.partial_fit(X[200:], y[200:])
    assert model.score(X[200:], y[200:]) > 0.8


def test_labels_may_be_words_and_data_stay_single(digits):
    X, _, y, _ = digits
    words = np.array(["nought", "one", "two"])[y % 3]
    model = SoftmaxRegression(max_iter=5).fit(X.astype(np.float32), words)
    assert model.classes_.tolist() == ["nought", "one", "two"]
    assert set(model.predict(X[:50])) <= set(model.classes_)
    assert model.coef_.dtype == model.predict_proba(X[:1].astype(np.float32)).dtype == np.float32
    assert model.coef_.shape == (3, 64)
    assert log_loss(words, model.predict_proba(X)) == pytest.approx(
        -model.predict_log_proba(X)[np.arange(len(X)), y % 3].mean(), rel=1e-5
    )


@pytest.mark.slow
def test_a_grid_of_pipelines_is_searched(digits):
    X, X_test, y, y_test = digits
    pipeline = make_pipeline(MinMaxScaler(), SoftmaxRegression())
    search = GridSearchCV(pipeline, {"softmaxregression__alpha": [1e-4, 1.0]}, cv=3).fit(X, y)
    assert search.best_params_ == {"softmaxregression__alpha": 1e-4}
    assert search.score(X_test, y_test) > 0.94


@pytest.mark.parametrize(("settings", "words"), [
    ({"alpha": -1}, "alpha=-1: expected 0 or more"),
    ({"alpha": float("nan")}, "alpha=nan"),
    ({"max_iter": 0}, "max_iter=0: expected 1 or more"),
    ({"batch_size": 0}, "batch_size=0: expected 1 or more"),
])  # fmt: skip
def test_a_setting_out_of_range_is_named(settings, words):
    with pytest.raises(ValueError, match=words):
        SoftmaxRegression(**settings).fit([[0.0], [1.0]], [0, 1])


def test_what_partial_fit_cannot_learn_is_said():
    model = SoftmaxRegression()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit([[0.0]], [0])
    model.partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
    with pytest.raises(ValueError, match=r"not among classes: \[2\]"):
        model.partial_fit([[0.0]], [2])
    with pytest.raises(ValueError, match="is not what the first call had"):
        model.partial_fit([[0.0]], [0], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="only one class"):
        SoftmaxRegression().fit([[0.0], [1.0]], [7, 7])
    with pytest.raises(NotFittedError):
        SoftmaxRegression().predict([[0.0]])


def test_without_scikit_learn_it_says_how_to_get_it():
    script = "import sys; sys.modules['sklearn'] = None; import shuzi.sklearn"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "install it with: pip install '.[sklearn]'" in ended.stderr


def test_it_loads_no_torch():
    script = "import shuzi.sklearn, sys; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
