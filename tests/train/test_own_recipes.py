"""Recipes of one's own: by module:name, and by the entry points of an installed package."""

import sys

import pytest

import shuzi
from shuzi.train import export, hub, recipes, runs
from shuzi.train.plan import make_plan
from shuzi.train.run_folder import read_run
from shuzi.train.start import read_start

MODULE = """
import torch
from torch import nn
from shuzi import Recipe

tiny = Recipe(
    summary="one hidden layer",
    build=lambda generator: nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)),
    epochs=2, batch_size=50, lr=1e-2, optimizer=torch.optim.Adam,
)
failing = Recipe(
    summary="fails in its first step", build=lambda generator: nn.Sequential(nn.Flatten(), nn.Linear(1, 10)),
    epochs=1, batch_size=50, lr=1e-2, optimizer=torch.optim.Adam,
)
number = 7
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a module of recipes, forgotten afterwards."""
    (tmp_path / "my_digits.py").write_text(MODULE)
    (tmp_path / "broken_digits.py").write_text("1 / 0")
    (tmp_path / "leaving_digits.py").write_text("import sys; sys.exit()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    yield tmp_path
    sys.modules.pop("my_digits", None)


def test_a_recipe_of_ones_own_is_trained_evaluated_shown_and_exported(command, here, small_folder):
    told = command("train", "my_digits:tiny", "--data", small_folder, "--json", cwd=here).json
    assert (told["recipe"], told["run"]) == ("my_digits:tiny", "runs/my_digits-tiny")
    assert told["test_accuracy"] > 0.7
    named = ("--recipe", "my_digits:tiny")
    measured = command("evaluate", told["run"], *named, "--json", cwd=here).json
    assert measured["accuracy"] == told["test_accuracy"]
    exported = command("export", told["run"], *named, "--json", cwd=here).json
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
    assert make_plan("tiny").settings.epochs == 2
    with pytest.raises(
        shuzi.ShuziError, match=r"unknown recipe 'huge'\. Choose .*best, tuned, finder, tiny, or your own"
    ):
        recipes.recipe("huge")


@pytest.mark.parametrize(("name", "words"), [
    ("no_such:tiny", "no_such:tiny: can't be imported (ModuleNotFoundError: No module named 'no_such')"),
    ("my_digits:huge", "my_digits:huge: can't be imported (AttributeError: "),
    ("broken_digits:tiny", "broken_digits:tiny: can't be imported (ZeroDivisionError: division by zero)"),
    ("leaving_digits:tiny", "leaving_digits:tiny: can't be imported (SystemExit)"),
    ("my_digits:failing", "my_digits:failing: its build failed with RuntimeError: mat1 and mat2 shapes cannot be"),
    ("my_digits:number", "my_digits:number: of type int, expected a shuzi.Recipe"),
    (":", ":: can't be imported"),
])  # fmt: skip
def test_a_recipe_that_cannot_be_had_is_one_sentence(command, here, small_folder, name, words):
    ended = command("train", name, "--data", small_folder, cwd=here)
    assert (ended.code, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (here / "runs").exists()


def test_a_run_imports_no_module_but_the_one_that_is_named(here, small_folder):
    run = runs.train(make_plan("my_digits:tiny", str(small_folder), epochs=1), here / "run")
    about = (here / "run" / "run.json").read_text()
    (here / "run" / "run.json").write_text(about.replace("my_digits:tiny", "strange:recipe"))
    (here / "strange.py").write_text("raise AssertionError('was imported')")
    path = [*sys.path]
    sentence = r"run: was trained by strange:recipe, which is code outside shuzi. .* --recipe strange:recipe, or "
    for use in (read_run, runs.evaluate_run, runs.scorer, runs.resume, export.export, hub.to_hub):
        with pytest.raises(shuzi.ShuziError, match=sentence):
            use(run.folder)
    assert read_start(str(run.folder), "my_digits:tiny")[0]  # weights are no code
    with pytest.raises(shuzi.ShuziError, match="strange:recipe: can't be imported"):
        runs.evaluate_run(run.folder, recipe_name="strange:recipe")
    moved = runs.evaluate_run(run.folder, recipe_name="my_digits:tiny")
    assert moved.evaluation.accuracy == run.results.test_accuracy
    assert sys.path == path


def test_an_interrupted_run_of_a_recipe_of_ones_own_is_resumed_by_naming_it(command, here, small_folder):
    def stop(run):
        raise KeyboardInterrupt

    plan = make_plan("my_digits:tiny", str(small_folder))
    with pytest.raises(shuzi.ShuziError, match="go on with: shuzi train my_digits:tiny --resume"):
        runs.train(plan, here / "run", listener=runs.Listener(epoch=stop))
    assert "shuzi train my_digits:tiny --resume run" in command("train", "--resume", "run", cwd=here).stderr
    ended = command("train", "my_digits:tiny", "--resume", "run", cwd=here)
    assert ended.code == 0, ended.stderr
    assert "look at it with: shuzi show run --recipe my_digits:tiny" in ended.stdout


def test_traceback_prints_where_a_recipe_failed(command, here, small_folder):
    ended = command("train", "my_digits:failing", "--data", small_folder, "--traceback", cwd=here)
    assert ended.code == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("shuzi: my_digits:failing: its build failed")


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
