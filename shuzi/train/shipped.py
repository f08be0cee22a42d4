"""Records in the shipped classifier's files what `shuzi export` records: the data that it has learnt from.

    python -m shuzi.train.shipped

The networks stay as they are. To be run when one of them is replaced.
"""

import shuzi
from shuzi.files import write_whole
from shuzi.read.reader import SHIPPED
from shuzi.train.graph import with_properties
from shuzi.train.held_out import BY_FILES, RECORD, Learnt
from shuzi.train.runs import READER

VALIDATION, SEED = 5_000, 2  # of the run that the shipped classifier was exported from


def main() -> None:
    """Write the records."""
    learnt = Learnt(shuzi.load("mnist")[0].sha256, BY_FILES, VALIDATION, SEED)
    for path in (READER, SHIPPED):
        write_whole(path, with_properties(path.read_bytes(), {RECORD: learnt.to_text()}))


if __name__ == "__main__":
    main()
