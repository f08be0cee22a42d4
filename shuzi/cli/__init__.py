"""The command line: `main` runs a command, each in a module of its name."""

from shuzi.cli.app import main

__all__ = ["main"]
