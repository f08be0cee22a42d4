"""`shuzi learn`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from shuzi.cli.options import AsJson
from shuzi.cli.output import out, print_json


def learn(
    language: Annotated[
        str | None, typer.Option("--lang", help="zh or en. Default: the language of your locale.")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder for the notebooks.")] = Path("shuzi-lesson"),
    browser: Annotated[bool, typer.Option(help="Open them in Jupyter.")] = True,
    as_json: AsJson = False,
) -> None:
    """Open the lesson in Jupyter.

    Copies its notebooks to a folder: fourteen executed chapters, from the data to your own handwriting.
    """
    from shuzi.learn import notebooks

    copied = notebooks.copy_to(to, language or notebooks.language_of_locale())
    if as_json:
        return print_json({"notebooks": [str(path) for path in copied]})
    for path in copied:
        out.print(str(path))
    if browser and not notebooks.open_in_jupyter(copied[0]):
        out.print(
            "Jupyter isn't installed. To run the notebooks, in the folder of shuzi's source: pip install '.[learn]'; "
            f"then: shuzi learn --to {shlex.quote(str(to))}"
        )
