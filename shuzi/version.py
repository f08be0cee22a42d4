"""Which shuzi this is, to the commit."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILT = "commit.txt"  # beside this file in a wheel; hatch_build.py writes it


def commit() -> str | None:
    """Give the commit that this code is of, "4fe36481d0a2", ".dirty" behind it where files differ; None if unknown."""
    if (HERE / BUILT).is_file():
        return (HERE / BUILT).read_text().strip()
    if not (HERE.parent / ".git").exists():
        return None
    git = [
        "git",
        "-C",
        str(HERE.parent),
        "describe",
        "--always",
        "--abbrev=12",
        "--exclude=*",
        "--dirty=.dirty",
    ]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git here, or a checkout that it won't look at
        return None


def full() -> str:
    """Give the version with its commit, as PEP 440 writes it: "0.3.0+4fe36481d0a2", or "0.3.0" where none is known."""
    from shuzi import __version__

    known = commit()
    return f"{__version__}+{known}" if known else __version__
