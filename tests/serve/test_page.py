"""The page in a real browser, before the real server: drawn on, dropped on, typed at."""

import io
import re

import numpy as np
import pytest
import requests
from mouse import Held, draw, photo
from PIL import Image
from playwright.sync_api import Page, expect

from shuzi import Reader
from shuzi.serve import samples
from shuzi.serve.schemas import encode


def reading(page: Page):
    return page.locator("#reading")


@pytest.mark.slow
def test_each_digit_drawn_is_read(open_page, strokes):
    page = open_page()
    for digit in "0123456789":
        draw(page, strokes[digit])
        expect(reading(page)).to_have_text(digit)
        expect(page.locator("#bars .best b")).to_have_text(digit)
        expect(page.locator("#verdict")).to_contain_text("confidence")
        if digit in "09":
            expect(page.locator("#maps .best b")).to_have_text(digit)
        page.keyboard.press("c")


@pytest.mark.slow
def test_it_answers_while_the_stroke_is_drawn(open_page, strokes):
    page = open_page()
    box = page.locator("#canvas").bounding_box()
    points = [(box["x"] + 250 + 150 * x, box["y"] + 50 + 300 * y) for x, y in strokes["2"][0]]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    expect(reading(page)).to_have_text("2")  # the pen is still down
    page.mouse.up()


def test_two_digits_are_read_in_a_row_and_each_can_be_looked_at(open_page, strokes):
    page = open_page()
    draw(page, strokes["4"], 0.1, 0.2, 0.3, 0.6)
    draw(page, strokes["7"], 0.55, 0.2, 0.3, 0.6)
    expect(reading(page)).to_have_text("47")
    page.get_by_role("button", name=re.compile("^4, confidence")).click()
    expect(page.locator("#bars .best b")).to_have_text("4")


def test_marks_stand_between_the_digits_and_what_is_not_read_is_counted(open_page, server, drawing, strokes):
    answer = requests.post(server.url + "/api/read?detail=true", json=drawing("47"), timeout=60).json()
    (number,) = answer["numbers"]
    number |= {"text": "-4.7", "marks": [{"sign": sign, "confidence": 1, "box": [0, 0, 1, 1]} for sign in "-."]}
    answer |= {"text": "-4.7", "unread": [[0, 0, 9, 9], [9, 9, 9, 9]]}
    page = open_page()
    page.route("**/api/read*", lambda route: route.fulfill(json=answer))
    draw(page, strokes["4"])
    expect(reading(page)).to_have_text("-4.7")
    expect(reading(page).get_by_role("button")).to_have_text(["4", "7"])
    expect(page.locator("#unread")).to_have_text("2 places not read")


@pytest.mark.slow
def test_what_is_no_digit_is_not_called_one(open_page, server, drawing, strokes):
    def answer_none_in(text: str) -> None:
        """Has the server answer that all digits of a text are none."""
        answer = requests.post(server.url + "/api/read?detail=true", json=drawing(text), timeout=60).json()
        for number in answer["numbers"]:
            for digit in number["digits"]:
                digit |= {"digit": None, "is_digit": False, "digit_probability": 0.1}
        page.unroute_all()
        page.route("**/api/read*", lambda route: route.fulfill(json=answer))

    page = open_page()
    answer_none_in("4")
    draw(page, strokes["4"])
    expect(reading(page)).to_have_text("Not a digit")
    expect(page.locator("#verdict")).to_contain_text("not like 0 to 9")
    answer_none_in("47")
    draw(page, strokes["7"])
    expect(reading(page)).to_have_text("––")  # and not the sign of multiplication


