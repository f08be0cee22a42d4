"""Takes the README's pictures of both pages, MNIST in SHUZI_DATA: python tests/serve/screenshots.py [FOLDER]."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import which

from mouse import draw
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
STROKES = json.loads((Path(__file__).parent / "strokes.json").read_text())


def learnt(page: Page, url: str) -> None:
    """Lets the page that learns go through an epoch, with a digit on its sheet."""
    page.goto(url + "learn")
    page.wait_for_selector("html[data-ready]")
    draw(page, STROKES["8"], 0.3, 0.1, 0.4, 0.8)
    page.locator("#pace").select_option("0")
    page.locator("#play").click()
    page.locator("#said").filter(has_text=re.compile("is done|完成")).wait_for()
    page.evaluate("scrollTo(0, 0)")


def save(page: Page, path: Path, shown: str = "#maps .best .n") -> None:
    """The page as a small PNG, once a selector shows a number."""
    page.locator(shown).filter(has_text=".").first.wait_for()
    page.mouse.move(0, 0)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, kmeans=4, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


def main(folder: Path) -> None:
    run = "from shuzi.serve.server import *; serve(ServerSettings(port=0), open_browser=False)"
    home = {"HOME": "/home/you"}  # the page shows where corrections would be kept; none are
    server = subprocess.Popen(
        [sys.executable, "-c", run], stderr=subprocess.PIPE, text=True, env=os.environ | home, cwd=ROOT
    )
    url = server.stderr.readline().split()[3]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        still = {"reduced_motion": "reduce"}
        desktop = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB", **still)
        desktop.goto(url)
        draw(desktop, STROKES["3"], 0.3, 0.13, 0.4, 0.74)
        save(desktop, folder / "page-desktop.png")
        phone = browser.new_page(viewport={"width": 390, "height": 844}, locale="zh-CN", color_scheme="dark", **still)
        phone.goto(url)
        for at, digit in enumerate("247"):
            draw(phone, STROKES[digit], 0.08 + 0.3 * at, 0.2, 0.25, 0.58)
        save(phone, folder / "page-phone.png")
        for page, name in ((desktop, "learn-desktop.png"), (phone, "learn-phone.png")):
            learnt(page, url)
            save(page, folder / name, "#share")
        browser.close()
    server.terminate()
    server.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
