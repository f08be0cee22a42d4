"""Real servers in processes of their own, and pages in a real browser."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

Strokes = list[list[list[float]]]
PATIENCE = 100_000  # ms: longer than any machine under load needs
expect.set_options(timeout=PATIENCE)

CONTRAST = """() => {
    const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const light = (colour) => colour.slice(0, 3).map((c) => linear(c / 255))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
    };
    const low = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        const hidden = !element.checkVisibility() || element.closest("dialog, .unseen, #notice, #drop");
        if (!own || hidden) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) low.push(`${contrast.toFixed(2)} ${element.outerHTML.slice(0, 90)}`);
    }
    return low;
}"""


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    corrections: Path

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.process.stderr.close()


def start(corrections: Path, **settings) -> Server:
    settings = {"port": 0, "corrections": str(corrections)} | settings
    run = f"from shuzi.serve.server import *; serve(ServerSettings(**{settings!r}), open_browser=False)"
    process = subprocess.Popen([sys.executable, "-c", run], stderr=subprocess.PIPE, text=True)
    said = process.stderr.readline()
    found = re.search(r"http://\S+", said)
    assert found, said + process.stderr.read()
    return Server(process, found[0].rstrip("/"), corrections)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """Servers by their settings, for tests that leave them as they are; they end with the session."""
    running: dict[str, Server] = {}

    def get(corrections: Path | None = None, **settings) -> Server:
        key = repr((corrections, sorted(settings.items())))
        if key not in running:
            running[key] = start(corrections or tmp_path_factory.mktemp("data") / "corrections", **settings)
        return running[key]

    yield get
    for each in running.values():
        each.stop()


@pytest.fixture(scope="session")
def server(shared_server) -> Server:
    return shared_server()


@pytest.fixture(scope="session")
def read_only_server(shared_server) -> Server:
    return shared_server(read_only=True, workers=1)


@pytest.fixture(scope="session")
def named_server(shared_server, file_for_folder) -> Server:
    """A server that a proxy serves as digits.example, and that can't save corrections."""
    return shared_server(file_for_folder, allow_hosts=("digits.example",), workers=3)


@pytest.fixture(scope="session")
def file_for_folder(tmp_path_factory) -> Path:
    """A file where a folder of corrections should be."""
    path = tmp_path_factory.mktemp("data") / "corrections"
    path.write_text("a file")
    return path


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    running: list[Server] = []

    def begin(corrections: Path, **settings) -> Server:
        running.append(start(corrections, **settings))
        return running[-1]

    yield begin
    for each in running:
        each.stop()


@pytest.fixture
def open_page(chromium, server) -> Iterator[Callable[..., Page]]:
    """Opens pages; a console error or a request to another host fails the test."""
    faults, contexts = [], []

    def begin(path: str = "/", **context) -> Page:
        settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | context
        contexts.append(chromium.new_context(**settings))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.on("request", look)
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url + path)
        page.wait_for_selector("html[data-ready]")
        # Before it has the focus, a key pressed goes nowhere. Functions only: the pages forbid `eval` of an expression.
        page.wait_for_function("() => document.hasFocus()")
        return page

    def look(request):
        if not request.url.startswith((server.url + "/", "blob:" + server.url)):
            faults.append(f"asked {request.url}")

    yield begin
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="session")
def strokes() -> dict[str, Strokes]:
    """Strokes of '0' to '9' and of a scribble, x and y in 0..1."""
    return json.loads((Path(__file__).parent / "strokes.json").read_text())


@pytest.fixture(scope="session")
def drawing(strokes) -> Callable[..., dict]:
    """A request's body that draws digits side by side."""

    def draw(text: str, height: float = 500) -> dict:
        placed = [
            [[150 + 0.9 * height * at + 0.6 * height * x, 200 + height * y] for x, y in stroke]
            for at, digit in enumerate(text)
            for stroke in strokes[digit]
        ]
        return {"width": 400 + 0.9 * height * len(text), "height": 1000, "strokes": placed}

    return draw


@pytest.fixture(scope="session")
def assert_accessible() -> Callable[..., None]:
    """Asserts that a page's text has contrast, its controls have names, and none is too small to hit."""

    def assert_of(page) -> None:
        assert page.evaluate(CONTRAST) == []
        nameless = """[...document.querySelectorAll("button, input, select")]
            .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.ariaLabelledByElements || e.labels?.length))
            .length"""
        assert page.evaluate(nameless) == 0
        small = """[...document.querySelectorAll("button, .button, .models label")].filter((e) => e.checkVisibility())
            .map((e) => e.getBoundingClientRect()).filter((r) => Math.min(r.width, r.height) < 24).length"""
        assert page.evaluate(small) == 0

    return assert_of
