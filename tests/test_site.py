"""The site: a folder of static files that reads, learns and explains without a server."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from mouse import draw, train_and_replay
from playwright.sync_api import Page, expect

from shuzi.data.normalise import normalise
from shuzi.serve.models import ServedModels
from shuzi.serve.schemas import Drawing
from shuzi.serve.strokes import render
from shuzi.serve.task import Task
from shuzi.synth.skeletons import digit_skeletons, jitter, strokes_of

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
WEBSITE = ROOT / "website"
PATIENCE = 100_000  # ms: longer than any machine under load needs
SURE = 0.95  # confidence from which on a reading is sure
NORMALISE = """async (inks) => {
    const { normalise } = await import("./normalise.js");
    return inks.map(([width, height, pixels]) => [...normalise({ width, height, pixels: Uint8Array.from(pixels) })]);
}"""
READ = """async (drawings) => {
    const { read } = await import("./drawings.js");
    const digits = [];
    for (const drawing of drawings) {
        const { numbers } = await read(JSON.stringify(drawing), "network");
        digits.push(numbers.flatMap((number) => number.digits));
    }
    return digits;
}"""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def strokes():
    return json.loads((ROOT / "tests" / "serve" / "strokes.json").read_text())


class Served(SimpleHTTPRequestHandler):
    """The site's files, and how many bytes of them were sent."""

    sent = 0

    def copyfile(self, source, outputfile):
        Served.sent += os.fstat(source.fileno()).st_size
        super().copyfile(source, outputfile)

    def log_message(self, *args):
        pass


def serve(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Served, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def pages(website_build, tmp_path_factory) -> Path:
    """The site without its documentation, which takes a minute."""
    folder = tmp_path_factory.mktemp("site") / "site"
    website_build.build(folder, documentation=False)
    return folder


@pytest.fixture(scope="session")
def address(pages) -> Iterator[str]:
    yield from serve(pages)


@pytest.fixture
def open_page(chromium, address) -> Iterator[Callable[..., Page]]:
    """Opens pages; an error of a page's code or a request to another host fails the test."""
    faults, contexts = [], []

    def begin(path: str = "/index.html", script: str = "", **context) -> Page:
        settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | context
        contexts.append(chromium.new_context(**settings))
        page = contexts[-1].new_page()
        contexts[-1].set_default_timeout(PATIENCE)
        page.add_init_script(script)
        page.on(
            "request", lambda it: None if it.url.startswith((address, "blob:" + address)) else faults.append(it.url)
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address + path)
        page.wait_for_selector("html[data-ready]")
        return page

    yield begin
    for context in contexts:
        context.close()
    assert not faults


def drawings(count: int, g: np.random.Generator) -> list[tuple[int, list[np.ndarray]]]:
    """Digits as strokes (P, 3) of many ways and hands, each with its label."""
    made = []
    for k in range(count):
        ways, odds = digit_skeletons(k % 10)
        strokes = jitter([*strokes_of(ways[g.choice(len(ways), p=odds)])], g, g.uniform(0.4, 0.9))
        points = np.concatenate(strokes)
        size = np.ptp(points, axis=0).max() / 500
        made.append((k % 10, [np.c_[(each - points.min(0)) / size + 200, np.full(len(each), 0.5)] for each in strokes]))
    return made


def assert_normalised_alike(page: Page, inks: list[np.ndarray]) -> None:
    sent = [[ink.shape[1], ink.shape[0], ink.ravel().tolist()] for ink in inks]
    theirs = np.array(page.evaluate(NORMALISE, sent), int).reshape(-1, 28, 28)
    ours = np.stack([normalise(ink) for ink in inks]).astype(int)
    assert ours.any((1, 2)).all()
    assert np.abs(theirs - ours).max() <= 1


def test_the_browser_normalises_as_python_does(open_page, mnist):
    page = open_page()
    inks = [255 - render(strokes).pixels for _, strokes in drawings(30, np.random.default_rng(0))]
    assert_normalised_alike(page, [*inks, *mnist[1].images[:30]])
    assert page.evaluate(NORMALISE, [[3, 2, [0] * 6]]) == [[0] * 784]


def test_the_browser_normalises_a_thousand_drawings_and_digits_as_python_does(open_page, mnist):
    page = open_page()
    inks = [255 - render(strokes).pixels for _, strokes in drawings(1000, np.random.default_rng(1))]
    inks += [*mnist[1].images[:1000]]
    for start in range(0, len(inks), 100):
        assert_normalised_alike(page, inks[start : start + 100])


def test_a_drawing_is_read_explained_and_read_by_the_other_model(open_page, strokes):
    page = open_page()
    draw(page, strokes["3"])
    expect(page.locator("#reading")).to_have_text("3")
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")
    expect(page.locator("#why-text")).to_contain_text("Occlusion")
    expect(page.locator("#maps .best .n")).to_contain_text(re.compile(r"\d"))
    assert all(each.strip().startswith("−") for each in page.locator("#maps li:not(.best) .n").all_inner_texts())
    page.get_by_text("Softmax regression").first.click()
    expect(page.locator("#why-text")).to_contain_text("Exact")
    expect(page.locator("#reading")).to_have_text("3")
    expect(page.locator("#maps .best b")).to_have_text("3")


def test_drawings_are_read_as_on_the_server(open_page):
    """The same digit wherever both are sure, and "not sure" of the same 99 in 100."""
    page, server = open_page(), ServedModels(None)
    made = drawings(500, np.random.default_rng(2))
    bodies = [{"width": 1000, "height": 1000, "strokes": [each.tolist() for each in strokes]} for _, strokes in made]
    here = [answer for start in range(0, 500, 50) for answer in page.evaluate(READ, bodies[start : start + 50])]
    same_doubt = right = 0
    for body, ours, (label, _) in zip(bodies, here, made, strict=True):
        theirs = server.read_drawing(Drawing(**body), Task("read", json=True)).digits
        digits = [[each["digit"] for each in ours], [each.digit for each in theirs]]
        same_doubt += (digits[0] in ([None], [])) == (digits[1] in ([None], []))
        right += digits[0] == [label]
        if len(ours) == len(theirs) == 1 and min(ours[0]["confidence"], theirs[0].confidence) >= SURE:
            assert digits[0] == digits[1]
    assert same_doubt >= 495
    assert right >= 480


def test_photos_are_left_to_the_server_and_the_page_says_how(open_page):
    page = open_page()
    page.locator("#file").dispatch_event("click")
    expect(page.locator("#verdict")).to_contain_text("pip install '.[serve]', then: shuzi serve")
    page.locator("#language").click()
    expect(page.locator("#verdict")).to_contain_text("要识别照片")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("delete globalThis.WebAssembly", "This browser has no WebAssembly, which the network needs."),
        ("WebAssembly.validate = () => false", "This browser's WebAssembly has no SIMD"),
    ],
)
def test_where_the_network_cannot_run_softmax_regression_reads(open_page, strokes, script, sentence):
    page = open_page(script=script)
    draw(page, strokes["3"])
    expect(page.locator("#offline")).to_contain_text(sentence)
    expect(page.locator("#reading")).to_have_text("3")
    expect(page.locator("#why-text")).to_contain_text("Exact")
    assert page.get_by_role("radio", name="Network").is_disabled()


