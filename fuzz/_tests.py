"""Findings that a test of the project holds: the test is run again."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"


def tested(name):
    """A function of a folder that runs a test, file.py::name below tests/, and fails with it."""

    def known(folder):
        command = [sys.executable, "-m", "pytest", "-m", "", "--basetemp", folder / "tests", TESTS / name]
        done = subprocess.run([*map(str, command)], cwd=TESTS.parent, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout
        assert "skipped" not in done.stdout, done.stdout

    return known
