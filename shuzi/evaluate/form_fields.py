"""How well a reader reads synthetic forms, with the fields' patterns and without."""

import numpy as np

from shuzi.data.digits import Digits
from shuzi.forms.fields import Field, parse_form
from shuzi.read.reader import Reader
from shuzi.synth.filled_forms import FORM, make_form

FORMS = 60  # half of them photographed
SEED = 0
MOST_DIGITS = 12  # in a field whose pattern sets no length


def fill(field: Field, generator: np.random.Generator) -> str:
    """Return digits that the field admits; half the time none, if it is optional."""
    if field.optional and generator.random() < 0.5:
        return ""
    least, most = field.length[0], min(field.length[1], MOST_DIGITS)
    if field.date:
        least = most = sum(sign in "YMD" for sign in field.date)
    while True:
        count = int(generator.integers(least, max(least, most) + 1))
        text = "".join(map(str, generator.integers(0, 10, count)))
        if field.check == "isbn":
            text = "978" + text[3:]
        if field.admits(text):
            return text


def measure_forms(reader: Reader, digits: Digits) -> dict[str, float]:
    """Measure a reader on FORMS forms filled in with these digits.

    Returns the shares of fields that are right, of fields that are answered, and of these those that are right; then
    the same without the fields' patterns.
    """
    form, generator = parse_form(FORM), np.random.default_rng(SEED)
    with_pattern, without = [], []
    for i in range(FORMS):
        texts = [fill(field, generator) for field in form.fields]
        picture = make_form(digits.images, digits.labels, texts, bool(i % 2), generator)
        for field, entry, text in zip(form.fields, reader.read_fields(picture, form), texts, strict=True):
            with_pattern.append((entry.text == field.formatted(text), entry.sure))
            free, _, sure = Field(field.name, field.zone, optional=True).pick(entry.readings)
            without.append((free == text, sure))
    return metrics(with_pattern) | {f"{name}, no pattern": value for name, value in metrics(without).items()}


def metrics(answers: list[tuple[bool, bool]]) -> dict[str, float]:
    """Return the shares of fields right, answered, and right of these. answers: whether each is right and sure."""
    right, sure = np.array(answers).T
    return {
        "fields right": float(right.mean()),
        "answered": float(sure.mean()),
        "right of answered": float(right[sure].mean()) if sure.any() else 1.0,
    }
