"""Compare shuzi.sklearn.SoftmaxRegression with scikit-learn's estimators on MNIST.

Each has its default settings, and two take one pass in addition. LogisticRegression stops at its default of 100 steps
before it has converged; SGDClassifier is a linear support vector machine without averaging.

    python benchmarks/estimators.py [ROUNDS]

Pixels float32 in [0, 1], the same array for all. Each side in turn, A B C A B C ..., ROUNDS times (default 3) in one
process; the figures are medians. Processor seconds are those of all threads together: they hold on a busy machine too.
"""

import os
import platform
import statistics
import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier

import shuzi
from shuzi.sklearn import SoftmaxRegression


def main(rounds: int) -> None:
    sides = {
        "SoftmaxRegression": lambda seed: SoftmaxRegression(random_state=seed),
        "LogisticRegression": lambda seed: LogisticRegression(random_state=seed),
        "SGDClassifier": lambda seed: SGDClassifier(random_state=seed),
        "SoftmaxRegression, one pass": lambda seed: SoftmaxRegression(max_iter=1, random_state=seed),
        "SGDClassifier, one pass": lambda seed: SGDClassifier(max_iter=1, tol=None, random_state=seed),
    }
    (X, y), (X_test, y_test) = (
        (digits.images.reshape(len(digits), -1) / np.float32(255), digits.labels) for digits in shuzi.load("mnist")
    )
    warnings.simplefilter("ignore", ConvergenceWarning)  # LogisticRegression stops after its 100 steps
    results = {name: [] for name in sides}
    for seed in range(rounds):
        for name, build in sides.items():
            model, wall, processor = build(seed), time.perf_counter(), time.process_time()
            model.fit(X, y)
            seconds = time.perf_counter() - wall, time.process_time() - processor
            results[name].append((*seconds, model.score(X_test, y_test)))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}, scikit-learn {sklearn.__version__}, medians of {rounds} rounds")
    print(f"{'':28} {'seconds':>8} {'processor':>10} {'test accuracy':>14}   {'of each seed'}")
    for name, rows in results.items():
        wall, processor, accuracy = map(statistics.median, zip(*rows, strict=True))
        each = ", ".join(f"{row[2]:.4f}" for row in rows)
        print(f"{name:28} {wall:8.2f} {processor:10.2f} {accuracy:14.4f}   {each}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
