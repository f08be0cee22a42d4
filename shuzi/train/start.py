"""The weights that a training starts from: the shipped reader's, an ONNX file's, a run's or a hub folder's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shuzi.errors import ShuziError, needs
from shuzi.network import HUB_CONFIG, HUB_WEIGHTS
from shuzi.train.checkpoint import read_tensors
from shuzi.train.held_out import CONFIG, RECORD, Learnt, learnt_by
from shuzi.train.run import WEIGHTS
from shuzi.train.run_folder import read_stored, read_text

if TYPE_CHECKING:
    import torch

# The shipped reader's weights in float16, before they were rounded to 8 bits.
READER = Path(__file__).parent / "weights" / "best.onnx"


def read_start(start: str, recipe_name: str) -> tuple[dict[str, Any], Learnt | None]:
    """Read what a recipe starts from: the weights, and what they have learnt from, None if that isn't recorded.

    Raises:
        ShuziError: there is no such thing, or it is damaged.
    """
    if start == "reader" or start.endswith(".onnx"):
        return read_onnx(READER if start == "reader" else Path(start))
    folder = Path(start)
    if (config := folder / HUB_CONFIG).is_file():
        return read_tensors(folder / HUB_WEIGHTS, recipe_name), Learnt.from_text(read_text(config), CONFIG)
    learnt = learnt_by(read_stored(folder))
    return read_tensors(folder / WEIGHTS, recipe_name), learnt


def read_onnx(path: Path) -> "tuple[dict[str, torch.Tensor], Learnt | None]":
    """Read an ONNX file that `export` wrote: its weights, by their names in the model, and what they have learnt from.

    Raises:
        ShuziError: the file is missing, or not an ONNX network.
    """
    onnx = needs("train", "onnx")
    import torch

    try:
        model = onnx.load(path)
    except FileNotFoundError:
        raise ShuziError(f"{path}: no such file; training starts from what shuzi export wrote") from None
    except Exception as error:  # onnx and protobuf raise several kinds, all meaning that it can't be read
        raise ShuziError(f"{path}: not an ONNX network, or damaged; make it again with shuzi export") from error
    found = {
        each.name.partition(".")[2]: torch.from_numpy(onnx.numpy_helper.to_array(each).astype(np.float32))
        for each in model.graph.initializer
        if each.name.startswith(("network.", "finder."))
    }
    if not found or any(each.name.endswith("_quantized") for each in model.graph.initializer):
        raise ShuziError(
            f"{path}: holds no weights to start from, or rounded ones; make it again with shuzi export, without --int8"
        )
    # batch norm counts its batches, and an ONNX network has no use for that
    counters = {name.replace("running_mean", "num_batches_tracked") for name in found if "running_mean" in name}
    about = {entry.key: entry.value for entry in model.metadata_props}
    return found | dict.fromkeys(counters, torch.tensor(0)), Learnt.from_text(about.get(RECORD, ""))
