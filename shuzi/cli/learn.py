"""`shuzi learn`."""

import shlex
from pathlib import Path

import click

from shuzi.cli import options
from shuzi.cli.output import out, print_json


@click.command()
@click.option("--lang", "language", help="zh or en. Default: the language of your locale.")
@click.option("--to", type=options.PATH, default="shuzi-lesson", help="Folder for the notebooks.")
@click.option("--browser/--no-browser", default=True, help="Open them in Jupyter.")
@options.as_json
def learn(language: str | None, to: Path, browser: bool, as_json: bool) -> None:
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
