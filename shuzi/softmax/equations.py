"""Softmax regression in numpy: the model, its loss, its gradient and a step, one equation per function.

An image is a row x of 784 pixels. Each digit k has a column of W, its template, and a bias b_k; the logit of k is how
well the image matches, x . W[:, k] + b_k. Softmax makes probabilities of the logits, cross-entropy says how wrong they
are, and gradient descent makes them less wrong. `equations_torch` has the same in torch.

Equations: C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.
"""

import numpy as np

PIXELS, CLASSES = 28 * 28, 10


def rows(images: np.ndarray) -> np.ndarray:
    """Flatten images uint8 (m, 28, 28), 255 is ink, to rows x float32 (m, 784) in [0, 1]."""
    return images.reshape(len(images), -1) / np.float32(255)


def logits(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The linear map z = x W + b: (m, 784), (784, 10), (10,) to (m, 10)."""
    return x @ W + b


def softmax(z: np.ndarray) -> np.ndarray:
    """p_k = exp(z_k) / sum_j exp(z_j), row by row: logits (m, 10) to probabilities (m, 10).

    Subtracting the row's largest logit first cancels in the fraction, and nothing overflows.
    """
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(z: np.ndarray, labels: np.ndarray) -> float:
    """The mean of -log p[label] = log(sum_j exp(z_j)) - z[label], in nats, from logits (m, 10) and labels (m,)."""
    top = z.max(axis=1)
    log_sum = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
    return float((log_sum - z[np.arange(len(z)), labels]).mean())


def gradient(x: np.ndarray, z: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of the cross-entropy: x^T (p - onehot) / m for W, (784, 10); its sum over rows for b, (10,)."""
    error = softmax(z) - np.eye(z.shape[1], dtype=z.dtype)[labels]
    error /= len(z)
    return x.T @ error, error.sum(axis=0)


def descend(W: np.ndarray, b: np.ndarray, of_W: np.ndarray, of_b: np.ndarray, lr: float) -> None:
    """Take a step of gradient descent in place: each parameter less lr times its gradient."""
    W -= lr * of_W
    b -= lr * of_b
