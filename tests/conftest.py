"""What the tests share: MNIST, a small set of it in a folder, the command `shuzi`, a real browser."""

import contextlib
import importlib.util
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import hypothesis
import numpy as np
import pytest
import tiny_pens

import shuzi
import shuzi.train  # says how torch's threads wait, which must be said before torch is imported
from shuzi import load
from shuzi.cli import main
from shuzi.data import idx, sources
from shuzi.data.digits import Digits
from shuzi.synth import fonts
from shuzi.synth.filled_forms import make_form

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import onnxruntime themselves

# Examples are drawn the same each time, so that a run can be repeated; `make fuzz` draws new ones.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("repeatable")

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code (below 0: the signal) and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict:
        """The one JSON object on stdout, of a command that went well."""
        assert self.code == 0, self.stderr
        return json.loads(self.stdout)


class Commands:
    """Runs `shuzi` commands: in this process, as a process of its own, or as one on a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *args: object,
        cwd: Path | None = None,
        stdin: Path = Path(os.devnull),
        stdout: Path | None = None,
        file_bytes: int | None = None,
        **env: str,
    ) -> Finished:
        """Run a command here. file_bytes: what no file may outgrow, as on a full disk; env: changed variables."""
        paths = stdout or self.folder / "stdout", self.folder / "stderr"
        streams = stdin.open(), *(path.open("w", encoding="utf-8") for path in paths)
        with contextlib.ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stack.enter_context(stream))
            patch.setattr(sys, "argv", ["shuzi", *map(str, args)])
            for name in ("SHUZI_DATA", "NO_COLOR"):
                patch.delenv(name, raising=False)
            for name, value in env.items():
                patch.setenv(name, value)
            stack.enter_context(contextlib.chdir(cwd or self.folder))
            stack.enter_context(warnings.catch_warnings())
            stack.callback(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
            if file_bytes is not None:
                limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, limits[1]))
            with pytest.raises(SystemExit) as ended:
                main()
        printed = ["" if path == stdout else path.read_text(encoding="utf-8") for path in paths]
        return Finished(ended.value.code or 0, *printed)

    @staticmethod
    def environment(**changes: str) -> dict[str, str]:
        """The environment with changes, and without what a developer may have set for himself."""
        kept = {name: value for name, value in os.environ.items() if name not in ("SHUZI_DATA", "NO_COLOR")}
        return kept | changes

    def start(self, *args: object, cwd: Path | None = None, **env: str) -> subprocess.Popen:
        """Start a command as a process of its own, to be talked to or killed."""
        return subprocess.Popen(
            [sys.executable, "-m", "shuzi", *map(str, args)],
            cwd=cwd or self.folder,
            env=self.environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def on_terminal(self, *args: object, columns: int, cwd: Path | None = None, **env: str) -> tuple[int, str]:
        """Run a command on a terminal. Returns its exit code, and stdout and stderr together."""
        ours, its = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "shuzi", *map(str, args)],
            cwd=cwd or self.folder,
            env=self.environment(TERM="xterm-256color", COLUMNS=str(columns), **env),
            stdin=its,
            stdout=its,
            stderr=its,
        ) as process:
            os.close(its)
            printed = b""
            with contextlib.suppress(OSError):  # how a terminal says that nobody is left at its other end
                while chunk := os.read(ours, 65536):
                    printed += chunk
            os.close(ours)
        return process.returncode, printed.decode()


@pytest.fixture(scope="session")
def command(tmp_path_factory) -> Commands:
    return Commands(tmp_path_factory.mktemp("command"))


@pytest.fixture(scope="session")
def mnist() -> tuple[Digits, Digits]:
    return shuzi.load("mnist")


def write_set(folder: Path, train: Digits, test: Digits) -> Path:
    """Write a set as a folder of four IDX files."""
    arrays = (train.images, train.labels, test.images, test.labels)
    for name, array in zip(sources.NAMES, arrays, strict=True):
        idx.write(folder / name, array)
    return folder


@pytest.fixture(scope="session", name="write_set")
def write_set_fixture() -> Callable[[Path, Digits, Digits], Path]:
    return write_set


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory, mnist) -> Path:
    """A set of one's own: the first 1,000 of MNIST's training and 200 of its test images."""
    return write_set(tmp_path_factory.mktemp("small"), mnist[0].part(0, 1000), mnist[1].part(0, 200))


@pytest.fixture(scope="session")
def small(small_folder) -> tuple[Digits, Digits]:
    return load(small_folder)


@pytest.fixture(scope="session")
def scan(mnist) -> np.ndarray:
    """A made-up form as a scanner sees it: account 704128, amount 1250, and more."""
    held_out = mnist[0].part(55_000, 60_000)
    texts = ["704128", "24122024", "4242424242424242", "1250", "10115", "9783161484100", "970001", ""]
    return make_form(held_out.images, held_out.labels, texts, False, np.random.default_rng(3))


@pytest.fixture(scope="module")
def no_fonts() -> Iterator[None]:
    """Let synthetic writing find no font on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "FOLDERS", ())
        patch.delenv("SHUZI_FONTS", raising=False)
        fonts.clear_caches()
        yield
    fonts.clear_caches()


@pytest.fixture(scope="module")
def few_writers(tmp_path_factory) -> Iterator[None]:
    """Let synthetic writing be drawn with a tiny set of pens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("SHUZI_DATA", str(tiny_pens.write_all(tmp_path_factory.mktemp("pens"))))
        yield


@pytest.fixture(scope="session")
def loaded_by() -> Callable[[str], set[str]]:
    """Gives the top-level modules that a fresh process has loaded after a script."""

    def loaded(script: str) -> set[str]:
        ended = subprocess.run(
            [sys.executable, "-c", f"{script}\nimport sys; print('\\n', *sys.modules)"], capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return {name.split(".")[0] for name in ended.stdout.splitlines()[-1].split()}

    return loaded


@pytest.fixture(scope="session")
def website_build():
    """The module that builds the site."""
    if which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no npm found; the site must be tested in CI: apt-get install npm")
        pytest.skip("no npm found, so the site is not built: apt-get install npm")
    path = Path(__file__).parents[1] / "website" / "build.py"
    spec = importlib.util.spec_from_file_location("website_build", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def axe(website_build) -> Callable[..., list]:
    """Lists a page's violations of accessibility rules, [rule, HTML of what violates it], as axe-core finds them."""
    sha256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
    (source,) = website_build.npm_files("axe-core", "4.14.1", sha256, "axe.min.js")
    run = """async () => {
        const { violations } = await axe.run({ resultTypes: ["violations"] });
        return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
    }"""

    def violations(page) -> list:
        page.evaluate(source.decode())
        return page.evaluate(run)

    return violations


@pytest.fixture(scope="session")
def axe_in_every_look(axe) -> Callable[..., list]:
    """Lists a page's violations on a desktop and on a phone, light and dark, in both languages if it has a switch."""

    def violations(page) -> list:
        found = []
        page.emulate_media(reduced_motion="reduce")
        for width, height in ((1280, 800), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                for switch in page.locator("#language").all() * 2 or [None]:
                    found += [(width, scheme, page.locator("html").get_attribute("lang"), *each) for each in axe(page)]
                    if switch:
                        switch.evaluate("button => button.click()")  # also behind an open dialog
        return found

    return violations


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium found; the browser tests must run in CI: apt-get install chromium")
        pytest.skip("no chromium found, so the page is not tested in a browser: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()
