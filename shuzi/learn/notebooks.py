"""Laying the lesson's notebooks into a folder, and opening them in Jupyter."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from shuzi.errors import ShuziError
from shuzi.files import write_whole

HOME = Path(__file__).parent
LANGUAGES = ("zh", "en")
OUTSIDE = re.compile(r"\[([^]]+)\]\(\.\./\.\./\.\./[^)]*?/?([\w]+\.py)(?:#L(\d+)[^)]*)?\)")


def lay(language: str, folder: Path) -> list[Path]:
    """Copy a language's notebooks into a folder; one that is there already is someone's own work and stays.

    Returns:
        The notebooks, in order.

    Raises:
        ShuziError: no such language, or the folder can't be written.
    """
    if language not in LANGUAGES:
        raise ShuziError(f"--lang {language}: the lesson is there in {' and '.join(LANGUAGES)}")
    laid = []
    for notebook in sorted((HOME / language).glob("*.ipynb")):
        path = folder / notebook.name
        if not path.exists():
            # links lead to files of the repository, which aren't there: name the place instead
            write_whole(path, OUTSIDE.sub(r"\1 (\2 \3)", notebook.read_text(encoding="utf-8")))
        laid.append(path)
    return laid


def open_in_jupyter(notebook: Path) -> bool:
    """Start Jupyter on a notebook and wait until it is closed; False if it isn't installed."""
    for program in ("jupyterlab", "notebook"):
        if importlib.util.find_spec(program) is not None:
            subprocess.run([sys.executable, "-m", program, str(notebook)], check=False)
            return True
    return False
