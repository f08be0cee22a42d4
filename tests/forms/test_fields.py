"""What a form's fields admit, and what is picked among a zone's readings."""

import contextlib
import itertools
import json
import os
import re
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shuzi
from shuzi.forms.fields import CHECKS, SURE_FIELD, Field, Form, parse_form
from shuzi.forms.pattern import Pattern
from shuzi.page import Digit, Number, Reading, likeliest
from shuzi.synth.filled_forms import FORM

ZONE = (0.1, 0.1, 0.5, 0.1)


def field(**rules):
    """A field as a form's JSON file gives it."""
    return parse_form({"sheet": [210, 297], "fields": [{"name": "a", "zone": list(ZONE)} | rules]}).fields[0]


# ---- the likeliest readings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_are_those_of_all(seed):
    generator = np.random.default_rng(seed)
    places = [dict(zip("abcde", generator.dirichlet(np.ones(5)), strict=True)) for _ in range(4)]
    everything = {
        "".join(signs): float(np.prod([place[sign] for place, sign in zip(places, signs, strict=True)]))
        for signs in itertools.product("abcde", repeat=4)
    }
    expected = sorted(everything.items(), key=lambda each: -each[1])[:20]
    found = likeliest(places, 20)
    assert [text for text, _ in found] == [text for text, _ in expected]
    assert [p for _, p in found] == pytest.approx([p for _, p in expected])


def test_two_ways_to_one_text_count_together():
    found = dict(likeliest([{"1": 0.6, "": 0.4}, {"1": 0.5, "": 0.5}], 9))
    assert found == pytest.approx({"1": 0.5, "11": 0.3, "": 0.2})


def digit(probabilities, is_digit=1.0):
    p = np.array([probabilities.get(k, 0.0) for k in range(10)], np.float32)
    guess = int(p.argmax())
    return Digit(guess, guess, is_digit * float(p[guess]), p, (0, 0, 9, 9), np.zeros((28, 28), np.uint8))


def test_a_number_has_alternatives():
    number = Number((digit({7: 0.9, 1: 0.1}), digit({3: 0.7, 8: 0.3}, 0.8)), 0, whole=0.5)
    found = number.alternatives(4)
    assert [r.text for r in found] == ["73", "78", "7", "13"]
    assert [r.probability for r in found] == pytest.approx([0.252, 0.108, 0.09, 0.028])
    assert sum(r.probability for r in number.alternatives(100)) == pytest.approx(0.5)
    assert found[0].probability == pytest.approx(number.confidence)


def test_what_a_page_reads_is_the_likeliest_alternative(mnist):
    page = np.full((80, 200), 255, np.uint8)
    for i in range(3):
        page[26:54, 30 + 34 * i : 58 + 34 * i] -= mnist[0].images[59_000 + i]
    (number,) = shuzi.Reader().read(page).numbers
    first, second = number.alternatives(2)
    assert first.text == number.text
    assert first.probability == pytest.approx(number.confidence)
    assert second.probability < first.probability
    assert len(number.alternatives(0)) == 0


# ---- what a field admits --------------------------------------------------------------------------------------

VALID = {
    "luhn": ["79927398713", "4539578763621486", "18"],
    "ean": ["4006381333931", "73513537", "036000291452", "10012345678902"],
    "isbn": ["9783161484100", "0306406152", "9791090636071"],
    "mod97": ["3214282912345698765432161182", "970001"],  # the first is GB82WEST12345698765432 in digits
}