@pytest.mark.slow
def test_a_drawing_stays_in_view_on_a_sheet_that_becomes_narrower(open_page, strokes):
    page = open_page()
    draw(page, strokes["3"], 0.7, 0.2, 0.25, 0.6)
    edge = page.locator("#canvas").evaluate_handle(
        """(canvas) => () => {
            const [x, height] = [canvas.width - 1, canvas.height];
            return canvas.getContext("2d").getImageData(x, 0, 1, height).data.some(Boolean);
        }"""
    )
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => canvas.width < 400")
    assert not edge.evaluate("inked => inked()")
    expect(reading(page)).to_have_text("3")


def test_undo_and_clear_take_strokes_back(open_page, strokes):
    page = open_page()
    draw(page, strokes["7"])
    expect(reading(page)).to_have_text("7")
    for _ in strokes["7"]:
        page.get_by_role("button", name="Undo").click()
    expect(reading(page)).to_be_empty()
    draw(page, strokes["3"])
    expect(reading(page)).to_have_text("3")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#verdict")).to_have_text("Nothing to read yet")
    expect(page.locator("#hint")).to_be_visible()


def test_the_softmax_regression_shows_its_templates(open_page, strokes):
    page = open_page()
    draw(page, strokes["0"])
    expect(page.locator("#maps li:first-child canvas")).to_have_count(1)
    page.get_by_text("Softmax regression", exact=True).click()
    expect(page.locator("#maps li:first-child canvas")).to_have_count(2)
    expect(page.locator("#why-text")).to_contain_text("Exact")
    expect(reading(page)).to_have_text("0")


def test_a_sample_is_laid_on_the_sheet_and_read(open_page):
    page = open_page()
    page.get_by_role("button", name="Show me one").click()
    expect(page.locator("#caption")).to_contain_text("MNIST test image")
    label = page.locator("#caption").inner_text()[-1]
    expect(reading(page)).to_have_text(label)
    page.get_by_role("button", name="A hard one").click()
    expect(page.locator("#bars .best, #reading .none")).not_to_have_count(0)


def test_a_sample_can_be_drawn_upon(open_page):
    page = open_page()
    page.get_by_role("button", name="Show me one").click()
    expect(page.locator("#bars .best")).to_have_count(1)
    before = page.locator("#bars").inner_text()
    draw(page, [[(0, 0), (1, 1)], [(1, 0), (0, 1)]])
    expect(page.locator("#bars")).not_to_have_text(before, use_inner_text=True)
    expect(page.locator("#caption")).to_be_visible()


DROP = """(bytes, name = "photo.jpg", type = "image/jpeg") => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, { type }));
    for (const type of ["dragover", "drop"]) {
        dispatchEvent(Object.assign(new DragEvent(type, { dataTransfer: data, cancelable: true })));
    }
}"""


def test_a_dropped_photo_is_read_with_boxes(open_page, strokes):
    page = open_page()
    page.evaluate(DROP, list(photo(strokes, "358")))
    expect(page.locator(".box")).to_have_count(3)
    assert page.locator(".box").all_inner_texts() == ["3", "5", "8"]
    page.locator(".box").nth(1).hover()
    expect(page.locator("#bars .best b")).to_have_text("5")
    frame, box = page.locator("#picture").bounding_box(), page.locator(".box").first.bounding_box()
    scale = frame["width"] / 550
    assert frame["height"] / scale == pytest.approx(360, abs=2)
    # Where the 3 was drawn, and half the pen around it.
    assert (box["x"] - frame["x"]) / scale == pytest.approx(75, abs=8)
    assert (box["y"] - frame["y"]) / scale == pytest.approx(108, abs=8)
    assert box["height"] / scale == pytest.approx(138, abs=12)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#canvas")).to_be_visible()


@pytest.mark.slow
def test_a_photo_too_large_to_send_is_shrunk_first(open_page, strokes):
    page = open_page()
    small = Image.open(io.BytesIO(photo(strokes, "47")))
    large = io.BytesIO()
    small.resize((2000, 1800)).save(large, "PNG", compress_level=0)
    assert len(large.getvalue()) > 10_000_000
    page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": large.getvalue()})
    expect(page.locator(".box")).to_have_count(2)
    expect(reading(page)).to_have_text("47")


