"""What the commands print: tables, JSON, errors and progress, with control characters escaped."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from shuzi.data.web import Progress as DownloadProgress

Item = TypeVar("Item")
# All but tab and line feed, separators of lines, and what changes the direction of writing
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
WIDE = 120  # columns of a file or pipe; a terminal knows its own


def escape_control(text: str) -> str:
    r"""Return a text with its control characters as escapes such as \x1b; tabs and line feeds stay."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def on_one_line(text: str) -> str:
    r"""Return a text as `escape_control` does, with its tabs and line feeds as \t and \n."""
    return escape_control(text).replace("\t", "\\t").replace("\n", "\\n")


class Terminal(Console):
    """A console that prints text as it is, without markup, and escapes control characters, in tables too."""

    def __init__(self, width: int | None = None, stderr: bool = False) -> None:
        super().__init__(
            width=width, stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False
        )  # a path may hold [b]

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text as rich prints it."""
        return super().render_str(escape_control(text), **options)


out = Terminal(width=None if sys.stdout and sys.stdout.isatty() else WIDE)
err = Terminal(stderr=True)


def print_json(value: dict[str, Any]) -> None:
    """Print the one JSON object of --json."""
    print(json.dumps(value))


def print_error(sentence: str) -> None:
    """Print a sentence on one line of stderr, above any progress bar."""
    print(f"shuzi: {on_one_line(sentence.removesuffix('.'))}", file=sys.stderr)


def print_rows(header: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    """Print an aligned table: the first column to the left, the others, numbers, to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, title in enumerate(header):
        table.add_column(str(title), justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    wide = Terminal(width=1000)
    wide.width = max(out.width, wide.measure(table).maximum)  # a terminal may break a line, but none is cut
    wide.print(table)
    out.print()


@contextmanager
def progress_bar(total: int, console: Console) -> Iterator[Callable[[Iterable[Item]], Iterable[Item]]]:
    """Yield a function that wraps an iterable of `total` items to show a bar of how many are done.

    There is a bar only for two items or more, on a terminal: on `console` if it is one, because what is printed there
    meanwhile goes above the bar, else on stderr.
    """
    if total < 2 or not err.is_terminal:
        yield lambda items: items
        return
    from rich.progress import Progress

    with Progress(console=console if console.is_terminal else err, transient=True) as display:
        yield lambda items: display.track(items, total, description="reading")


@contextmanager
def download_bars() -> Iterator["DownloadProgress | None"]:
    """Yield what shows a bar for each download, on a terminal; None elsewhere."""
    if not err.is_terminal:
        yield None
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=err, transient=True) as display:
        tasks: dict[str, bars.TaskID] = {}

        def show(name: str, received: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = display.add_task(name)
            display.update(tasks[name], completed=received, total=total or None)
            if received == total:
                display.remove_task(tasks.pop(name))

        yield show
