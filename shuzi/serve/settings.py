"""What a server is started with."""

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from shuzi.errors import ShuziError

SHUTDOWN = 2.0  # seconds that requests have to finish once the server is told to stop
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY_ADDRESS = ("0.0.0.0", "::")  # a server that binds to these listens on all its addresses


@dataclass(frozen=True)
class ServerSettings:
    """What a server is started with.

    host, port: where it listens, on a free port for 0; weights: an ONNX network, None for the shipped one;
    workers: processes that read; read_only: nothing is stored; allow_hosts: names under which a proxy serves the page;
    corrections: their folder, None for one in the user's data folder; review: a CSV file to correct;
    decimal: "." or ",", the decimal sign of corrected numbers that leave it open, as 1.234 does.
    Raises ShuziError on a number out of range, and on a review that couldn't save.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    weights: str | None = None
    workers: int = 2
    read_only: bool = False
    allow_hosts: tuple[str, ...] = ()
    corrections: str | None = None
    review: str | None = None
    decimal: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= 64:
            raise ShuziError(f"--workers {self.workers}: expected 1 to 64.")
        if not 0 <= self.port <= 65535:  # the resolver would take it modulo 65,536
            raise ShuziError(f"--port {self.port}: expected 0 to 65535.")
        if self.decimal not in ("", ".", ","):
            raise ShuziError(f"--decimal {self.decimal!r:.60}: expected a point or a comma.")
        if self.review is not None and self.read_only:
            raise ShuziError("--review saves corrections, so it can't be combined with --read-only.")

    @property
    def private(self) -> bool:
        """Whether only people at this computer can ask, who may know where its files are."""
        return self.host in LOOPBACK and not self.allow_hosts

    @property
    def folder(self) -> Path:
        """The folder of the corrections."""
        default = platformdirs.user_data_path("shuzi", appauthor=False) / "corrections"
        return Path(self.corrections or default)