@pytest.fixture(params=["PDF", "TIFF"])
def three_pages(request, strokes):
    """A file's name, type and bytes; page by page it says 35, 47 and 268."""
    pages = [Image.open(io.BytesIO(photo(strokes, text))) for text in ("35", "47", "268")]
    pages[0].save(file := io.BytesIO(), request.param, save_all=True, append_images=pages[1:])
    ending, kind = {"PDF": ("pdf", "application/pdf"), "TIFF": ("tif", "image/tiff")}[request.param]
    return f"three.{ending}", kind, file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "first", "second", "turn", "back"),
    [
        ("en-GB", "Page 1 of 3", "Page 2 of 3", "Next page", "Previous page"),
        ("zh-CN", "第 1 页，共 3 页", "第 2 页，共 3 页", "下一页", "上一页"),
    ],
)
def test_each_page_of_a_file_is_shown_and_read(open_page, three_pages, locale, first, second, turn, back):
    name, kind, data = three_pages
    page = open_page(locale=locale)
    page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": data})
    expect(page.locator("#page")).to_have_text(first)
    expect(reading(page)).to_have_text("35")
    seen = "() => { const it = document.getElementById('picture'); return it.complete && it.naturalWidth > 0; }"
    page.wait_for_function(seen)
    expect(page.get_by_role("button", name=back)).to_be_disabled()
    page.get_by_role("button", name=turn).press("Enter")
    expect(page.locator("#page")).to_have_text(second)
    expect(reading(page)).to_have_text("47")
    page.get_by_role("button", name=turn).press("Enter")
    expect(reading(page)).to_have_text("268")
    expect(page.get_by_role("button", name=turn)).to_be_disabled()
    page.get_by_role("button", name=back).click()
    expect(reading(page)).to_have_text("47")
    page.wait_for_function(seen)
    page.keyboard.press("c")
    expect(page.locator("#paging")).to_be_hidden()


@pytest.mark.slow
def test_a_late_answer_to_an_earlier_page_is_not_shown(open_page, three_pages):
    name, kind, data = three_pages
    page = open_page()
    page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": data})
    expect(reading(page)).to_have_text("35")
    held = Held(page, "**/api/picture*")
    with page.expect_request("**/api/picture?page=2"):
        page.get_by_role("button", name="Next page").click()
    page.get_by_role("button", name="Next page").click()
    with page.expect_response("**/api/picture?page=3"):
        held.release()
    expect(reading(page)).to_have_text("268")
    page.wait_for_function("() => document.getElementById('picture').naturalWidth > 0")
    ratio = page.locator("#picture").evaluate("it => it.naturalWidth / it.naturalHeight")
    assert ratio == pytest.approx(550 / 360, abs=0.02)  # the third page is wider than the second


