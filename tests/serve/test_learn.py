"""The page that learns, in a real browser before the real server."""

import re

import numpy as np
import pytest
import requests
from loops import run_apart
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
from shuzi.softmax import draws, equations
from shuzi.train.run import WEIGHTS
from shuzi.train.run_folder import read_run

pytestmark = pytest.mark.slow  # the page trains

NOT_THERE = re.compile("get it with: shuzi data mnist")

# Epochs by the page's own worker, as the page asks for them. Gives the layers before and after, and how many turns the
# page's own loop took meanwhile.
EPOCH = """(settings) => new Promise((done, failed) => {
    const worker = new Worker("learn-worker.js", { type: "module" });
    let [turns, began] = [0, null];
    const lists = (layers) => layers.map(({ W, b }) => [[...W], [...b]]);
    const watch = setInterval(() => (turns += began !== null), 5);
    worker.onmessage = ({ data: { run, fault } }) => {
        if (fault) failed(new Error(fault));
        else if (!began) {
            began = lists(run.layers);
            worker.postMessage(["play"]);
        } else if (!run.playing) {
            clearInterval(watch);
            worker.terminate();
            done({ before: began, after: lists(run.layers), held: run.held, share: run.share, turns });
        }
    };
    const plain = { hidden: 0, lr: 0.1, size: 100, count: 60000, epochs: 1, start: "random", seed: 0, pace: 0 };
    worker.postMessage(["begin", { ...plain, ...settings }]);
})"""
SHIFTS = """() => new Promise((done) => {
    let sum = 0;
    const add = (list) => list.getEntries().forEach(({ value, hadRecentInput }) => (sum += hadRecentInput ? 0 : value));
    new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 300);
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
    [(W, b)] = learnt["after"]
    assert np.abs(np.reshape(W, (784, 10)) - weights["W"]).max() < 1e-4
    assert np.abs(np.array(b) - weights["b"]).max() < 1e-4


@pytest.mark.parametrize(("count", "held_out"), [(55_000, 5_000), (60_000, 0)])
def test_an_epoch_in_the_page_ends_with_the_weights_that_shuzi_train_writes(lesson, command, tmp_path, count, held_out):
    command("train", "softmax-numpy", "--seed", 3, "--validation", held_out, "--out", tmp_path / "run")
    run = read_run(tmp_path / "run")
    weights = load_file(run.folder / WEIGHTS)
    learnt = lesson().evaluate(EPOCH, {"seed": 3, "count": count})
    [(W, b)] = learnt["after"]
    assert np.abs(np.reshape(W, (784, 10)) - weights["W"]).max() < 1e-4
    assert np.abs(np.array(b) - weights["b"]).max() < 1e-4
    assert learnt["turns"] > 10  # the page answers meanwhile
    held = run.metrics[0].validation_accuracy
    assert learnt["held"] == held_out
    assert learnt.get("share") == (held if held is None else pytest.approx(held, abs=4e-4))


def layers(lists: list[list[list[float]]]) -> list[np.ndarray]:
    """W1, b1, W2 and b2 from a worker's answer."""
    return [np.reshape(W, (-1, len(b))) if i == 0 else np.array(b, float) for W, b in lists for i in range(2)]


def hidden_gradients(x, y, W1, b1, W2, b2) -> tuple[np.ndarray, ...]:
    """The gradients of chapter 11, and each image's."""
    h = np.maximum(x @ W1 + b1, 0)
    delta = equations.softmax(h @ W2 + b2) - y
    delta1 = delta @ W2.T * (h > 0)
    return tuple(each / len(x) for each in (x.T @ delta1, delta1.sum(axis=0), h.T @ delta, delta.sum(axis=0)))


@pytest.mark.parametrize("hidden", [16, 128])
def test_an_epoch_with_a_hidden_layer_ends_with_numpys_weights(lesson, mnist, hidden):
    count = 2_000
    learnt = lesson().evaluate(EPOCH, {"hidden": hidden, "lr": 0.2, "size": 50, "seed": 3, "count": count})
    network = layers(learnt["before"])
    assert network[0].shape == (784, hidden)
    assert network[0].std() == pytest.approx((2 / 784) ** 0.5, rel=0.05)
    order = draws.order(draws.generator(3), count)
    x, y = equations.rows(mnist[0].images[order]), np.eye(10)[mnist[0].labels[order]]
    for first in range(0, count, 50):
        batch = slice(first, first + 50)
        for parameter, gradient in zip(network, hidden_gradients(x[batch], y[batch], *network), strict=True):
            parameter -= 0.2 * gradient
    for ours, theirs in zip(layers(learnt["after"]), network, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("settings", "accuracy"),
    [({"count": 55_000, "epochs": 3}, 0.97), ({"count": 12_000, "size": 50, "epochs": 10}, 0.955)],
)
def test_128_hidden_units_reach_the_accuracy_that_the_documentation_states(lesson, settings, accuracy):
    learnt = lesson().evaluate(EPOCH, {"hidden": 128, "lr": 0.5} | settings)
    assert learnt["share"] > accuracy


