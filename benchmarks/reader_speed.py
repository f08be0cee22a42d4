"""How fast the reader is: a 28x28, a batch, a field, pages, a process and its memory, the server.

    python benchmarks/reader_speed.py [CHECKOUT]

CHECKOUT is a folder with another version of shuzi, as `git worktree add` makes it; what that version requires must be
installed too (0.2.0: typer and httptools). Both versions are measured in turn, three times; the table gives the
medians, and the ratio of this version's to the other's. Takes several minutes for each version on two cores.
"""

import asyncio
import functools
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import serve
from PIL import Image

ROOT = Path(__file__).parents[1]
PHOTO = (3000, 4000)  # 12 MP
ROUNDS = 3
PORT = 8379


# The process in between is small: a child's peak counts that of the process that it is forked from.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def measured(run, times):
    """The median time of a run in ms, after one that warms up, and what the last one returned."""
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        value = run()
        taken.append(time.perf_counter() - start)
    return 1e3 * statistics.median(taken), value


def measured_on_a_core(run, times):
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        return measured(run, times)
    finally:
        os.sched_setaffinity(0, cores)


def written(images, shape, rows, columns, size):
    """Rows and columns of digits on softly lit paper, each 28x28 at `size` pixels: uint8 (H, W)."""
    light = np.linspace(235, 170, shape[1])[None, :] * np.linspace(1, 0.9, shape[0])[:, None]
    paper = light + np.random.default_rng(0).normal(0, 3, shape)
    for i, image in enumerate(images[: rows * columns]):
        y = int(shape[0] / rows * (i // columns + 0.5) - size / 2)
        x = int(shape[1] / columns * (i % columns + 0.5) - size / 2)
        ink = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) / 255
        paper[y : y + size, x : x + size] *= 1 - 0.8 * ink
    return np.clip(paper, 0, 255).astype(np.uint8)


def photo(images):
    """Ten rows of ten digits of 120 pixels, as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(written(images, PHOTO, 10, 10, 168)).convert("RGB").save(stream, "JPEG", quality=90)
    return stream.getvalue()


def served(root):
    """The median time in ms of a drawn digit by HTTP, and of one of 16 clients' at once."""
    server, _ = serve.start(PORT, 1, root)
    try:
        p50, _ = asyncio.run(serve.latency(PORT, 500))
        rate = asyncio.run(serve.throughput(PORT, 16, 3))
    finally:
        server.terminate()
        server.wait()
    return p50, 1e3 / rate


def in_process(root, image):
    """The time in ms and the peak memory in MB of a process that reads one digit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digit.png"
        Image.fromarray(cv2.resize(255 - image, (280, 280))).save(path)
        command = [sys.executable, "-m", "shuzi", "read", str(path)]
        run = functools.partial(subprocess.run, check=True, capture_output=True, cwd=root)
        time, _ = measured(lambda: run(command), 5)
        peak = int(run([sys.executable, "-c", PEAK, *command]).stdout)
    return time, peak / 1024


def measure(root):
    """Measure the version in `root`, which this process imports: figures by name."""
    import shuzi

    assert Path(shuzi.__file__).is_relative_to(root), shuzi.__file__
    _, test = shuzi.load("mnist")
    reader, figures = shuzi.Reader(), {}
    figures["one 28x28, one core, ms"], _ = measured_on_a_core(lambda: reader.classify(test.images[:1]), 300)
    figures["10,000 of 28x28, all cores, ms"], _ = measured(lambda: reader.classify(test.images), 3)
    for name, timed, picture, times in (
        ("field of 60 x 250, 6 digits, one core", measured_on_a_core, written(test.images, (60, 250), 1, 6, 40), 30),
        ("page of 1.4 MP, 130 digits", measured, written(test.images, (1000, 1400), 10, 13, 56), 5),
        ("the same, digits of 14 pixels", measured, written(test.images, (1000, 1400), 10, 13, 20), 5),
        ("photo of 12 MP, 100 digits", measured, photo(test.images), 5),
    ):  # fmt: skip
        time, page = timed(functools.partial(reader.read, picture), times)
        figures[f"{name} ({len(page.digits)} found), ms"] = time
    figures["shuzi read digit.png, process, ms"], figures["its peak memory, MB"] = in_process(root, test.images[0])
    figures["a drawn digit by HTTP, p50, ms"], figures["the same, 16 clients, per answer, ms"] = served(root)
    return figures


def measured_apart(root):
    """Measure a version in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "--measure", str(root)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=root)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
        return
    roots = [ROOT, *(Path(each).resolve() for each in sys.argv[1:])]
    rounds = [[measured_apart(root) for root in roots] for _ in range(ROUNDS)]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| what | this version | other | ratio |\n| --- | --- | --- | --- |")
    medians = (
        [statistics.median(taken) for taken in zip(*(each[i].values() for each in rounds), strict=True)]
        for i in range(len(roots))
    )
    for name, own, *other in zip(rounds[0][0], *medians, strict=True):
        print(f"| {name} | {own:.2f} |", f"{other[0]:.2f} | {own / other[0]:.2f} |" if other else "| |")


if __name__ == "__main__":
    main()
