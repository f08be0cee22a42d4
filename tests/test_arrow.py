"""Readings as Arrow tables, and Reader as what other tools call for each batch."""

import copy
import io
import pickle
import shutil

import cv2
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import shuzi
from shuzi import arrow
from shuzi.read.reader import SHIPPED_READER


def ones(count):
    paper = np.full((200, 300), 240, np.uint8)
    for i in range(count):
        seven = np.array([[60 + 90 * i, 50], [115 + 90 * i, 50], [85 + 90 * i, 150]])
        cv2.polylines(paper, [seven], False, (20,), 9, cv2.LINE_AA)
    return paper


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_reader_can_be_copied_and_sent_where_its_file_is_not(tmp_path, copied):
    path = shutil.copy(SHIPPED_READER, tmp_path / "mine.onnx")
    reader = shuzi.Reader(path, threshold=0.25)
    whole = reader.read(ones(2))
    (tmp_path / "mine.onnx").unlink()
    twin = copied(reader)
    assert (twin.threshold, twin.name, twin.path) == (0.25, reader.name, reader.path)
    page = twin.read(ones(2))
    assert page.text == whole.text == "77"
    assert [d.confidence for d in page.digits] == [d.confidence for d in whole.digits]


def encoded(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def objects(values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


BYTES = [encoded(ones(2)), b"no picture", encoded(ones(0))]
BATCHES = {
    "ray bytes": {"bytes": objects(BYTES), "path": objects(["a", "b", "c"])},
    "ray images": {"image": np.stack([ones(2), ones(1), ones(0)]), "path": objects(["a", "b", "c"])},
    "ray images of several sizes": {"image": objects([ones(2), ones(1)[:, :250], ones(0)])},
    "spark": {"path": ["a", "b", "c"], "content": BYTES},
    "datasets": {"image": [Image.fromarray(ones(n)) for n in (2, 1, 0)], "path": ["a", "b", "c"]},
}


@pytest.mark.parametrize("kind", BATCHES)
def test_a_batch_of_any_tool_becomes_a_table_of_readings(reader, kind):
    table = reader(BATCHES[kind])
    kept = ["path"] if "path" in BATCHES[kind] else []
    assert table.select(arrow.READINGS.names).schema == arrow.READINGS
    assert table.column_names == kept + arrow.READINGS.names
    broken = {"bytes", "content"} & set(BATCHES[kind])
    assert table["text"].to_pylist() == ["77", None if broken else "7", ""]
    assert table["confidence"].to_pylist()[2] is None
    found, page = table["digits"].to_pylist()[0], reader.read(ones(2))
    assert [(d["x"], d["y"], d["width"], d["height"]) for d in found] == [d.box for d in page.digits]
    assert [d["digit"] for d in found] == [7, 7]
    assert [d["confidence"] for d in found] == pytest.approx([d.confidence for d in page.digits], abs=1e-4)


def test_a_broken_picture_is_a_row_with_its_error(reader):
    table = reader({"bytes": BYTES})
    assert table["error"].to_pylist()[0] is None
    assert "not a picture" in table["error"].to_pylist()[1]
    assert table["digits"].to_pylist()[1] is None
    assert table["digits"].to_pylist()[2] == []


def test_an_arrow_table_is_a_batch(reader):
    batch = pa.table({"path": ["a", "b", "c"], "bytes": BYTES})
    assert reader(batch).equals(reader({"path": ["a", "b", "c"], "bytes": BYTES}))


def test_an_empty_batch_has_the_same_types(reader):
    assert reader({"bytes": []}).schema == arrow.READINGS


@pytest.mark.parametrize("batch", [{"pixels": []}, {"image": [], "text": []}])
def test_a_batch_of_other_columns_is_refused(reader, batch):
    with pytest.raises(shuzi.ShuziError, match="expected one called image or bytes or content"):
        reader(batch)


def test_a_file_of_several_pages_is_one_row_that_says_so(reader):
    first, second = Image.fromarray(ones(2)), Image.fromarray(ones(1))
    batch = []
    for kind in ("TIFF", "PDF", "PNG"):
        stream = io.BytesIO()
        first.save(stream, kind, **({"save_all": True, "append_images": [second]} if kind != "PNG" else {}))
        batch.append(stream.getvalue())
    table = reader({"bytes": [*batch, b"no picture"]})
    assert table["pages"].to_pylist() == [2, 2, 1, None]
    assert table["text"].to_pylist() == ["77", "77", "77", None]
    assert reader({"image": [ones(1), first]})["pages"].to_pylist() == [1, 1]


def test_texts_that_are_not_unicode_are_escaped(reader):
    table = reader({"bytes": [BYTES[0]], "path": ["\udcff.png"], "\ud800": [1]})
    assert (table["path"].to_pylist(), table["\\ud800"].to_pylist()) == (["\\udcff.png"], [1])
    assert "\\udcff: no such file" in reader({"image": ["\udcff"]})["error"].to_pylist()[0]


def test_a_column_that_arrow_has_no_type_for_is_named(reader):
    with pytest.raises(shuzi.ShuziError, match=r"the column odd: .*\. Leave it out"):
        reader({"bytes": [BYTES[0]] * 2, "odd": [1, "x"]})
