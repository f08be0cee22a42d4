"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[
    Path | None, typer.Option(help="Folder for downloaded datasets. Default: your cache folder.", envvar="SHUZI_DATA")
]
Labels = Annotated[str | None, typer.Option(help="Take only images with these labels, such as 0-9. Default: all.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and everything else on stderr.")]
DEVICES = "auto, cpu, cuda, cuda:1 or mps."
Device = Annotated[str, typer.Option(help=DEVICES)]
OwnRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="MODULE:NAME",
        help="The recipe of the run, if it is your own. shuzi runs the code of its module.",
    ),
]
Traceback = Annotated[
    bool, typer.Option("--traceback", help="Print the traceback behind an error, for your own recipes.")
]
Weights = Annotated[Path | None, typer.Option(help="An ONNX file. Default: the shipped reader.")]
