"""`shuzi export`."""

import shlex
from dataclasses import asdict
from pathlib import Path

import click

from shuzi.cli import options
from shuzi.cli.output import out, print_json
from shuzi.errors import ShuziError, needs


@click.command()
@click.argument("run", type=options.PATH, metavar="RUN", help="The folder of a run.")
@click.option(
    "--to",
    "kind",
    type=click.Choice(["onnx", "hub"]),
    default="onnx",
    help="onnx: an ONNX file; hub: a Hugging Face model folder.",
)
@click.option(
    "--out",
    "to",
    type=options.PATH,
    help="File or folder to write. Default: RUN/model.onnx, RUN/model-int8.onnx or RUN/hub.",
)
@click.option(
    "--int8",
    is_flag=True,
    help="Use 8-bit convolutions. Faster on a CPU, but the file can't be used as a start for training.",
)
@options.root
@options.own_recipe
@options.traceback
@options.as_json
def export(
    run: Path, kind: str, to: Path | None, int8: bool, root: Path | None, recipe: str | None, as_json: bool
) -> None:
    """Export a run as an ONNX file.

    shuzi read --weights and shuzi.Reader read with it. Its output is compared with torch's.
    """
    if kind == "hub":
        if int8:
            raise ShuziError(
                "--int8 is for ONNX files: a Hugging Face folder holds unrounded weights; leave out --int8 or --to hub"
            )
        path = needs("train", "shuzi.train.hub").to_hub(run, to, root, recipe)
        if as_json:
            return print_json({"run": str(run), "folder": str(path)})
        return out.print(f"{path}; read with it: shuzi read --weights {shlex.quote(str(path))} PICTURE")
    exported = needs("train", "shuzi.train.export").export(run, to, root, int8, recipe)
    path, calibration = exported.path, exported.calibration
    size = path.stat().st_size
    if as_json:
        fields = {"calibrated": calibration is not None, "why": exported.why}
        fields |= asdict(calibration) if calibration else {}
        return print_json({"run": str(run), "model": str(path), "bytes": size, **fields})
    out.print(f"{'calibrated on' if calibration else 'not calibrated:'} {exported.why}")
    out.print(f"{path}, {size:,} bytes; read with it: {exported.use}")
