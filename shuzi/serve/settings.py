"""What a server is started with."""

from dataclasses import dataclass

from shuzi.serve.guard import LOOPBACK

EVERYWHERE = ("0.0.0.0", "::")  # what a server binds to for all its addresses


@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    host, port: where it listens; weights: an ONNX network, None for the shipped one; workers: processes that read;
    read_only: nothing is stored; allow_hosts: names it answers for besides loopback's; corrections: their folder,
    None for the user's data folder; review: a CSV file of forms to put right.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    weights: str | None = None
    workers: int = 2
    read_only: bool = False
    allow_hosts: tuple[str, ...] = ()
    corrections: str | None = None
    review: str | None = None

    @property
    def private(self) -> bool:
        """Whether only this computer's own people can ask, who may know where its files lie."""
        return self.host in LOOPBACK and not self.allow_hosts
