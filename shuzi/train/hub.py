"""A run as a folder that Hugging Face's hub takes as it is: card, config, safetensors, ONNX.

The card's metadata: huggingface.co/docs/hub/model-cards, of November 2026. Nothing here is sent anywhere.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shuzi import version
from shuzi.data import sources
from shuzi.data.digits import CLASSES, SIDE
from shuzi.errors import ShuziError, needs
from shuzi.files import refuse_overwrite, write_whole
from shuzi.network import HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS
from shuzi.train import held_out
from shuzi.train.checkpoint import read_tensors, save_tensors
from shuzi.train.export import export
from shuzi.train.recipes import recipe
from shuzi.train.run import WEIGHTS, Run
from shuzi.train.run_folder import read_run

CARD, CARD_TEXT = "README.md", Path(__file__).with_name("card.md")  # the template of its text
KIND = "shuzi"  # of model, in config.json
NAME = "shuzi.name"
# Bytes by which each of the export's files is known from another file of that name.
MARKS = {
    HUB_CONFIG: f'"model_type": "{KIND}"'.encode(),
    HUB_MODEL: NAME.encode(),
    HUB_WEIGHTS: NAME.encode(),
    CARD: f'library_name: "{KIND}"'.encode(),
}
LABELS = [*map(str, range(CLASSES)), "not a digit"]


def to_hub(run_folder: Path, out: Path | None = None, root: Path | None = None, recipe_name: str | None = None) -> Path:
    """Write a finished run as a folder for the hub; `Reader` and `--start` take it.

    Args:
        run_folder: the run's.
        out: the folder to write; default `hub` in the run's folder.
        root: folder of downloaded datasets.
        recipe_name: its recipe, which has to be named if it is one of your own.

    Returns:
        The folder. Its config is written last: without it, nothing takes the folder for a model.

    Raises:
        ShuziError: the run is not finished or is a finder's, its data are gone, or the folder holds something else or
            can't be written.
    """
    run = read_run(run_folder, recipe_name)
    if recipe(run.plan.recipe).onnx is not None:
        raise ShuziError(
            f"{run_folder}: a finder, and the hub's folder is for a network that names digits; export it as onnx"
        )
    out = out or run_folder / "hub"
    check_free(out)
    (out / HUB_CONFIG).unlink(missing_ok=True)
    model = export(run_folder, out / HUB_MODEL, root, recipe_name=recipe_name).path
    described = config(run, model)
    weights = read_tensors(run.folder / WEIGHTS, run.plan.recipe)
    write_whole(out / HUB_WEIGHTS, save_tensors(weights, {"format": "pt", NAME: run.plan.recipe}))
    write_whole(out / CARD, card(run, described))
    write_whole(out / HUB_CONFIG, json.dumps(described, indent=2) + "\n")
    return out


def check_free(out: Path) -> None:
    """Raise ShuziError unless a folder is absent, empty, or holds nothing but an earlier export."""
    if out.exists() and (not out.is_dir() or not {path.name for path in out.iterdir()} <= MARKS.keys()):
        raise ShuziError(f"{out}: holds other files than an export for the hub; choose another --out")
    for name, mark in MARKS.items():
        refuse_overwrite(out / name, mark, "a file of an earlier export for the hub")


def config(run: Run, model: Path) -> dict[str, Any]:
    """Return the contents of config.json, by the hub's names where it has them."""
    proto = needs("train", "onnx").load(model)
    about = {entry.key: entry.value for entry in proto.metadata_props}
    labels = LABELS[: proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value]
    return {
        "model_type": KIND,
        "architectures": [run.plan.recipe],
        "image_size": SIDE,
        "num_channels": 1,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
        "shuzi_version": version.full(),
        **{name: float(about[f"shuzi.{name}"]) for name in ("temperature", "threshold") if f"shuzi.{name}" in about},
        held_out.CONFIG: asdict(held_out.learnt_by(run)),
    }


def card(run: Run, described: dict[str, Any]) -> str:
    """Write README.md: the hub's metadata as YAML (JSON is YAML too), then the text."""
    results = run.results
    assert results is not None  # export refuses a run without
    known = run.plan.data in sources.SOURCES
    data = run.plan.data if known else "one's own"
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": f"{data}, test", "type": run.plan.data if known else "own"},
        "metrics": [{"type": "accuracy", "value": results.test_accuracy}],
    }
    metadata = {
        "library_name": KIND,
        "pipeline_tag": "image-classification",
        "tags": ["handwriting", "digits", "onnx", KIND],
        "metrics": ["accuracy"],
        **({"datasets": [run.plan.data]} if known else {}),
        "model-index": [{"name": f"shuzi {run.plan.recipe}", "results": [result]}],
    }
    right, low, high = (100 * share for share in (results.test_accuracy, *results.test_accuracy_interval))
    summary = recipe(run.plan.recipe).summary
    return CARD_TEXT.read_text().format(
        metadata="\n".join(f"{name}: {json.dumps(value)}" for name, value in metadata.items()),
        summary=f"{summary[:1].upper()}{summary[1:]}",
        classes=len(described["id2label"]),
        names=", ".join(described["id2label"].values()),
        data=data,
        run=run,
        settings=run.plan.settings,
        accuracy=f"{right:.2f} %, 95 % interval {low:.2f} to {high:.2f} %",
        versions=", ".join(f"{name} {number}" for name, number in run.versions.items()),
    )
