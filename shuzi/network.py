"""An ONNX network, checked when it is opened, before anything is read with it."""

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
from shuzi.files import cannot_read

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

DEFAULT_PROVIDERS = "CUDAExecutionProvider", "CPUExecutionProvider"
# Files of a folder in Hugging Face's layout.
HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS = "config.json", "model.onnx", "model.safetensors"
SHRINK_FROM = 1_000_000  # pixels: larger batches give their memory back at once
MAX_NETWORK_BYTES = 500_000_000  # of a file; ours take 2 to 6 million

Shapes: TypeAlias = Callable[[tuple[int, ...]], Collection[tuple[int, ...]]]
"""Returns the shapes that an output may have for images of a shape."""


class Network:
    """An ONNX network that answers with finite numbers of the right shapes. Threads can share it; it can be pickled.

    Args:
        path: its file.
        examples: images for its one input, "images", of its type and of several shapes that it must accept.
        outputs: the names of its outputs, each with the shapes that it may have.
        expected: the same in words, for errors.
        providers: what onnxruntime runs it on, in order of preference; default: CUDA where this onnxruntime has it,
            else the CPU.

    Raises:
        ShuziError: the file is missing, damaged or another network, or a provider isn't available.
        OutOfMemory: memory ran out.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        examples: Sequence[np.ndarray],
        outputs: Mapping[str, Shapes],
        expected: str,
        providers: Sequence[str] | None = None,
    ) -> None:
        self.path, self._bytes = _read(Path(path))
        self._names = list(outputs)
        self._wanted = None if providers is None else _check_providers(providers)
        self._open()
        self._check(examples, outputs, expected)
        if providers is not None and (missing := set(providers) - set(self.providers)):
            raise ShuziError(f"providers={[*providers]}: {', '.join(missing)} can't be started on this machine.")
        logger.info("%s runs on %s", self.path, ", ".join(self.providers))

    def _open(self) -> None:
        damaged = f"{self.path} is not an ONNX network, or is damaged. Export it again with shuzi export."
        with _as_shuzi_error(f"opening {self.path}", damaged):
            self._session = _session(self._bytes, self._wanted)
            self._about = dict(self._session.get_modelmeta().custom_metadata_map)

    def _check(self, examples: Sequence[np.ndarray], outputs: Mapping[str, Shapes], expected: str) -> None:
        other = ShuziError(f"{self.path} is an ONNX network, but not of the expected kind: {expected}.")
        found = {each.name: each.type for each in self._session.get_outputs()}
        inputs = [each.name for each in self._session.get_inputs()]
        if inputs != ["images"] or any(found.get(name) != "tensor(float)" for name in outputs):
            raise other
        for images in examples:
            try:
                answers = self.run(images)
            except OutOfMemory:
                raise
            except ShuziError as error:  # another type, rank or size than the example's
                raise other from error
            for answer, shapes in zip(answers, outputs.values(), strict=True):
                if answer.shape not in shapes(images.shape):
                    raise other
                if not np.isfinite(answer).all():
                    raise ShuziError(
                        f"{self.path} is damaged: the network answers with NaN or infinity. "
                        "Make it again with shuzi export."
                    )

    @property
    def providers(self) -> list[str]:
        """What it runs on, by onnxruntime's names, in order of preference."""
        return self._session.get_providers()

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Compute its outputs, in the order of their names. Raises ShuziError if it fails, and OutOfMemory."""
        options = None
        if images.size > SHRINK_FROM:
            options = runtime().RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        given = f"{images.dtype} {images.shape}"
        failed = f"{self.path}: the network fails on images of {given}. Make it again with shuzi export."
        with _as_shuzi_error("reading a picture", failed):
            answers: list[np.ndarray] = self._session.run(self._names, {"images": images}, options)
        return answers

    @property
    def sha256(self) -> str:
        """The SHA-256 of its file, in hexadecimal."""
        return hashlib.sha256(self._bytes).hexdigest()

    def text(self, name: str, default: str) -> str:
        """Look up a property of the file."""
        return self._about.get(name, default)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Look up a number among the file's properties. Raises ShuziError if it isn't one from `least` to `most`."""
        said = self._about.get(name)
        try:
            number = default if said is None else float(said)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise ShuziError(
                f"{self.path}: its {name} is {said!r:.40}, not a number from {least:g} to {most:g}. "
                "Make it again with shuzi export."
            )
        return number

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


@contextlib.contextmanager
def _as_shuzi_error(doing: str, otherwise: str) -> Iterator[None]:
    """Turn the dozen kinds of errors that onnxruntime raises into OutOfMemory or ShuziError."""
    try:
        with enough_memory(doing):
            yield
    except ShuziError:
        raise
    except Exception as error:
        raise ShuziError(otherwise) from error


def runtime() -> ModuleType:
    """Import onnxruntime with its telemetry off; all of shuzi imports it here.

    Importing onnxruntime 1.31 or later starts its telemetry: it writes a device id and a database to the user's cache,
    and after about ten seconds looks up its maker's host. Only the variable prevents that, and only if it is set before
    the import; child processes inherit it. The call stops events where a program imported onnxruntime before.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Ctrl-C while its library initialises itself
            raise error.__cause__ from None
        raise
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _read(path: Path) -> tuple[Path, bytes]:
    """Read the file, also in a folder that `shuzi export --to hub` wrote; return its path and bytes.

    Raises ShuziError with what is there instead, and what to do.
    """
    try:
        path = path / HUB_MODEL if (path / HUB_CONFIG).is_file() else path
        if (path / "run.json").is_file():
            raise ShuziError(f"{path} is a run. Export it with shuzi export {path}, and give {path / 'model.onnx'}.")
        if not path.is_file():
            found = f"{path} is not a file" if path.exists() else f"{path}: no such file"
            raise ShuziError(f"{found}. Give an ONNX network that shuzi export made.")
        if (size := path.stat().st_size) > MAX_NETWORK_BYTES:
            raise ShuziError(
                f"{path}: {size:,} bytes, more than {MAX_NETWORK_BYTES:,}. Give an ONNX network that shuzi export made."
            )
        return path, path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise cannot_read(path, error) from error


def _check_providers(wanted: Sequence[str]) -> list[str]:
    """Return the providers; raise ShuziError for one that this onnxruntime doesn't have."""
    there = runtime().get_available_providers()
    named = isinstance(wanted, Sequence) and not isinstance(wanted, str) and len(wanted) > 0
    if not named or any(name not in there for name in wanted):
        raise ShuziError(f"providers={wanted!r:.60}: not all are available. Choose from {', '.join(there)}.")
    return [*wanted]


def _session(network: bytes, wanted: Sequence[str] | None) -> onnxruntime.InferenceSession:
    """Load an ONNX network for what this machine has by default. Raises onnxruntime's errors."""
    onnxruntime = runtime()
    there = onnxruntime.get_available_providers()
    providers = wanted or [name for name in DEFAULT_PROVIDERS if name in there]
    options = onnxruntime.SessionOptions()
    # a digit takes a quarter of a millisecond on one thread: waking others would cost more
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(network, options, providers=providers)
