"""Using a page as a person would, and answers that come when a test says so."""

import io

from PIL import Image, ImageDraw
from playwright.sync_api import Page, Route, expect


def draw(page: Page, strokes, left=0.3, top=0.1, width=0.4, height=0.8) -> None:
    """Draws strokes (x, y in shares of their box); the box's place is in shares of the sheet."""
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    for stroke in strokes:
        points = [
            (box["x"] + box["width"] * (left + width * x), box["y"] + box["height"] * (top + height * y))
            for x, y in stroke
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:-1:2] + points[-1:]:
            page.mouse.move(*point)
        page.mouse.up()


def photo(strokes, text: str) -> bytes:
    """Draws digits side by side on a sheet of paper; gives its photo, a JPEG."""
    picture = Image.new("RGB", (150 * len(text) + 100, 360), (238, 232, 218))
    pen = ImageDraw.Draw(picture)
    for at, digit in enumerate(text):
        for stroke in strokes[digit]:
            points = [(70 + 150 * at + 80 * x, 110 + 130 * y) for x, y in stroke]
            pen.line(points, fill=(40, 50, 110), width=12, joint="curve")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def train_and_replay(page: Page, strokes) -> None:
    """Has the learning page read a digit, train without and with a hidden layer, and replay the beginning."""
    draw(page, strokes)
    page.locator("#count").fill("2000")
    page.locator("#epochs").fill("1")
    page.locator("#pace").select_option("fast")
    for hidden in ("none", "16"):
        page.locator("#hidden").select_option(hidden)
        expect(page.locator("#said")).to_have_text("Epoch 1: batch 0 of 20")
        page.locator("#play").click()
        expect(page.locator("#said")).to_have_text("Epoch 1 is done. Press Play to go on.")
    page.locator("#when").fill("0")
    expect(page.locator("#when-said")).to_contain_text("at epoch 0")
    expect(page.locator("#runs li")).to_have_count(2)
    expect(page.locator("#reads")).to_contain_text("Prediction")


class Held:
    """Requests that go on only when the test lets them."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.routes, self.released = page, [], False
        page.route(url, lambda route: self.arrive(route))  # Playwright takes no bound method

    def arrive(self, route: Route) -> None:
        if self.released:
            route.continue_()
        else:
            self.routes.append(route)

    def release(self) -> None:
        """Lets all go on, also those that are yet to come."""
        self.released = True
        for route in self.routes:
            route.continue_()

    def __getitem__(self, index: int) -> Route:
        """The request of that number, once it is held: the page's "request" event may come before."""
        while len(self.routes) <= index:
            self.page.evaluate("0")  # lets events in; the test's own timeout ends it
        return self.routes[index]

    def __len__(self) -> int:
        return len(self.routes)
