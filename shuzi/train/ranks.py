"""The processes of one training, as torchrun starts them; a process alone is rank 0 of 1, and needs no torch here."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from shuzi.errors import ShuziError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Ranks:
    """The processes of one training. rank: this one's number, from 0; size: how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is rank 0, the only one that writes and prints."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return this rank's slice of `count` items; slices differ by at most one item and may be empty."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def tell(self, sentence: str) -> str:
        """Return the sentence on rank 0 and nothing on the others, so that it is printed once."""
        return sentence if self.first else ""

    def from_first(self, make: Callable[[], Made]) -> Made:
        """Broadcast what rank 0 makes; the other ranks may lack the files that it reads."""
        made: list[Any] = [make() if self.first else None]
        if self.size > 1:
            import torch.distributed as dist

            dist.broadcast_object_list(made)
        return made[0]

    def agree(self, what: str, value: str) -> None:
        """Raise ShuziError on a rank whose value differs from rank 0's."""
        if value != (firsts := self.from_first(lambda: value)):
            raise ShuziError(f"rank {self.rank}: {what} is {value} here, but {firsts} on rank 0")


ALONE = Ranks()


def ranks() -> Ranks:
    """Return the processes that this one trains with: torch's default group, if there is one."""
    if "torch" not in sys.modules:
        return ALONE
    import torch.distributed as dist

    return Ranks(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else ALONE


@contextlib.contextmanager
def launched() -> Iterator[Ranks]:
    """Join the other processes if torchrun has started this one: by nccl between GPUs, by gloo between CPUs."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield ALONE
        return
    import torch
    import torch.distributed as dist

    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield ranks()
    finally:
        dist.destroy_process_group()


def lost(error: RuntimeError) -> bool:
    """Tell whether communication failed because another rank is gone; gloo raises a plain RuntimeError."""
    return ranks().size > 1 and ("gloo" in str(error) or type(error).__name__.startswith("Dist"))
