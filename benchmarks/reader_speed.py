"""How fast the reader is: a 28x28, a batch, a field, a page, a 12 MP photo, `shuzi read digit.png` as a process.

    python benchmarks/reader_speed.py

Prints each figure beside what it must and should be. The last needs the command `shuzi` beside this Python.
"""

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import shuzi

PHOTO = (3000, 4000)  # 12 MP
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def seconds(run, times):
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def seconds_of_a_core(run, times):
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    each = seconds(run, times)
    os.sched_setaffinity(0, cores)
    return each


def written(images, shape, rows, columns, size):
    """Rows and columns of digits on softly lit paper, each 28x28 at `size` pixels: uint8 (H, W)."""
    light = np.linspace(235, 170, shape[1])[None, :] * np.linspace(1, 0.9, shape[0])[:, None]
    paper = light + np.random.default_rng(0).normal(0, 3, shape)
    for i, image in enumerate(images[: rows * columns]):
        y = int(shape[0] / rows * (i // columns + 0.5) - size / 2)
        x = int(shape[1] / columns * (i % columns + 0.5) - size / 2)
        ink = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC) / 255
        paper[y : y + size, x : x + size] *= 1 - 0.8 * ink
    return np.clip(paper, 0, 255).astype(np.uint8)


def photo(images):
    """Ten rows of ten digits of 120 pixels, as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(written(images, PHOTO, 10, 10, 168)).convert("RGB").save(stream, "JPEG", quality=90)
    return stream.getvalue()


def main():
    _, test = shuzi.load("mnist")
    reader = shuzi.Reader()
    one = seconds(lambda: reader.classify(test.images[:1]), 300)
    print(f"one 28x28, one core: {1e3 * one:.2f} ms (must 1.5, goal 0.4)")
    batch = seconds(lambda: reader.classify(test.images), 3)
    print(
        f"a batch, {os.cpu_count()} cores: {len(test.images) / batch:,.0f} a second (must 5,000, goal 20,000)"
    )
    field = written(test.images, (60, 250), 1, 6, 40)
    each = seconds_of_a_core(lambda: reader.read(field), 100)
    found = len(reader.read(field).digits)
    print(f"a field of 60 x 250, {found} of 6 digits found, one core: {1e3 * each:.1f} ms (must 12, goal 5)")
    page = written(test.images, (1000, 1400), 10, 13, 56)
    found = len(reader.read(page).digits)
    print(
        f"1.4 MP, {found} of 130 digits found: {seconds(lambda: reader.read(page), 9):.2f} s (must 0.4, goal 0.15)"
    )
    jpeg = photo(test.images)
    found = len(reader.read(jpeg).digits)
    print(
        f"12 MP, {found} of 100 digits found: {seconds(lambda: reader.read(jpeg), 9):.2f} s (must 0.6, goal 0.25)"
    )
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "digit.png"
        Image.fromarray(cv2.resize(255 - test.images[0], (280, 280))).save(picture)
        command = [sys.executable, "-m", "shuzi", "read", str(picture)]
        process = seconds(lambda: subprocess.run(command, check=True, capture_output=True), 9)
        peak = int(
            subprocess.run([sys.executable, "-c", PEAK, *command], check=True, capture_output=True).stdout
        )
    print(
        f"shuzi read digit.png: {process:.2f} s (must 0.6, goal 0.3), {peak / 1024:.0f} MB (must 250, goal 150)"
    )


if __name__ == "__main__":
    main()
