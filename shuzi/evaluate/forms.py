"""What a reader makes of made-up forms: fields right, and sure but wrong, with what each field admits and without."""

import numpy as np

from shuzi.data.digits import Digits
from shuzi.forms.fields import Field, Form
from shuzi.read.reader import Reader
from shuzi.synth.forms import FORM, make_form

FORMS = 60  # half of them photographed
SEED = 0
LONGEST = 12  # digits of a field of no given length


def fill(field: Field, generator: np.random.Generator) -> str:
    """Give digits that the field admits; in half of what is optional, none."""
    if field.optional and generator.random() < 0.5:
        return ""
    least, most = field.length[0], min(field.length[1], LONGEST)
    if field.date:
        least = most = sum(sign in "YMD" for sign in field.date)
    while True:
        count = int(generator.integers(least, max(least, most) + 1))
        text = "".join(map(str, generator.integers(0, 10, count)))
        if field.check == "isbn":
            text = "978" + text[3:]
        if field.admits(text):
            return text


def on_forms(reader: Reader, digits: Digits) -> dict[str, float]:
    """Give what a reader makes of FORMS forms filled in with these digits.

    Shares of all fields: right, whether sure or not; answered, surely; and of these, right. Then the same where
    nothing is known of what a field admits.
    """
    form, generator = Form.parse(FORM), np.random.default_rng(SEED)
    known, unknown = [], []
    for i in range(FORMS):
        texts = [fill(field, generator) for field in form.fields]
        picture = make_form(digits.images, digits.labels, texts, bool(i % 2), generator)
        for field, entry, text in zip(form.fields, reader.read_fields(picture, form), texts, strict=True):
            known.append((entry.text == field.shown(text), entry.sure))
            free, _, sure = Field(field.name, field.zone, optional=True).pick(entry.readings)
            unknown.append((free == text, sure))
    return shares(known) | {f"{name}, no pattern": share for name, share in shares(unknown).items()}


def shares(answers: list[tuple[bool, bool]]) -> dict[str, float]:
    """Give the shares of fields right, answered, and right of these, of whether each is right and sure."""
    right, sure = np.array(answers).T
    return {
        "fields right": float(right.mean()),
        "answered": float(sure.mean()),
        "right of answered": float(right[sure].mean()) if sure.any() else 1.0,
    }
