"""Records in the shipped networks' files what `shuzi export` records.

    python -m shuzi.train.shipped

Of the classifier these are the data it has learnt from, the SHA-256 of the finder, and the calibration of both together.
That is the finder's own, which was fitted with it. The networks stay as they are. Run it when one of them is replaced.
"""

import shuzi
from shuzi.files import write_whole
from shuzi.read import reader
from shuzi.train.calibration import beside_finder
from shuzi.train.graph import with_properties
from shuzi.train.held_out import BY_FILES, RECORD, Learnt
from shuzi.train.runs import READER

VALIDATION, SEED = 5_000, 2  # of the run that the shipped classifier was exported from


def main() -> None:
    """Write the records."""
    learnt = Learnt(shuzi.load("mnist")[0].sha256, BY_FILES, VALIDATION, SEED)
    for path in (READER, reader.SHIPPED):
        data = with_properties(path.read_bytes(), {RECORD: learnt.to_text()})
        write_whole(path, beside_finder(data, None))


if __name__ == "__main__":
    main()
