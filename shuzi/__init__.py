"""shuzi 数字: handwritten digits, to learn from, to train and to read.

>>> import shuzi
>>> train, test = shuzi.load("mnist")
>>> shuzi.Reader().read("photo.jpg").text
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shuzi.data.digits import Digits
    from shuzi.errors import ShuziError
    from shuzi.read.own import load
    from shuzi.read.reader import Reader

__version__ = "0.1.0"
__all__ = ["Digits", "Reader", "ShuziError", "__version__", "load"]

_HOMES = {
    "Digits": "shuzi.data.digits",
    "load": "shuzi.read.own",
    "Reader": "shuzi.read.reader",
    "ShuziError": "shuzi.errors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public name when it is first asked for, so that `import shuzi` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'shuzi' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
