"""Drawing on a page's sheet with the mouse, as a person would."""

from playwright.sync_api import Page


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
