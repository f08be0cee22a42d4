"""Options of reading: the same through the command line, HTTP and Python, and each of them does something."""

import json

import cv2
import numpy as np
import pytest
import requests

import shuzi
from shuzi.batch.folders import as_json
from shuzi.synth.pages import make_table


def sevens(point: bool = False) -> np.ndarray:
    """Four 7s in a row, or a point behind the first."""
    paper = np.full((200, 380), 240, np.uint8)
    for each in range(4):
        left = 75 * each + 20 * (point and each > 0)
        bends = np.array([(30 + left, 60), (85 + left, 58), (55 + left, 150)])
        cv2.polylines(paper, [bends], False, 20, 9, cv2.LINE_AA)
    if point:
        cv2.circle(paper, (100, 148), 7, 20, -1, cv2.LINE_AA)
    return paper


def letters() -> np.ndarray:
    paper = np.full((64, 200), 255, np.uint8)
    for i, letter in enumerate("SOZ"):
        cv2.putText(paper, letter, (20 + 50 * i, 48), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 0, 3, cv2.LINE_AA)
    return paper


@pytest.fixture(scope="module")
def lying(mnist):
    """A part of a table on its side."""
    made = make_table(mnist[0].images[-5000:], mnist[0].labels[-5000:], 20, np.random.default_rng(7))
    return np.ascontiguousarray(np.rot90(made.picture[:260, :300, 0]))


OPTIONS = {
    "gap": (["--gap", "0"], {"gap": 0.0}),
    "decimal": (["--decimal", ","], {"decimal": ","}),
    "turn": (["--no-turn"], {"turn": False}),
    "digits_only": (["--digits-only"], {"digits_only": True}),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_does_the_same_by_command_by_http_and_in_python(command, server, lying, tmp_path, option):
    pixels = {"gap": sevens(), "decimal": sevens(point=True), "turn": lying, "digits_only": letters()}[option]
    picture = cv2.imencode(".png", pixels)[1].tobytes()
    (tmp_path / "a.png").write_bytes(picture)
    words, values = OPTIONS[option]
    query = {name: str(value).lower() for name, value in values.items()}
    reader = shuzi.Reader(digits_only=option == "digits_only")
    values = {name: value for name, value in values.items() if name != "digits_only"}
    expected = json.loads(json.dumps(as_json(reader.read(picture, **values), "a.png")))
    assert expected != json.loads(json.dumps(as_json(shuzi.Reader().read(picture), "a.png")))

    (page,) = command("read", "a.png", *words, "--json", cwd=tmp_path).json["pages"]
    assert page == expected

    answer = requests.post(server.url + "/api/read", params=query, data=picture, timeout=100).json()
    assert {name: answer[name] for name in ("text", "turned", "size", "unread")} == {
        name: expected[name] for name in ("text", "turned", "size", "unread")
    }
    assert [number["value"] for number in answer["numbers"]] == [n["value"] for n in expected["numbers"]]


def test_a_gap_and_a_decimal_sign_decide_what_the_writing_leaves_open(command, tmp_path):
    cv2.imwrite(str(tmp_path / "row.png"), sevens())
    cv2.imwrite(str(tmp_path / "thousands.png"), sevens(point=True))
    (joined,), (parted,) = (
        command("read", "row.png", "--gap", gap, "--json", cwd=tmp_path).json["pages"] for gap in (1, 0)
    )
    assert (len(joined["numbers"]), len(parted["numbers"])) == (1, 4)
    values = []
    for sign in ("", ".", ","):
        (page,) = command("read", "thousands.png", "--decimal", sign, "--json", cwd=tmp_path).json["pages"]
        values += [(number["text"], number["value"]) for number in page["numbers"]]
    assert values == [("7.777", None), ("7.777", "7.777"), ("7.777", "7777")]
