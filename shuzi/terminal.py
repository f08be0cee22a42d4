"""What goes to a terminal. Names and messages may hold control characters: these are shown, and not obeyed."""

import re
from typing import Any

from rich.console import Console
from rich.text import Text

# All but tab and line feed, separators of lines, and what changes the direction of writing
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Give a text with its control characters as escapes such as \x1b; tabs and line feeds stay."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def on_one_line(text: str) -> str:
    r"""Give a text as `visible` does, with its tabs and line feeds as \t and \n."""
    return visible(text).replace("\t", "\\t").replace("\n", "\\n")


class Terminal(Console):
    """A console on which every text, in tables too, is `visible`."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """Give a text as rich prints it."""
        return super().render_str(visible(text), **options)
