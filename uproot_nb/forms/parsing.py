"""read_answer: the value that posted texts stand for, for each kind of field.

Whatever is posted, it returns a value of the kind's type within its bounds, or raises Wrong with
a sentence for the participant. It never raises anything else.
"""

from __future__ import annotations

import datetime as dt
import re
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
from uproot_nb.experiment.numbers import (
    NUMBER_TEXTS,
    AmbiguousNumber,
    NotANumber,
    decimal_sign,
    no_thousands,
    number_text,
    read_number,
)

__all__ = [
    "HTML_NUMBERS",
    "HTML_WRITTEN",
    "Wrong",
    "answer_text",
    "read_answer",
    "starts_at",
    "storable",
    "worded",
]

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
STEPS = "Please enter a number in steps of {step}, starting at {start}."
EMAIL = "Please enter an email address."
IBAN = "Please enter a valid IBAN."
BIC = "Please enter a valid BIC."
CHOOSE_FILE = "Please choose a file."
MOVE_SLIDER = "Please move the slider."
TOO_LONG = "This text is too long. Please use at most {max} characters."
UNSTORABLE = "This text contains characters that cannot be stored. Please remove them."

ANSWER_TEXTS = (
    ANSWER, CHOOSE_ONE, AT_LEAST_ONE, AT_LEAST, AT_MOST_ONE, AT_MOST, DATE, NUMBER, WHOLE_NUMBER,
    NOT_LESS, NOT_MORE, BETWEEN, STEPS, *NUMBER_TEXTS, EMAIL, IBAN, BIC, MOVE_SLIDER, TOO_LONG,
    UNSTORABLE, CHOOSE_FILE,
)  # fmt: skip

_Empty = TypeVar("_Empty", None, str)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_BANK_CODE = re.compile(r"[A-Z0-9]{4,34}\Z")
_TRUE, _FALSE = ("true", "y", "yes", "on", "1"), ("", "false", "n", "no", "off", "0")
_LONGEST_EMAIL = 254
HTML_NUMBERS = "en"
"""The language whose numbers are written as browsers write those of sliders."""
HTML_WRITTEN = "_uproot_number"
"""What forms.js posts with the names of inputs whose numbers the browser itself has written."""
_NEARLY = Decimal("1e-6")
"""How far from a step a number may be, in steps: sliders reckon in binary fractions."""


class Wrong(Exception):
    """What was posted is no answer; `text` and its placeholders' `values` say what to do."""

    def __init__(self, text: str, **values: Any) -> None:
        self.text, self.values = text, values
        super().__init__(text.format(**values))


@singledispatch
def read_answer(field: Field, texts: Sequence[str], language: str = "en") -> Any:
    """Return the value that *texts*, all that was posted for *field*, stand for.

    *language*: of the page, which decides how numbers are written on it.

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


def answer_text(field: Field, value: Any, sign: str) -> str:
    """Return the text that stands for *value* in an input; *sign* separates decimals."""
    if value is None:
        return ""
    if isinstance(field, (NumberInput, Slider)):
        try:
            return number_text(value, field.places, sign)
        except ValueError:
            return ""  # stored when the field was of another kind
    return storable(str(value))


# ---- texts ----------------------------------------------------------------------------------


@read_answer.register
def _text(field: TextInput, texts: Sequence[str], _: str = "") -> str:
    text = _first(texts).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > field.max_length:
        raise Wrong(TOO_LONG, max=field.max_length)
    if _UNSTORABLE.search(text):
        raise Wrong(UNSTORABLE)
    if not text.strip():
        return _unless_required(field, "")
    return text


@read_answer.register
def _email(field: EmailField, texts: Sequence[str], _: str = "") -> str:
    text = _text(field, texts).strip()
    if not text:
        return text
    if len(text) > _LONGEST_EMAIL or not text.isprintable() or not _EMAIL.match(text):
        raise Wrong(EMAIL)
    return text


@read_answer.register
def _bank_code(field: BankCode, texts: Sequence[str], _: str = "") -> str:
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
def _number(field: NumberInput, texts: Sequence[str], language: str) -> Any:
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None)
    return _fitting(field, _read_number(text, language), language)


@read_answer.register
def _integer(field: IntegerField, texts: Sequence[str], language: str) -> int | None:
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None)
    number = _read_number(text, language, WHOLE_NUMBER)
    if number != number.to_integral_value():
        raise Wrong(WHOLE_NUMBER)
    return int(_fitting(field, number, language))


@read_answer.register
def _slider(field: Slider, texts: Sequence[str], language: str) -> Any:
    # What a browser posts for a slider is written as HTML has it, in every language.
    text = _first(texts).strip()
    if not text:
        return _unless_required(field, None, MOVE_SLIDER)
    return _fitting(field, _read_number(text, HTML_NUMBERS), language)


def starts_at(field: NumberInput | Slider) -> Decimal:
    """Return the number from which a field's steps count."""
    return Decimal(0) if field.min is None else exact(field.min)


