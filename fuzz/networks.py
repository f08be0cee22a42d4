"""ONNX files: the shipped network and a small one, damaged anywhere; metadata and weights that are no numbers."""

import numpy as np
import onnx
from idx import mutated
from onnx import TensorProto, helper, numpy_helper

import shuzi
from shuzi.read.reader import SHIPPED_READER


def linear(about=(), weights=None, kind=TensorProto.FLOAT, batch="N", side=28):
    """A linear network, with metadata; batch and side: of the images that it takes."""
    weights = np.ones((784, 11), np.float32) if weights is None else weights
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["float"], ["flat"]),
        helper.make_node("MatMul", ["flat", "W"], ["product"]),
        helper.make_node("Cast", ["product"], ["logits"], to=kind),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [batch, side, side])],
        [helper.make_tensor_value_info("logits", kind, ["N", 11])],
        [numpy_helper.from_array(weights, "W")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, dict(about))
    return model.SerializeToString()


SMALL, LARGE = linear(), SHIPPED_READER.read_bytes()
SAID = ("", "nan", "inf", "-1", "0", "1e309", "0.5", "ten", "\0", "٣", "0x10", "1_0")


def use(folder, data):
    """Opens a network and reads with it: numbers, or one sentence."""
    (folder / "x.onnx").write_bytes(data)
    reader = shuzi.Reader(folder / "x.onnx")
    scores = reader.scores(np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8))
    assert scores.shape == (3, 11)
    assert np.isfinite(scores).all()


def case(random, folder):
    which = random.integers(5)
    if which == 0:
        names = ("temperature", "threshold", "name")
        use(folder, linear({f"shuzi.{name}": SAID[random.integers(len(SAID))] for name in names}))
    elif which == 1:
        weights = random.normal(size=(784, 11)).astype(np.float32) * np.float32(10.0 ** random.integers(-40, 38))
        weights.ravel()[random.integers(weights.size)] = random.choice([np.nan, np.inf, -np.inf, 1e38, 0])
        use(folder, linear(weights=weights))
    elif which == 4:
        kind = int(random.choice([TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.INT64]))
        use(folder, linear(kind=kind, batch=("N", 1, 2, 3)[random.integers(4)], side=("H", 28, 27)[random.integers(3)]))
    else:
        use(folder, mutated(random, SMALL if which == 2 else LARGE))


def spoilt(value):
    """The shipped network with one weight in each of its tensors that is no number."""

    def known(folder):
        model = onnx.load_from_string(LARGE)
        for tensor in model.graph.initializer:
            weights = numpy_helper.to_array(tensor).copy()
            if weights.dtype == np.float32 and weights.size:
                weights.ravel()[weights.size // 2] = value
                tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
        use(folder, model.SerializeToString())

    return known


KNOWN = {
    "NaN": spoilt(np.nan),
    "infinity": spoilt(np.inf),
    "text": lambda folder: use(folder, linear(kind=TensorProto.STRING)),
    "hot": lambda folder: use(folder, linear({"shuzi.temperature": "hot"})),
    "empty": lambda folder: use(folder, b""),
}
