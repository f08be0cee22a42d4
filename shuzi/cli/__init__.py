"""The command line: `main` runs a command, each in a module of its name."""

import signal
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. After a plain KeyboardInterrupt within exec(), as dataclasses use it, Python ignores the exit code."""


def interrupt(*_: Any) -> None:
    """Handle a signal: raise Interrupted."""
    raise Interrupted


def main() -> None:
    """Run the command line, as `app.main` does; Ctrl-C ends the process at once while modules are imported."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from shuzi.cli import app

    for each in (signal.SIGINT, signal.SIGTERM):  # either way partial work is cleaned up
        signal.signal(each, interrupt)
    app.main()
