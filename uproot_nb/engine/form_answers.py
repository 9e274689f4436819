"""Answers: what the texts that a browser posted mean, for each kind of field.

Whatever is posted, `read_answer` returns a value of the kind's type within its bounds, or raises
Wrong with a sentence for the participant. It never raises anything else.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from functools import singledispatch
from typing import Any, TypeVar

from uproot_nb.experiment.bounds import exact
from uproot_nb.experiment.choices import Choice, find_choice
from uproot_nb.experiment.fields import (
    BankCode,
    BICField,
    BooleanField,
    BoundedChoiceField,
    DateField,
    EmailField,
    Field,
    FloatField,
    FloatRangeField,
    IntegerField,
    NumberInput,
    SelectField,
    Slider,
    TextInput,
    WithChoices,
)

__all__ = ["Wrong", "number_text", "read_answer", "starts_at", "storable", "worded"]

ANSWER = "Please answer this question."
CHOOSE_ONE = "Please choose one of the options."
AT_LEAST_ONE = "Please choose at least one of the options."
AT_LEAST = "Please choose at least {min} of the options."
AT_MOST_ONE = "Please choose at most one of the options."
AT_MOST = "Please choose at most {max} of the options."
DATE = "Please enter a date."
NUMBER = "Please enter a number."
WHOLE_NUMBER = "Please enter a whole number."
NOT_LESS = "Please enter a number of at least {min}."
NOT_MORE = "Please enter a number of at most {max}."
BETWEEN = "Please enter a number from {min} to {max}."
STEPS = "Please enter a number that goes from {start} in steps of {step}."
NO_THOUSANDS = (
    "Please write the number with a point for decimals, and with nothing between thousands."
)
EMAIL = "Please enter an email address."
IBAN = "Please enter a valid IBAN."
BIC = "Please enter a valid BIC."
MOVE_SLIDER = "Please move the slider."
TOO_LONG = "This text is too long. Please use at most {max} characters."
UNSTORABLE = "This text holds characters that cannot be stored. Please remove them."

ANSWER_TEXTS = (
    ANSWER, CHOOSE_ONE, AT_LEAST_ONE, AT_LEAST, AT_MOST_ONE, AT_MOST, DATE, NUMBER, WHOLE_NUMBER,
    NOT_LESS, NOT_MORE, BETWEEN, STEPS, NO_THOUSANDS, EMAIL, IBAN, BIC, MOVE_SLIDER, TOO_LONG,
    UNSTORABLE,
)  # fmt: skip

_Empty = TypeVar("_Empty", None, str)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\Z")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_BANK_CODE = re.compile(r"[A-Z0-9]{4,34}\Z")
_TRUE, _FALSE = ("true", "y", "yes", "on", "1"), ("", "false", "n", "no", "off", "0")
_LONGEST_NUMBER = 100
_LONGEST_EMAIL = 254
_LARGEST_EXPONENT = 307
_NEARLY = Decimal("1e-6")
"""How far from a step a number may be, in steps: sliders reckon in binary fractions."""


class Wrong(Exception):
    """What was posted is no answer; `text` and its placeholders' `values` say what to do."""

    def __init__(self, text: str, **values: Any) -> None:
        self.text, self.values = text, values
        super().__init__(text.format(**values))


@singledispatch
def read_answer(field: Field, texts: Sequence[str]) -> Any:
    """Return the answer that *texts*, all that was posted for *field*, stand for.

    Raises:
        Wrong: they stand for none; says what the participant can do.
    """
    raise TypeError(f"{type(field).__name__} has no meaning yet.")


def worded(translate: Callable[[str], str], text: str, **values: Any) -> str:
    """Return one of our texts, translated and filled in; in English if the translation is broken.

    Authors may bring translations of their own, and a placeholder too many stops nobody.
    """
    try:
        return translate(text).format(**values)
    except (LookupError, ValueError, AttributeError):
        return text.format(**values)


def storable(text: str) -> str:
    """Return *text* without what neither a log nor a page can hold, for showing it again."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def number_text(number: Any, places: int | None = None) -> str:
    """Write a number as inputs of type "number" and participants read it: 0.1, 1000000."""
    found = exact(number)
    if places is not None:
        return f"{found:.{places}f}"
    text = f"{found:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


# ---- texts ----------------------------------------------------------------------------------


@read_answer.register
def _text(field: TextInput, texts: Sequence[str]) -> str:
    text = _first(texts).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > field.max_length:
        raise Wrong(TOO_LONG, max=field.max_length)
    if _UNSTORABLE.search(text):
        raise Wrong(UNSTORABLE)
    if not text.strip():
        return _unless_required(field, "")
    return text


@read_answer.register
def _email(field: EmailField, texts: Sequence[str]) -> str:
    text = _text(field, texts).strip()
    if not text:
        return text
    if len(text) > _LONGEST_EMAIL or not text.isprintable() or not _EMAIL.match(text):
        raise Wrong(EMAIL)
    return text


@read_answer.register
def _bank_code(field: BankCode, texts: Sequence[str]) -> str:
    # lazy: few experiments ask for accounts
    import schwifty

    kind, wrong = (schwifty.BIC, BIC) if isinstance(field, BICField) else (schwifty.IBAN, IBAN)
    text = "".join(_text(field, texts).split()).upper()
    if not text:
        return text
    if not _BANK_CODE.match(text):
        raise Wrong(wrong)
    try:
        return str(kind(text).compact)
    except ValueError:
        raise Wrong(wrong) from None


# ---- numbers --------------------------------------------------------------------------------


@read_answer.register
def _number(field: NumberInput, texts: Sequence[str]) -> Any:
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None)
    return _fitting(field, _read_number(text))


@read_answer.register
def _integer(field: IntegerField, texts: Sequence[str]) -> int | None:
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None)
    number = _read_number(text, WHOLE_NUMBER)
    if number != number.to_integral_value():
        raise Wrong(WHOLE_NUMBER)
    return int(_fitting(field, number))


@read_answer.register
def _slider(field: Slider, texts: Sequence[str]) -> Any:
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None, MOVE_SLIDER)
    return _fitting(field, _read_number(text))


def starts_at(field: NumberInput | Slider) -> Decimal:
    """Return the number from which a field's steps count."""
    return Decimal(0) if field.min is None else exact(field.min)