@pytest.mark.parametrize("file", ["ort.mjs", "ort.wasm.gz", "reader.onnx"])
def test_without_a_file_of_the_network_softmax_regression_reads(open_page, strokes, file):
    page = open_page(service_workers="block")
    page.context.route(f"**/{file}", lambda route: route.abort())
    draw(page, strokes["3"])
    expect(page.locator("#offline")).to_contain_text("A file of the network couldn't be loaded.")
    expect(page.locator("#reading")).to_have_text("3")


def test_the_second_visit_needs_no_network_and_the_first_one_less_than_5_megabytes(open_page, strokes):
    before = Served.sent
    page = open_page()
    draw(page, strokes["3"])
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")
    page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    assert 4_000_000 < Served.sent - before < 5_000_000
    page.context.set_offline(True)
    page.goto(page.url)
    draw(page, strokes["3"])
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")


def test_the_learning_page_needs_no_network_the_second_time(open_page):
    before = Served.sent
    page = open_page("/learn.html")
    page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    assert 2_500_000 < Served.sent - before < 5_000_000
    page.context.set_offline(True)
    page.reload()
    page.locator("#step").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 1 of 120")


def test_it_learns_from_the_sites_own_digits(open_page):
    page = open_page("/learn.html")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 120")
    expect(page.locator("#held")).to_contain_text("the last 2,000 training images")
    page.locator("#step").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 1 of 120")


@pytest.mark.parametrize("fulfil", [None, {"status": 404}, {"body": "no gzip"}], ids=["blocked", "missing", "damaged"])
def test_without_its_digits_the_learning_page_says_so_in_one_sentence(open_page, address, fulfil):
    page = open_page(service_workers="block")
    page.context.route("**/mnist.bin.gz", lambda route: route.fulfill(**fulfil) if fulfil else route.abort())
    page.goto(address + "/learn.html")
    expect(page.locator("#trouble")).to_have_text("MNIST didn't arrive, or not all of it. Press Restart to try again.")
    expect(page.locator("#play")).to_be_disabled()
    page.locator("#language").click()
    expect(page.locator("#trouble")).to_have_text("MNIST 没有收到，或不完整。按“重新开始”再试一次。")
    page.context.unroute("**/mnist.bin.gz")
    page.locator("#restart").click()
    expect(page.locator("#said")).to_have_text("第 1 轮：第 0 个小批量，共 120 个")


