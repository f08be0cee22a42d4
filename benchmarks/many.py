"""Measure how many pictures a second are read into Parquet files: by processes of this machine and by Ray's workers.

    python benchmarks/many.py [PICTURES]

Reads crops of one digit each (MNIST's test digits on paper, 40x40). Each engine reads 40 and then all of them: the
difference gives the pace, and the rest of the time for the 40 is the start-up. Needs pip install '.[ray]'.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import shuzi
from shuzi.batch import cluster, shards

FEW, WORKERS = 40, 2


def pictures(folder, count):
    test = shuzi.load("mnist")[1]
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:06}.png"), 255 - np.pad(test.images[index % len(test)], 6))
    return folder


def local(reader, source, out):
    files = shards.list_pictures(str(source))
    parts = shards.split_into_parts(str(source), str(out), files, single=False)
    return sum(map(len, shards.read_parts_here(reader, parts, WORKERS)))


def on_ray(reader, source, out):
    import ray

    ray.init(num_cpus=WORKERS, object_store_memory=80_000_000, include_dashboard=False, log_to_driver=False)
    try:
        files = shards.list_pictures(str(source))
        return sum(
            map(len, cluster.read_parts(reader, shards.split_into_parts(str(source), str(out), files, single=False)))
        )
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
            print(f"{name}: {pace:.0f} pictures a second with {WORKERS} workers, start-up {took[0] - FEW / pace:.1f} s")
        size = np.mean([path.stat().st_size for path in all_of_them.iterdir()])
        row = sum(path.stat().st_size for path in (folder / "ray-all").glob("*.parquet")) / count
    print(f"a picture has {size:.0f} bytes, a row in Parquet {row:.0f}")


if __name__ == "__main__":
    main()
