"""Make the shipped files that take no long training: the drawing page's softmax regression, and the records.

    python -m shuzi.train.shipped

The softmax regression is that of `shuzi train`. The records in the classifier's file are the data it has learnt from,
the SHA-256 of the finder, the calibration of both together, which is the finder's own, fitted with this classifier, and
how sure the finder must be not to ask it. The networks stay as they are; of the one that training starts from, the
weights are kept as float16. The formats of numbers are counted among those that scenes show. Run it when one of them or
the recipe changes.
"""

import io
import json
import tempfile
from pathlib import Path

import numpy as np

import shuzi
from shuzi.files import write_whole
from shuzi.read import reader
from shuzi.read.formats import SHIPPED_FORMATS
from shuzi.softmax.evidence import WEIGHTS
from shuzi.synth.numbers import formats
from shuzi.train import runs
from shuzi.train.calibration import beside_finder
from shuzi.train.graph import with_half_weights, with_properties
from shuzi.train.held_out import BY_FILES, RECORD, Learnt
from shuzi.train.plan import make_plan
from shuzi.train.start import READER

SURE_ALONE = "0.99"  # where the finder is surer of a digit, the shipped classifier changes none on synthetic pages
FORMATS, FORMATS_SEED = 50_000, 0  # numbers whose formats are counted
VALIDATION, SEED = 5_000, 2  # of the run that the shipped classifier was exported from


def softmax_regression() -> dict[str, np.ndarray]:
    """Learn W float32 (784, 10) and b (10,) from MNIST as `shuzi train` does."""
    with tempfile.TemporaryDirectory() as folder:
        run = runs.train(make_plan(), Path(folder) / "run")
        return dict(runs.load_training(run).weights())


def format_counts() -> str:
    """Count the formats of numbers: the text of `SHIPPED_FORMATS`."""
    return json.dumps(formats(FORMATS, FORMATS_SEED)) + "\n"


def main() -> None:
    """Write the weights and the records."""
    npz = io.BytesIO()
    learnt = softmax_regression()
    np.savez(npz, W=learnt["W"], b=learnt["b"])
    write_whole(WEIGHTS, npz.getvalue())
    write_whole(SHIPPED_FORMATS, format_counts().encode())
    record = Learnt(shuzi.load("mnist")[0].sha256, BY_FILES, VALIDATION, SEED)
    about = {RECORD: record.to_text(), reader.ASKED_UP_TO: SURE_ALONE}
    for path in (READER, reader.SHIPPED_READER):
        data = beside_finder(with_properties(path.read_bytes(), about), None)
        write_whole(path, with_half_weights(data) if path == READER else data)


if __name__ == "__main__":
    main()
