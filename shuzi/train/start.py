"""The weights that a training starts from: the shipped reader's, an ONNX file's, a run's or a hub folder's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shuzi.errors import ShuziError, needs
from shuzi.network import HUB_CONFIG, HUB_WEIGHTS
from shuzi.train import held_out
from shuzi.train.checkpoint import read_tensors
from shuzi.train.run import WEIGHTS
from shuzi.train.run_folder import read_stored, read_text

if TYPE_CHECKING:
    import onnx
    import torch


# The shipped reader's weights in float16, before they were rounded to 8 bits.
READER = Path(__file__).parent / "weights" / "best.onnx"


def first_weights(start: str, recipe_name: str) -> dict[str, Any]:
    """Read the weights that a recipe starts from: of the shipped reader, an ONNX file, a run or a hub folder.

    Raises:
        ShuziError: there is no such thing, or it is damaged.
    """
    if start == "reader" or start.endswith(".onnx"):
        return onnx_weights(READER if start == "reader" else Path(start))
    if (Path(start) / HUB_CONFIG).is_file():
        return read_tensors(Path(start) / HUB_WEIGHTS, recipe_name)
    return read_tensors(read_stored(Path(start)).folder / WEIGHTS, recipe_name)


def onnx_weights(path: Path) -> "dict[str, torch.Tensor]":
    """Read the weights of an ONNX file that `export` wrote, by their names in the model.

    Raises:
        ShuziError: the file is missing, or not an ONNX network.
    """
    onnx = needs("train", "onnx")
    import torch

    graph = onnx_model(path).graph
    found = {
        each.name.partition(".")[2]: torch.from_numpy(onnx.numpy_helper.to_array(each).astype(np.float32))
        for each in graph.initializer
        if each.name.startswith(("network.", "finder."))
    }
    if not found or any(each.name.endswith("_quantized") for each in graph.initializer):
        raise ShuziError(
            f"{path}: holds no weights to start from, or rounded ones; make it again with shuzi export, without --int8"
        )
    # batch norm counts its batches, and an ONNX network has no use for that
    counters = {name.replace("running_mean", "num_batches_tracked") for name in found if "running_mean" in name}
    return found | dict.fromkeys(counters, torch.tensor(0))


def onnx_model(path: Path) -> "onnx.ModelProto":
    """Read an ONNX file. Raises ShuziError if it is missing, or not an ONNX network."""
    onnx = needs("train", "onnx")

    try:
        return onnx.load(path)
    except FileNotFoundError:
        raise ShuziError(f"{path}: no such file; training starts from what shuzi export wrote") from None
    except Exception as error:  # onnx and protobuf raise several kinds, all meaning that it can't be read
        raise ShuziError(f"{path}: not an ONNX network, or damaged; make it again with shuzi export") from error


def learnt_before(start: str) -> "held_out.Learnt | None":
    """Read what the initial weights have learnt from; None if they don't record it. Errors as for `first_weights`."""
    if start == "reader" or start.endswith(".onnx"):
        model = onnx_model(READER if start == "reader" else Path(start))
        about = {entry.key: entry.value for entry in model.metadata_props}
        return held_out.Learnt.from_text(about.get(held_out.RECORD, ""))
    if (config := Path(start) / HUB_CONFIG).is_file():
        return held_out.Learnt.from_text(read_text(config), held_out.CONFIG)
    return held_out.learnt_by(read_stored(Path(start)))
