"""A network of torch as an ONNX model, without what the exporter notes for itself."""

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from shuzi import version

if TYPE_CHECKING:
    import onnx


def graph(
    network: nn.Module, images: Tensor, shapes: dict[int, Any], outputs: list[str], about: dict[str, str]
) -> "onnx.ModelProto":
    """Give a network that takes `images` as an ONNX model.

    Args:
        network: in evaluation, its weights contiguous.
        images: what it takes, a sample; of two or more.
        shapes: which of their dimensions may be another, as `torch.export.export` has it.
        outputs: what its answers are called.
        about: kept in the file, with the version of shuzi.
    """
    import onnx
    from onnxscript import optimizer

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of a torchvision that nobody needs
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of deprecations within the exporter itself
        program = torch.onnx.export(
            network,
            (images,),
            input_names=["images"],
            output_names=outputs,
            dynamic_shapes=(shapes,),
            dynamo=True,
            verbose=False,
            optimize=False,
        )
    assert program is not None  # torch gives one unless it writes a file itself
    # batch norm is left for onnxruntime to fold into the convolutions: so training can start from the file
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {**about, "shuzi.version": version.full()})
    for node in proto.graph.node:  # where in the exporter's source it came from: two thirds of the file
        del node.metadata_props[:]
        node.doc_string = ""
    return proto
