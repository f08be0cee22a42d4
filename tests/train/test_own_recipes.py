"""Recipes of one's own: by module:name, and by the entry points of an installed package."""

import sys

import pytest

import shuzi
from shuzi.train import recipes, runs

MODULE = """
import torch
from torch import nn
from shuzi import Recipe

tiny = Recipe(
    summary="one hidden layer",
    build=lambda generator: nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)),
    epochs=2, batch_size=50, lr=1e-2, optimizer=torch.optim.Adam,
)
number = 7
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a module of recipes, forgotten afterwards."""
    (tmp_path / "my_digits.py").write_text(MODULE)
    (tmp_path / "broken_digits.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    yield tmp_path
    sys.modules.pop("my_digits", None)


def test_a_recipe_of_ones_own_is_trained_evaluated_shown_and_exported(command, here, small_folder):
    told = command("train", "my_digits:tiny", "--data", small_folder, "--json", cwd=here).json
    assert (told["recipe"], told["run"]) == ("my_digits:tiny", "runs/my_digits-tiny")
    assert told["test_accuracy"] > 0.7
    measured = command("evaluate", told["run"], "--json", cwd=here).json
    assert measured["accuracy"] == told["test_accuracy"]
    exported = command("export", told["run"], "--json", cwd=here).json
    read = command("evaluate", exported["model"], "--data", small_folder, "--json", cwd=here).json
    assert abs(read["accuracy"] - told["test_accuracy"]) < 0.011
    again = command("train", "my_digits:tiny", "--data", small_folder, "--json", cwd=here).json
    assert again["run"] == "runs/my_digits-tiny-2"


def test_a_package_gives_recipes_by_entry_points(here, monkeypatch):
    info = here / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[shuzi.recipes]\ntiny = my_digits:tiny\n")
    monkeypatch.syspath_prepend(here)
    assert recipes.recipe("tiny").summary == "one hidden layer"
    assert runs.make_plan("tiny").settings.epochs == 2
    with pytest.raises(
        shuzi.ShuziError, match=r"no recipe is called 'huge'; there are .*best, finder, tiny, and your own"
    ):
        recipes.recipe("huge")


@pytest.mark.parametrize(("name", "words"), [
    ("no_such:tiny", "no_such:tiny: can't be imported (ModuleNotFoundError: No module named 'no_such')"),
    ("my_digits:huge", "my_digits:huge: can't be imported (AttributeError: "),
    ("broken_digits:tiny", "broken_digits:tiny: can't be imported (ZeroDivisionError: division by zero)"),
    ("my_digits:number", "my_digits:number: of type int, expected a shuzi.Recipe"),
    (":", ":: can't be imported"),
])  # fmt: skip
def test_a_recipe_that_cannot_be_had_is_one_sentence(command, here, name, words):
    ended = command("train", name, cwd=here)
    assert (ended.code, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (here / "runs").exists()


def test_the_loop_is_there_for_programs(small):
    torch = pytest.importorskip("torch")
    recipe = shuzi.Recipe(
        summary="a line", build=lambda generator: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)),
        epochs=2, batch_size=100, lr=0.5, optimizer=torch.optim.SGD,
    )  # fmt: skip
    training = shuzi.Training(recipe, shuzi.Settings(2, 100, 0.5), torch.device("cpu"))
    epochs = list(shuzi.fit(training, small[0]))
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert epochs[1].loss < epochs[0].loss