def test_let_it_run_the_sheet_reads_with_what_was_learnt(lesson):
    page = lesson()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 550")
    expect(page.locator("#held")).to_have_text("Validation accuracy (the last 5,000 training images, held out)")
    set_knob(page, "count", "4000")
    set_knob(page, "epochs", "1")
    page.locator("#pace").select_option("fast")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 40")
    page.locator("#sample").click()
    expect(page.locator("#reads")).to_contain_text("Prediction:")
    page.get_by_role("button", name="One step").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 1 of 40")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).to_have_text("Epoch 1 is done. Press Play to go on.")
    assert float(page.inner_text("#share")) > 0.75
    assert page.locator("#losses .now").get_attribute("d").count("L") == 39
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
    expect(page.locator("#resting")).to_contain_text("Pause to see the next batch")
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
    set_knob(page, "epochs", "1")
    page.locator("#pace").select_option("fast")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).to_have_text("Epoch 1 is done. Press Play to go on.")
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
    """What ten of a card's lists show behind a name, a regular expression, 0 first."""
    lines = page.locator(f"#{ten} .n").filter(has=page.locator("i", has_text=re.compile(f"^{what}$")))
    return np.array(
        [float(re.sub(r"\s", "", each.removeprefix(what)).replace("−", "-")) for each in lines.all_inner_texts()]
    )


