"""Exit: a way out of a study, by its name, and what tables call it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uproot_nb.errors import BadExit

__all__ = [
    "DONE", "DROPPED_OUT", "EXITS", "Exit", "NEVER_CAME", "STILL_IN", "TIMED_OUT", "exit_of",
    "name_of_exit", "outcome_of", "spelt_well",
]  # fmt: skip

DONE, DROPPED_OUT, TIMED_OUT = "done", "dropped out", "timed out"
NEVER_CAME, STILL_IN = "never came", "still in"

EXITS = ("done", "declined", "screened", "lobby", "dropout", "timeout", "full")
"""The exits that every study has."""

_OUTCOMES: Mapping[str, str] = {"dropout": DROPPED_OUT, "timeout": TIMED_OUT}
_EXITS: Mapping[str, str] = {outcome: exit for exit, outcome in _OUTCOMES.items()}


def outcome_of(exit: str) -> str:
    """Return what `player.ended_as` says of those who left by an exit."""
    return _OUTCOMES.get(exit, exit)


def exit_of(outcome: str) -> str:
    """Return the exit of those of whom `player.ended_as` says *outcome*."""
    return _EXITS.get(outcome, outcome)


@dataclass(frozen=True)
class Exit:
    """The name of an exit, where a page asks for one: `Consent(..., decline=Exit("declined"))`."""

    name: str

    def __post_init__(self) -> None:
        name_of_exit(self.name)


def name_of_exit(exit: Any) -> str:
    """Return the name of an exit that is given by its name or as an `Exit`.

    Raises:
        BadExit: it cannot be one, or is spelt almost like one that every study has.
    """
    name = exit.name if isinstance(exit, Exit) else exit
    fits = isinstance(name, str) and name.isprintable() and name.strip() == name != ""
    if not fits or name in (NEVER_CAME, STILL_IN) or name in _EXITS:
        meant = f"Write {_EXITS[name]!r}." if isinstance(name, str) and name in _EXITS else (
            f"Name one of {', '.join(EXITS)}, or a key of your exits."
        )  # fmt: skip
        raise BadExit(repr(name), "this cannot be the name of an exit.", meant)
    almost = _almost(name, EXITS)
    if almost:
        raise BadExit(
            name, "there is no exit of this name.",
            f"Did you mean {almost!r}? If not, choose a name that differs more from it.",
        )  # fmt: skip
    return str(name)


def spelt_well(exit: Any, exits: Iterable[str]) -> str:
    """Return the name of an exit; it may be missing among *exits*, but not misspelt.

    Raises:
        BadExit: it cannot be one, or is spelt almost like another.
    """
    name = name_of_exit(exit)
    own = list(exits)
    meant = _almost(name, own)
    if meant:
        raise BadExit(
            name, "there is no exit of this name.",
            f"Did you mean {meant!r}? If not, add it: exits = {{{name!r}: None, …}}.",
        )  # fmt: skip
    return name


def _almost(name: str, known: Sequence[str]) -> str:
    """Return the one of *known* that is spelt almost like a name; "" if none is, or it is known."""
    if name in known:
        return ""
    folded = {one.casefold(): one for one in reversed(known)}
    found = difflib.get_close_matches(name.casefold(), folded, 1, 0.8)
    return folded[found[0]] if found else ""