@pytest.mark.parametrize("name", CHECKS)
def test_check_digits_are_checked(name):
    for text in VALID[name]:
        assert CHECKS[name](text)
        for at, other in itertools.product(range(len(text)), "0123456789"):
            if text[at] != other:
                assert not CHECKS[name](text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize(
    ("rules", "yes", "no"),
    [
        ({"pattern": r"\d{6}"}, ["000000", "704128"], ["70412", "7041280", ""]),
        ({"pattern": r"[1-9]\d?|100"}, ["7", "42", "100"], ["0", "07", "101"]),
        ({"length": 3}, ["123"], ["12", "1234", ""]),
        ({"length": [2, 3]}, ["12", "123"], ["1", "1234"]),
        ({"date": "DD.MM.YYYY"}, ["24122024", "29022024"], ["24132024", "29022023", "2412202", "00122024"]),
        ({"date": "MM/YY"}, ["0924", "1200"], ["1324", "924"]),
        ({"date": "YYYY-MM-DD", "pattern": r"(19|20)\d+"}, ["20241224"], ["24122024", "21001224"]),
        ({"check": "luhn", "length": 2}, ["18"], ["19", "0018"]),
        ({"optional": True, "check": "ean"}, ["", "4006381333931"], ["0"]),
        ({}, ["1", "0" * 100, "-12.50", "3/4"], [""]),
        ({"pattern": r"\d{3,6}"}, ["938", "93851"], ["938.51", "938-"]),
        ({"pattern": r"-?\d+\.\d\d"}, ["938.51", "-0.50"], ["93851", "938,51", "938.5"]),
        ({"pattern": r"\d\d/\d\d|\d+,-|\d{3}-\d{4}|\d'\d{3}"}, ["03/04", "5,-", "555-0137", "1'234"], ["0304", "5,"]),
        ({"pattern": r"[\d.,]+"}, ["1.234,50", "7"], ["-7", "1'234"]),
        ({"pattern": r"\d\d:\d\d|\+\d+|\d+%"}, ["12:30", "+49", "12%"], ["1230", "49+"]),
        ({"amount": True}, ["12", "12.50", "12,50", "1.234", "1.234,50", "17.000,-"], ["12.5", "12%", "3/4", "1.23.4"]),
        ({"length": 5}, ["93851", "938-51"], ["938.51", "9385", "93851%"]),
        ({"check": "isbn"}, ["9783161484100", "978-3-16-148410-0"], ["978.3161484100"]),
        ({"date": "DD.MM.YYYY"}, ["24.12.2024", "24/12/2024", "3-7-2025", "2412.2024"], ["24.13.2024", "24%122024"]),
    ],
)
def test_a_field_admits_what_it_says(rules, yes, no):
    assert all(field(**rules).admits(text) for text in yes)
    assert not any(field(**rules).admits(text) for text in no)


@pytest.mark.parametrize(
    "rules", [{"pattern": r"(\d+)+,"}, {"pattern": r"(((\d?)*)+)*(11|1)*0"}, {"pattern": r"(\d{1,30}){1,30}-"}]
)
def test_no_pattern_takes_more_than_time_in_proportion(rules):
    assert not field(**rules).admits("1" * 100)  # after 30 digits, each more would double the time


def test_no_date_takes_more_than_time_in_proportion():
    with pytest.raises(shuzi.ShuziError, match="the date"):
        field(date="YY" * 100 + "x")


@given(
    st.recursive(
        st.sampled_from(
            [r"\d", "0", "1", "[1.]", "[^0]", "[]0]", r"[\d-]", ".", r"\.", ",", "-", "'", "/", "^", "{", "{}", "]"]
        ),
        lambda part: (
            st.tuples(part, part).map("".join)
            | st.tuples(part, part).map("|".join)
            | part.map("({})".format)
            | st.tuples(part, st.sampled_from(["?", "*", "+", "{2}", "{1,2}", "{,2}", "{2,}", "*?"])).map("".join)
        ),
        max_leaves=6,
    )
)
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_patterns_match_what_re_matches(text):
    with contextlib.suppress(re.error), warnings.catch_warnings(action="ignore"):
        expected, found = re.compile(text), Pattern(text)
        for digits in ("".join(each) for n in range(4) for each in itertools.product("01.-", repeat=n)):
            assert found.fullmatch(digits) == (expected.fullmatch(digits) is not None), digits


def test_a_date_is_shown_as_the_form_has_it():
    assert field(date="YYYY-MM-DD").formatted("20241224") == "2024-12-24"
    assert field(date="YYYY-MM-DD").formatted("2024/1/2") == "2024-01-02"
    assert field(date="MM/YY").formatted("1200") == "12/00"
    assert field(date="YYYY-MM-DD").formatted("2024") == "2024"


def test_an_amount_before_three_digits_has_thousands():
    assert field(amount=True).value("1.234") == field(amount=True).value("1,234") == 1234
    assert field().value("1.234") is None
    assert field(date="DD.MM.YYYY").value("24122024") is None


# ---- what is picked -------------------------------------------------------------------------------------------


def pick(readings, **rules):
    return field(**rules).pick([Reading(text, p) for text, p in readings.items()])


def test_a_check_digit_picks_among_likely_readings():
    text, confidence, sure = pick({"19": 0.6, "18": 0.39}, check="luhn")
    assert (text, sure) == ("18", True)
    assert SURE_FIELD < confidence < 0.99


def test_what_a_pattern_admits_alone_is_surer():
    readings = {"704128": 0.8, "70412": 0.15}
    assert pick(readings, pattern=r"\d{6}")[1] > pick(readings)[1] == pytest.approx(0.8, abs=0.05)


def test_no_digit_is_invented():
    """Somebody wrote a number whose check digit is wrong: the nearest right one is not what stands there."""
    readings = {"19": 0.994, "18": 0.003, "59": 0.002, "99": 0.001}
    text, confidence, sure = pick(readings, check="luhn")
    assert (text, sure) == ("19", False)
    assert confidence < 0.7
    assert not pick({"19": 0.90, "18": 0.05}, check="luhn")[2]


@pytest.mark.parametrize(
    ("mark", "text", "probability", "sure"),
    [
        (0.99, "938.51", 0.97, False),
        (0.8, "938.51", 0.65, False),
        (0.6, "93851", 0.56, False),
        (0.1, "93851", 0.93, True),
    ],
)
def test_a_sure_mark_that_a_pattern_excludes_makes_a_field_unsure_and_an_unlikely_one_costs_its_probability(
    mark, text, probability, sure
):
    readings = {"938.51": 0.98 * mark, "93851": 0.98 * (1 - mark)}
    picked = pick(dict(sorted(readings.items(), key=lambda each: -each[1])), pattern=r"\d{3,6}")
    assert picked[::2] == (text, sure)
    assert picked[1] == pytest.approx(probability, abs=0.02)


def test_a_mark_that_a_pattern_asks_for_is_picked_although_it_is_unlikely():
    assert pick({"1250": 0.7, "12.50": 0.28}, pattern=r"\d+\.\d\d")[::2] == ("12.50", True)


def test_nothing_admitted_is_not_sure():
    assert pick({"12": 0.9, "17": 0.1}, pattern=r"\d{6}")[::2] == ("12", False)


def test_a_missed_digit_weighs_as_far_as_one_more_is_admitted():
    """In a field of one to six digits a fifth may be missed; in one of just four it isn't."""
    readings = {"1250": 0.85}
    assert pick(readings, length=[1, 6])[1] == pytest.approx(0.85, abs=0.01)
    assert pick(readings, length=4)[1] > 0.98


def test_an_empty_zone_is_sure_where_it_may_be_empty():
    assert pick({"": 0.99}, optional=True) == ("", pytest.approx(0.99, abs=0.01), True)
    assert pick({"": 0.99}, length=4)[::2] == ("", False)


# ---- the form's file ------------------------------------------------------------------------------------------

BAD = [
    ({"pattern": "[0-9"}, "the pattern '[0-9' can't be parsed (unterminated character set"),
    ({"pattern": "[A-Z]{2}"}, r"it may hold only digits, \d and"),
    ({"pattern": "*"}, "can't be parsed (nothing to repeat"),
    ({"pattern": 6}, "the pattern 6 can't be parsed"),
    ({"pattern": r"((\d{100}){100}){100}"}, "it is too large; use smaller repeats"),
    ({"pattern": r"\d{4000000000}"}, "it is too large; use smaller repeats"),
    ({"pattern": "(" * 5000 + ")" * 5000}, "can't be parsed ("),
    ({"zone": [0.6, 0.1, 0.5, 0.1]}, "is not on the sheet. Give fractions of the sheet"),
    ({"zone": [0.6, 0.1, 0, 0.1]}, "is not on the sheet"),
    ({"zone": [0.6, 0.1]}, "Give [x, y, width, height]"),
    ({"zone": [float("nan"), 0, 1, 1]}, "Give [x, y, width, height]"),
    ({"check": "crc"}, "no check is named 'crc'. Choose luhn, ean, isbn, mod97"),
    ({"check": ["luhn"]}, "no check is named ['luhn']"),
    ({"length": 0}, "its length is 0. Give a number such as 6, or a range such as [1, 6]"),
    ({"length": [3, 2]}, "its length is [3, 2]"),
    ({"date": "DD.MM"}, "the date 'DD.MM' is not known. Write it as DD.MM.YYYY"),
    ({"date": "%d%m"}, "the date '%d%m'"),
    ({"optional": 1}, '"optional" is 1. Give true or false'),
    ({"name": ""}, "\"name\" is ''. Give it a text"),
    ({"name": "file"}, "Two columns would be named 'file'"),
    ({"colour": 1}, "'colour' is unknown in a field. Known keys: amount, check, date, length"),
]


@pytest.mark.parametrize(("rules", "words"), BAD)
def test_a_bad_field_is_one_sentence(tmp_path, rules, words):
    path = tmp_path / "form.json"
    value = {"sheet": [210, 297], "fields": [{"name": "a", "zone": list(ZONE)} | rules]}
    path.write_text(json.dumps(value))
    with pytest.raises(shuzi.ShuziError) as error:
        Form.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not valid JSON (Expecting"),
        (b"\xff\xd8", "is not UTF-8 ("),
        (b"[]", "[]: expected a form, a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"fields": []}', '"sheet" is None. Give [width, height]'),
        (b'{"sheet": [1, 1]}', '"fields" is missing or empty'),
        (b'{"sheet": [1, 1], "fields": [7]}', "7: expected a field, a JSON object"),
    ],
)
def test_a_bad_form_is_one_sentence(tmp_path, content, words):
    (tmp_path / "form.json").write_bytes(content)
    with pytest.raises(shuzi.ShuziError) as error:
        Form.load(tmp_path / "form.json")
    assert words in str(error.value)


def test_a_form_that_isnt_there_is_one_sentence(tmp_path):
    with pytest.raises(shuzi.ShuziError, match=r"can't be read .No such file"):
        Form.load(tmp_path / "none.json")


def test_a_pipe_and_a_device_are_no_forms_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(shuzi.ShuziError, match=r"can't be read .a pipe or a device"):
        Form.load(tmp_path / "pipe")
    with pytest.raises(shuzi.ShuziError, match=r"can't be read .a pipe or a device"):
        Form.load("/dev/null")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(shuzi.ShuziError, match=r"large\.json: 10,000,000,000 bytes, expected at most"):
        Form.load(tmp_path / "large.json")


def test_a_form_may_begin_with_the_mark_of_its_encoding(tmp_path):
    form = {"sheet": [100, 50], "fields": [{"name": "a", "zone": [0.1, 0.1, 0.5, 0.2]}]}
    (tmp_path / "form.json").write_text(json.dumps(form), "utf-8-sig")
    assert [field.name for field in Form.load(tmp_path / "form.json").fields] == ["a"]


def test_the_made_up_form_is_one():
    form = parse_form(FORM)
    assert isinstance(form.fields[0], Field)
    assert len(form.fields) == 8
