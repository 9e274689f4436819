"""Sentences about who waits for whom, for the researcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from uproot_nb.flow.waiting.reasons import Waiting

__all__ = ["duration", "waited_for"]


def waited_for(waiting: Waiting, where: Callable[[str], tuple[str, str]]) -> str:
    """Return for whom somebody waits, as in "PC-04, who is on Contribute".

    Args:
        where: returns how a player is called, and on which page they are ("" for none).
    """
    match waiting.why:
        case "players":
            return _people([where(name) for name in waiting.names], waiting.missing)
        case "group":
            return f"{waiting.missing} more, to make a group of {waiting.needed}"
        case "failed":
            return "nobody: a function of the page has failed, see Errors"
        case _:
            return "the page's own rule"


def _people(people: Sequence[tuple[str, str]], missing: int) -> str:
    pages = {page for _, page in people}
    if missing > len(people) or len(pages) > 1:
        parts = [f"{name} (on {page})" if page else name for name, page in people]
        rest = missing - len(people)
        return _listed([*parts, f"{rest} more"] if rest else parts)
    (page,) = pages
    verb = "is" if missing == 1 else "are"
    where = f", who {verb} on {page}" if page else f", who {verb} not on a page"
    return _listed([name for name, _ in people]) + where


def _listed(parts: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def duration(seconds: float) -> str:
    """Return a time as somebody would say it: "45 s", "2 min", "1.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