@pytest.mark.slow
def test_all_of_24_numbers_is_in_view_and_the_comparison_is_short(open_page, strokes):
    rows = [Image.open(io.BytesIO(photo(strokes, text))).resize((360, 110)) for text in ("3574", "2068", "9147")]
    whole = Image.new("RGB", (3 * 480, 8 * 110), (238, 232, 218))
    for at in range(24):
        whole.paste(rows[at % 3], (480 * (at % 3) + 60, 110 * (at // 3)))
    whole.save(file := io.BytesIO(), "PNG")
    page = open_page()
    page.evaluate(DROP, list(file.getvalue()))
    expect(page.locator("#reading .line")).to_have_count(8)
    expect(page.locator("#other")).to_have_text(
        re.compile(r"^Softmax regression (agrees|differs in \d+ of \d+ digits)$")
    )
    inside = """() => {
        const all = document.getElementById("reading").getBoundingClientRect();
        const boxes = [...document.querySelectorAll("#reading button")].map((e) => e.getBoundingClientRect());
        return boxes.filter((b) => b.top < all.top - 1 || b.bottom > all.bottom + 1 || b.right > all.right + 1
            || b.bottom > innerHeight).length;
    }"""
    assert page.evaluate(inside) == 0
    assert page.locator("#other").bounding_box()["height"] < 40  # one line


def test_the_marks_on_the_bars_have_a_legend(open_page, strokes):
    page = open_page()
    draw(page, strokes["7"])
    expect(page.locator("#other")).to_contain_text("Softmax regression")
    page.wait_for_function("""() => {
        const colour = (id, part) => getComputedStyle(document.querySelector(id), part).backgroundColor;
        return colour("#bars li > i", "::after") === colour("#other", "::before");
    }""")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#other")).to_be_empty()
    assert page.evaluate("getComputedStyle(document.getElementById('other'), '::before').content") == "none"


def test_a_sample_that_comes_late_does_not_replace_a_newer_one(open_page):
    page = open_page()
    held = Held(page, "**/api/samples*")
    with page.expect_request("**/api/samples*"):
        page.click("#sample")
    with page.expect_request("**/api/samples*"):
        page.click("#hard")
    with page.expect_response("**/api/samples*hard=true"):
        held[1].continue_()
    expect(page.locator("#caption")).to_contain_text("MNIST test image")
    newest = page.locator("#caption").inner_text()
    with page.expect_response("**/api/samples*hard=false"):
        held[0].continue_()
    page.evaluate("() => fetch('api/health')")  # all that came before has been dealt with
    expect(page.locator("#caption")).to_have_text(newest)


def test_a_sample_that_comes_late_does_not_wipe_what_is_drawn(open_page, strokes):
    page = open_page()
    held = Held(page, "**/api/samples*")
    with page.expect_request("**/api/samples*"):
        page.keyboard.press("s")
    draw(page, strokes["4"])
    with page.expect_response("**/api/samples*"):
        held.release()
    page.evaluate("() => fetch('api/health')")
    expect(page.locator("#caption")).to_be_empty()
    expect(reading(page)).to_have_text("4")


def test_more_drawn_while_the_models_are_compared_is_no_fault(open_page, strokes):
    page = open_page()
    held = Held(page, "**/api/read?model=softmax*")
    with page.expect_request("**/api/read?model=softmax*"):
        draw(page, strokes["4"], 0.1, 0.2, 0.3, 0.6)
    draw(page, strokes["7"], 0.55, 0.2, 0.3, 0.6)
    expect(reading(page)).to_have_text("47")
    held.release()
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")


def test_the_models_are_compared_on_the_drawing_that_was_read_though_more_is_drawn(open_page, strokes):
    page = open_page()
    draw(page, strokes["4"], 0.1, 0.2, 0.3, 0.6)
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")
    held = Held(page, "**/api/read?*model=network*")
    draw(page, strokes["7"], 0.55, 0.2, 0.3, 0.6)
    with page.expect_response("**/api/read?*model=softmax*") as compared:
        held[0].continue_()  # the drawing as it was when the 7 began; what follows is held
    assert compared.value.json()["text"] == "4"
    held[1].continue_()
    expect(reading(page)).to_have_text("47")


def test_undoing_a_correction_is_of_its_own_digit_though_another_is_chosen(open_page, server, strokes):
    page = open_page()
    draw(page, strokes["4"], 0.1, 0.25, 0.3, 0.6)
    draw(page, strokes["7"], 0.55, 0.25, 0.3, 0.6)
    expect(reading(page)).to_have_text("47")
    before = set(server.corrections.glob("*/*.png"))
    for label in "12":
        page.keyboard.press(label)
        expect(page.locator("#took")).to_have_text(f"Saved as {label}.")
    page.get_by_role("button", name=re.compile("^4, confidence")).click()
    page.get_by_role("button", name="Undo correction").click()
    expect(page.locator("#took")).to_have_text("Saved as 1.")
    (new,) = set(server.corrections.glob("*/*.png")) - before
    assert new.parent.name == "1"


def test_a_pasted_photo_is_read(open_page, strokes):
    page = open_page()
    paste = """(bytes) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/jpeg" }));
        dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
    }"""
    page.evaluate(paste, list(photo(strokes, "9")))
    expect(page.locator(".box")).to_have_count(1)
    expect(reading(page)).to_have_text("9")


def test_a_chosen_photo_is_read_and_what_is_none_is_told(open_page, strokes):
    page = open_page()
    page.locator("#file").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(strokes, "62")})
    expect(page.locator(".box")).to_have_count(2)
    page.locator("#file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(page.locator("#notice")).to_have_text("a.txt is not a picture or PDF.")


@pytest.mark.slow
def test_language_comes_from_the_browser_and_can_be_switched(open_page, strokes):
    page = open_page(locale="zh-CN")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    expect(page.get_by_role("button", name="清空")).to_be_visible()
    draw(page, strokes["8"])
    expect(page.locator("#verdict")).to_contain_text("置信度")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Clear")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text("confidence")
    page.reload()
    expect(page.get_by_role("button", name="Clear")).to_be_visible()


def test_theme_comes_from_the_browser_and_can_be_switched(open_page):
    page = open_page(color_scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert max(map(int, re.findall(r"\d+", page.evaluate(paper)))) < 60
    page.get_by_role("button", name="Light").click()
    assert min(map(int, re.findall(r"\d+", page.evaluate(paper)))) > 200


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (768, 1024), (3840, 2160)])
def test_nothing_overflows_at_any_width(open_page, strokes, width, height):
    page = open_page(viewport={"width": width, "height": height})
    draw(page, strokes["3"])
    expect(reading(page)).to_have_text("3")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_finger_draws_and_does_not_scroll(open_page, strokes):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    box = page.locator("#canvas").bounding_box()
    touch = page.context.new_cdp_session(page)
    points = [(box["x"] + 120 + 110 * x, box["y"] + 20 + 220 * y) for x, y in strokes["1"][0]]
    for at, (x, y) in enumerate(points):
        kind = "touchStart" if at == 0 else "touchMove"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(reading(page)).to_have_text("1")
    assert page.evaluate("scrollY") == 0


def test_the_keyboard_alone_draws_reads_and_corrects(open_page, server):
    page = open_page()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "canvas":
            break
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    for _ in range(24):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft", delay=0) if _ % 4 == 0 else None
    page.keyboard.press("Space")
    expect(reading(page)).to_have_text("7")
    page.keyboard.press("7")
    expect(page.locator("#took")).to_contain_text("Saved as 7")
    page.keyboard.press("c")
    expect(page.locator("#verdict")).to_have_text("Nothing to read yet")


@pytest.mark.slow
def test_single_keys_can_be_switched_off(open_page, strokes):
    page = open_page()
    draw(page, strokes["6"])
    expect(reading(page)).to_have_text("6")
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Use single keys anywhere on the page").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("c")
    expect(reading(page)).to_have_text("6")


def test_a_correction_lands_on_the_disk_as_the_network_saw_it(open_page, server, strokes):
    page = open_page()
    draw(page, strokes["9"])
    expect(reading(page)).to_have_text("9")
    expect(page.locator("#kept")).to_contain_text(str(server.corrections))
    before = set(server.corrections.glob("8/*.png"))
    page.keyboard.press("8")
    expect(page.locator("#took")).to_contain_text("Saved as 8")
    (new,) = set(server.corrections.glob("8/*.png")) - before
    pixels = np.array(Image.open(new))
    assert pixels.shape == (28, 28)
    assert pixels.max() > 200
    assert not pixels[0].any()
    page.keyboard.press("3")
    expect(page.locator("#took")).to_contain_text("Saved as 3")
    assert not new.exists()
    page.get_by_role("button", name="Undo correction").click()
    expect(page.locator("#took")).to_contain_text("Saved as 8")
    assert new.exists()
    page.keyboard.press("c")
    expect(page.locator("#took")).to_be_empty()


def test_a_correction_is_of_all_that_is_drawn_though_it_is_not_read_yet(open_page, strokes):
    page = open_page()
    draw(page, strokes["4"], 0.1, 0.2, 0.3, 0.6)
    expect(reading(page)).to_have_text("4")
    answers = []
    page.on("response", lambda reply: answers.append(reply) if "detail=true" in reply.url else None)
    held = Held(page, "**/api/read*")
    draw(page, strokes["7"], 0.55, 0.2, 0.3, 0.6)
    with page.expect_request("**/api/corrections") as correction:
        page.keyboard.press("7")
        held.release()
    expect(page.locator("#took")).to_contain_text("Saved as 7")
    (number,) = answers[-1].json()["numbers"]
    assert number["text"] == "47"
    assert correction.value.post_data_json["image"] == number["digits"][1]["image"]


def test_a_first_correction_taken_back_leaves_nothing(open_page, server, strokes):
    page = open_page()
    draw(page, strokes["2"], 0.25, 0.15)
    expect(reading(page)).to_have_text("2")
    before = set(server.corrections.glob("*/*.png"))
    page.keyboard.press("1")
    expect(page.locator("#took")).to_contain_text("Saved as 1")
    assert len(set(server.corrections.glob("*/*.png")) - before) == 1
    page.get_by_role("button", name="Undo correction").click()
    expect(page.locator("#took")).to_have_text("Correction removed.")
    assert set(server.corrections.glob("*/*.png")) == before


def test_a_test_digit_is_not_kept(open_page, server):
    page = open_page()
    page.get_by_role("button", name="Show me one").click()
    expect(page.locator("#bars .best")).to_have_count(1)
    before = set(server.corrections.glob("*/*.png"))
    page.keyboard.press("8")
    expect(page.locator("#notice")).to_contain_text("comes from the test set")
    assert set(server.corrections.glob("*/*.png")) == before


def test_a_pens_pressure_widens_the_stroke(open_page):
    page = open_page()
    stroke = """(pressure) => {
        const canvas = document.getElementById("canvas");
        canvas.setPointerCapture = () => {};
        const at = (type, x) => canvas.dispatchEvent(new PointerEvent(type, {
            pointerId: 7, pointerType: "pen", pressure, button: 0, clientX: 200 + x, clientY: 250, bubbles: true }));
        at("pointerdown", 0);
        for (let x = 10; x <= 200; x += 10) at("pointermove", x);
        at("pointerup", 200);
    }"""
    column = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const canvas = document.getElementById("canvas");
        const x = Math.round((300 - canvas.getBoundingClientRect().left) * devicePixelRatio);
        const data = canvas.getContext("2d").getImageData(x, 0, 1, canvas.height).data;
        done([...data].filter((value, i) => i % 4 === 3 && value > 127).length);
    })))"""
    page.evaluate(stroke, 0.2)
    light = page.evaluate(column)
    page.evaluate("document.getElementById('clear').click()")
    page.evaluate(stroke, 0.9)
    assert page.evaluate(column) > 1.5 * light


def test_strokes_are_sharp_at_two_pixels_a_point(open_page):
    page = open_page(device_scale_factor=2)
    assert page.evaluate("document.getElementById('canvas').width / document.getElementById('canvas').clientWidth") == 2


@pytest.mark.slow
def test_the_server_gone_is_told_until_it_is_back(strokes, chromium, start_server, tmp_path):
    server = start_server(tmp_path)
    page = chromium.new_page(locale="en-GB")
    page.goto(server.url)
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#offline")).to_be_hidden()
    server.process.kill()
    server.process.wait(10)
    draw(page, strokes["3"])
    expect(page.locator("#offline")).to_contain_text("Is shuzi serve still running?")
    start_server(tmp_path, port=int(server.url.rpartition(":")[2]))
    expect(page.locator("#offline")).to_be_hidden()
    expect(reading(page)).to_have_text("3")  # what was drawn meanwhile
    page.close()


def test_while_a_photo_is_read_it_says_so(open_page, strokes):
    page = open_page()
    held = Held(page, "**/api/read*")
    page.evaluate(DROP, list(photo(strokes, "35")))
    expect(page.locator("#verdict")).to_have_text("Reading…")
    expect(reading(page)).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect(reading(page)).to_have_text("35")
    expect(reading(page)).to_have_attribute("aria-busy", "false")


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "said"), [("en-GB", "can't be read"), ("zh-CN", "不是可以识别的图片")])
def test_a_damaged_photo_is_told_by_its_name_in_the_persons_language(chromium, server, strokes, locale, said):
    page = chromium.new_page(locale=locale)
    page.goto(server.url)
    page.wait_for_selector("html[data-ready]")
    half = {"name": "half.jpg", "mimeType": "image/jpeg", "buffer": photo(strokes, "12")[:300]}
    page.locator("#file").set_input_files(half)
    expect(page.locator("#verdict")).to_contain_text(f"half.jpg {said}")
    page.keyboard.press("c")
    draw(page, strokes["4"])
    expect(reading(page)).to_have_text("4")
    page.close()


def test_labels_hide_no_writing_and_boxes_can_be_hidden(open_page, strokes):
    page = open_page()
    page.evaluate(DROP, list(photo(strokes, "3582")))
    expect(page.locator(".box")).to_have_count(4)
    hiding = """() => {
        const rects = (selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect());
        return rects(".box span").filter((a) => a.width).flatMap((a) => rects(".box").filter((b) =>
            a.left < b.right - 4 && a.right > b.left + 4 && a.top < b.bottom - 4 && a.bottom > b.top + 4)).length;
    }"""
    assert page.evaluate(hiding) == 0
    assert page.locator(".box span").first.bounding_box()["height"] > 8
    page.get_by_role("button", name="Boxes").click()
    expect(page.locator("#boxes")).to_have_css("opacity", "0")
    page.keyboard.press("b")
    expect(page.locator("#boxes")).to_have_css("opacity", "1")


def test_a_photo_can_be_looked_at_closer(open_page, strokes):
    page = open_page()
    page.evaluate(DROP, list(photo(strokes, "358")))
    expect(page.locator(".box")).to_have_count(3)
    before = page.locator(".box").last.bounding_box()
    page.mouse.dblclick(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    after = page.locator(".box").last.bounding_box()
    assert after["width"] > 2 * (before["width"] - 6)
    assert abs(after["x"] + after["width"] / 2 - before["x"] - before["width"] / 2) < 60  # it stays in sight
    for _ in range(2):
        page.keyboard.press("-")
    assert page.locator(".box").last.bounding_box() == pytest.approx(before, abs=1)
    expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()


def test_the_text_can_be_copied(open_page, strokes):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    draw(page, strokes["4"], 0.1, 0.2, 0.3, 0.6)
    draw(page, strokes["7"], 0.55, 0.2, 0.3, 0.6)
    expect(reading(page)).to_have_text("47")
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator("#notice")).to_have_text("Copied: 47")
    assert page.evaluate("navigator.clipboard.readText()") == "47"


def test_not_sure_has_the_numbers_of_the_bars(open_page):
    reader, shown = Reader(), samples.load()
    reads = ((i, reader.read(shown.images[i], single=True).digits[0]) for i in np.flatnonzero(shown.hard))
    unsure = next(i for i, digit in reads if digit.digit is None and digit.digit_probability > 0.5)
    sample = {"index": 0, "label": 0, "image": encode(shown.images[unsure])}
    page = open_page()
    page.route("**/api/samples*", lambda route: route.fulfill(json={"samples": [sample]}))
    page.keyboard.press("h")
    expect(page.locator("#verdict")).to_have_text(said := re.compile(r"^perhaps (\d) \((.+)\), or (\d) \((.+)\)$"))
    a, p, b, q = said.match(page.locator("#verdict").inner_text()).groups()
    bars = page.locator("#bars span").all_inner_texts()
    assert [bars[int(a)], bars[int(b)]] == [p, q]


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_templates_and_answer_are_in_view_together(open_page, strokes, locale):
    page = open_page(locale=locale)
    draw(page, strokes["3"])
    page.locator("label:has([value=softmax])").click()
    expect(page.locator("#maps .best b")).to_have_text("3")
    for part in ("#reading", "#bars", "#maps li:last-child canvas >> nth=0", "#maps li:last-child canvas >> nth=1"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800


@pytest.mark.slow
def test_nothing_english_is_left_in_chinese(open_page, strokes):
    page = open_page(locale="zh-CN")
    draw(page, strokes["3"])
    expect(reading(page)).to_have_text("3")
    page.evaluate(DROP, list(photo(strokes, "35")))
    expect(page.locator(".box")).to_have_count(2)
    page.keyboard.press("4")
    expect(page.locator("#took")).to_have_text("已存为 4。")
    left = """() => {
        const texts = [];
        for (const e of document.querySelectorAll("body *")) {
            if (e.closest("[lang=en], #model, #kept, script")) continue;
            for (const node of e.childNodes) if (node.nodeType === 3) texts.push(node.textContent);
            for (const name of ["aria-label", "title", "alt", "placeholder"]) texts.push(e.getAttribute(name) ?? "");
        }
        return texts.filter((text) => /[a-z]{2}/i.test(text.replace(/Softmax|logit|MNIST|Shift|Space/gi, "")));
    }"""
    assert page.evaluate(left) == []


def test_a_network_of_ones_own_is_shown_by_its_runs_name(chromium, server):
    about = requests.get(server.url + "/api/model", timeout=60).json()
    about["models"]["network"] |= {"name": "mine", "own": True}
    page = chromium.new_page(locale="zh-CN")
    page.route("**/api/model", lambda route: route.fulfill(json=about))
    page.goto(server.url)
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#network")).to_have_text("mine")
    expect(page.locator("#model")).to_have_text("mine")
    page.close()


def test_the_docs_page_works_without_another_host(open_page):
    page = open_page()
    page.goto(page.url + "docs")
    expect(page.get_by_role("heading", name="POST /api/read")).to_be_visible()
    expect(page.get_by_role("heading", name="DigitAnswer")).to_be_visible()
    page.locator("article", has_text="POST /api/read").get_by_role("link", name="PageAnswer").click()
    expect(page.locator("#PageAnswer")).to_be_in_viewport()
    expect(page.locator("#PageAnswer").get_by_role("cell", name="pages", exact=True)).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast_and_all_controls_have_names(open_page, assert_accessible, strokes, scheme):
    page = open_page(color_scheme=scheme)
    draw(page, strokes["4"], 0.1, 0.2, 0.3, 0.6)
    draw(page, strokes["2"], 0.55, 0.2, 0.3, 0.6)
    expect(reading(page)).to_have_text("42")
    assert_accessible(page)


def test_the_models_answer_side_by_side(open_page, strokes):
    page = open_page()
    draw(page, strokes["7"])
    expect(reading(page)).to_have_text("7")
    expect(page.locator("#other")).to_have_text("Softmax regression agrees")
    page.get_by_text("Softmax regression", exact=True).click()
    expect(page.locator("#other")).to_have_text("Network agrees")
    tick = page.locator("#bars li").nth(7).evaluate("(row) => Number(row.style.getPropertyValue('--other'))")
    assert tick > 0.5
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#other")).to_be_empty()
