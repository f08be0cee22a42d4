"""Options that several commands have."""

from pathlib import Path

import click

FILE = click.Path(readable=False)  # or "-", a dataset's name or a URI; a shell completes files
PATH = click.Path(readable=False, path_type=Path)
DEVICES = "auto, cpu, cuda, cuda:1 or mps."

root = click.option(
    "--root",
    type=PATH,
    envvar="SHUZI_DATA",
    show_envvar=True,
    help="Folder for downloaded datasets. Default: your cache folder.",
)
labels = click.option("--labels", help="Take only images with these labels, such as 0-9. Default: all.")
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and everything else on stderr."
)
device = click.option("--device", default="auto", help=DEVICES)
own_recipe = click.option(
    "--recipe",
    metavar="MODULE:NAME",
    help="The recipe of the run, if it is your own. shuzi runs the code of its module.",
)
traceback = click.option(
    "--traceback", is_flag=True, expose_value=False, help="Print the traceback behind an error, for your own recipes."
)
weights = click.option("--weights", type=PATH, help="An ONNX file. Default: the shipped reader.")
