"""The metrics of forms, of answers whose metrics are known."""

import numpy as np
import pytest

from shuzi.evaluate import form_fields
from shuzi.forms.fields import Entry, parse_form
from shuzi.page import Reading
from shuzi.synth.filled_forms import FORM, make_form

FIELDS = len(parse_form(FORM).fields)


def test_shares_are_of_all_and_of_what_is_sure():
    answers = [(True, True), (True, True), (False, True), (True, False)]
    assert form_fields.metrics(answers) == {
        "fields right": 0.75,
        "answered": 0.75,
        "right of answered": pytest.approx(2 / 3),
    }
    assert form_fields.metrics([(False, False)]) == {"fields right": 0, "answered": 0, "right of answered": 1}


def test_fields_are_filled_in_with_what_they_admit():
    generator = np.random.default_rng(1)
    for field in parse_form(FORM).fields:
        texts = [form_fields.fill(field, generator) for _ in range(20)]
        assert all(text == "" if field.optional and not text else field.admits(text) for text in texts)
        assert len(set(texts)) > 5


class Oracle:
    """Reads made-up forms as they were filled in, but is not sure of each's first field and reads its last as 0."""

    def __init__(self, digits):
        self.digits, self.generator, self.count = digits, np.random.default_rng(form_fields.SEED), 0

    def read_fields(self, picture, form):
        texts = [form_fields.fill(field, self.generator) for field in form.fields]
        made = make_form(self.digits.images, self.digits.labels, texts, bool(self.count % 2), self.generator)
        assert np.array_equal(made, picture)
        self.count += 1
        texts[-1] = "0"
        return tuple(
            Entry(
                field.name, field.formatted(text), 1.0, at > 0, picture, (), (Reading(text, 0.4 if at == 0 else 1.0),)
            )
            for at, (field, text) in enumerate(zip(form.fields, texts, strict=True))
        )


def test_forms_give_what_is_right_and_sure(mnist, monkeypatch):
    monkeypatch.setattr(form_fields, "FORMS", 2)
    figures = form_fields.measure_forms(Oracle(mnist[1]), mnist[1])
    for words in ("", ", no pattern"):
        assert figures["fields right" + words] == pytest.approx(1 - 1 / FIELDS)
        assert figures["answered" + words] == pytest.approx(1 - 1 / FIELDS)
        assert figures["right of answered" + words] == pytest.approx(1 - 1 / (FIELDS - 1))
