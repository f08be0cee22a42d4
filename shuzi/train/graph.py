"""Export a torch network as an ONNX model, without the exporter's own notes."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from shuzi import version
from shuzi.errors import ShuziError, needs
from shuzi.network import runtime

if TYPE_CHECKING:
    import onnx


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let a logger report errors only."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def graph(
    network: nn.Module, images: Tensor, shapes: dict[int, Any], outputs: list[str], about: dict[str, str]
) -> "onnx.ModelProto":
    """Export a network that takes `images` as an ONNX model.

    Args:
        network: in evaluation mode, with contiguous weights.
        images: a sample of its input, two or more.
        shapes: which of their dimensions vary, as `torch.export.export` takes it.
        outputs: the names of its outputs.
        about: properties to store in the file, besides the version of shuzi.
    """
    onnx, optimizer = (needs("train", module) for module in ("onnx", "onnxscript.optimizer"))

    with _quiet("torch.onnx"), warnings.catch_warnings(), torch.no_grad():  # it warns of torchvision
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
    assert program is not None  # torch returns one unless it writes a file itself
    # batch norm is left for onnxruntime to fold into the convolutions: so training can start from the file
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {**about, "shuzi.version": version.full()})
    for node in proto.graph.node:  # where in the exporter's source it came from: two thirds of the file
        del node.metadata_props[:]
        node.doc_string = ""
    return proto


def with_properties(model: bytes, about: dict[str, str]) -> bytes:
    """Add properties to an ONNX file's bytes; those of the same name are replaced."""
    onnx = needs("train", "onnx")

    proto = onnx.load_from_string(model)
    onnx.helper.set_model_props(proto, {each.key: each.value for each in proto.metadata_props} | about)
    return proto.SerializeToString()


def with_half_weights(model: bytes) -> bytes:
    """Store the float32 weights of an ONNX file's bytes as float16, which it casts back: half the size."""
    onnx = needs("train", "onnx")

    proto = onnx.load_from_string(model)
    casts = []
    for tensor in proto.graph.initializer:
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.ndim > 1:
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights.astype(np.float16), tensor.name))
            full = f"{tensor.name}.float32"
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [full], to=onnx.TensorProto.FLOAT))
            for node in proto.graph.node:
                node.input[:] = [full if name == tensor.name else name for name in node.input]
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto.SerializeToString()


def in_eight_bits(proto: "onnx.ModelProto", samples: Iterable[np.ndarray], whole: frozenset[str]) -> "onnx.ModelProto":
    """Quantise a model's convolutions to integers: two fifths of the time on processors with instructions for them.

    Activations have 8 bits and one range per tensor; weights have 7, because older processors sum two products in 16
    bits, and one range per channel. Source: B. Jacob et al., "Quantization and training of neural networks for
    efficient integer-arithmetic-only inference" (CVPR 2018).

    Args:
        proto: the model; its batch norms are folded into the convolutions.
        samples: batches of its input, whose activations set the range of the 8 bits.
        whole: names of weights whose convolutions stay as they are.

    Raises:
        ShuziError: there are no convolutions.
    """
    onnx = needs("train", "onnx")

    runtime()  # so that its telemetry is off
    from onnxruntime import quantization

    class Samples(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.samples = iter(samples)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(({"images": each} for each in self.samples), None)

    if all(node.op_type != "Conv" for node in proto.graph.node):
        raise ShuziError("a network without convolutions has nothing for 8 bits; export it without --int8")
    for number, node in enumerate(proto.graph.node):
        node.name = f"{node.op_type}{number}"  # nodes to exclude are given by name
    kept = [node.name for node in proto.graph.node if whole & {*node.input}]
    about = {entry.key: entry.value for entry in proto.metadata_props}
    with tempfile.TemporaryDirectory() as folder:
        given, before, after = (Path(folder) / f"{name}.onnx" for name in ("given", "before", "after"))
        onnx.save(proto, given)
        quantization.quant_pre_process(given, before, skip_symbolic_shape=True)  # folds batch norms
        quantization.quantize_static(
            before, after, Samples(), op_types_to_quantize=["Conv", "Relu"], nodes_to_exclude=kept, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, reduce_range=True,
        )  # fmt: skip
        proto = onnx.load(after)
    # quantisation lists all operator sets that onnxruntime knows, needed or not
    for each in [each for each in proto.opset_import if each.domain]:
        proto.opset_import.remove(each)
    onnx.helper.set_model_props(proto, about)
    return proto
