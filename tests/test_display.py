"""What a notebook shows: pictures and tables of the things themselves, and a short text for print()."""

import io

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

import shuzi
from shuzi import display
from shuzi.data.digits import Digits
from shuzi.evaluate.figures import evaluate
from shuzi.page import Digit, Number, Page
from shuzi.train import runs
from shuzi.train.plan import make_plan


def picture(shown) -> np.ndarray:
    """What `_repr_png_` draws, as pixels."""
    return np.asarray(Image.open(io.BytesIO(shown._repr_png_())).convert("RGB")).astype(int)


def read(digit, image, box=(100, 40, 40, 60)):
    probabilities = np.full(10, 0.02, np.float32)
    probabilities[7] = 0.82
    return Digit(digit, 7, 0.8, probabilities, box, image)


def page_of(*digits):
    return Page((Number(digits, 0),), (600, 200))


def test_digits_show_a_column_of_each(small):
    shown = picture(small[0])
    assert shown.shape == (310, 580, 3)
    first = int(np.flatnonzero(small[0].labels == 3)[0])
    place = shown[20:76, 174:230, 0].reshape(28, 2, 28, 2)[:, 0, :, 0]
    assert (place == 255 - small[0].images[first]).all()
    assert str(small[0]) == repr(small[0]) == "Digits('small0 train', 1,000 images)"
    assert picture(Digits(small[0].images[:1], small[0].labels[:1])).min() == 0  # most columns empty


def test_a_digit_shows_its_pixels_and_ten_bars(small):
    sure, unsure = (picture(read(digit, small[1].images[0])) for digit in (7, None))
    scale = display.SCALE
    assert (sure[1 : 1 + 28 * scale : scale, 1 : 1 + 28 * scale : scale, 0] == 255 - small[1].images[0]).all()
    right = 28 * scale + 2
    lengths = [(sure[round(k * (right / 10) + 7), right + 24 :] < 250).any(axis=1).sum() for k in range(10)]
    assert np.argmax(lengths) == 7
    assert (sure[:, right:] != unsure[:, right:]).any()  # marked where it is not sure
    assert (str(read(7, small[1].images[0])), str(read(None, small[1].images[0]))) == ("7, 80.0 %", "?, 80.0 %")


def test_a_page_shows_ink_and_box_where_they_are(small):
    page = page_of(read(7, small[1].images[0]), read(None, small[1].images[2], (200, 40, 30, 60)))
    shown = picture(page)
    assert shown.shape == (200, 600, 3)
    assert shown[41:99, 101:139].min() < 60
    assert shown[120:190, 300:580].min() == 255
    assert (shown[40, 105:135] == shown[40, 110]).all()
    assert (shown[40, 110] != shown[40, 210]).any()  # another colour where it is not sure
    number = picture(page.numbers[0])
    assert number.shape == (120, 190, 3)
    assert str(page) == page.text == "7?"
    assert str(page.numbers[0]).startswith("7?, ")


@pytest.mark.parametrize("size", [(1, 1), (4000, 30)])
def test_a_page_of_any_size_is_drawn(size):
    assert picture(Page((), size)).shape[1] <= display.MAX_WIDTH


def test_what_the_shipped_reader_gives_shows_itself(small):
    page = shuzi.Reader().read(255 - small[1].images[0], single=True)
    assert all(each._repr_png_().startswith(b"\x89PNG") for each in (page, page.numbers[0], page.digits[0]))


def test_a_run_and_an_evaluation_show_as_tables(tmp_path, small_folder, small):
    run = runs.train(make_plan("softmax-numpy", str(small_folder), epochs=2, validation=100), tmp_path / "run")
    shown = run._repr_html_()
    assert shown.count("<tr>") == 3
    assert f"{run.metrics[1].loss:.4f}" in shown
    assert f"{run.metrics[1].validation_accuracy:.4f}" in shown
    assert str(run) == (f"softmax-numpy on {small_folder}, 2 epochs, test accuracy {run.results.test_accuracy:.4f}")
    evaluation = evaluate(np.eye(10)[small[1].labels], small[1].labels)
    assert evaluation._repr_html_().count("<tr>") == 11
    assert str(evaluation).startswith("accuracy 1.0000 of 200, 95 % interval 0.98")


def test_text_in_a_table_is_text():
    assert display.table(["<b>"], [["&"]], "<i>") == (
        "<table><caption>&lt;i&gt;</caption><thead><tr><th>&lt;b&gt;</th></tr></thead>"
        "<tbody><tr><td>&amp;</td></tr></tbody></table>"
    )


def to_tensor(image):
    """As torchvision's ToTensor."""
    return torch.from_numpy(np.array(image)).float().div(255)[None]


def test_a_transform_gets_what_torchvisions_sets_give(small_folder):
    plain, _ = shuzi.load(small_folder)
    train, test = shuzi.load(small_folder, transform=to_tensor)
    image, label = train[3]
    assert torch.equal(image, torch.from_numpy(plain[3][0]))
    assert label == plain[3][1]
    seen = []
    train.with_transform(lambda image: seen.append((image.mode, image.size)))[0]
    assert seen == [("L", (28, 28))]
    assert torch.equal(train.part(3, 5)[0][0], image)
    batch, labels = next(iter(torch.utils.data.DataLoader(test, batch_size=8)))
    assert batch.shape == (8, 1, 28, 28)
    assert labels.tolist() == test.labels[:8].tolist()


@pytest.mark.slow
def test_a_training_in_a_notebook_has_a_notebooks_bar(small_folder, tmp_path):
    code = f"""from pathlib import Path
from shuzi.train import runs
from shuzi.train.plan import make_plan
for recipe in ("softmax-numpy", "softmax"):
    plan = make_plan(recipe, {str(small_folder)!r}, epochs=2, device="cpu")
    runs.train(plan, Path({str(tmp_path)!r}, recipe))"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300).execute()
    bars = [output["data"]["text/html"] for output in notebook.cells[0].outputs]
    assert len(bars) == 2
    assert all(bar.startswith('<progress value="1.000" max="1"></progress> epoch 2/2, loss ') for bar in bars)
