"""Makes the README's pictures and the softmax regression of the drawing page, from a run of `shuzi train softmax`.

    python docs/draw.py [RUN]

Pictures of the page itself are taken by tests/serve/screenshots.py.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import shuzi
from shuzi.data.pages import make_page
from shuzi.read import batch
from shuzi.read.reader import SHIPPED
from shuzi.show import plots
from shuzi.train.runs import evaluate_run

DOCS = Path(__file__).parent
SEED = 5
SHOWN = 680  # pixels of the page's height


def main(run: Path) -> None:
    state = evaluate_run(run).model.state_dict()
    W, b = state["linear.weight"].numpy().T, state["linear.bias"].numpy()
    np.savez(SHIPPED.with_name("softmax.npz"), W=np.ascontiguousarray(W), b=b)
    plots.save(plots.templates(W), DOCS / "templates.png")
    train, _ = shuzi.load("mnist")
    _, held_out = train.split(5000)
    page = make_page(held_out.images, held_out.labels, "photographed", np.random.default_rng(SEED))
    photo = DOCS / "photo.jpg"
    cv2.imwrite(str(photo), page.picture[:SHOWN, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    drawn = batch.overlay(photo, shuzi.Reader().read(photo))
    cv2.imwrite(str(DOCS / "read.jpg"), drawn[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/softmax"))