def _read_number(text: str, language: str, wrong: str = NUMBER) -> Decimal:
    try:
        return read_number(text, language, whole=wrong == WHOLE_NUMBER)
    except AmbiguousNumber:
        raise Wrong(no_thousands(language)) from None
    except NotANumber:
        raise Wrong(wrong) from None


def _fitting(field: NumberInput | Slider, number: Decimal, language: str) -> Any:
    """Return the number as the field stores it, if it is within the bounds and on a step."""
    number = _on_step(field, number, language)
    is_float = isinstance(field, (FloatField, FloatRangeField))
    value = float(number) if is_float else number
    size = exact(value)
    if (field.min is not None and size < exact(field.min)) or (
        field.max is not None and size > exact(field.max)
    ):
        raise _out_of_bounds(field, language)
    return value


def _out_of_bounds(field: NumberInput | Slider, language: str) -> Wrong:
    if field.max is None:
        return Wrong(NOT_LESS, min=_number_text(field.min, language))
    if field.min is None:
        return Wrong(NOT_MORE, max=_number_text(field.max, language))
    return Wrong(
        BETWEEN, min=_number_text(field.min, language), max=_number_text(field.max, language)
    )


def _on_step(field: NumberInput | Slider, number: Decimal, language: str) -> Decimal:
    if field.step is None:
        return number
    step, start = exact(field.step), starts_at(field)
    with localcontext(prec=800):  # enough for any two numbers that pass as such
        steps = (number - start) / step
        nearest = steps.to_integral_value()
        if abs(steps - nearest) > _NEARLY:
            raise Wrong(
                STEPS, start=_number_text(start, language), step=_number_text(step, language)
            )
        snapped = start + nearest * step
    return number if number == snapped else snapped


def _number_text(number: Any, language: str) -> str:
    return number_text(number, sign=decimal_sign(language))


# ---- choices --------------------------------------------------------------------------------


@read_answer.register
def _choice(field: WithChoices, texts: Sequence[str], _: str = "") -> Any:
    # The empty option of a list says "nothing chosen yet"; an empty radio button is an option.
    may_be_empty = not isinstance(field, SelectField) and find_choice(field.choices, "")
    given = {text for text in texts if text or may_be_empty}
    if not given:
        return _unless_required(field, None, CHOOSE_ONE)
    if len(given) > 1:
        raise Wrong(CHOOSE_ONE)
    return _chosen(field, given.pop()).value


@read_answer.register
def _choices(field: BoundedChoiceField, texts: Sequence[str], _: str = "") -> list[Any]:
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
def _boolean(field: BooleanField, texts: Sequence[str], _: str = "") -> bool:
    text = _first(texts).strip().lower()
    if text not in _TRUE and text not in _FALSE:
        raise Wrong(ANSWER)
    return text in _TRUE


@read_answer.register
def _date(field: DateField, texts: Sequence[str], _: str = "") -> dt.date | None:
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
