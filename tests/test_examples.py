"""The tutorial's two programs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["softmax_from_tensors.py", "softmax_module.py"])
def test_a_program_of_fewer_than_50_lines_reads_nine_in_ten(command, tmp_path, name):
    assert len((EXAMPLES / name).read_text().splitlines()) < 50
    ended = subprocess.run(
        [sys.executable, EXAMPLES / name],
        cwd=tmp_path, capture_output=True, text=True, env=command.environment(MPLBACKEND="agg"),
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    accuracy = float(re.search(r"test accuracy: (0\.\d{4})\n", ended.stdout)[1])
    assert 0.88 < accuracy < 0.93
    drawn = [path.name for path in tmp_path.iterdir()]
    if name == "softmax_module.py":
        assert drawn == []
    else:
        assert drawn == ["templates.png"]
        with Image.open(tmp_path / "templates.png") as image:
            assert image.width >= 1000
            assert len(image.convert("RGB").getcolors(10**6)) > 100


def test_the_programs_take_nothing_from_shuzi_but_the_data():
    for path in EXAMPLES.glob("*.py"):
        assert re.findall(r"shuzi[\w.]*", path.read_text().split('"""', 2)[2]) == ["shuzi", "shuzi.load"]
