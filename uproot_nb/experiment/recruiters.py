"""Recruiters: sites that send participants, the parameters of their links, and the ways back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from uproot_nb.errors import UprootError

__all__ = ["RECRUITERS", "Cint", "MTurk", "Prolific", "Recruiter", "Sona", "find_recruiter"]


@dataclass(frozen=True)
class Recruiter:
    """A site that sends participants; each code or address is that of one way out.

    recruiter = Prolific(done="C1A2B3", screened="C4D5E6")
    """

    done: str = ""
    declined: str = ""
    screened: str = ""
    lobby: str = ""
    dropout: str = ""
    timeout: str = ""
    full: str = ""

    key: ClassVar[str] = ""
    """What it is called in code and log."""
    label_from: ClassVar[tuple[str, ...]] = ()
    """The parameters that may have the label; the first that is there counts."""
    parameters: ClassVar[tuple[str, ...]] = ()
    """The others that its links carry."""
    preview: ClassVar[tuple[str, str]] = ("", "")
    """The parameter and value by which it shows a study to those who have not accepted it."""
    payment_file: ClassVar[str] = "csv"
    """The format of the file by which it takes payments."""

    def __post_init__(self) -> None:
        for name, code in self._given().items():
            if not isinstance(code, str):
                raise UprootError(
                    f"{type(self).__name__}({name}={code!r}): a code or an address is a text.\n"
                    f'Put it in quotes: {name}="…".'
                )

    @property
    def exits(self) -> dict[str, str | dict[str, str]]:
        """The way out for each reason that has a code or an address, as `exits` takes it."""
        return {name: self._exit(code) for name, code in self.codes.items()}

    @property
    def codes(self) -> dict[str, str]:
        """What was given for each way out."""
        return {name: code for name, code in self._given().items() if code}

    def _given(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def dump(self) -> dict[str, Any]:
        """Return the recruiter as the log stores it; `find_recruiter` reads it."""
        return {"key": self.key, **self.codes}

    def _exit(self, code: str) -> str | dict[str, str]:
        return code if code.startswith(("http://", "https://")) else {"code": code}


@dataclass(frozen=True)
class Prolific(Recruiter):
    """Prolific; each way out has a completion code."""

    key = "prolific"
    label_from = ("PROLIFIC_PID",)
    parameters = ("STUDY_ID", "SESSION_ID")
    payment_file = "prolific"

    def _exit(self, code: str) -> str | dict[str, str]:
        if code.startswith(("http://", "https://")):
            return code
        return f"https://app.prolific.com/submissions/complete?cc={code}"


@dataclass(frozen=True)
class Sona(Recruiter):
    """SONA; `done` is the study's client-side completion URL, with its XXXX for the code."""

    key = "sona"
    label_from = ("survey_code", "id")

    def _exit(self, code: str) -> str | dict[str, str]:
        return super()._exit(code.replace("XXXX", "{label}"))


@dataclass(frozen=True)
class MTurk(Recruiter):
    """Amazon Mechanical Turk; each way out has a code that workers enter there."""

    key = "mturk"
    label_from = ("workerId",)
    parameters = ("assignmentId", "hitId", "turkSubmitTo")
    preview = ("assignmentId", "ASSIGNMENT_ID_NOT_AVAILABLE")
    payment_file = "mturk"


@dataclass(frozen=True)
class Cint(Recruiter):
    """Cint; write the live URL with ?RID=[%RID%], and give the address of each way out."""

    key = "cint"
    label_from = ("RID",)
    parameters = ("PID", "MID")


RECRUITERS: Mapping[str, type[Recruiter]] = {
    kind.key: kind for kind in (Prolific, Sona, MTurk, Cint)
}
"""The presets by name."""


def find_recruiter(given: Recruiter | str | Mapping[str, Any] | None) -> Recruiter | None:
    """Return a recruiter, given it, its name, or what `dump` returned.

    Raises:
        UprootError: there is no such recruiter; names those that there are.
    """
    if given is None or isinstance(given, Recruiter):
        return given
    named = {"key": given} if isinstance(given, str) else dict(given)
    kind = RECRUITERS.get(str(named.pop("key", "")).lower())
    if kind is None:
        raise UprootError(
            f"recruiter={given!r}: there is no such recruiter.\n"
            f"Write one of {', '.join(map(repr, RECRUITERS))}, or label_from= with the name of "
            "the parameter that identifies participants."
        )
    return kind(**named)
