"""An ONNX network: opened, and checked whole, before anything is read with it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from shuzi.errors import OutOfMemory, ShuziError, enough_memory

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

USUAL = "CUDAExecutionProvider", "CPUExecutionProvider"
# in a folder laid out as Hugging Face's are
HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS = "config.json", "model.onnx", "model.safetensors"
LARGE = 1_000_000  # pixels: what more of them take of memory is given back at once
MOST_BYTES = 500_000_000  # of a file; ours take 2 to 6 million

Shapes: TypeAlias = Callable[[tuple[int, ...]], Collection[tuple[int, ...]]]
"""The shapes that an output may have, of the shape of the images."""


class Network:
    """An ONNX network that gave finite numbers of the right shapes; for many threads, to copy and to pickle.

    path: its file. examples: for its one input, "images", of the type it takes and of several shapes that it must take.
    outputs: the names of its outputs, each with the shapes that it may have for images of a shape. expected: the same
    in words, for errors. providers: what onnxruntime runs it on, by its names, the first that can; default CUDA where
    this onnxruntime has it, else the CPU.
    Raises ShuziError when the file is missing, damaged, or another network, or a provider isn't there, and OutOfMemory.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        examples: Sequence[np.ndarray],
        outputs: Mapping[str, Shapes],
        expected: str,
        providers: Sequence[str] | None = None,
    ) -> None:
        self.path = _file(Path(path))
        self._bytes = _read(self.path)
        self._names = list(outputs)
        self._wanted = None if providers is None else _there(providers)
        self._open()
        self._check(examples, outputs, expected)
        if providers is not None and (missing := set(providers) - set(self.providers)):
            raise ShuziError(
                f"providers={[*providers]}: {', '.join(missing)} can't be started on this machine."
            )
        logger.info("%s runs on %s", self.path, ", ".join(self.providers))

    def _open(self) -> None:
        damaged = f"{self.path}: no ONNX network, or a damaged one; make it anew with shuzi export."
        with _explained(f"opening {self.path}", damaged):
            self._session = _session(self._bytes, self._wanted)
            self._about = dict(self._session.get_modelmeta().custom_metadata_map)

    def _check(self, examples: Sequence[np.ndarray], outputs: Mapping[str, Shapes], expected: str) -> None:
        other = ShuziError(f"{self.path}: an ONNX network, but no reader: expected {expected}.")
        found = {each.name: each.type for each in self._session.get_outputs()}
        inputs = [each.name for each in self._session.get_inputs()]
        if inputs != ["images"] or any(found.get(name) != "tensor(float)" for name in outputs):
            raise other
        for images in examples:
            try:
                answers = self.run(images)
            except OutOfMemory:
                raise
            except ShuziError as error:  # as many kinds: a type, a rank or a size that isn't the example's
                raise other from error
            for answer, shapes in zip(answers, outputs.values(), strict=True):
                if answer.shape not in shapes(images.shape):
                    raise other
                if not np.isfinite(answer).all():
                    raise ShuziError(
                        f"{self.path}: a damaged network, it answers with NaN or infinity; "
                        "make it anew with shuzi export."
                    )

    @property
    def providers(self) -> list[str]:
        """What it runs on, by onnxruntime's names, the first before the others."""
        names: list[str] = self._session.get_providers()
        return names

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Its outputs, in the order in which they were named. Raises ShuziError where it fails, and OutOfMemory."""
        options = None
        if images.size > LARGE:
            options = runtime().RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        given = f"{images.dtype} {images.shape}"
        failed = f"{self.path}: this network fails on images of {given}; make it anew with shuzi export."
        with _explained("reading a picture", failed):
            answers: list[np.ndarray] = self._session.run(self._names, {"images": images}, options)
        return answers

    @property
    def sha256(self) -> str:
        """Of its file."""
        return hashlib.sha256(self._bytes).hexdigest()

    def text(self, name: str, default: str) -> str:
        """What the file says of itself under a name."""
        return self._about.get(name, default)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number the file says of itself, within bounds, both included. Raises ShuziError on anything else."""
        said = self._about.get(name)
        try:
            number = default if said is None else float(said)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise ShuziError(
                f"{self.path}: its {name} is {said!r:.40}, expected a number from {least:g} to {most:g}; "
                "make it anew with shuzi export."
            )
        return number

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


@contextlib.contextmanager
def _explained(doing: str, otherwise: str) -> Iterator[None]:
    """Raise OutOfMemory where memory runs out, else ShuziError, for the dozen kinds that onnxruntime raises."""
    try:
        with enough_memory(doing):
            yield
    except ShuziError:
        raise
    except Exception as error:
        raise ShuziError(otherwise) from error


def runtime() -> ModuleType:
    """Import onnxruntime with its telemetry off; everything that needs onnxruntime gets it here.

    Importing onnxruntime 1.31 or later starts its telemetry: it writes a device id and a database to the user's cache,
    and after about ten seconds looks up its maker's host. Only the variable prevents that, and only if it is set before
    the import; child processes inherit it. The call stops events where a program imported onnxruntime before.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities float64 (N, classes) of logits (N, classes); a row's largest is taken off, so nothing overflows."""
    e = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = e / e.sum(axis=1, keepdims=True)
    return probabilities


def _read(path: Path) -> bytes:
    """The file's bytes; raises ShuziError with what is there instead, and what to do."""
    try:
        if (path / "run.json").is_file():
            raise ShuziError(
                f"{path}: a run; make an ONNX file of it with shuzi export {path}, and take {path / 'model.onnx'}."
            )
        if not path.exists():
            raise ShuziError(f"{path}: no such file; expected an ONNX network made by shuzi export.")
        if not path.is_file():
            raise ShuziError(f"{path}: no file; expected an ONNX network made by shuzi export.")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ShuziError(f"{path}: {size:,} bytes, more than {MOST_BYTES:,}; expected an ONNX network.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ShuziError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error}).") from error


def _file(path: Path) -> Path:
    """The network's file, of a folder too that `shuzi export --to hub` wrote."""
    try:
        return path / HUB_MODEL if (path / HUB_CONFIG).is_file() else path
    except OSError:  # a name that is too long, say: reading the file tells
        return path


def _there(wanted: Sequence[str]) -> list[str]:
    """The providers that are wanted; raises ShuziError for one that this onnxruntime hasn't."""
    there = runtime().get_available_providers()
    named = isinstance(wanted, Sequence) and not isinstance(wanted, str) and len(wanted) > 0
    if not named or any(name not in there for name in wanted):
        raise ShuziError(
            f"providers={wanted!r:.60}: expected some of what this onnxruntime has: {', '.join(there)}."
        )
    return [*wanted]


def _session(network: bytes, wanted: Sequence[str] | None) -> onnxruntime.InferenceSession:
    """An ONNX network ready to run, on what this machine has by default. Raises what onnxruntime does if it is none."""
    onnxruntime = runtime()
    there = onnxruntime.get_available_providers()
    providers = wanted or [name for name in USUAL if name in there]
    options = onnxruntime.SessionOptions()
    # a digit takes a quarter of a millisecond on one thread: waking others would cost more
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(network, options, providers=providers)
