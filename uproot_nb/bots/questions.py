"""Question: one field of a form, as a browser shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Attachment", "Question", "QuestionChoice", "SeenForm"]


class QuestionChoice(NamedTuple):
    """An option: the text that is posted for it, and what participants read."""

    text: str
    label: str


class Attachment(NamedTuple):
    """A file to upload: `Attachment("photo.png", data, "image/png")`."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass
class Question:
    """A field of a page's form; read-only for bots.

    `kind` is an input's type ("text", "number", "range", "date", "email", "file", "radio",
    "checkbox", …), "textarea", "select", "selects" (several options of a list) or "checkboxes".
    """

    name: str
    kind: str
    label: str = ""
    required: bool = False
    value: list[str] = field(default_factory=list)
    """What the browser would post if nobody touched it."""
    choices: list[QuestionChoice] = field(default_factory=list)
    min: str | None = None
    max: str | None = None
    step: str | None = None
    max_length: int | None = None
    few: int = 0
    """Of checkboxes: the smallest number to check."""
    many: int | None = None
    """Of checkboxes: the largest number to check."""
    sign: str = "."
    """Of numbers: the decimal sign in the page's language."""
    hint: str = ""
    """Of texts: when a phone's keyboard writes capitals ("characters" for bank codes)."""

    def texts(self, answer: Any) -> list[str]:
        """Return what a browser posts for an answer; None is no answer."""
        if self.kind == "checkbox" and isinstance(answer, bool):
            return [self.choices[0].text] if answer else []
        if isinstance(answer, (list, tuple, set, frozenset)):
            return [self._written(one) for one in answer]
        if answer is None:
            return [] if self.choices else [""]
        return [self._written(answer)]

    def _written(self, answer: Any) -> str:
        is_number = isinstance(answer, (int, float, Decimal)) and not isinstance(answer, bool)
        text = _written(answer)
        return text.replace(".", self.sign) if is_number else text


@dataclass
class SeenForm:
    """The form of a page: its questions by name, and its hidden fields."""

    questions: dict[str, Question] = field(default_factory=dict)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    multipart: bool = False
    has_next: bool = False
    """Whether there is a button to press."""
    can_go_back: bool = False

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions.values())

    def __getitem__(self, name: str) -> Question:
        return self.questions[name]

    def __contains__(self, name: str) -> bool:
        return name in self.questions

    def __len__(self) -> int:
        return len(self.questions)

    def filled(
        self, answers: dict[str, Any]
    ) -> tuple[list[tuple[str, str]], list[tuple[str, Attachment]]]:
        """Return the fields and files that a browser posts; what is not answered stays as shown.

        Hidden fields may be answered, too, since a page's script may fill them in.

        Raises:
            LookupError: there is no such field.
        """
        scripted = {name for name, _ in self.hidden if not name.startswith("_uproot_")}
        unknown = set(answers) - set(self.questions) - scripted
        if unknown:
            known = ", ".join(self.questions) or "none"
            raise LookupError(f"The form has no field '{min(unknown)}'; its fields: {known}.")
        pairs: list[tuple[str, str]] = []
        files: list[tuple[str, Attachment]] = []
        for name, text in self.hidden:
            pairs.append((name, _written(answers[name]) if name in answers else text))
        for question in self.questions.values():
            answer = answers.get(question.name, question.value)
            if question.kind == "file":
                files.append((question.name, _attached(answer)))
            else:
                pairs += [(question.name, text) for text in question.texts(answer)]
        return pairs, files


def _written(answer: Any) -> str:
    if isinstance(answer, Decimal):
        return f"{answer:f}"
    return str(answer)


def _attached(answer: Any) -> Attachment:
    if isinstance(answer, Path):
        return Attachment(answer.name, answer.read_bytes())
    return Attachment(*answer) if answer else Attachment("", b"")