def _read_number(text: str, wrong: str = NUMBER) -> Decimal:
    """Read one number as people write it: with a comma, a real minus, or Arabic digits."""
    if len(text) > _LONGEST_NUMBER:
        raise Wrong(wrong)
    plain = "".join(map(_plain, text))
    if _MAYBE_THOUSANDS.match(plain):
        raise Wrong(NO_THOUSANDS)  # 1,500 is one and a half here, fifteen hundred there
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not _NUMBER.match(plain):
        raise Wrong(wrong)
    number = Decimal(plain)
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise Wrong(wrong)
    return number or Decimal(0)


def _plain(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return {"\N{MINUS SIGN}": "-", "\N{ARABIC DECIMAL SEPARATOR}": "."}.get(character, character)


def _fitting(field: NumberInput | Slider, number: Decimal) -> Any:
    """Return the number as the field stores it, if it is within the bounds and on a step."""
    number = _on_step(field, number)
    is_float = isinstance(field, (FloatField, FloatRangeField))
    value = float(number) if is_float else number
    size = exact(value)
    if (field.min is not None and size < exact(field.min)) or (
        field.max is not None and size > exact(field.max)
    ):
        raise _out_of_bounds(field)
    return value


def _out_of_bounds(field: NumberInput | Slider) -> Wrong:
    if field.max is None:
        return Wrong(NOT_LESS, min=number_text(field.min))
    if field.min is None:
        return Wrong(NOT_MORE, max=number_text(field.max))
    return Wrong(BETWEEN, min=number_text(field.min), max=number_text(field.max))


def _on_step(field: NumberInput | Slider, number: Decimal) -> Decimal:
    if field.step is None:
        return number
    step, start = exact(field.step), starts_at(field)
    with localcontext(prec=800):  # enough for any two numbers that pass as such
        steps = (number - start) / step
        nearest = steps.to_integral_value()
        if abs(steps - nearest) > _NEARLY:
            raise Wrong(STEPS, start=number_text(start), step=number_text(step))
        snapped = start + nearest * step
    return number if number == snapped else snapped


# ---- choices --------------------------------------------------------------------------------


@read_answer.register
def _choice(field: WithChoices, texts: Sequence[str]) -> Any:
    # The empty option of a list says "nothing chosen yet"; an empty radio button is an option.
    may_be_empty = not isinstance(field, SelectField) and find_choice(field.choices, "")
    given = {text for text in texts if text or may_be_empty}
    if not given:
        return _unless_required(field, None, CHOOSE_ONE)
    if len(given) > 1:
        raise Wrong(CHOOSE_ONE)
    return _chosen(field, given.pop()).value


@read_answer.register
def _choices(field: BoundedChoiceField, texts: Sequence[str]) -> list[Any]:
    given = {_chosen(field, text).text for text in texts}
    if not given and field.optional:
        return []
    if len(given) < field.min:
        raise Wrong(AT_LEAST_ONE) if field.min == 1 else Wrong(AT_LEAST, min=field.min)
    if field.max is not None and len(given) > field.max:
        raise Wrong(AT_MOST_ONE) if field.max == 1 else Wrong(AT_MOST, max=field.max)
    return [choice.value for choice in field.choices if choice.text in given]


def _chosen(field: WithChoices, text: str) -> Choice:
    found = find_choice(field.choices, text)
    if found is None:
        raise Wrong(CHOOSE_ONE)
    return found


@read_answer.register
def _boolean(field: BooleanField, texts: Sequence[str]) -> bool:
    text = _first(texts).strip().lower()
    if text not in _TRUE and text not in _FALSE:
        raise Wrong(ANSWER)
    return text in _TRUE


@read_answer.register
def _date(field: DateField, texts: Sequence[str]) -> dt.date | None:
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None)
    if not _DATE.match(text):
        raise Wrong(DATE)
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Wrong(DATE) from None


def _first(texts: Sequence[str]) -> str:
    return texts[0] if texts else ""


def _unless_required(field: Field, empty: _Empty, wrong: str = ANSWER) -> _Empty:
    if field.optional:
        return empty
    raise Wrong(wrong)
