"""Several processes that torchrun starts train one model. This file is also what the ranks run."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import shuzi
from shuzi.train.fit import fit
from shuzi.train.ranks import Ranks, launched
from shuzi.train.recipe import Recipe
from shuzi.train.recipes import RECIPES, adamw, one_cycle
from shuzi.train.run_folder import read_run
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

TORCHRUN = sys.executable, "-m", "torch.distributed.run"


def network(generator):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4, affine=False), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(4 * 13 * 13, 11),
    )  # fmt: skip


def mixed(images, generator):
    """Noise, and a bit of another image of the batch."""
    other = images[torch.randperm(len(images), generator=generator)]
    return images + 0.1 * torch.randn(images.shape, generator=generator) + 0.1 * other


EVERYTHING = Recipe(
    summary="all that looks at a batch as a whole", build=network, epochs=2, batch_size=111, lr=3e-3,
    optimizer=adamw, schedule=one_cycle, augment=mixed, label_smoothing=0.05, ema_decay=0.9, channels_last=True,
)  # fmt: skip
# 1,000 images in batches of 111: the last is one image, so a rank's share is empty
RECIPES_TO_TRY = {
    "everything": EVERYTHING,
    "tensors": dataclasses.replace(RECIPES["softmax-tensors"], epochs=2, batch_size=111),
}
BAND = {"everything": 0.25, "tensors": 1e-4}  # nats; batch norm and dropout see a rank's share alone


def train_all(data, out):
    """Train each recipe, stopped and resumed in its second epoch; save, by rank, its state and figures."""
    digits = shuzi.load(data)
    for name, recipe in RECIPES_TO_TRY.items():
        settings = Settings(recipe.epochs, recipe.batch_size, recipe.lr, seed=3)
        stopped, training = (Training(recipe, settings, "cpu") for _ in range(2))
        epochs = [next(fit(stopped, digits[0], digits[1]))]
        training.restore(training.ranks.from_first(stopped.state))
        epochs += fit(training, digits[0], digits[1])
        epochs = [dataclasses.asdict(epoch) for epoch in epochs]
        rank = training.ranks.rank
        save_file(training.state(), f"{out}/{name}-{rank}")
        (Path(out) / f"{name}-{rank}.json").write_text(json.dumps(epochs))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, small_folder):
    """What two ranks made, and what one process made."""
    two, one = (tmp_path_factory.mktemp(name) for name in ("two", "one"))
    run = [*TORCHRUN, "--standalone", "--nproc-per-node=2", __file__, str(small_folder), str(two)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(run, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train_all(small_folder, one)
    torch.set_num_threads(threads)
    return two, one


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES_TO_TRY)
def test_the_loss_curve_of_two_ranks_is_near_that_of_one_process(trained, name):
    two, one = [json.loads((folder / f"{name}-0.json").read_text()) for folder in trained]
    for of_two, of_one in zip(two, one, strict=True):
        assert of_two["curve"][:-1] == pytest.approx(of_one["curve"][:-1], abs=BAND[name])
        assert of_two["accuracy"] == pytest.approx(of_one["accuracy"], abs=0.0011 + BAND[name] / 2)
    assert len(two) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES_TO_TRY)
def test_the_parameters_of_all_ranks_are_equal_bit_for_bit(trained, name):
    first, second = (load_file(trained[0] / f"{name}-{rank}") for rank in (0, 1))
    assert first.keys() == second.keys()
    learnt = [key for key in first if key.startswith(("model.", "average.", "optimizer."))]
    assert len(learnt) >= 2
    for key in learnt:
        if "running_" not in key:  # statistics of a rank's share
            assert torch.equal(first[key], second[key]), key


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 96, 256])
def test_shares_are_all_of_it_once(size, count):
    shares = [range(count)[Ranks(rank, size).share(count)] for rank in range(size)]
    assert [each for share in shares for each in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.slow
def test_a_rank_killed_ends_all_and_one_process_goes_on(command, tmp_path, small_folder):
    options = ["softmax-tensors", "--device", "cpu", "--data", small_folder, "--epochs", 60, "--batch-size", 64]
    command("train", *options, "--out", tmp_path / "straight", "--json").json  # noqa: B018
    run = [*TORCHRUN, "--nproc-per-node=2", "-m", "shuzi", "train", *map(str, options), "--out", tmp_path / "killed"]
    with subprocess.Popen(
        run, cwd=tmp_path, env=command.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as agent:
        while not (line := agent.stderr.readline()).startswith("epoch 2/60"):
            assert line, "ended before it began"
        (victim,) = (rank for rank in psutil.Process(agent.pid).children() if rank.environ().get("RANK") == "1")
        others = psutil.Process(agent.pid).children(recursive=True)
        victim.send_signal(signal.SIGKILL)
        out, err = agent.communicate(timeout=120)
    assert agent.returncode == 1
    assert not [each for each in others if each.is_running()]
    told = [line for line in err.splitlines() if line.startswith("shuzi: ")]
    assert len(told) == 1, err
    assert "go on with: shuzi train --resume" in told[0]
    assert out == ""
    # what a rank was writing when it was ended stays until the next one writes there
    kept = sorted(path.name for path in (tmp_path / "killed").iterdir() if path.suffix != ".part")
    assert kept == ["checkpoint.safetensors", "metrics.csv", "run.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "straight"]
    assert read_run(tmp_path / "killed").ranks == 2

    done = command("train", "--resume", tmp_path / "killed", "--json").json
    assert done["state"] == "finished"
    one, other = (read_run(tmp_path / name) for name in ("killed", "straight"))
    assert [e.loss for e in one.metrics] == pytest.approx([e.loss for e in other.metrics], abs=1e-4)


if __name__ == "__main__":
    with launched():
        train_all(*sys.argv[1:])
