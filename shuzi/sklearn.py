"""Softmax regression as scikit-learn knows estimators: for Pipeline, GridSearchCV and all that takes one."""

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from shuzi.errors import ShuziError
from shuzi.softmax import equations

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import check_is_fitted, validate_data
    from threadpoolctl import threadpool_limits
except ModuleNotFoundError as error:
    raise ShuziError(
        f"this needs {error.name}; in the folder of shuzi's source, install it with: pip install '.[sklearn]'"
    ) from error

# Default passes through the data; where rows are few, as many passes as make so many steps.
PASSES, STEPS = 12, 2_000
MOMENTUM = 0.9
RATE = 3.0  # of 1 / curvature; with this momentum steps grow without end from 3.8 on (B. Polyak 1964)
SETTLED = 300  # steps of `partial_fit` after which its rate has halved
LOOKED_AT = 1_000  # rows from which the curvature is taken
THREADS = 1  # a batch is done before a second thread has woken


class SoftmaxRegression(ClassifierMixin, BaseEstimator):
    """Softmax regression (multinomial logistic regression) by gradient descent on batches, in numpy.

    `fit` makes the mean cross-entropy plus alpha / 2 times the sum of the squared coefficients small: momentum, and a
    rate that falls in a line to nothing. The rate follows from the data: each feature is centred and divided by its
    range, and the curvature is then bounded by half the largest eigenvalue of their covariance (D. Böhning,
    "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44 (1992), 197).
    So features of any units will do.

    Args:
        alpha: weight of the penalty, 0 or more.
        max_iter: passes through the data, 1 or more; None for 12, and for more where the data are few.
        batch_size: rows a step at most, 1 or more.
        random_state: draws the order of the rows; a seed, a RandomState, or None for another order each time.

    Attributes:
        classes_: the labels (K,), sorted; of any type.
        coef_: (K, features), or (1, features) where there are two classes: then for the second one.
        intercept_: (K,), or (1,).
        n_features_in_: how many features there are.
        n_iter_: passes through the data that `fit` made, or calls of `partial_fit`.
    """

    def __init__(
        self,
        *,
        alpha: float = 1e-4,
        max_iter: int | None = None,
        batch_size: int = 200,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.alpha, self.max_iter, self.batch_size = alpha, max_iter, batch_size
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from rows X (N, features) and their labels y (N,). Raises ValueError for what is neither."""
        X, y = self._checked(X, y, reset=True)
        self._begin(unique_labels(y), X)
        batches = -(-len(X) // self.batch_size)
        passes = max(PASSES, -(-STEPS // batches)) if self.max_iter is None else self.max_iter
        steps = passes * batches
        self._descend(X, y, passes, lambda step: 1 - step / steps)
        self.n_iter_ = passes
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Go on learning: one pass through some rows, at a rate that falls from call to call.

        Args:
            X: (N, features).
            y: (N,), labels among `classes`.
            classes: all labels there will be; needed at the first call.

        Raises:
            ValueError: no classes at the first call or others later, a label that is none of them, or bad rows.
        """
        first = not hasattr(self, "classes_")
        X, y = self._checked(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit")
            self._begin(unique_labels(classes), X)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes={classes!r} is not what the first call had: {self.classes_!r}")
        if unknown := set(np.unique(y).tolist()) - set(self.classes_.tolist()):
            raise ValueError(f"y has labels that are not among classes: {sorted(unknown)}")
        done = self._steps
        self._descend(X, y, 1, lambda step: SETTLED / (SETTLED + done + step))
        self.n_iter_ += 1
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute logits (N, K); with two classes (N,), the second's less the first's."""
        check_is_fitted(self)
        x: np.ndarray = validate_data(self, X, reset=False, dtype=(np.float32, np.float64))
        logits = equations.logits(x, self.coef_.T, self.intercept_)
        return logits if len(self.classes_) > 2 else logits.ravel()

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the most probable label of each row, (N,)."""
        logits = self.decision_function(X)
        return self.classes_[logits.argmax(axis=1) if logits.ndim == 2 else (logits > 0).astype(int)]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class, (N, K), in the order of `classes_`."""
        logits = self.decision_function(X)
        return equations.softmax(logits if logits.ndim == 2 else np.stack([-logits / 2, logits / 2], axis=1))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict log probabilities, (N, K)."""
        return np.log(self.predict_proba(X))

    def _checked(self, X: ArrayLike, y: ArrayLike, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        if not self.alpha >= 0:
            raise ValueError(f"alpha={self.alpha!r}: expected 0 or more")
        for name, value in (
            ("max_iter", 1 if self.max_iter is None else self.max_iter),
            ("batch_size", self.batch_size),
        ):
            if not value >= 1:
                raise ValueError(f"{name}={value!r}: expected 1 or more")
        checked: tuple[np.ndarray, np.ndarray] = validate_data(self, X, y, reset=reset, dtype=(np.float32, np.float64))
        check_classification_targets(checked[1])
        return checked

    def _begin(self, classes: np.ndarray, X: np.ndarray) -> None:
        """Forget what was learnt: all logits are 0."""
        if len(classes) < 2:
            raise ValueError(f"only one class, {classes[0]!r}: expected samples of 2 classes or more")
        rows = 1 if len(classes) == 2 else len(classes)
        self.classes_, self._steps, self._seen, self.n_iter_ = classes, 0, 0, 0
        self.coef_, self.intercept_ = np.zeros((rows, X.shape[1]), X.dtype), np.zeros(rows, X.dtype)
        self._mean, self._low, self._high = np.zeros(X.shape[1], X.dtype), X.min(axis=0), X.max(axis=0)

    def _templates(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the templates (features, K) and the bias (K,); of two classes one is the other's opposite."""
        if len(self.classes_) > 2:
            return self.coef_.T, self.intercept_
        half = self.coef_[0] / 2, self.intercept_[0] / 2
        return np.stack([-half[0], half[0]], axis=1), np.stack([-half[1], half[1]])

    @threadpool_limits.wrap(limits=THREADS, user_api="blas")
    def _descend(self, X: np.ndarray, y: np.ndarray, passes: int, factor: Callable[[int], float]) -> None:
        """Go through the rows, the rate at each step a factor, 0..1, of what the curvature allows."""
        labels = np.searchsorted(self.classes_, y)
        generator = check_random_state(self.random_state)
        self._seen += len(X)
        self._mean += (X.mean(axis=0) - self._mean) * (len(X) / self._seen)
        self._low, self._high = np.minimum(self._low, X.min(axis=0)), np.maximum(self._high, X.max(axis=0))
        mean, span = self._mean, self._high - self._low
        scale = 1 / np.where(span > 0, span, 1)  # (features,)
        templates, bias = self._templates()
        W, b = templates / scale[:, None], bias + mean @ templates  # of features that are centred and scaled
        some = X[generator.permutation(len(X))[:LOOKED_AT]]
        rate = RATE / curvature((some - mean) * scale, self.batch_size)
        penalty = (self.alpha / (1 - MOMENTUM) * scale * scale)[:, None]
        of_W, of_b = np.zeros_like(W), np.zeros_like(b)
        for _ in range(passes):
            order = generator.permutation(len(X))
            # as even as can be: a small last batch would count its few rows for more
            for chosen in np.array_split(order, -(-len(X) // self.batch_size)):
                x = (X[chosen] - mean) * scale
                now_W, now_b = equations.gradient(x, equations.logits(x, W, b), labels[chosen])
                of_W, of_b = MOMENTUM * of_W + now_W, MOMENTUM * of_b + now_b
                step = rate * factor(self._steps)
                W = (W - step * of_W) / (1 + step * penalty)  # the penalty's step, taken where it ends
                b = b - step * of_b
                self._steps += 1
        templates = W * scale[:, None]
        bias = b - mean @ templates
        if len(self.classes_) == 2:
            templates, bias = np.diff(templates), np.diff(bias)
        self.coef_, self.intercept_ = np.ascontiguousarray(templates.T), bias


def curvature(x: np.ndarray, batch_size: int) -> float:
    """Bound the curvature of the cross-entropy on batches of rows x (N, features), centred: 1/2 or more.

    Half the largest eigenvalue of their covariance, by 10 steps of power iteration, and of the bias, which is 1; and
    half of what a batch adds by chance, their mean squared length over its size.
    """
    v = np.ones(x.shape[1], x.dtype)
    for _ in range(10):
        v = x.T @ (x @ v)
        v /= np.linalg.norm(v) or 1
    largest = np.square(x @ v).mean()
    return float(max(1, largest) + np.square(x).sum(axis=1).mean() / batch_size) / 2
