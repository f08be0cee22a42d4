"""The page that learns, in a real browser before the real server."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from mouse import Held, draw
from playwright.sync_api import Page, expect
from requests.adapters import HTTPAdapter
from safetensors.numpy import load_file
from urllib3.util import Retry

from shuzi import Reader
from shuzi.serve import corrections, learn, samples
from shuzi.serve.pool import WorkerPool
from shuzi.serve.problems import Problem
from shuzi.serve.settings import ServerSettings
from shuzi.serve.training import Trainer
from shuzi.softmax import draws
from shuzi.train.run import WEIGHTS
from shuzi.train.run_folder import read_run

pytestmark = pytest.mark.slow  # the page trains

NOT_THERE = re.compile("get it with: shuzi data mnist")

# One epoch by the page's own worker, as the page asks for it. Gives W and b, and how many turns the page's own loop
# took meanwhile.
EPOCH = """(settings) => new Promise((done, failed) => {
    const worker = new Worker("learn-worker.js", { type: "module" });
    let [turns, began] = [0, false];
    const watch = setInterval(() => (turns += began), 5);
    worker.onmessage = ({ data: { run, fault } }) => {
        if (fault) failed(new Error(fault));
        else if (!began) {
            began = true;
            worker.postMessage(["play"]);
        } else if (!run.playing) {
            clearInterval(watch);
            worker.terminate();
            done({ W: [...run.W], b: [...run.b], held: run.held, share: run.share, turns });
        }
    };
    worker.postMessage(["begin", { lr: 0.1, size: 100, count: 60000, start: "random", seed: 0, pace: 0, ...settings }]);
})"""


@pytest.fixture(scope="session")
def packed(server):
    """The server, once it has packed MNIST: asked again when it says to."""
    with requests.Session() as session:
        again = Retry(total=100, status_forcelist=[503], respect_retry_after_header=True)
        session.mount("http://", HTTPAdapter(max_retries=again))
        session.get(server.url + "/api/learn/set", timeout=60).raise_for_status()
    return server


@pytest.fixture
def lesson(open_page, packed):
    """Opens the learning page."""
    return lambda **context: open_page("/learn", **context)


def set_knob(page: Page, knob: str, value: str) -> None:
    page.locator("#" + knob).fill(value)
    page.locator("#" + knob).press("Tab")


def test_steps_in_the_page_give_the_weights_that_shuzi_train_writes(lesson, command, tmp_path):
    command("train", "softmax-numpy", "--seed", 3, "--validation", 58_000, "--out", tmp_path / "run")
    weights = load_file(tmp_path / "run" / WEIGHTS)
    learnt = lesson().evaluate(EPOCH, {"seed": 3, "count": 2_000})
    assert np.abs(np.reshape(learnt["W"], (784, 10)) - weights["W"]).max() < 1e-4
    assert np.abs(np.array(learnt["b"]) - weights["b"]).max() < 1e-4


@pytest.mark.parametrize(("count", "held_out"), [(55_000, 5_000), (60_000, 0)])
def test_an_epoch_in_the_page_ends_with_the_weights_that_shuzi_train_writes(
    lesson, command, tmp_path, count, held_out
):
    command("train", "softmax-numpy", "--seed", 3, "--validation", held_out, "--out", tmp_path / "run")
    run = read_run(tmp_path / "run")
    weights = load_file(run.folder / WEIGHTS)
    learnt = lesson().evaluate(EPOCH, {"seed": 3, "count": count})
    assert np.abs(np.reshape(learnt["W"], (784, 10)) - weights["W"]).max() < 1e-4
    assert np.abs(np.array(learnt["b"]) - weights["b"]).max() < 1e-4
    assert learnt["turns"] > 10  # the page answers meanwhile
    held = run.metrics[0].validation_accuracy
    assert learnt["held"] == held_out
    assert learnt.get("share") == (held if held is None else pytest.approx(held, abs=4e-4))


def test_let_it_run_the_sheet_reads_with_what_was_learnt(lesson):
    page = lesson()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 550")
    expect(page.locator("#held")).to_have_text(
        "Validation accuracy (the last 5,000 training images, held out)"
    )
    set_knob(page, "count", "4000")
    page.locator("#pace").select_option("fast")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 40")
    page.locator("#sample").click()
    expect(page.locator("#reads")).to_contain_text("Prediction:")
    page.get_by_role("button", name="One step").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 1 of 40")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).to_have_text("Epoch 1 is done. Press Play for another.")
    assert float(page.inner_text("#share")) > 0.75
    assert len(page.locator("#losses polyline").get_attribute("points").split()) == 40
    expect(page.locator("#bars .best")).to_have_count(1)
    page.get_by_role("button", name="Restart").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 40")


def test_it_pauses_and_each_knob_turns_something(lesson):
    page = lesson()
    set_knob(page, "count", "2000")
    set_knob(page, "size", "50")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 40")
    page.locator("#pace").select_option("slow")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).not_to_have_text("Epoch 1: batch 0 of 40")
    expect(page.locator("#resting")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    stopped = int(re.search(r"batch (\d+)", page.inner_text("#said"))[1])
    page.get_by_role("button", name="One step").click()  # one more, and not those that would have followed
    expect(page.locator("#said")).to_have_text(f"Epoch 1: batch {stopped + 1} of 40")
    page.locator("#start").select_option("zeros")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 40")
    page.get_by_role("button", name="One step").click()
    expect(page.locator("#loss")).to_have_text(re.compile(r"^2\.30"))  # log 10: all ten are as likely
    before = page.inner_text("#which-said")
    set_knob(page, "seed", "1")
    expect(page.locator("#which-said")).not_to_have_text(before)


def test_what_it_has_learnt_reads_what_is_drawn(lesson, strokes):
    page = lesson()
    set_knob(page, "count", "10000")
    page.locator("#pace").select_option("fast")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).to_have_text("Epoch 1 is done. Press Play for another.")
    draw(page, strokes["8"])
    expect(page.locator("#reads")).to_contain_text("Prediction: 8")


def test_a_pixel_is_chosen_with_the_mouse(lesson):
    page = lesson()
    page.wait_for_selector("#ten-steps .n")
    box = page.locator("#image").bounding_box()
    page.locator("#image").click(position={"x": box["width"] * 10.5 / 28, "y": box["height"] * 20.5 / 28})
    expect(page.locator("#pixel")).to_contain_text(f"index {20 * 28 + 10} of")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_that_learns_has_contrast_and_names(lesson, assert_accessible, scheme):
    page = lesson(color_scheme=scheme)
    page.wait_for_selector("#ten-steps .n")
    page.locator("#sample").click()
    expect(page.locator("#reads")).to_contain_text("Prediction:")
    assert_accessible(page)


def test_a_learning_rate_of_10_is_told_and_why(lesson):
    page = lesson()
    set_knob(page, "count", "4000")
    set_knob(page, "lr", "10")
    page.locator("#pace").select_option("fast")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 40")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#trouble")).to_contain_text("The learning rate 10 is too large")


def numbers(page: Page, ten: str, what: str) -> np.ndarray:
    """What ten of a card's lists show behind a name, 0 first."""
    lines = page.locator(f"#{ten} .n").filter(
        has=page.locator("i", has_text=re.compile(f"^{re.escape(what)}$"))
    )
    return np.array([float(each.removeprefix(what).replace("−", "-")) for each in lines.all_inner_texts()])


