"""What a run has learnt from and what was held out: its data, their split, and what its first weights had learnt."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import shuzi
from shuzi.data import own
from shuzi.data.digits import BY_FILES, Digits
from shuzi.data.sources import SOURCES, Progress
from shuzi.errors import ShuziError

if TYPE_CHECKING:
    from shuzi.train.plan import Plan
    from shuzi.train.run import Run

BY_NAME = "name"  # the rule for pictures of runs that don't record it
RECORD, CONFIG = "shuzi.data", "shuzi_data"  # names of a `Learnt` in ONNX files and in the hub's config.json


@dataclass(frozen=True)
class Learnt:
    """What weights have learnt from, as exports record it.

    Attributes:
        sha256: of the data.
        split: the rule by which they were split into training and test.
        validation: how many training digits were held out; for a file or folder of a person's own, drawn with `seed`.
    """

    sha256: str
    split: str
    validation: int
    seed: int

    def to_text(self) -> str:
        """Write it as the text that an export holds."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str, key: str | None = None) -> "Learnt | None":
        """Parse the text of `to_text`, or of JSON that has its object under a key; None for anything else."""
        try:
            said = json.loads(text) if key is None else json.loads(text)[key]
            return cls(str(said["sha256"]), str(said["split"]), int(said["validation"]), int(said["seed"]))
        except (ValueError, TypeError, KeyError):
            return None


def learnt_by(run: "Run") -> Learnt:
    """Return what a run has learnt from."""
    data, settings = run.plan.data, run.plan.settings
    in_files = data in SOURCES or (Path(data).is_dir() and not own.is_own(data))
    split = run.split or (BY_FILES if in_files else BY_NAME)
    return Learnt(run.data_sha256, split, settings.validation, settings.seed)


def load_for(
    run: "Run",
    data: str | None = None,
    root: Path | None = None,
    progress: Progress | None = None,
    labels: str | None = None,
) -> tuple[Digits, Digits]:
    """Load the training and the test digits of a dataset for a run, by default of the one it was trained on.

    Raises:
        ShuziError: as `shuzi.load`; or these are the run's own data, and they or their split have changed since, so
            it may have learnt from what is now for the test.
    """
    data = data or run.plan.data
    its_own = Path(data).absolute() == Path(run.plan.data).absolute()
    if its_own and own.is_own(data) and (split := learnt_by(run).split) != own.SPLIT:
        raise ShuziError(
            f"{run.folder}: its pictures were split into training and test by {split}, now they are split by "
            f"{own.SPLIT}, so it has learnt from pictures that would test it. Train a new run."
        )
    labels = labels or (run.plan.labels if its_own else None)
    digits = shuzi.load(data, root, progress, skip_blank=run.plan.skip_blank, labels=labels)
    if its_own and digits[0].sha256 != run.data_sha256:
        raise ShuziError(
            f"{run.folder}: trained on data with SHA-256 {run.data_sha256}, but {data} now has {digits[0].sha256}. "
            "Restore the former data or train a new run."
        )
    return digits


def parts(plan: "Plan", train: Digits) -> tuple[Digits, Digits]:
    """Split training digits into those that a run learns from and those it holds out for validation.

    Of a dataset that shuzi downloads, the last ones: it isn't sorted by label, and the shipped network's validation
    figures are for these. Of a folder of pictures, the same share of each label: those with the lowest SHA-256. Of any
    other dataset, which may be sorted by label, the same share of each, drawn with the seed.

    Raises:
        ShuziError: there would be none left to learn from.
    """
    held_out = plan.settings.validation
    if held_out >= len(train):
        raise ShuziError(f"--validation {held_out}: the training set has only {len(train):,} images")
    if own.is_own(plan.data):
        return train.stratified_split(held_out, np.arange(len(train)))
    return train.split(held_out, None if plan.data in SOURCES else np.random.default_rng(plan.settings.seed))


def check_start(plan: "Plan", learnt: Learnt | None, data: Digits) -> None:
    """Check that the weights that a training starts from haven't learnt from what tests or validates it.

    Args:
        plan: the training's.
        learnt: what the weights at its start learnt from; None if that isn't recorded.
        data: the training digits.

    Raises:
        ShuziError: they may have.
    """
    its_own = own.is_own(plan.data)
    if its_own and (learnt is None or learnt.split not in (own.SPLIT, own.IMAGE_SPLIT, BY_FILES)):
        raise ShuziError(
            f"--start {plan.start}: it may have learnt from pictures that would test the new weights, for its own were "
            "not split by their content. Start from reader, or train it again."
        )
    if learnt is None:
        return
    same, same_order = learnt.sha256 == data.sha256, plan.data in SOURCES or plan.settings.seed == learnt.seed
    most = learnt.validation if same and (its_own or same_order) else 0
    if plan.settings.validation > most and (same or (its_own and learnt.split == own.SPLIT)):
        raise ShuziError(
            f"--validation {plan.settings.validation}: {plan.start} may have learnt from some of these images; "
            + (f"hold out at most {most:,}" if most else "leave --validation out")
        )
