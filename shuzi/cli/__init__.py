"""The command line: `main` runs a command, each in a module of its name."""

import signal


def main() -> None:
    """Run the command line, as `app.main` does; Ctrl-C ends the process at once while modules are imported."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from shuzi.cli import app

    signal.signal(signal.SIGINT, signal.default_int_handler)
    app.main()