def test_the_digits_to_learn_from_take_3_megabytes_and_their_licence_lies_beside_them(pages):
    assert (pages / "mnist.bin.gz").stat().st_size <= 3_000_000
    assert "MNIST" in (pages / "LICENSES.txt").read_text()


def test_every_text_of_the_sites_own_code_stands_there_in_both_languages():
    texts = [path.read_text("utf-8") for path in WEBSITE.glob("*.js")]
    both = [pair for text in texts for pair in re.findall(r'\bt\("([^"]+)", "([^"]+)"', text)]
    assert len(both) == sum(len(re.findall(r"\bt\(", text)) for text in texts if "text.js" in text)
    assert all(re.search(r"[\u4e00-\u9fff]", chinese) for _, chinese in both)


@pytest.mark.parametrize("path", ["/index.html", "/learn.html"])
def test_axe_finds_no_violation(open_page, axe, path):
    page = open_page(path)
    assert axe(page) == []


@pytest.mark.timeout(900)
def test_axe_finds_no_violation_beside_a_reading_and_what_is_said_of_photos(open_page, axe_in_every_look, strokes):
    page = open_page()
    draw(page, strokes["3"])
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")
    expect(page.locator("#maps .best .n")).to_contain_text(".")
    assert axe_in_every_look(page) == []
    page.locator("#file").dispatch_event("click")
    expect(page.locator("#verdict")).to_contain_text("pip install")
    assert axe_in_every_look(page) == []


@pytest.mark.timeout(900)
def test_axe_finds_no_violation_beside_runs_that_are_compared_and_replayed(open_page, axe_in_every_look, strokes):
    page = open_page("/learn.html")
    train_and_replay(page, strokes["3"])
    assert axe_in_every_look(page) == []


# ---- with the documentation


@pytest.fixture(scope="module")
def site(website_build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "site"
    website_build.build(folder)
    return folder


@pytest.fixture(scope="module")
def site_address(site) -> Iterator[str]:
    yield from serve(site)


@pytest.mark.timeout(900)
def test_the_site_stands_alone_in_both_languages(site):
    for language, other, word in (("zh", "en", "梯度"), ("en", "zh", "gradient")):
        page = (site / language / "04-gradient.html").read_text()
        assert word in page
        assert f'../{other}/04-gradient.html"' in page
        assert "<math" in page
        assert "<details>" in page
        for tag in re.findall(r"<(?:script|img|link|iframe)[^>]*>", page):
            assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), tag
        model = (site / language / "02-model.html").read_text()
        (link,) = set(re.findall(r"""href=["']\.\./(source/shuzi/softmax/equations_torch\.html)#line-\d+["']""", model))
        assert "def logits" in re.sub("<[^>]+>", "", (site / link).read_text())
    assert (site / "index.html").exists()


@pytest.fixture
def page(chromium, site_address):
    """A page; a fault of its code or a request to another host fails the test."""
    page, faults = chromium.new_page(), []
    page.on("request", lambda it: faults.append(it.url) if not it.url.startswith(site_address) else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    page.close()
    assert not faults


@pytest.mark.parametrize(("language", "asked", "first"), [
    ("zh", "梯度", "4 "), ("zh", "交叉熵", "3 "), ("zh", "学习率", "4 "), ("zh", "熵", "3 "), ("zh", "softmax", "2 "),
    ("zh", "就是在骗自己", "6 "), ("zh", "小批量 reshape", "1 "), ("en", "cross-entropy", "3 "),
])  # fmt: skip
def test_the_sites_search_finds_the_chapter(page, site_address, language, asked, first):
    page.goto(f"{site_address}/{language}/search.html?q={asked}")
    page.wait_for_selector("#search-results .search li a")
    assert any(link.startswith(first) for link in page.locator("#search-results li a").all_inner_texts())


def test_what_nobody_wrote_is_not_found(page, site_address):
    page.goto(f"{site_address}/zh/search.html?q=量子纠缠")
    page.get_by_text("没有匹配到文档").wait_for()


def test_no_page_of_the_site_asks_another_host_and_each_leads_to_its_other_language(page, site, site_address):
    for language, other in (("zh", "en"), ("en", "zh")):
        for path in sorted((site / language).glob("*.html")):
            page.goto(f"{site_address}/{language}/{path.name}", wait_until="load")
            if path.stem not in ("search", "genindex"):
                leads = page.locator(".language a[hreflang]").evaluate("link => link.href")
                assert leads == f"{site_address}/{other}/{path.name}"
                assert (site / other / path.name).exists()
    page.goto(f"{site_address}/docs/")
    page.wait_for_url("**/en/index.html")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", ["en", "zh", "source/shuzi/softmax"])
def test_axe_finds_no_violation_on_any_page_of_the_site(page, site, site_address, axe_in_every_look, part):
    found = []
    for path in sorted((site / part).glob("*.html")):
        page.goto(f"{site_address}/{part}/{path.name}", wait_until="load")
        found += [(path.name, *each) for each in axe_in_every_look(page)]
    assert found == []
