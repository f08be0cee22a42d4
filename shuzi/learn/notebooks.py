"""Copy the lesson's notebooks to a folder and open them in Jupyter."""

import importlib.util
import locale
import os
import re
import subprocess
import sys
from pathlib import Path

from shuzi.errors import ShuziError
from shuzi.files import write_whole

HOME = Path(__file__).parent
LANGUAGES = ("zh", "en")
OUTSIDE = re.compile(r"\[([^]]+)\]\(\.\./\.\./\.\./[^)]*?/?([\w]+\.py)(?:#L(\d+)[^)]*)?\)")


def language_of_locale() -> str:
    """Return the lesson's language for the locale: zh if it is Chinese, else en."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, variables), None) or locale.getlocale()[0] or ""  # Windows sets no variables
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def copy_to(folder: Path, language: str) -> list[Path]:
    """Copy a language's notebooks to a folder. One that is there already is the reader's work and stays.

    Returns:
        The notebooks, in order.

    Raises:
        ShuziError: the lesson is not written in this language, or the folder can't be written.
    """
    if language not in LANGUAGES:
        raise ShuziError(f"--lang {language}: the lesson is written in {' and '.join(LANGUAGES)}; choose one of them")
    copied = []
    for notebook in sorted((HOME / language).glob("*.ipynb")):
        path = folder / notebook.name
        if not path.exists():
            # links lead to the repository's files, which aren't there: name file and line instead
            write_whole(path, OUTSIDE.sub(r"\1 (\2 \3)", notebook.read_text(encoding="utf-8")))
        copied.append(path)
    return copied


def open_in_jupyter(notebook: Path) -> bool:
    """Start Jupyter on a notebook and wait until it is closed; False if it isn't installed."""
    for program in ("jupyterlab", "notebook"):
        if importlib.util.find_spec(program) is not None:
            subprocess.run([sys.executable, "-m", program, str(notebook)], check=False)
            return True
    return False
