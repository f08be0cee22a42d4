"""The random numbers that `torch.Generator` draws from a seed, in numpy: the same weights and the same order of images.

Both have the Mersenne Twister (M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998)), seeded as its authors do with a
seed's lowest 32 bits. So all forms of softmax regression end with the same weights.
"""

import numpy as np

from shuzi.softmax.equations import CLASSES, PIXELS

BLOCK = 16  # torch draws normal numbers in blocks of this size, half of them cosines and half sines


def generator(seed: int) -> np.random.RandomState:
    """Make the generator of a seed, 0 or more."""
    return np.random.RandomState(seed & 0xFFFFFFFF)


def uint32(generator: np.random.RandomState, count: int) -> np.ndarray:
    """Draw uint32 (count,), uniform over all 2^32."""
    return generator.randint(0, 2**32, count, dtype=np.uint32)


def initial(generator: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Draw W (784, 10) from N(0, 1) / sqrt(784), so that logits start small; b is zeros (10,).

    Normal numbers of uniform ones: G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958).
    """
    uniform = (uint32(generator, PIXELS * CLASSES) & 0xFFFFFF).astype(np.float32) / np.float32(2**24)  # 0..1
    first, second = uniform.reshape(-1, 2, BLOCK // 2).swapaxes(0, 1)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), np.float32(2 * np.pi) * second
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    templates = normal.reshape(CLASSES, PIXELS) / np.float32(np.sqrt(PIXELS))
    return np.ascontiguousarray(templates.T), np.zeros(CLASSES, np.float32)


def order(generator: np.random.RandomState, count: int) -> np.ndarray:
    """Draw a permutation of 0 .. count - 1 (Fisher and Yates, as R. Durstenfeld has it, CACM 7 (1964), 420)."""
    here = np.arange(count - 1, dtype=np.uint32)
    there = here + uint32(generator, count - 1) % (count - here)
    places = list(range(count))
    for place, other in enumerate(there.tolist()):
        places[place], places[other] = places[other], places[place]
    return np.array(places)
