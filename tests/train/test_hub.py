"""The folder for Hugging Face's hub: laid out as it asks, and read back, all offline."""

import json

import numpy as np
import onnx
import pytest
import yaml
from safetensors.numpy import load_file

import shuzi
from shuzi import version
from shuzi.train import hub, runs
from shuzi.train.plan import make_plan
from shuzi.train.run_folder import read_run
from shuzi.train.start import read_start


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_folder):
    folder = tmp_path_factory.mktemp("runs") / "softmax"
    runs.train(make_plan("softmax", data=str(small_folder), validation=200), folder)
    return folder


@pytest.fixture(scope="module")
def folder(run):
    return hub.to_hub(run)


def test_the_folder_is_laid_out_as_the_hub_asks(folder, run):
    assert folder == run / "hub"
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "model.onnx", "model.safetensors",
    }  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "shuzi"
    assert config["id2label"] == {str(digit): str(digit) for digit in range(10)}
    assert config["shuzi_version"] == version.full()
    about = {entry.key: entry.value for entry in onnx.load(folder / "model.onnx").metadata_props}
    assert config["threshold"] == float(about["shuzi.threshold"])
    ours, theirs = (load_file(f) for f in (run / "weights.safetensors", folder / "model.safetensors"))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_the_card_has_metadata_and_the_figures_of_the_run(folder, run):
    _, metadata, text = (folder / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(metadata)
    assert told["library_name"] == "shuzi"
    assert told["pipeline_tag"] == "image-classification"
    accuracy = read_run(run).results.test_accuracy
    (result,) = told["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": accuracy}]
    assert f"{100 * accuracy:.2f} %, 95 % interval" in text
    assert "datasets" not in told  # these digits are one's own
    assert "\nSoftmax regression, nn.Linear in an nn.Module.\n" in (folder / "README.md").read_text()


def test_reader_takes_the_folder_as_it_takes_the_file(folder, run, small):
    _, test = small
    scores = shuzi.Reader(folder).scores(test.images)
    assert np.array_equal(scores, shuzi.Reader(folder / "model.onnx").scores(test.images))
    accuracy = (scores.argmax(1) == test.labels).mean()
    assert accuracy == pytest.approx(read_run(run).results.test_accuracy, abs=0.006)


def test_training_starts_from_the_folder(folder, run, small_folder, tmp_path):
    plan = make_plan("softmax", data=str(small_folder), start=str(folder), epochs=1, lr=1e-9)
    started = runs.train(plan, tmp_path / "further")
    assert started.results.test_accuracy == read_run(run).results.test_accuracy


@pytest.mark.slow
def test_the_command_writes_it_and_evaluates_it(command, run, small_folder, tmp_path):
    ended = command("export", run, "--to", "hub", "--out", tmp_path / "hub", "--json")
    assert ended.json == {"run": str(run), "folder": str(tmp_path / "hub")}
    measured = command("evaluate", tmp_path / "hub", "--data", small_folder, "--json")
    assert measured.json["count"] == 200
    again = command("export", run, "--to", "hub", "--out", tmp_path / "hub")
    assert (again.code, again.stderr) == (0, "")


def test_what_lies_in_the_folder_is_not_touched(command, run, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    ended = command("export", run, "--to", "hub", "--out", tmp_path)
    assert (ended.code, ended.stdout) == (1, "")
    assert f"{tmp_path}: holds other files than an export for the hub" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    ended = command("export", run, "--to", "moon")
    assert ended.code == 2
    assert ended.stderr.startswith("shuzi: Invalid value for '--to'")


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.onnx", "model.safetensors"])
def test_a_persons_file_of_the_same_name_is_refused_and_stays(run, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(shuzi.ShuziError, match=f"{name} is not a file of an earlier export for the hub"):
        hub.to_hub(run, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_folder_without_its_network_is_said_to_be_damaged(folder, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(shuzi.ShuziError, match=r"model\.onnx: no such file"):
        shuzi.Reader(tmp_path)
    with pytest.raises(shuzi.ShuziError, match=r"model\.safetensors: missing"):
        read_start(str(tmp_path), "softmax")
