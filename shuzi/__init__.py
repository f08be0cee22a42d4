"""shuzi 数字: handwritten digits, to learn from, to train and to read.

>>> import shuzi
>>> train, test = shuzi.load("mnist")
>>> shuzi.Reader().read("photo.jpg").text
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shuzi.batch.folders import read_files as read_files
    from shuzi.data.digits import Digits as Digits
    from shuzi.data.digits import Transform
    from shuzi.data.normalise import normalise as normalise
    from shuzi.data.sources import Progress
    from shuzi.errors import ShuziError as ShuziError
    from shuzi.read.reader import Reader as Reader
    from shuzi.train.fit import fit as fit
    from shuzi.train.recipe import Recipe as Recipe
    from shuzi.train.settings import Settings as Settings
    from shuzi.train.torch_loop import Training as Training

__version__ = "0.4.0"
_HOMES = {
    "Digits": "shuzi.data.digits",
    "Reader": "shuzi.read.reader",
    "Recipe": "shuzi.train.recipe",
    "Settings": "shuzi.train.settings",
    "ShuziError": "shuzi.errors",
    "Training": "shuzi.train.torch_loop",
    "fit": "shuzi.train.fit",
    "normalise": "shuzi.data.normalise",
    "read_files": "shuzi.batch.folders",
}

__all__ = sorted(["__version__", "load", *_HOMES])  # type checkers go by the imports above

logging.getLogger("shuzi").addHandler(logging.NullHandler())  # silent until a program asks


def load(
    name: "str | Path" = "mnist",
    root: "str | Path | None" = None,
    progress: "Progress | None" = None,
    transform: "Transform | None" = None,
    skip_blank: bool = False,
    labels: "str | None" = None,
) -> "tuple[Digits, Digits]":
    """Load the training and the test digits of a dataset.

    Args:
        name: "mnist", "fashion-mnist", or a path: a folder of pictures in sub-folders 0 to 9, each seen as the
            shipped reader sees it; or a file or folder of IDX, CSV, NPZ, NPY or Parquet files, or of USPS. Where one
            part alone has labels, a tenth of it is held out for the test, and a warning says so.
        root: the folder of downloaded datasets, in torchvision's layout; default: SHUZI_DATA, else the user's cache.
        progress: called as a download proceeds: file name, bytes received, bytes in total (0: unknown).
        transform: what indexing makes of each image, as torchvision's sets take it; see `Digits`.
        skip_blank: leave out pictures of a folder in which no ink is found; otherwise they are an error.
        labels: take only images with these labels, such as "0-9" of EMNIST; not of a folder of pictures.

    Raises:
        ShuziError: an unknown name, a folder without a dataset, a file that is not what it should be, or no
            source for one that is missing.
    """
    from shuzi.data import datasets, own
    from shuzi.errors import ShuziError

    if not isinstance(name, str | Path):
        raise ShuziError(f"{name!r}: expected the name of a dataset, or a file or folder as str or Path.")
    if transform is not None:
        train, test = load(name, root, progress, skip_blank=skip_blank, labels=labels)
        return train.with_transform(transform), test.with_transform(transform)
    if not own.is_own(name):
        return datasets.read(name, root, progress, labels).split()
    if labels is not None:
        raise ShuziError(f"{name}: a folder of pictures, whose labels are its sub-folders; remove --labels {labels}")
    from shuzi.read.reader import Reader

    reader = Reader()
    return own.from_pictures(Path(name), reader.writing, skip_blank)


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that `import shuzi` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'shuzi' has no attribute {name!r}")
    from shuzi.errors import needs

    return getattr(needs("train", _HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
