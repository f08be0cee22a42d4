"""Checkpoints and runs: damaged anywhere; tensors of other names, shapes, types and values under a right checksum."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from _tests import tested
from idx import mutated
from safetensors.torch import load_file, save_file

from shuzi.data import idx, sources
from shuzi.errors import Stopped
from shuzi.train import runs
from shuzi.train.checkpoint import digest, read_checkpoint_metadata
from shuzi.train.plan import Plan
from shuzi.train.run import CHECKPOINT, METRICS, RUN_FILE
from shuzi.train.settings import Settings

TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.uint8)
VALUES = (0.0, -1.0, 1e30, float("nan"), float("inf"))


@cache
def begun(recipe):
    """A run of two epochs over made-up images, stopped after the first."""
    home = Path(tempfile.mkdtemp(prefix="shuzi-fuzz-run-"))
    random = np.random.default_rng(0)
    for name, count in zip(sources.NAMES, (300, 300, 20, 20), strict=True):
        shape = (count, 28, 28) if "images" in name else (count,)
        (home / "set").mkdir(exist_ok=True)
        idx.write(home / "set" / name, random.integers(0, 10, shape, np.uint8))

    def stop(run):
        raise KeyboardInterrupt

    try:
        plan = Plan(recipe, Settings(2, 100, 0.01), str(home / "set"), "cpu")
        runs.train(plan, home / "run", listener=runs.Listener(epoch=stop))
    except Stopped:
        pass
    return home / "run"


def changed(folder, change, recipe="fast"):
    """Change a run's checkpoint, give it the checksum of what it holds then, and go on with it."""
    run = Path(shutil.copytree(begun(recipe), folder / "run"))
    path = run / CHECKPOINT
    tensors, texts = load_file(path), read_checkpoint_metadata(path)
    change(tensors, texts)
    save_file(tensors, path, texts | {"sha256": digest(tensors, texts)})
    runs.resume(run)


def other(random, tensor):
    """A tensor that differs in shape, type or a value."""
    kind = random.integers(4)
    if kind == 0:
        return torch.zeros([int(side) for side in random.integers(0, 4, random.integers(0, 4))], dtype=tensor.dtype)
    if kind == 1:
        return tensor.to(TYPES[random.integers(len(TYPES))])
    if kind == 2:
        return tensor.flatten()[: int(random.integers(tensor.numel() + 1))].clone()
    changed = tensor.clone().flatten()
    if changed.numel():
        place = int(random.integers(changed.numel()))
        changed[place] = VALUES[random.integers(len(VALUES))] if tensor.is_floating_point() else place % 100
    return changed.view(tensor.shape)


def case(random, folder):
    recipe = ("softmax", "softmax-tensors", "fast")[random.integers(3)]
    if random.random() < 0.5:  # any file of a run, anyhow
        run = Path(shutil.copytree(begun(recipe), folder / "run"))
        path = run / (CHECKPOINT, CHECKPOINT, RUN_FILE, METRICS)[random.integers(4)]
        path.write_bytes(mutated(random, path.read_bytes()))
        runs.resume(run)
        return

    def change(tensors, texts):
        for _ in range(random.integers(1, 4)):
            name = sorted(tensors)[random.integers(len(tensors))]
            if random.random() < 0.2:
                del tensors[name]
            elif random.random() < 0.3:
                told = json.loads(texts["run"])
                names = sorted(told.keys() - {"epochs"})  # so many may be trained
                told[names[random.integers(len(names))]] = [None, -1, 10**6, 1e300, "", "x", [], {}][random.integers(8)]
                texts["run"] = json.dumps(told)
            else:
                tensors[name] = other(random, tensors[name])

    changed(folder, change, recipe)


def sets(name, value):
    """A change of one tensor."""
    return lambda folder: changed(folder, lambda tensors, texts: tensors.update({name: value}))


def says(name, value):
    """A change of one word of run.json."""
    return lambda folder: changed(
        folder, lambda tensors, texts: texts.update(run=json.dumps(json.loads(texts["run"]) | {name: value}))
    )


MOMENT = "optimizer.0.exp_avg"
KNOWN = {
    "no moments": sets(MOMENT, torch.zeros(0)),
    "moments of another type": sets(MOMENT, torch.zeros(32, 16, 3, 3, dtype=torch.float8_e4m3fn)),
    "moments of another shape": sets(MOMENT, torch.zeros(32, 16, 9)),
    "missing moments": lambda folder: changed(folder, lambda tensors, texts: tensors.pop(MOMENT)),
    "a generator of zeros": sets("generator.order", torch.zeros(5056, dtype=torch.uint8)),
    "a generator of ones": sets("generator.inner", torch.full((5056,), 255, dtype=torch.uint8)),
    "a generator that points beyond its table": lambda folder: changed(
        folder, lambda tensors, texts: tensors["generator.order"][17].fill_(2)
    ),
    "a million threads": says("threads", 10**6),
    "a rate out of float32": says("lr", 3.5e38),
    "a recipe in any module": says("recipe", "this:s"),
    "no metrics": lambda folder: changed(folder, lambda tensors, texts: texts.update(metrics="")),
    "fast taken up within an epoch": tested(
        "train/test_fit.py::test_every_recipe_taken_up_within_an_epoch_ends_with_the_very_same_weights[fast-cpu]"
    ),
    "a full disk": tested("train/test_runs.py::test_a_full_disk_is_one_sentence_and_nothing_is_left"),
    "crash points of a replacement": tested(
        "train/test_runs.py::test_there_is_a_whole_run_at_every_crash_point_of_a_replacement"
    ),
    "foreign files in a run": tested("train/test_runs.py::test_force_deletes_nothing_that_a_person_put_there"),
}
