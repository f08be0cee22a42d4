"""Softmax regression, one epoch and test on MNIST: shuzi against the tutorial's program, run in turn.

    python benchmarks/softmax.py [ROUNDS] [--busy]

Each side is a whole process, A B A B ..., ROUNDS times (default 5) after one warm-up; the figures are medians.
--busy keeps one core at work beside all of it.
The loops' seconds are those each process measured; the process's seconds and peak memory are the system's.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

HERE = Path(__file__).parent


def run(command: list[str]) -> dict[str, float]:
    """Run a process; give its JSON with `process_seconds` and `peak_mb` added."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    result = json.loads(printed)
    return result | {"process_seconds": time.perf_counter() - started, "peak_mb": usage.ru_maxrss / 1024}


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        train = [sys.executable, "-m", "shuzi", "train", "--json", "--force", "--out"]
        sides = {
            "tutorial": [sys.executable, str(HERE / "tutorial_program.py")],
            "softmax-numpy": [*train, f"{folder}/c", "softmax-numpy"],
            "softmax": [*train, f"{folder}/a", "softmax"],
            "softmax-tensors": [*train, f"{folder}/b", "softmax-tensors"],
        }
        for command in sides.values():
            run(command)
        results = {name: [] for name in sides}
        for _ in range(rounds):
            for name, command in sides.items():
                results[name].append(run(command))

    def median(name, figure):
        return statistics.median(figure(result) for result in results[name])

    def loops(result):
        return result["train_seconds"] + result["test_seconds"]

    def process(result):
        return result["process_seconds"]

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}, torch {torch.__version__}, medians of {rounds} rounds")
    print(f"{'':16} {'epoch + test':>12} {'ratio':>6} {'process':>9} {'ratio':>6} {'peak MB':>8} {'accuracy':>9}")
    for name in sides:
        print(
            f"{name:16} {median(name, loops):10.3f} s {median('tutorial', loops) / median(name, loops):6.1f} "
            f"{median(name, process):7.2f} s {median('tutorial', process) / median(name, process):6.1f} "
            f"{median(name, lambda r: r['peak_mb']):8.0f} {median(name, lambda r: r['test_accuracy']):9.4f}"
        )


if __name__ == "__main__":
    arguments = [each for each in sys.argv[1:] if each != "--busy"]
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if "--busy" in sys.argv else None
    try:
        main(int(arguments[0]) if arguments else 5)
    finally:
        if busy is not None:
            busy.kill()
            busy.wait()
