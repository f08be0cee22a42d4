"""Which calibration a reader has: the one in the classifier's file, if that was fitted with the reader's finder."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import shuzi
from shuzi.errors import ShuziError
from shuzi.network import Network
from shuzi.read import find
from shuzi.read.calibration import CALIBRATION, WITH_FINDER, Calibration, for_pair
from shuzi.read.reader import SHIPPED_READER, Reader

PHOTO = Path(__file__).parents[2] / "docs" / "photo.jpg"


def with_properties(path: Path, to: Path, **changes: str | None) -> Path:
    """A copy of an ONNX file with properties changed, or taken out where they are None."""
    proto = onnx.load(path)
    about = {each.key: each.value for each in proto.metadata_props} | {
        f"shuzi.{name}": value for name, value in changes.items()
    }
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, {name: value for name, value in about.items() if value is not None})
    onnx.save(proto, to)
    return to


def classifier(path: Path) -> Network:
    return Reader(path)._network


def read(reader: Reader) -> list[tuple]:
    return [
        (number.text, number.confidence, digit.confidence, digit.box, digit.probabilities.tolist())
        for number in reader.read(PHOTO).numbers
        for digit in number.digits
    ]


def test_a_copy_of_the_shipped_networks_reads_as_they_do(tmp_path):
    copies = [Path(shutil.copy(path, tmp_path)) for path in (SHIPPED_READER, find.SHIPPED_FINDER)]
    assert read(Reader(copies[0], finder=copies[1])) == read(Reader())


def test_the_shipped_classifier_carries_the_calibration_that_was_fitted_with_the_shipped_finder():
    finder = find.Finder()
    network = classifier(SHIPPED_READER)
    assert network.text(WITH_FINDER, "") == finder.sha256
    assert Calibration.from_network(network) == finder.calibration


def test_with_another_finder_its_own_calibration_counts(tmp_path):
    fitted, other = Calibration(named=(0.7, 0.6)), Calibration(named=(0.2, 0.1))
    network = classifier(with_properties(SHIPPED_READER, tmp_path / "a.onnx", calibration=fitted.to_text()))
    assert for_pair(network, find.Finder().sha256, other) == fitted
    assert for_pair(network, "another", other) == other


def test_in_what_a_network_without_calibration_names_the_finder_has_no_say(tmp_path):
    without = Reader(with_properties(SHIPPED_READER, tmp_path / "a.onnx", calibration=None, finder_sha256=None))
    picture = np.full((90, 120), 230, np.uint8)
    picture[20:30, 30:90] = picture[60:70, 20:100] = 30  # two strokes of one sign
    (digit,) = without.read(picture, single=True).digits
    assert np.array_equal(digit.image, without.writing(picture))
    score = without.scores(digit.image[None])[0]
    assert digit.confidence == score[:10].max()
    assert not np.array_equal(shuzi.Reader().read(picture, single=True).digits[0].image, digit.image)


@pytest.mark.parametrize(
    "said", ["x", "[]", '{"chance": [1]}', '{"chance": [1, "a"]}', '{"number": [NaN, 1]}', '{"new": [1]}']
)
@pytest.mark.parametrize(
    ("shipped", "use"), [(find.SHIPPED_FINDER, find.Finder), (SHIPPED_READER, Reader)], ids=["finder", "classifier"]
)
def test_a_calibration_that_is_none_is_refused(said, shipped, use, tmp_path):
    path = with_properties(shipped, tmp_path / "damaged.onnx", calibration=said)
    with pytest.raises(ShuziError, match=rf"its {CALIBRATION} is damaged .* Make the file again"):
        use(path)


def test_the_calibration_of_a_file_without_one_says_what_its_network_says():
    assert Calibration.from_text(Calibration().to_text()) == Calibration()
