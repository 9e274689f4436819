"""WayIn: which parameter of an address is the label, who recruits, and what returning does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.entrance.labels import clean_label
from uproot_nb.experiment.participation.farewells import read_exits
from uproot_nb.experiment.recruiters import Recruiter, find_recruiter

__all__ = ["ASK", "REFUSE", "RESUME", "WayIn"]

RESUME, ASK, REFUSE = "resume", "ask", "refuse"
_PLAIN = "label"
"""The parameter that has the label in an address of a room."""


@dataclass(frozen=True)
class WayIn:
    """How participants come in by an address that many share.

    WayIn(recruiter=Prolific(done="C1"))
    WayIn(label_from=("code",), returning="refuse")
    """

    label_from: tuple[str, ...] = ()
    """Parameters that may have the label; the first that is there counts."""
    recruiter: Recruiter | None = None
    returning: str = ""
    """"resume", "ask" or "refuse"; "" resumes, but asks whoever has only typed a label."""

    @classmethod
    def of(cls, label_from: Any, recruiter: Any, returning: Any) -> WayIn:
        """Return a way in as `room` and `serve` describe it.

        Raises:
            UprootError: an argument is not valid; the message names it.
            BadExit: a code or an address of the recruiter cannot be an exit.
        """
        found = find_recruiter(recruiter)
        if found is not None:
            read_exits(found.exits)
        if returning not in (None, "", RESUME, ASK, REFUSE):
            raise UprootError(f'returning={returning!r}: write "resume", "ask" or "refuse".')
        if label_from in (None, ""):
            names: tuple[str, ...] = () if found is None else found.label_from
        elif isinstance(label_from, str) and not label_from.startswith("_uproot_"):
            names = (label_from,)
        else:
            raise UprootError(
                f"label_from={label_from!r}: give the name of a parameter of the address, such as "
                'label_from="PROLIFIC_PID".'
            )
        return cls(names, found, returning or "")

    def label(self, query: Iterable[tuple[str, str]]) -> str:
        """Return the label in an address; "" if there is none."""
        return next(iter(self._labels(query)), "")

    def has_two_labels(self, query: Iterable[tuple[str, str]]) -> bool:
        """Return whether an address has two labels that differ in the parameter that counts."""
        return len(self._labels(query)) > 1

    def _labels(self, query: Iterable[tuple[str, str]]) -> list[str]:
        """Return the labels in an address, each once, of the first parameter that has any."""
        names = self.label_from or (_PLAIN,)
        found: dict[str, dict[str, None]] = {name: {} for name in names}
        for name, text in query:
            label = clean_label(text) if name in found else ""
            if label:
                found[name][label] = None
        return next((list(labels) for labels in found.values() if labels), [])

    def is_preview(self, query: Sequence[tuple[str, str]]) -> bool:
        """Return whether the recruiter shows the study to somebody who has not accepted it."""
        return self.recruiter is not None and self.recruiter.preview in query

    def dump(self) -> dict[str, Any]:
        """Return the way in as the log stores it; only what differs from the usual."""
        stored: dict[str, Any] = {}
        if self.label_from:
            stored["label_from"] = list(self.label_from)
        if self.recruiter is not None:
            stored["recruiter"] = self.recruiter.dump()
        if self.returning:
            stored["returning"] = self.returning
        return stored

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> WayIn:
        """Read what `dump` has written."""
        recruiter = find_recruiter(stored.get("recruiter"))
        return cls(tuple(stored.get("label_from", ())), recruiter, stored.get("returning", ""))
