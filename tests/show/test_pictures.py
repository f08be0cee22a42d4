"""The pictures: real values, nothing clipped, PNG files whole or not at all."""

import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError
from shuzi.show import pictures, plots
from shuzi.train import runs
from shuzi.train.plan import Plan
from shuzi.train.recipes import RECIPES
from shuzi.train.run_folder import read_run
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

LEGIBLE = 7  # points


def png(path: Path) -> np.ndarray:
    """The pixels (H, W, 3) of a PNG file, sure that it is whole."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        image.verify()
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def assert_legible(figure):
    FigureCanvasAgg(figure).draw()
    drawn = figure.get_tightbbox()  # of all that is drawn, in inches
    width, height = figure.get_size_inches()
    assert drawn.x0 >= 0 <= drawn.y0, "clipped"
    assert drawn.x1 <= width, "clipped"
    assert drawn.y1 <= height, "clipped"
    for text in figure.findobj(Text):
        assert text.get_fontsize() >= LEGIBLE, text.get_text()
    titles = [text.get_window_extent() for axes in figure.axes if (text := axes.title).get_text()]
    for number, one in enumerate(titles):
        assert not any(one.overlaps(other) for other in titles[number + 1 :]), "two titles overlap"


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_folder) -> Path:
    folder = tmp_path_factory.mktemp("show") / "run"
    plan = Plan("softmax", Settings(2, 100, 0.1, validation=100), str(small_folder), "cpu")
    return runs.train(plan, folder).folder


@pytest.fixture(scope="module")
def tested(run):
    return runs.evaluate_run(run)


def test_templates_show_each_column_of_W_on_one_scale_centred_on_zero():
    W = np.zeros((784, 10))
    W[28 * 5 + 9, 3] = 2  # ink at row 5, column 9 speaks for a three
    W[28 * 20 + 4, 7] = -1  # ink at row 20, column 4 speaks against a seven
    figure = plots.templates(W)
    axes = [axes for axes in figure.axes if axes.get_title()]
    assert [each.get_title() for each in axes] == list("0123456789")
    for digit, each in enumerate(axes):
        (image,) = each.images
        assert np.array_equal(image.get_array(), W[:, digit].reshape(28, 28))
        assert image.get_clim() == (-2, 2)
    red, blue, white = (axes[3].images[0].cmap(axes[3].images[0].norm(value)) for value in (2, -2, 0))
    assert red[0] > 0.3 > red[2]
    assert blue[2] > 0.3 > blue[0]
    assert min(white[:3]) > 0.95
    assert_legible(figure)


def test_a_figure_leaves_matplotlibs_settings_and_backend_alone(tmp_path):
    before = mpl.get_backend()
    mpl.use("svg")
    try:
        settings = dict(mpl.rcParams)
        plots.save(plots.templates(np.eye(784, 10)), tmp_path / "templates.png")
        assert dict(mpl.rcParams) == settings
        assert mpl.get_backend() == "svg"
    finally:
        mpl.use(before)


def test_another_persons_picture_is_refused_and_our_own_replaced(tmp_path):
    mine = tmp_path / "mine.png"
    Image.new("L", (9, 9)).save(mine)
    before = mine.read_bytes()
    with pytest.raises(ShuziError, match=r"mine\.png is not a picture made by shuzi"):
        plots.save(plots.templates(np.eye(784, 10)), mine)
    assert mine.read_bytes() == before
    for _ in range(2):
        assert png(plots.save(plots.templates(np.eye(784, 10)), tmp_path / "ours.png")).std() > 0


def test_a_hot_pixel_of_W_is_red_at_its_place_in_the_file(tmp_path):
    W = np.zeros((784, 10))
    W[28 * 5 + 9, 3] = 2
    figure = plots.templates(W)
    pixels = png(plots.save(figure, tmp_path / "templates.png")).astype(int)
    red = (pixels[..., 0] > 90) & (pixels[..., 1] < 40) & (pixels[..., 2] < 60)
    bar = figure.axes[-1].get_position()  # the scale has red too
    red[int((1 - bar.y1) * len(red)) :] = False
    rows, columns = np.nonzero(red)
    assert len(rows)
    place = figure.axes[3].get_position()
    x = (columns.mean() / pixels.shape[1] - place.x0) / place.width * 28
    y = (rows.mean() / pixels.shape[0] - (1 - place.y1)) / place.height * 28
    assert x == pytest.approx(9.5, abs=0.7)
    assert y == pytest.approx(5.5, abs=0.7)


def test_both_recipes_give_W_by_pixel(run):
    module = runs.load_training(read_run(run))
    assert np.array_equal(pictures.weights_by_pixel(module), module.model.linear.weight.detach().numpy().T)
    tensors = Training(RECIPES["softmax-tensors"], Settings(1, 100, 0.1, seed=0), "cpu")
    assert np.array_equal(pictures.weights_by_pixel(tensors), tensors.model.W.detach().numpy())


def test_one_image_is_drawn_with_its_label(mnist):
    figure = plots.sample(mnist[0], 3)
    (axes,) = figure.axes
    assert axes.get_title() == "mnist train[3]: label 1"
    assert np.array_equal(axes.images[0].get_array(), mnist[0].images[3])
    assert_legible(figure)
    named = Digits(mnist[0].images[:9], mnist[0].labels[:9], "digits that my whole family wrote in 2026")
    assert_legible(plots.sample(named, 8))


def test_the_grid_has_a_column_for_each_digit(mnist):
    figure = plots.grid(mnist[0])
    axes = np.array(figure.axes).reshape(5, 10)
    assert [each.get_title() for each in axes[0]] == list("0123456789")
    for digit in range(10):
        for row, index in enumerate(np.flatnonzero(mnist[0].labels == digit)[:5]):
            assert np.array_equal(axes[row, digit].images[0].get_array(), mnist[0].images[index])
    assert_legible(figure)


def test_the_grid_of_a_set_without_some_digits_is_drawn(small, tmp_path):
    figure = plots.grid(Digits(small[0].images[:1], small[0].labels[:1], "one"))
    assert png(plots.save(figure, tmp_path / "grid.png")).std() > 0
    assert_legible(figure)


def test_the_confusion_matrix_has_its_counts_written(tested):
    matrix = np.array(tested.evaluation.confusion)
    figure = plots.confusion(matrix, "title")
    (axes,) = figure.axes
    written = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert written == {(r, d): str(matrix[d, r]) for d in range(10) for r in range(10) if matrix[d, r]}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert_legible(figure)


@pytest.mark.parametrize("count", [0, 1, 5, 8, 32])
def test_mistakes_are_drawn_under_what_they_are_and_were_read_as(tested, count):
    shown = tested.evaluation.mistakes[:count]
    images = tested.test.images[[mistake.index for mistake in shown]]
    captions = [f"1{each.index}: {each.label} read {each.read}\n{100 * each.confidence:.1f} %" for each in shown]
    figure = plots.mistakes(images, captions, "the most confident of 32 mistakes in 10,000")
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == len(shown)
    for axes, image, caption in zip(drawn, images, captions, strict=True):
        assert np.array_equal(axes.images[0].get_array(), image)
        assert axes.get_title() == caption
    assert_legible(figure)


def test_the_learning_curve_is_that_of_the_metrics(tested):
    metrics = tested.run.metrics
    accuracy = {"training": [each.accuracy for each in metrics]}
    accuracy["validation"] = [each.validation_accuracy for each in metrics]
    figure = plots.learning_curve([each.curve for each in metrics], accuracy)
    left, right = figure.axes
    drawn = left.lines[0].get_ydata()
    assert list(drawn) == [loss for each in metrics for loss in each.curve]
    assert list(right.lines[0].get_ydata()) == [100 * each.accuracy for each in metrics]
    assert list(right.lines[1].get_ydata()) == [100 * each.validation_accuracy for each in metrics]
    assert_legible(figure)


def test_one_epoch_has_a_curve_too(tested):
    figure = plots.learning_curve([tested.run.metrics[0].curve], {"training": [0.9]})
    assert len(figure.axes) == 1
    assert_legible(figure)


@pytest.mark.slow
def test_show_draws_a_run(command, run, tmp_path):
    told = command("show", run, "--json").json
    names = ["templates.png", "learning-curve.png", "confusion.png", "mistakes.png"]
    assert told == {"pictures": [str(run / "pictures" / name) for name in names]}
    for path in told["pictures"]:
        pixels = png(Path(path))
        assert pixels.std() > 5
        assert pixels.shape[1] >= 500
    elsewhere = command("show", run, "--out", tmp_path / "there")
    assert elsewhere.stdout.splitlines() == [str(tmp_path / "there" / name) for name in names]


def test_show_draws_a_set_and_one_image_of_it(command, tmp_path, small_folder):
    told = command("show", small_folder, "--json", cwd=tmp_path).json
    name = small_folder.name
    drawn = [f"pictures/{name}-train-{what}.png" for what in ("grid", "suspects")]
    assert told == {"pictures": drawn}
    command("show", "mnist", "--index", 3, "--out", tmp_path)
    command("show", "mnist", "--test", "--index", 4601, "--out", tmp_path)
    files = ("mnist-train-3.png", "mnist-test-4601.png")
    for path in (tmp_path / file for file in (*drawn, *files)):
        assert png(path).std() > 5


@pytest.mark.parametrize("index", [-1, 1000])
def test_an_index_that_isnt_there_is_refused(command, tmp_path, small_folder, index):
    ended = command("show", small_folder, "--index", index, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (1, "")
    assert f"--index {index}: {small_folder.name} train has the images 0 to 999" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_index_beside_a_run_is_refused(command, run):
    ended = command("show", run, "--index", 3)
    assert ended.code == 1
    assert "is for a dataset such as mnist" in ended.stderr


def test_a_picture_that_cannot_be_written_leaves_nothing(command, tmp_path, small_folder):
    (tmp_path / "file").touch()
    below = command("show", small_folder, "--out", tmp_path / "file" / "below")
    full = command("show", small_folder, "--out", tmp_path / "full", file_bytes=5000)
    for ended in (below, full):
        assert (ended.code, ended.stdout) == (1, "")
        assert "cannot be written" in ended.stderr
        assert ended.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full"]


def test_a_set_of_any_name_is_drawn_without_a_word_on_stderr(command, tmp_path, small_folder):
    folder = tmp_path / "数字 [bold] $x_1$ a very long name of a folder, longer than a picture is wide"
    shutil.copytree(small_folder, folder)
    ended = command("show", folder, "--index", 0, "--out", tmp_path / "out")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.strip() == str(next((tmp_path / "out").iterdir()))


def test_a_picture_refuses_no_value_of_its_own(mnist):
    with pytest.raises(ShuziError, match="--index 60000"):
        pictures.draw_dataset(Path("nowhere"), mnist[0], 60000)


def test_pictures_of_a_set_stay_in_the_folder_whatever_it_is_called(small, tmp_path):
    for name in ("../own train", "/own train", "..\\own train"):
        digits = Digits(small[0].images, small[0].labels, name)
        (drawn,) = pictures.draw_dataset(tmp_path / "pictures", digits, 0)
        assert drawn.parent == tmp_path / "pictures"
        assert drawn.is_file()
        assert "\\" not in drawn.name
