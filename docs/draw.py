"""Makes the README's pictures and the example form.

    python docs/draw.py

tests/serve/screenshots.py takes the pictures of the pages; those of the book are taken by hand from the site of
`make site`.
"""

from pathlib import Path

import cv2
import numpy as np

import shuzi
from shuzi.batch.overlay import draw_overlay
from shuzi.maps import HEAT
from shuzi.read.find import Finder
from shuzi.show import plots
from shuzi.softmax.evidence import SoftmaxReader
from shuzi.synth.filled_forms import make_form
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.pages import make_page
from shuzi.synth.scene import VISIBLE, Scene, scene

DOCS = Path(__file__).parent
SEED = 5
SHOWN = 680  # pixels of the page's height
FORM = DOCS.parent / "examples" / "form.jpg"
WRITTEN = ("541184", "29101985", "6768827519409648", "1250", "10115", "9783161484100", "970001", "")


def main() -> None:
    (DOCS / "templates.png").unlink(missing_ok=True)
    plots.save(plots.templates(SoftmaxReader().W), DOCS / "templates.png")
    train, _ = shuzi.load("mnist")
    _, held_out = train.split(5000)
    page = make_page(held_out.images, held_out.labels, "photographed", np.random.default_rng(SEED))
    photo = DOCS / "photo.jpg"
    cv2.imwrite(str(photo), page.picture[:SHOWN, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    drawn = draw_overlay(photo, shuzi.Reader().read(photo))
    cv2.imwrite(str(DOCS / "read.jpg"), drawn[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    filled = make_form(held_out.images, held_out.labels, WRITTEN, True, np.random.default_rng(0))
    cv2.imwrite(str(FORM), filled[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    digits = Glyphs(held_out)
    fields = [scene(digits, np.random.default_rng(n)) for n in range(40)]
    fields = [field for field in fields if (field.visible >= VISIBLE).sum() > 5]
    cv2.imwrite(str(DOCS / "finder.jpg"), found(fields[:6]), [cv2.IMWRITE_JPEG_QUALITY, 85])


def found(fields: list[Scene]) -> np.ndarray:
    """Made-up fields, each with its heatmap of digits and of marks, and what the network takes for digits' ink."""
    rows = []
    for field in fields:
        level = Finder().look(field.picture, 1.0)
        heat = np.zeros((*field.picture.shape, 3), np.float32)
        for channel, peak in enumerate(level.maps[HEAT]):
            wide = cv2.GaussianBlur(cv2.dilate(peak, np.ones((3, 3))), (0, 0), 1)
            heat[:, :, 2 if channel == 0 else 0] += cv2.resize(wide, field.picture.shape[::-1])
        planes = [cv2.merge([field.picture] * 3), np.clip(heat * 255, 0, 255), cv2.merge([level.ink * 255] * 3)]
        rows.append(
            np.hstack([cv2.copyMakeBorder(p, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255,) * 3) for p in planes])
        )
    return cv2.resize(np.vstack(rows).astype(np.uint8), None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)


if __name__ == "__main__":
    main()
