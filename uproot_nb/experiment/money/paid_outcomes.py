"""Paid outcomes: a warning about outcomes in a payment rule with which nobody can end."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from uproot_nb.experiment.exits import EXITS, NEVER_CAME, STILL_IN, outcome_of
from uproot_nb.experiment.money.payment import Payment

__all__ = ["odd_outcomes"]


def odd_outcomes(rule: Payment, exits: Iterable[str]) -> str:
    """Return a sentence about misspelt outcomes in a payment rule; "" if there are none.

    Args:
        exits: the names of the author's exits. Code may use others, so these are no errors.
    """
    known = [*map(outcome_of, (*EXITS, *exits)), STILL_IN, NEVER_CAME]
    odd = [how for how in rule.fees if how not in known]
    if not odd:
        return ""
    near = difflib.get_close_matches(odd[0], known, 1, 0.6)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return (
        f"Payment: nobody can end as {', '.join(map(repr, odd))}.\n{meant}Define an exit of your "
        f"own with exits = {{{odd[0]!r}: {{}}, …}}."
    )
