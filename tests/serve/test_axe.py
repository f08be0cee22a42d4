"""axe-core finds no fault in the pages of the server, empty or in use; for the review page see test_review.py."""

import pytest
from mouse import draw, photo, train_and_replay
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("path", ["/", "/learn", "/docs"])
def test_axe_finds_no_violation_on_a_page_of_the_server(open_page, axe_in_every_look, path):
    assert axe_in_every_look(open_page(path)) == []


@pytest.mark.parametrize(("model", "text"), [("Network", "3"), ("Softmax regression", "36")])
def test_axe_finds_no_violation_beside_a_reading_and_its_correction(open_page, axe_in_every_look, strokes, model, text):
    page = open_page()
    page.get_by_text(model, exact=True).click()
    for at, digit in enumerate(text):
        draw(page, strokes[digit], 0.1 + 0.45 * at, 0.2, 0.35, 0.6)
    expect(page.locator("#reading")).to_have_text(text)
    expect(page.locator("#other")).not_to_be_empty()
    expect(page.locator("#maps .best .n")).to_contain_text(".")
    page.locator("#labels button").nth(6).click()
    expect(page.locator("#took")).not_to_be_empty()
    assert axe_in_every_look(page) == []
    page.locator("#takeback").click()


def test_axe_finds_no_violation_beside_a_photo(open_page, axe_in_every_look, strokes):
    page = open_page()
    page.locator("#file").set_input_files(
        {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo(strokes, "35")}
    )
    expect(page.locator("#boxes button")).to_have_count(2)
    expect(page.locator("#maps .best .n")).to_contain_text(".")
    assert axe_in_every_look(page) == []


def test_axe_finds_no_violation_in_the_settings_of_the_keys(open_page, axe_in_every_look):
    page = open_page()
    page.get_by_role("button", name="Keys").click()
    expect(page.locator("#help")).to_be_visible()
    assert axe_in_every_look(page) == []


def test_axe_finds_no_violation_beside_runs_that_are_compared_and_replayed(open_page, axe_in_every_look, strokes):
    page = open_page("/learn")
    train_and_replay(page, strokes["3"])
    page.get_by_role("button", name="Show the fewest").click()
    expect(page.locator("#fewest-said")).not_to_be_empty()
    assert axe_in_every_look(page) == []
