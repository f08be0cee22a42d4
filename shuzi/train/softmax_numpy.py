"""Softmax regression in numpy, its gradient written out: all of `softmax` once more, without a framework.

The same start and the same order of batches as `torch.Generator` draws from the same seed, so that all forms end with
the same weights. Its numbers are those of the Mersenne Twister (M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998)),
seeded as its authors do with a seed's lowest 32 bits; numpy has that generator too.

Equations: C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.
"""

import numpy as np

PIXELS, CLASSES = 28 * 28, 10
BLOCK = 16  # torch draws normal numbers in blocks of so many, half of them cosines and half sines


def generator(seed: int) -> np.random.RandomState:
    """Give the generator of a seed, 0 or more."""
    return np.random.RandomState(seed & 0xFFFFFFFF)


def whole(generator: np.random.RandomState, count: int) -> np.ndarray:
    """Draw uint32 (count,), all 2^32 alike."""
    return generator.randint(0, 2**32, count, dtype=np.uint32)


def initial(generator: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Draw W (784, 10) from N(0, 1) / sqrt(784), so that logits start small; b is zeros (10,).

    Normal numbers of even ones: G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958).
    """
    even = (whole(generator, PIXELS * CLASSES) & 0xFFFFFF).astype(np.float32) / np.float32(2**24)  # 0..1
    first, second = even.reshape(-1, 2, BLOCK // 2).swapaxes(0, 1)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), np.float32(2 * np.pi) * second
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    templates = normal.reshape(CLASSES, PIXELS) / np.float32(np.sqrt(PIXELS))
    return np.ascontiguousarray(templates.T), np.zeros(CLASSES, np.float32)


def order(generator: np.random.RandomState, count: int) -> np.ndarray:
    """Draw an order of 0 .. count - 1: each place takes one of those left (R. Durstenfeld, CACM 7 (1964), 420)."""
    here = np.arange(count - 1, dtype=np.uint32)
    there = here + whole(generator, count - 1) % (count - here)
    places = list(range(count))
    for place, other in enumerate(there.tolist()):
        places[place], places[other] = places[other], places[place]
    return np.array(places)


def rows(images: np.ndarray) -> np.ndarray:
    """Flatten images uint8 (m, 28, 28), 255 is ink, to rows float32 (m, 784) in [0, 1]."""
    return images.reshape(len(images), -1) / np.float32(255)


def logits(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The linear map y = x W + b: (m, 784), (784, 10), (10,) to (m, 10)."""
    return x @ W + b


def softmax(y: np.ndarray) -> np.ndarray:
    """p_k = exp(y_k) / sum_j exp(y_j), row by row; the largest logit is taken off first, so that nothing overflows."""
    e = np.exp(y - y.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(y: np.ndarray, labels: np.ndarray) -> float:
    """The mean of -log p[label] = log(sum_j exp(y_j)) - y[label], in nats, from logits (m, 10) and labels (m,)."""
    top = y.max(axis=1)
    log_sum = top + np.log(np.exp(y - top[:, None]).sum(axis=1))
    return float((log_sum - y[np.arange(len(y)), labels]).mean())


def gradient(x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of the cross-entropy: x^T (p - onehot) / m for W, (784, 10); its sum over rows for b, (10,)."""
    error = softmax(y) - np.eye(y.shape[1], dtype=y.dtype)[labels]
    error /= len(y)
    return x.T @ error, error.sum(axis=0)
