"""Pictures a second into Parquet files: processes of this machine beside as many workers of Ray; and 10^9 on paper.

    python benchmarks/many.py [PICTURES]

Reads crops of one digit each (MNIST's test digits on paper, 40x40). Each engine reads 40 and then all of them: the
difference gives the pace, what is left of the 40 the start-up. Takes pip install '.[ray]'.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from reader_speed import photo, seconds_of_a_core

import shuzi
from shuzi.batch import cluster, shards

FEW, WORKERS = 40, 2
MANY = 1_000_000_000
PHOTO = 3_000_000  # bytes of a phone's JPEG of 12 megapixels, with 100 digits


def pictures(folder, count):
    test = shuzi.load("mnist")[1]
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:06}.png"), 255 - np.pad(test.images[index % len(test)], 6))
    return folder


def local(reader, source, out):
    files = shards.pictures_in(str(source))
    parts = shards.parts_of(str(source), str(out), files, single=False)
    return sum(map(len, shards.do_here(reader, parts, WORKERS)))


def on_ray(reader, source, out):
    import ray

    ray.init(num_cpus=WORKERS, object_store_memory=80_000_000, include_dashboard=False, log_to_driver=False)
    try:
        files = shards.pictures_in(str(source))
        return sum(map(len, cluster.do(reader, shards.parts_of(str(source), str(out), files, single=False))))
    finally:
        ray.shutdown()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # Ray's workers find the same shuzi
    reader = shuzi.Reader()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        few, all_of_them = pictures(folder / "few", FEW), pictures(folder / "all", count)
        for name, engine in (("local", local), ("ray", on_ray)):
            took = []
            for source in (few, all_of_them):
                start = time.perf_counter()
                engine(reader, source, folder / f"{name}-{source.name}")
                took.append(time.perf_counter() - start)
            pace = (count - FEW) / (took[1] - took[0])
            print(
                f"{name}: {pace:.0f} pictures a second with {WORKERS} workers, start-up {took[0] - FEW / pace:.1f} s"
            )
        size = np.mean([path.stat().st_size for path in all_of_them.iterdir()])
        row = sum(path.stat().st_size for path in (folder / "ray-all").glob("*.parquet")) / count
    jpeg = photo(shuzi.load("mnist")[1].images)
    each_photo = seconds_of_a_core(lambda: reader.read(jpeg), 5)
    print(f"a photo of 12 megapixels takes {each_photo:.2f} s of a core")
    print(f"a picture has {size:.0f} bytes, a row in Parquet {row:.0f}")
    for kind, each, bytes_each in (("crops", WORKERS / pace, size), ("photos", each_photo, PHOTO)):
        hours = MANY * each / 3600
        per_second = bytes_each / each / 1e6
        print(
            f"10^9 {kind}: {hours:,.0f} core hours, {hours / 1000:.1f} h on 1,000 cores; "
            f"{MANY * bytes_each / 1e12:,.1f} TB in, {per_second:.2f} MB/s a core; rows {MANY * row / 1e9:,.0f} GB"
        )


if __name__ == "__main__":
    main()