def test_every_number_of_a_batch_is_computed(lesson, mnist):
    page = lesson()
    page.wait_for_selector("#ten-steps .n")
    W, b = draws.initial(draws.generator(0))
    batch = draws.order(draws.generator(0), 55_000)[:100]
    x = mnist[0].images[batch].reshape(100, 784) / np.float32(255)
    labels = mnist[0].labels[batch]
    z = x @ W + b
    e = np.exp(z - z.max(axis=1, keepdims=True))
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
    expect(page.locator("#pixel")).to_contain_text(f"index {pixel} of the flattened image. Pixel value {ink} of 255")
    near = {"atol": 6e-4, "rtol": 0}
    np.testing.assert_allclose(numbers(page, "ten-logits", "xw"), x[7, pixel] * W[pixel], **near)
    np.testing.assert_allclose(numbers(page, "ten-logits", "z"), z[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-softmax", "e"), e[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-softmax", "p"), p[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-errors", "δ"), error[7], **near)
    np.testing.assert_allclose(numbers(page, "ten-steps", "[+−]"), change[pixel], atol=6e-6, rtol=0)
    loss = -np.log(p[np.arange(100), labels])
    expect(page.locator("#cost")).to_contain_text(f"= {loss[7]:.4f}")
    expect(page.locator("#cost")).to_contain_text(f"batch is {loss.mean():.4f}")
    after = W[pixel] + change[pixel]
    page.get_by_role("button", name="Take this step").click()
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 1 of 550")
    np.testing.assert_allclose(numbers(page, "ten-logits", "w"), after, atol=6e-5, rtol=0)


def test_every_number_of_the_hidden_layer_is_computed(lesson, mnist):
    page = lesson()
    set_knob(page, "size", "20")
    page.locator("#hidden").select_option("16")
    expect(page.locator("#hidden-sum .n")).to_have_count(7)
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 2,750")
    start = page.evaluate(
        """async () => {
            const { initial } = await import("./mlp.js");
            const { generator } = await import("./draws.js");
            return initial(16, generator(0)).map(({ W, b }) => [[...W], [...b]]);
        }"""
    )
    W1, b1, W2, b2 = layers(start)
    batch = draws.order(draws.generator(0), 55_000)[:20]
    x, labels = equations.rows(mnist[0].images[batch]), mnist[0].labels[batch]
    a = x @ W1 + b1
    h = np.maximum(a, 0)
    delta = equations.softmax(h @ W2 + b2) - np.eye(10)[labels]
    of_W1, _, of_W2, _ = hidden_gradients(x, np.eye(10)[labels], W1, b1, W2, b2)
    near = {"atol": 6e-4, "rtol": 0}
    for j in (3, int(a[0].argmin())):  # one of them silent
        page.locator("#unit-at").fill(str(j))
        np.testing.assert_allclose(numbers(page, "hidden-sum", "Σ"), [a[0, j] - b1[j]], **near)
        np.testing.assert_allclose(numbers(page, "hidden-sum", "h"), [h[0, j]], **near)
        np.testing.assert_allclose(numbers(page, "ten-logits", "hw"), h[0, j] * W2[j], **near)
        np.testing.assert_allclose(numbers(page, "ten-back", "δw"), delta[0] * W2[j], **near)
        of = (delta[0] @ W2[j]) * (h[0, j] > 0)
        expect(page.locator("#back-said")).to_contain_text(
            f"δ₁ = {round(of, 4) + 0.0:.4f}".replace("-", "−") if of else "δ₁ = 0."
        )
        np.testing.assert_allclose(numbers(page, "ten-steps", "[+−]"), -0.2 * of_W2[j], atol=6e-6, rtol=0)
        pixel = 14 * 28 + 14
        np.testing.assert_allclose(numbers(page, "unit-change", "[+−]"), [-0.2 * of_W1[pixel, j]], atol=6e-6, rtol=0)
    np.testing.assert_allclose(numbers(page, "ten-logits", "z"), (h @ W2 + b2)[0], **near)


def test_hidden_units_form_and_the_training_is_replayed_and_compared(lesson):
    page = lesson()
    set_knob(page, "count", "2000")
    set_knob(page, "epochs", "2")
    page.locator("#pace").select_option("fast")
    page.locator("#hidden").select_option("16")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 20")
    page.locator("#sample").click()
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).to_have_text("Epoch 2 is done. Press Play to go on.")
    trained = page.locator("#units").screenshot(), page.inner_text("#bars")
    page.locator("#units").press("ArrowRight")
    expect(page.locator("#unit-name")).to_have_text("Unit 1")
    page.locator("#units").press("ArrowLeft")
    page.locator("#when").fill("0")
    expect(page.locator("#when-said")).to_contain_text("at epoch 0: accuracy")
    assert page.locator("#units").screenshot() != trained[0]
    assert page.inner_text("#bars") != trained[1]
    page.locator("#when").fill(page.locator("#when").get_attribute("max"))
    expect(page.locator("#when-said")).to_have_text("now, at epoch 2")
    assert (page.locator("#units").screenshot(), page.inner_text("#bars")) == trained
    page.locator("#hidden").select_option("none")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 20")
    page.get_by_role("button", name="One step").click()
    expect(page.locator("#runs li")).to_have_count(2)
    expect(page.locator("#shares .curve")).to_have_count(2)
    expect(page.locator("#runs li").first).to_contain_text("16 hidden units, α = 0.2, batch size 100, 2,000 images")
    page.get_by_role("button", name="Clear earlier runs").click()
    expect(page.locator("#runs li")).to_have_count(1)


def test_nothing_moves_while_data_arrive(lesson):
    page = lesson()
    assert page.evaluate(SHIFTS) < 0.02
    set_knob(page, "count", "2000")
    page.locator("#pace").select_option("fast")
    page.locator("#hidden").select_option("16")
    expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 20")
    before = page.evaluate(SHIFTS)
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#said")).to_have_text("Epoch 5 is done. Press Play to go on.")
    assert page.evaluate(SHIFTS) - before < 0.02


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
    page.route("**/api/learn/set", lambda route: route.fulfill(status=problem.status, json=problem.document()))
    page.goto(server.url + "/learn")
    expect(page.locator("#trouble")).to_have_text(NOT_THERE)
    expect(page.locator("#says")).to_contain_text("It says")  # what needs no set still works
    page.close()


@pytest.mark.parametrize(
    ("file", "answer", "sentence"),
    [
        ("api/learn/set", None, "MNIST didn't arrive, or not all of it. Press Restart to try again."),
        ("api/learn/set", {"body": b"\1\0\0\0\0\0\0\0half"}, "MNIST didn't arrive, or not all of it."),
        ("api/learn/set", {"status": 500, "json": {}}, "The server can't give out MNIST (status 500)."),
        ("learn-worker.js", {"status": 404}, "the script learn-worker.js didn't load. Reload the page."),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_sentence(chromium, server, file, answer, sentence):
    page = chromium.new_page(locale="en-GB")
    page.route(f"**/{file}", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.goto(server.url + "/learn")
    expect(page.locator("#trouble")).to_contain_text(sentence)
    expect(page.locator("#play")).to_be_disabled()
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
        about = {"models": await pool.use(None)}
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

    run_apart(lesson(WorkerPool(1)))
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
