"""The public names."""

import pytest

import shuzi


def test_the_public_names_are_these():
    assert shuzi.__all__ == ["Digits", "Reader", "ShuziError", "__version__", "load"]
    assert dir(shuzi) == shuzi.__all__


def test_every_public_name_is_there():
    assert all(getattr(shuzi, name) for name in shuzi.__all__)
    assert issubclass(shuzi.ShuziError, Exception)


def test_a_name_that_isnt_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'shuzi' has no attribute 'lod'"):
        shuzi.lod  # noqa: B018
