"""Selection: the players of a payment file or of receipts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.hints import advise
from uproot_nb.log.meant_players import Holder, meant_players
from uproot_nb.study.payment_line import PaymentLine, left_out, still_in, unpayable

__all__ = ["chosen", "payable", "selected"]


def selected(lines: Sequence[PaymentLine], players: Any) -> list[PaymentLine]:
    """Return the lines of players as `chosen` does, without those who have to be named.

    There are warnings of these, and of those who have a payoff and have not reached the end.
    """
    wanted = chosen(lines, players)
    aside = {line.player: line for line in wanted if players is None and line.exception}
    for text in (still_in(wanted), left_out(aside.values())):
        if text:
            advise(text)
    return [line for line in wanted if line.player not in aside]


def chosen(lines: Sequence[PaymentLine], players: Any) -> list[PaymentLine]:
    """Return the lines of players, given as `meant_players` takes them; None: all.

    Raises:
        UprootError: there is no such player, or several have a label.
    """
    if players is None:
        return list(lines)
    places = [Holder(line.player, line.label, line.freed) for line in lines]
    names = {str(getattr(one, "name", one)) for one in meant_players(players, places)}
    unknown = sorted(names - {line.player for line in lines})
    if unknown:
        raise UprootError(f"There are no players {', '.join(unknown)}.\nrun.payments lists all.")
    return [line for line in lines if line.player in names]


def payable(lines: Sequence[PaymentLine]) -> list[PaymentLine]:
    """Return the lines that have an amount.

    Raises:
        UprootError: somebody is to be paid who has none, or there are several currencies.
    """
    problem = unpayable(lines)
    if problem:
        raise UprootError(problem)
    due = [line for line in lines if line.amount is not None]
    currencies = sorted({line.currency for line in due})
    if len(currencies) > 1:
        raise UprootError(
            f"Some were paid in other currencies: {', '.join(currencies)}.\n"
            "Write a file for each, with players=."
        )
    return due
