"""Training without waiting for a compiler that is not used.

The first torch.optim optimiser imports torch._dynamo, the compiler behind torch.compile, only to tell it to
keep out: a second of start-up and 100 MB. Until something truly asks for it, a stand-in says the same.
"""

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any

import torch

NAME = "torch._dynamo"


class Deferred(types.ModuleType):
    """Stands for torch._dynamo until anything but the two calls below is asked of it; then it is imported."""

    @staticmethod
    def disable(fn: Callable[..., Any], recursive: bool = True, **_: object) -> Callable[..., Any]:
        """Give the function as it is: nothing is being compiled."""
        return fn

    @staticmethod
    def graph_break(*_: object, **__: object) -> None:
        """Do nothing: there is no graph to break."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)  # what the import system looks for on any module
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME], torch._dynamo
        return getattr(importlib.import_module(NAME), name)


def defer_compiler() -> None:
    """Put the stand-in in place, unless the compiler is there already."""
    if NAME not in sys.modules:
        torch._dynamo = sys.modules[NAME] = Deferred(NAME)
