"""The public names."""

import subprocess
import sys

import pytest

import shuzi


def test_the_public_names_are_these():
    assert shuzi.__all__ == [
        "Digits", "Reader", "Recipe", "Settings", "ShuziError", "Training", "__version__", "fit", "load", "normalise",
        "read_files",
    ]  # fmt: skip
    assert dir(shuzi) == shuzi.__all__


def test_every_public_name_is_there_and_documented():
    for name in shuzi.__all__:
        value = getattr(shuzi, name)
        assert name == "__version__" or (value.__doc__ and value.__module__.startswith("shuzi"))
    assert issubclass(shuzi.ShuziError, Exception)


def test_a_name_that_isnt_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'shuzi' has no attribute 'lod'"):
        shuzi.lod  # noqa: B018


def test_a_name_that_takes_an_extra_says_how_to_get_it():
    script = "import sys; sys.modules['torch'] = None; import shuzi; shuzi.Recipe"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "This needs torch. Install it in the folder of shuzi's source" in ended.stderr


def test_it_says_nothing_until_a_program_asks():
    script = "import shuzi; shuzi.Reader()"
    quiet = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    asked = f"import logging; logging.basicConfig(level='INFO'); {script}"
    loud = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert "INFO:shuzi.network:" in loud.stderr
    assert "runs on CPUExecutionProvider" in loud.stderr
