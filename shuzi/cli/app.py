"""The group of commands, and `main`, which turns what a person can cause into one sentence and an exit code."""

import io
import os
import sys
import warnings
from collections.abc import Sequence
from traceback import print_exception
from typing import Any

import click

from shuzi import __version__
from shuzi.cli.classify import classify
from shuzi.cli.data import data
from shuzi.cli.evaluate import evaluate
from shuzi.cli.export import export
from shuzi.cli.learn import learn
from shuzi.cli.output import print_error
from shuzi.cli.read import read
from shuzi.cli.serve import serve
from shuzi.cli.show import show
from shuzi.cli.train import train
from shuzi.errors import Notice, ShuziError, Stopped, out_of_memory


class App(click.Group):
    """A group that lists its commands in the order in which they were added, and says when Ctrl-C stopped one."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the commands' names."""
        return list(self.commands)

    def invoke(self, context: click.Context) -> object:
        """Run the command. Raises Stopped on Ctrl-C, before Click prints an empty line."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise Stopped("stopped") from None


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, message="shuzi %(version)s", help="Print the version.")
def app() -> None:
    """Read handwritten digits, train models on them, and learn how it works."""


for command in (data, train, evaluate, show, read, classify, export, serve, learn):
    app.add_command(command)


def main() -> None:
    """Run the command line; what a person can cause becomes one sentence on stderr and an exit code."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if sys.stdout is None:  # closed, and its number taken by the next file to be opened
        sys.exit("shuzi: stdout is closed; nothing was done")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be text
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn programmers
    warnings.simplefilter("always", Notice)
    warnings.showwarning = print_warning
    code, sentence = run(sys.argv[1:] or ["--help"])
    if sentence:
        print_error(sentence)
    sys.exit(code)


def print_warning(message: Warning | str, category: type[Warning], *place: Any, **file: Any) -> None:
    """Print a Notice as a sentence, and any other warning as Python does."""
    if issubclass(category, Notice):
        print_error(str(message))
    else:
        print(f"{category.__name__}: {message}", file=sys.stderr)


def run(args: Sequence[str]) -> tuple[int, str]:
    """Run a command. Returns its exit code and the sentence that says what went wrong, else ""."""
    try:
        code = app(args, prog_name="shuzi", standalone_mode=False) or 0
        sys.stdout.flush()
    except click.Abort:  # Click's answer to Ctrl-C while it parses
        return Stopped.exit_code, "stopped"
    except Exception as error:
        if (failure := explain(error, args[0])) is None:
            raise
        if "--traceback" in args and isinstance(error, ShuziError):
            print_exception(error)
        return failure
    return code, ""


def explain(error: Exception, name: str) -> tuple[int, str] | None:
    """Return the exit code and the sentence for an error that a person can cause; None for a defect of ours.

    name: of the command, if it is one.
    """
    if isinstance(error, ShuziError):
        return error.exit_code, str(error)
    if isinstance(error, click.ClickException):  # the command line can't be parsed
        message = error.format_message().replace(". (Did", ". Did").replace("?)", "?")
        end = "" if message.endswith((".", "?")) else "."
        return error.exit_code, f"{message}{end} See: shuzi {f'{name} ' if name in app.commands else ''}--help"
    if isinstance(error, OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # no second attempt at exit
        return 1, f"{error.filename or 'output'}: {error.strerror or error}"
    failure = out_of_memory(error, "shuzi ran")
    return None if failure is None else (failure.exit_code, str(failure))
