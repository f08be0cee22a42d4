"""Puts the commit into what is built, so that a run trained with it can name it."""

import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Commit(BuildHookInterface):
    """Writes shuzi/commit.txt into the wheel and the sdist; a checkout needs none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; an editable install asks git each time."""
        code = runpy.run_path(str(Path(self.root, "shuzi", "version.py")))
        if version == "editable" or (commit := code["commit"]()) is None:
            return
        self.folder = tempfile.TemporaryDirectory()
        written = Path(self.folder.name, code["BUILT"])
        written.write_text(commit + "\n")
        build_data["force_include"][str(written)] = f"shuzi/{code['BUILT']}"
