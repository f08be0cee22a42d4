"""Drawing on a page's sheet with the mouse, as a person would, and answers that come when a test says so."""

from playwright.sync_api import Page, Route


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
