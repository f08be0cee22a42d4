"""ONNX files: what is no reader's network, or a damaged one, is refused when it is opened."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import shuzi
from shuzi import network
from shuzi.data.digits import SIDE
from shuzi.errors import OutOfMemory
from shuzi.read import reader

LINEAR = np.random.default_rng(0).normal(size=(SIDE * SIDE, 11)).astype(np.float32)


def save(
    path, weights=LINEAR, inputs="images", kind=TensorProto.UINT8, side=SIDE, about=(), then=(), output=None, n="N"
):
    """A linear network of ONNX, right or wrong as a reader. then: nodes after it, from "product" to "logits"."""
    nodes = [
        helper.make_node("Cast", [inputs], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["float"], ["flat"]),
        helper.make_node("MatMul", ["flat", "W"], ["product"]),
        *(then or [helper.make_node("Identity", ["product"], ["logits"])]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(inputs, kind, [n, side, side])],
        [output or helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", weights.shape[1]])],
        [numpy_helper.from_array(weights, "W"), numpy_helper.from_array(np.array([0, 1]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, dict(about))
    onnx.save(model, path)
    return path


def test_a_network_of_ten_outputs_will_do(tmp_path, mnist):
    linear = shuzi.Reader(save(tmp_path / "ten.onnx", LINEAR[:, :10]))
    scores = linear.scores(mnist[0].images[:5])
    assert scores.shape == (5, 11)
    assert (scores[:, 10] == 0).all()


FLOATS = TensorProto.FLOAT
OTHERS = {
    "another name": dict(inputs="x"),
    "seven outputs": dict(weights=LINEAR[:, :7]),
    "floats": dict(kind=FLOATS),
    "20x20": dict(weights=LINEAR[:400], side=20),
    "two images at a time": dict(n=2),
    "one image at a time": dict(n=1),
    "rank 0": dict(
        then=[helper.make_node("ReduceSum", ["product"], ["logits"], keepdims=0)],
        output=helper.make_tensor_value_info("logits", FLOATS, []),
    ),
    "rank 1": dict(
        then=[helper.make_node("ReduceMax", ["product"], ["logits"], axes=[1], keepdims=0)],
        output=helper.make_tensor_value_info("logits", FLOATS, ["N"]),
    ),
    "rank 3": dict(
        then=[helper.make_node("Unsqueeze", ["product", "axes"], ["logits"])],
        output=helper.make_tensor_value_info("logits", FLOATS, [1, 1, "N", 11]),
    ),
    "rank unsaid": dict(
        then=[helper.make_node("ReduceMax", ["product"], ["logits"], axes=[1], keepdims=0)],
        output=helper.make_tensor_value_info("logits", FLOATS, None),
    ),
    "text": dict(
        then=[helper.make_node("Cast", ["product"], ["logits"], to=TensorProto.STRING)],
        output=helper.make_tensor_value_info("logits", TensorProto.STRING, ["N", 11]),
    ),
    "doubles": dict(
        then=[helper.make_node("Cast", ["product"], ["logits"], to=TensorProto.DOUBLE)],
        output=helper.make_tensor_value_info("logits", TensorProto.DOUBLE, ["N", 11]),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_network_is_no_reader(tmp_path, name):
    path = save(tmp_path / "other.onnx", **OTHERS[name])
    with pytest.raises(shuzi.ShuziError, match=r"not of the expected kind: images uint8 \(N, 28, 28\)"):
        shuzi.Reader(path)


def test_a_finder_that_answers_to_pictures_of_one_size_alone_is_no_finder(tmp_path):
    answers = {"maps": np.zeros((1, 26, 8, 4), np.float32), "ink": np.zeros((1, 2, 32, 16), np.float32)}
    graph = helper.make_graph(
        [helper.make_node("Constant", [], [k], value=numpy_helper.from_array(v)) for k, v in answers.items()],
        "finder",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W"])],
        [helper.make_tensor_value_info(name, FLOATS, answer.shape) for name, answer in answers.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "x")
    with pytest.raises(
        shuzi.ShuziError, match=r"x is an ONNX network, but not of the expected kind: images uint8 \(N, H"
    ):
        shuzi.Reader(finder=tmp_path / "x")


def test_a_network_that_fails_on_a_larger_batch_is_named_with_it(tmp_path):
    looked_up = [
        helper.make_node("Shape", ["product"], ["count"], end=1),
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.array([1]))),
        helper.make_node("Sub", ["count", "one"], ["index"]),
        helper.make_node("Gather", ["axes", "index"], ["found"]),  # there are two
        helper.make_node("Cast", ["found"], ["more"], to=FLOATS),
        helper.make_node("Add", ["product", "more"], ["logits"]),
    ]
    reader = shuzi.Reader(save(tmp_path / "late.onnx", then=looked_up))
    with pytest.raises(shuzi.ShuziError, match=r"late\.onnx: the network fails on images of uint8 \(3, 28, 28\)"):
        reader.scores(np.zeros((3, 28, 28), np.uint8))


def test_lack_of_memory_is_told_from_a_damaged_network(tmp_path):
    large = [
        helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([10**14]))),
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["most"], keepdims=0),
        helper.make_node("Add", ["product", "most"], ["logits"]),
    ]
    with pytest.raises(OutOfMemory, match=r"Out of memory while .*. Free some memory"):
        shuzi.Reader(save(tmp_path / "large.onnx", then=large))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    weights = LINEAR.copy()
    weights[400, 3] = value
    with pytest.raises(shuzi.ShuziError, match="answers with NaN or infinity"):
        shuzi.Reader(save(tmp_path / "bad.onnx", weights))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(("temperature", said) for said in ("hot", "", "nan", "inf", "0", "-1", "1e9")),
        *(("threshold", said) for said in ("half", "-0.1", "1.1", "nan")),
    ],
)
def test_metadata_out_of_range_is_refused(tmp_path, name, said):
    path = save(tmp_path / "said.onnx", about={f"shuzi.{name}": said})
    with pytest.raises(shuzi.ShuziError, match=rf"its shuzi\.{name} is '{said}', not a number from"):
        shuzi.Reader(path)


def test_metadata_are_taken(tmp_path):
    said = {"shuzi.name": "mine", "shuzi.temperature": "2", "shuzi.threshold": "0.75"}
    mine = shuzi.Reader(save(tmp_path / "said.onnx", about=said))
    assert (mine.name, mine.temperature, mine.threshold) == ("mine", 2, 0.75)
    assert shuzi.Reader(mine.path, threshold=0.1).threshold == 0.1


def test_a_damaged_or_missing_network_is_named(tmp_path):
    shipped = reader.SHIPPED_READER.read_bytes()
    (tmp_path / "half.onnx").write_bytes(shipped[: len(shipped) // 2])
    (tmp_path / "empty.onnx").write_bytes(b"")
    for name in ("half.onnx", "empty.onnx"):
        with pytest.raises(shuzi.ShuziError, match=rf"{name} is not an ONNX network, or is damaged"):
            shuzi.Reader(tmp_path / name)
    with pytest.raises(shuzi.ShuziError, match="no such file"):
        shuzi.Reader(tmp_path / "none.onnx")
    with pytest.raises(shuzi.ShuziError, match="not a file"):
        shuzi.Reader(tmp_path)


def test_a_run_is_told_from_a_network(tmp_path):
    (tmp_path / "softmax").mkdir()
    (tmp_path / "softmax" / "run.json").write_text("{}")
    with pytest.raises(shuzi.ShuziError, match=r"softmax is a run\. Export it with shuzi export"):
        shuzi.Reader(tmp_path / "softmax")


@pytest.mark.parametrize("given", [{"path": 123}, {"finder": 123}, {"threshold": "high"}])
def test_what_is_no_path_or_confidence_is_told_what_was_expected(given):
    with pytest.raises(shuzi.ShuziError, match=r"(123|'high'): expected"):
        shuzi.Reader(**given)


def test_a_copy_answers_alike():
    network = shuzi.Reader()._network
    for other in (copy.copy(network), copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert (other.run(reader.EXAMPLES[0])[0] == network.run(reader.EXAMPLES[0])[0]).all()


def test_it_runs_where_it_is_told_to_and_says_where(tmp_path):
    path = save(tmp_path / "net.onnx")
    usual = [name for name in network.DEFAULT_PROVIDERS if name in onnxruntime.get_available_providers()]
    assert shuzi.Reader(path).providers == usual
    told = shuzi.Reader(path, providers=["CPUExecutionProvider"])
    assert told.providers == told._finder._network.providers == ["CPUExecutionProvider"]
    assert pickle.loads(pickle.dumps(told)).providers == ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    "providers", [[], ["AbacusExecutionProvider"], "CPUExecutionProvider", 5, [("CPUExecutionProvider", {})]]
)
def test_a_provider_that_is_not_there_is_named_with_those_that_are(providers):
    with pytest.raises(shuzi.ShuziError, match=r"providers=.*: .* Choose from .*CPUExecutionProvider\."):
        shuzi.Reader(providers=providers)


STRIP = """
import psutil, sys, numpy as np, shuzi
names = []
sys.addaudithook(lambda event, args: event == "socket.getaddrinfo" and names.append(args))
reader = shuzi.Reader()
reader.read(np.full((40, 40), 255, np.uint8))
before = psutil.Process().memory_info().rss
reader.read(np.full((4, int(sys.argv[1])), 255, np.uint8))  # of a million, four million pixels of the network's
print(psutil.Process().memory_info().rss - before, len(names))
"""


def read_strip(home, length):
    """Run the script with an empty home folder. Returns the bytes of memory that it kept, and the names looked up."""
    said = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    said |= dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "TMPDIR"), str(home))
    ended = subprocess.run(
        [sys.executable, "-c", STRIP, str(length)], capture_output=True, text=True, check=True, env=said
    )
    return [int(number) for number in ended.stdout.split()]


@pytest.mark.slow
def test_what_a_long_strip_took_of_memory_is_given_back(tmp_path):
    assert read_strip(tmp_path, 1_000_000)[0] < 500e6


def test_reading_writes_nothing_to_the_home_folder_and_looks_up_no_name(tmp_path):
    # native code, which the audit hook doesn't see, looks up a name only seconds after it has made its files here
    assert read_strip(tmp_path, 100)[1] == 0
    assert not [*tmp_path.iterdir()]
