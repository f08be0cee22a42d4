"""Pens: UNIPEN, pendigits and Omniglot read from tiny files, and their compact copy."""

import lzma

import numpy as np
import pytest
import tiny_pens

from shuzi.data import pens, unipen
from shuzi.errors import ShuziError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_pens.write_all(tmp_path_factory.mktemp("pens"))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SHUZI_DATA", raising=False)
    return tmp_path / "shuzi" / "pens"


@pytest.fixture(scope="module")
def loaded(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return pens.load(folder)


def test_every_segment_is_a_glyph_of_its_writer(loaded):
    by_source = [name.partition("/")[0] for name in loaded.names[loaded.writers].tolist()]
    assert by_source.count("tst") == len(tiny_pens.WRITERS) * len(tiny_pens.CHARACTERS)
    assert by_source.count("pendigits") == 3
    assert by_source.count("omniglot") == 4
    for writer in tiny_pens.WRITERS:
        own = loaded.written[loaded.names.tolist().index(f"tst/{writer}")]
        assert set(own) == set(tiny_pens.CHARACTERS)
    omniglot = [label for label in loaded.labels.tolist() if label >= unipen.OTHER]
    assert sorted(omniglot) == [unipen.OTHER, unipen.OTHER, unipen.OTHER + 1, unipen.OTHER + 1]


def test_strokes_are_where_the_pen_was_down_with_y_downwards_and_square_pixels(loaded):
    g = np.random.default_rng(len("anna"))
    index = loaded.written[loaded.names.tolist().index("tst/anna")]["0"][0]
    first, _, second = (tiny_pens.stroke(g) * (1, -1) for _ in range(3))
    wanted = np.concatenate([first, second]).astype(float)
    glyph = loaded.glyph(index)
    assert len(glyph) == 2
    larger = np.ptp(wanted, axis=0).max()
    wanted = (wanted - wanted.min(0)) / larger
    for stroke, true in zip(glyph, (wanted[:25], wanted[25:]), strict=True):
        assert np.allclose(stroke[[0, -1]], true[[0, -1]], atol=0.03)
        away = np.hypot(*(stroke[:, None] - true[None]).transpose(2, 0, 1)).min(1)
        assert away.max() < 0.12  # smoothing cuts corners


def test_sizes_are_shares_of_the_height_of_the_writers_digits(loaded):
    own = loaded.written[loaded.names.tolist().index("tst/bo")]
    heights = [loaded.sizes[i] * np.ptp(np.concatenate(loaded.glyph(i))[:, 1]) for d in "0123456789" for i in own[d]]
    assert np.median(heights) == pytest.approx(1, abs=0.1)


def test_the_compact_copy_is_read_again_without_the_folder(folder, cache):
    first = pens.load(folder)
    assert [path.suffix for path in cache.iterdir()] == [".npz"]
    again = pens.load()
    for name in ("points", "strokes", "glyphs", "labels", "sizes", "writers", "names"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.sha256 == again.sha256 != ""


def test_writers_held_out_and_the_others_are_all(loaded):
    out, learnt = loaded.part(True), loaded.part(False)
    assert len(out) + len(learnt) == len(loaded)
    assert len(out) >= len(tiny_pens.CHARACTERS)
    assert not {*out.names[out.writers].tolist()} & {*learnt.names[learnt.writers].tolist()}
    index = int(np.flatnonzero(loaded.writers == out.writers[0])[0])
    assert all(map(np.array_equal, out.glyph(0), loaded.glyph(index)))


def test_without_the_files_a_sentence_says_what_to_download(tmp_path, cache):
    with pytest.raises(ShuziError, match=r"zenodo\.1195803.*CC BY 4\.0.*UCI .* 81.*omniglot.*MIT.*shuzi data unipen"):
        pens.load()
    tiny_pens.write_unipen(tmp_path / "some", "anna")
    with pytest.raises(ShuziError, match=r"no pendigits-orig\.tra, Omniglot's strokes_background"):
        pens.load(tmp_path / "some")


def test_a_missing_include_and_a_damaged_copy_are_told(tmp_path, cache):
    tiny_pens.write_all(tmp_path / "some")
    (tmp_path / "some/unipen/include/tst/data/bo.dat").unlink()
    with pytest.raises(ShuziError, match=r"bo\.dat: includes .*, which is missing"):
        pens.load(tmp_path / "some")
    cache.mkdir(parents=True)
    (cache / "0.npz").write_bytes(b"PK")
    with pytest.raises(ShuziError, match=r"damaged .* Delete it, and run: shuzi data unipen"):
        pens.load()


@pytest.mark.parametrize(
    ("written", "label"), [(r"\@", chr(unipen.STROKE)), ("@", "@"), (r"\"", '"'), (r"\\", "\\"), ("A", "A")]
)
def test_labels_are_unescaped_but_for_the_one_of_single_strokes(written, label, tmp_path):
    path = tmp_path / "a.dat"
    path.write_text(f'.PEN_DOWN\n1 2\n3 4\n.SEGMENT CHARACTER 0 OK "{written}"\n')
    ink = unipen._Ink()
    ink.take(path, tmp_path, unipen._blocks)
    assert [each for each, _ in ink.glyphs()] == [label]


def test_delineations_name_components_and_points():
    ink = unipen._Ink()
    ink.components = [(np.full((10, 2), n) + np.arange(10)[:, None] / 10, n != 1) for n in range(4)]
    counts = {"2": [10], "0-2": [10, 10], "0,3": [10, 10], "2:5-3:1": [5, 2], "0:2-0:4, 3": [3, 10]}
    assert {where: [len(stroke) for stroke in ink._strokes(where)] for where in counts} == counts


@pytest.mark.parametrize("line", ["1 2 x", "1", "1 2 3 4", "a remark of 7 words"])
def test_lines_that_are_no_point_are_passed_over(line):
    ink = unipen._Ink()
    assert ink._points(f"1 2\n{line}\n3 4").shape[1] == 2
    assert np.array_equal(ink._points(f"1 2\n{line}\n3 4")[[0, -1]], [[1, -2], [3, -4]])


def compressed(data: bytes) -> bytes:
    """Give a .Z file: `compress`'s LZW, its codes in groups of eight."""
    table, bits, out, group, prefix = {bytes([n]): n for n in range(256)}, 9, [], [], b""
    size = 257
    for byte in [*data, None]:
        longer = prefix + bytes([byte]) if byte is not None else None
        if longer in table:
            prefix = longer
            continue
        group.append(table[prefix])
        if len(group) == 8 or size == 1 << bits:
            out.append(sum(code << bits * n for n, code in enumerate(group)).to_bytes(bits, "little"))
            group = []
        if size == 1 << bits:
            bits += 1
        if byte is not None:
            table[longer], size, prefix = size, size + 1, bytes([byte])
    out.append(sum(code << bits * n for n, code in enumerate(group)).to_bytes(-(-bits * len(group) // 8), "little"))
    return b"\x1f\x9d\x90" + b"".join(out)


def test_pendigits_are_read_plain_xz_and_of_compress(tmp_path):
    text = tiny_pens.pendigits().encode()
    plain = dict(unipen.pendigits_glyphs(written(tmp_path / "a.tra", text)))
    assert {writer: [label for label, _ in glyphs] for writer, glyphs in plain.items()} == {
        "pendigits/1": ["8", "1"],
        "pendigits/2": ["4"],
    }
    for path in (written(tmp_path / "a.tra.xz", lzma.compress(text)), written(tmp_path / "a.tra.Z", compressed(text))):
        other = dict(unipen.pendigits_glyphs(path))
        assert all(map(np.array_equal, plain["pendigits/1"][0][1], other["pendigits/1"][0][1])), path


def written(path, data):
    path.write_bytes(data)
    return path


def test_a_z_file_expands_to_what_it_was():
    data = bytes(np.random.default_rng(0).integers(97, 103, 5000, np.uint8))
    assert unipen.uncompressed(compressed(data)) == data
    with pytest.raises(ShuziError, match="not a"):
        unipen.uncompressed(b"PK\x03\x04")


def test_staircases_of_a_coarse_tablet_are_smoothed():
    x = np.repeat(np.arange(12), 2)[1:-1]
    y = np.repeat(np.arange(12), 2)[:-2]
    (line,) = unipen.smoothed([np.stack([x, y], 1) / 11], 1 / 11)
    assert np.ptp(line[1:-1, 0] - line[1:-1, 1]) < 0.03  # a step is 0.09


def test_the_command_counts_what_was_read(command, folder, tmp_path):
    told = command("data", "unipen", "--root", folder, "--json", XDG_CACHE_HOME=str(tmp_path)).json
    writers = len(tiny_pens.WRITERS)
    assert told["sources"]["UNIPEN"] == {
        "digits": 10 * writers,
        "letters": 10 * writers,
        "signs": 8 * writers,
        "writers": writers,
        "held out": sum(pens.is_held_out(f"tst/{writer}") for writer in tiny_pens.WRITERS),
    }
    missing = command("data", "unipen", XDG_CACHE_HOME=str(tmp_path / "other"))
    assert missing.code == 1
    assert missing.stderr.count("\n") == 1
