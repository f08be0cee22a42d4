"""The pages of the server have no fault that axe-core finds."""

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/learn", "/docs"])
def test_axe_finds_no_violation_on_a_page_of_the_server(open_page, axe, path):
    found = []
    for width, height in ((1280, 800), (390, 844)):
        for locale in ("en-GB", "zh-CN"):
            for scheme in ("light", "dark"):
                page = open_page(
                    path, viewport={"width": width, "height": height}, locale=locale, color_scheme=scheme
                )
                found += [(locale, scheme, width, *each) for each in axe(page)]
    assert found == []
