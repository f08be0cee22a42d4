"""CSV files of readings, cut and damaged anywhere, taken up again: whole rows stay, other files are left alone."""

import csv
import io

import numpy as np
from idx import mutated

import shuzi
from shuzi.batch import csv_file

PAGE = shuzi.Reader().read(np.full((30, 30), 255, np.uint8))
LETTERS = [*'ab,"\n\r/ #é数', "\udcff"]


def case(random, folder):
    path = folder / "out.csv"
    names = ["".join(random.choice(LETTERS, random.integers(1, 9))) for _ in range(random.integers(1, 6))]
    names = [*dict.fromkeys(["file"] * random.integers(2) + names)]  # also the name of the first column
    with csv_file.CsvFile(path) as table:
        for name in names:
            table.write(name, PAGE)
    whole = path.read_bytes()
    if random.random() < 0.5:  # stopped while it wrote
        path.write_bytes(whole[: random.integers(len(",".join(csv_file.COLUMNS)) + 1, len(whole) + 1)])
        with csv_file.CsvFile(path, resume=True) as table:
            for name in names:
                if name not in table.done:
                    table.write(name, PAGE)
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        assert [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:] == names
    else:
        damaged = mutated(random, whole)
        path.write_bytes(damaged)
        try:
            csv_file.CsvFile(path, resume=bool(random.integers(2))).__exit__(None, None, None)
        except shuzi.ShuziError:
            assert path.read_bytes() == damaged
            raise


def photo(folder):
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 a photo")
    try:
        csv_file.CsvFile(folder / "photo.jpg")
    except shuzi.ShuziError:
        assert (folder / "photo.jpg").read_bytes() == b"\xff\xd8\xff\xe0 a photo"
    else:
        raise AssertionError("a photo was replaced")


KNOWN = {"photo": photo}
