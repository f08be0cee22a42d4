"""The version of shuzi, with its commit."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILT = "commit.txt"  # beside this file in a wheel; hatch_build.py writes it


def commit() -> str | None:
    """Find this code's commit, such as "4fe36481d0a2", with ".dirty" if files differ from it; None if unknown."""
    if (HERE / BUILT).is_file():
        return (HERE / BUILT).read_text().strip()
    if not (HERE.parent / ".git").exists():
        return None
    git = ["git", "-C", str(HERE.parent), "describe"]
    options = ["--always", "--abbrev=12", "--exclude=*", "--dirty=.dirty"]
    try:
        return subprocess.run(git + options, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git here, or a checkout that it won't look at
        return None


def full() -> str:
    """Return the version with its commit as in PEP 440, "0.4.0+4fe36481d0a2", or "0.4.0" if it is unknown."""
    from shuzi import __version__

    known = commit()
    return f"{__version__}+{known}" if known else __version__
