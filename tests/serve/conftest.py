"""A real server in a process of its own, and a real browser before it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest

Strokes = list[list[list[float]]]
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")


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
    settings = {"port": 0, "open_browser": False, "corrections_folder": str(corrections)} | settings
    run = f"from shuzi.serve.server import serve; serve(**{settings!r})"
    process = subprocess.Popen([sys.executable, "-c", run], stderr=subprocess.PIPE, text=True)
    said = process.stderr.readline()
    found = re.search(r"http://\S+", said)
    assert found, said + process.stderr.read()
    return Server(process, found[0].rstrip("/"), corrections)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("data") / "corrections")
    yield running
    running.stop()


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
def chromium():
    if not CHROMIUM:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium found; the browser tests must run in CI: apt-get install chromium")
        pytest.skip("no chromium found, so the page is not tested in a browser: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()
