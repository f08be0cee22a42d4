"""Bad input by the thousand: each target in a process of its own, bounded by time; whatever is found has its seed.

    python fuzz                          a minute for each target
    python fuzz --seconds 600 pictures   one target, longer
    python fuzz --seed 7 --case 123 idx  one case again

A target is a file beside this one with `case(random, folder)`, which makes bad input, drawn from `random`, and uses it.
It may raise ShuziError, in one sentence: that is what is wanted. Any other exception, a crash, more than SLOW seconds
of processor time or MEMORY bytes, and a word on stderr are findings. KNOWN, a target's dictionary of names to
functions of a folder, has what was found before, some of it as tests of the project: all is tried first.
"""

import argparse
import importlib
import resource
import secrets
import select
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

from shuzi.errors import ShuziError

HERE = Path(__file__).parent
TARGETS = sorted(path.stem for path in HERE.glob("*.py") if path.stem[0] != "_")
SLOW = 8.0  # seconds of the processor; a picture takes 3 at most, and some cases read one twice
PATIENCE = 120.0  # seconds for a case, and for all imports before the first; the machine may be busy
MEMORY = 1_500_000_000  # bytes: 1 GB at the size limit, and what is there before
ENOUGH = 10  # findings of one target


def attempt(target, seed, case):
    """One case, by its number or by its name among the KNOWN."""
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="shuzi-fuzz-") as folder:
        try:
            if case in target.KNOWN:
                target.KNOWN[case](Path(folder))
            else:
                target.case(np.random.default_rng([seed, int(case)]), Path(folder))
        except ShuziError as error:
            if "\n" in str(error):
                raise
    took = time.process_time() - began
    assert took < SLOW, f"{took:.1f} s of the processor"
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert most < MEMORY, f"{most:,} bytes of memory"


def work(name, seed, cases):
    """The process of a target: tells each case before it begins it."""
    warnings.simplefilter("ignore")  # as the command line does
    target = importlib.import_module(name)
    for case in cases:
        print(case, flush=True)
        try:
            attempt(target, seed, case)
        except Exception:
            traceback.print_exc()
            sys.exit(1)


def numbers(known, first, seconds):
    """Cases to try: those known, and then by number until the time is up."""
    yield from known
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield str(first)
        first += 1


def watch(process):
    """The last case that a process began, and what ended it: None if it is done."""
    case = None
    while True:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        if not ready:
            process.kill()
            process.wait()
            return case, f"took more than {PATIENCE:.0f} s"
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            return case, None if code == 0 else f"died of signal {-code}" if code < 0 else "failed"
        case = line.strip()


def campaign(name, seed, seconds):
    """Findings of a target as (case, reason, words), and how many cases were tried."""
    found, first, known = [], 0, [*importlib.import_module(name).KNOWN]
    total, left = len(known), seconds  # those known take no time from the others
    while (known or left > 0) and len(found) < ENOUGH:
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            command = [sys.executable, HERE, name, "--seed", seed, "--first", first, "--seconds", left]
            process = subprocess.Popen(
                [*map(str, command), "--known", *known], stdout=subprocess.PIPE, stderr=said, text=True, bufsize=1
            )
            with process:
                case, reason = watch(process)
            said.seek(0)
            words = said.read().strip()
        if reason is None and words:
            reason = "words on stderr by a case up to this one"
        if reason is not None:
            found.append((case, reason, words))
        if case in known:
            known = known[known.index(case) + 1 :]
        elif case is not None:
            known, first = [], int(case) + 1
        else:
            break
        left -= 0 if known else time.monotonic() - began
    return found, total + first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}; default all")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, help="default a new one")
    parser.add_argument("--case", help="one case again, by its number or name")
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--known", nargs="*", default=[], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.targets) - {*TARGETS}:
        parser.error(f"no target is called {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    seed = secrets.randbits(32) if given.seed is None else given.seed
    if given.case is not None:
        return work(given.targets[0], seed, [given.case])
    if given.first is not None:
        return work(given.targets[0], seed, numbers(given.known, given.first, given.seconds))
    failed = False
    for name in given.targets or TARGETS:
        found, count = campaign(name, seed, given.seconds)
        print(f"{name}: {count:,} cases of seed {seed}, {len(found)} findings", flush=True)
        for case, reason, words in found:
            print(f"  case {case} {reason}; again: python fuzz --seed {seed} --case '{case}' {name}")
            print("".join(f"    {line}\n" for line in words.splitlines()[-6:]), end="")
        failed |= bool(found)
    return sys.exit(failed)


main()