def test_every_number_of_a_batch_is_computed(lesson, mnist):
    page = lesson()
    page.wait_for_selector("#ten-steps .n")
    W, b = draws.initial(draws.generator(0))
    batch = draws.order(draws.generator(0), 55_000)[:100]
    x = mnist[0].images[batch].reshape(100, 784) / np.float32(255)
    labels = mnist[0].labels[batch]
    y = x @ W + b
    e = np.exp(y - y.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    error = p - np.eye(10)[labels]
    change = -0.1 * x.T @ error / 100
    page.locator("#which").fill("7")
    page.locator("#image").focus()
    pixel = 14 * 28 + 14
    for key in ("ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    pixel -= 29
    expect(page.locator("#which-said")).to_contain_text(f"training image {batch[7]}, label {labels[7]}")
    ink = mnist[0].images[batch[7]].reshape(-1)[pixel]
    expect(page.locator("#pixel")).to_contain_text(
        f"index {pixel} of the flattened image. Pixel value {ink} of 255"
    )
    near = {"atol": 6e-4, "rtol": 0}
    np.testing.assert_allclose(numbers(page, "ten-logits", "xW"), x[7, pixel] * W[pixel], **near)
    np.testing.assert_allclose(numbers(page, "ten-logits", "y"), y[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-softmax", "e"), e[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-softmax", "p"), p[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-errors", "="), error[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-steps", "+"), change[pixel], atol=6e-6, rtol=0)
    loss = -np.log(p[np.arange(100), labels])
    expect(page.locator("#cost")).to_contain_text(f"= {loss[7]:.4f}")
    expect(page.locator("#cost")).to_contain_text(f"batch is {loss.mean():.4f}")
    after = W[pixel] + change[pixel]
    page.get_by_role("button", name="Take this step").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 1 of 550")
    np.testing.assert_allclose(numbers(page, "ten-logits", "W"), after, atol=6e-5, rtol=0)


def test_make_it_say_8_with_the_fewest_pixels(lesson):
    page = lesson()
    expect(page.locator("#says")).to_contain_text("It says")
    for wanted in "8417":
        page.locator("#wanted").select_option(wanted)
        page.get_by_role("button", name="Show the fewest").click()
        expect(page.locator("#fewest-said")).not_to_be_empty()
        said = page.inner_text("#fewest-said")
        expect(page.locator("#says")).to_contain_text(f"It says {wanted} ")
        if "already says" in said:
            continue
        fewest = int(re.search(r"\d+", said)[0])
        expect(page.locator("#changed")).to_have_text(f"Pixels changed: {fewest}")
        page.get_by_role("button", name="Start over").click()
        expect(page.locator("#changed")).to_have_text("Pixels changed: 0")
    page.locator("#board").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect(page.locator("#changed")).to_have_text("Pixels changed: 1")


def test_it_learns_ones_own_hand(lesson):
    page = lesson()
    shown = samples.load()
    own = [(k, image) for k in range(10) for image in shown.images[shown.labels == k][:5]]
    kept = page.evaluate(
        """(own) => localStorage.setItem("own", JSON.stringify(own.map(([label, ink]) =>
            [label, btoa(String.fromCharCode(...ink))])))""",
        [[label, image.reshape(-1).tolist()] for label, image in own],
    )
    assert kept is None
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#asked")).to_contain_text("Five of each are enough")
    page.get_by_role("button", name="Learn my handwriting").click()
    expect(page.locator("#compared")).to_contain_text("of your 50 drawings")
    read = page.inner_text("#compared")
    assert int(re.search(r"read (\d+) of your 50", read)[1]) > 40
    assert int(re.search(r"other drawings: (\d+)\.", read)[1]) > 40
    assert page.locator("#mine canvas").count() == 20
    page.get_by_role("button", name="Delete all").click()
    expect(page.locator("#asked")).to_have_text("Draw a 0")
    box = page.locator("#own-canvas").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#asked")).to_have_text("Draw a 1")


def test_a_drawing_is_saved_once_though_enter_is_pressed_twice(lesson):
    page = lesson()
    held = Held(page, "**/api/read*")
    page.locator("#own-canvas").focus()  # and scroll to it
    box = page.locator("#own-canvas").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    for _ in range(2):
        with page.expect_request("**/api/read*"):
            page.keyboard.press("Enter")
    for turn in range(2):
        with page.expect_response("**/api/read*"):
            held[turn].continue_()
    expect(page.locator("#asked")).to_have_text("Draw a 1")
    page.evaluate("() => fetch('api/health')")  # all that came before has been dealt with
    expect(page.locator("#kept .n")).to_have_text(["1 / 5", *["0 / 5"] * 9])


def test_the_page_is_in_chinese_and_nothing_overflows(lesson):
    page = lesson(locale="zh-CN", viewport={"width": 360, "height": 740}, color_scheme="dark")
    expect(page.get_by_role("button", name="播放")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert re.findall(r"\{\w+\}", page.inner_text("body")) == []
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.set_viewport_size({"width": 3840, "height": 2160})
    assert page.evaluate("document.documentElement.scrollWidth") <= 3840


def test_a_set_that_is_missing_is_told_with_the_way_to_get_it(chromium, server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SHUZI_DATA", str(tmp_path))
    with pytest.raises(Problem, match=NOT_THERE) as caught:
        learn.packed_set()
    page = chromium.new_page(locale="en-GB")
    problem = caught.value
    page.route(
        "**/api/learn/set", lambda route: route.fulfill(status=problem.status, json=problem.document())
    )
    page.goto(server.url + "/learn")
    expect(page.locator("#trouble")).to_have_text(NOT_THERE)
    expect(page.locator("#says")).to_contain_text("It says")  # what needs no set still works
    page.close()


def state(server) -> dict:
    return requests.get(server.url + "/api/training", timeout=30).json()


@pytest.mark.timeout(1200)  # an epoch of the large network, perhaps beside other work
def test_training_on_corrections_is_measured_and_kept_only_if_one_says_so(tmp_path):
    shown = samples.load()
    folder = tmp_path / "corrections"

    async def train(trainer: Trainer) -> None:
        trainer.start(epochs=1)
        await trainer._task

    async def lesson(pool: WorkerPool) -> None:
        await pool.start()
        about = {"models": await pool.about()}
        trainer = Trainer(ServerSettings(corrections=str(folder)), pool, about)
        with pytest.raises(Problem, match="no new weights"):
            trainer.keep()
        with pytest.raises(Problem, match="no corrections"):
            trainer.start(epochs=1)
        corrections.save(folder, 255 - shown.images[0] // 2, 0)
        await train(trainer)
        assert trainer.progress.state == "failed"
        assert "2 different pictures" in trainer.progress.error
        for i in range(150):
            corrections.save(folder, 255 - shown.images[i][::-1] // 2, int(shown.labels[i]))
        trainer.start(epochs=1)
        with pytest.raises(Problem, match="under way already"):
            trainer.start()
        await trainer.stop()
        assert trainer.progress.state == "idle"
        await train(trainer)
        done = trainer.progress
        assert done.state == "done", done.error
        assert done.before.own < done.after.own  # of digits upside down
        assert done.after.mnist > 0.95
        assert not list(tmp_path.glob("*.onnx"))
        trainer.keep()
        await trainer._task
        assert (done.state, done.file) == ("kept", str(tmp_path / "reader.onnx"))
        assert about["models"]["network"]["own"]
        await trainer.close()
        await pool.close()

    with ThreadPoolExecutor() as thread:  # this one has the browser's loop
        thread.submit(asyncio.run, lesson(WorkerPool(None, 1))).result()
    assert Reader(tmp_path / "reader.onnx").classify(shown.images[:1])[0].shape == (1, 10)


def test_of_two_who_ask_for_a_training_the_second_sees_the_first(chromium, start_server, tmp_path):
    shown = samples.load()
    server = start_server(tmp_path / "corrections")
    pages = [chromium.new_page(locale="en-GB") for _ in range(2)]
    for page in pages:
        page.goto(server.url + "/learn")
        page.wait_for_selector("html[data-ready]")
    asking = [page.get_by_role("button", name="Train on my corrections") for page in pages]
    asking[0].click()
    expect(pages[0].locator("#notice")).to_contain_text("There are no corrections to train on yet")
    for i in range(0, 150, 5):
        corrections.save(tmp_path / "corrections", 255 - shown.images[i] // 2, int(shown.labels[i]))
    asking[0].click()
    expect(pages[0].locator("#training")).to_have_text("Training: epoch 1 of 4")
    asking[1].click()
    expect(pages[1].locator("#training")).to_have_text("Training: epoch 1 of 4")
    expect(pages[1].locator("#notice")).not_to_contain_text("no corrections")
    pages[1].get_by_role("button", name="Discard").click()
    expect(asking[0]).to_be_visible()
    assert state(server)["state"] == "idle"
    for page in pages:
        page.close()


def test_a_server_that_others_can_ask_or_that_is_read_only_trains_nothing(read_only_server, named_server):
    for server in (read_only_server, named_server):
        assert state(server)["refused"]
        reply = requests.post(server.url + "/api/training", timeout=30)
        assert reply.status_code == 403
        assert reply.json()["detail"] == state(server)["refused"]
