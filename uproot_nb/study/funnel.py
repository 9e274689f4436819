"""Funnel: how many came, consented, were grouped and finished, and how the others ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from uproot_nb.experiment.exits import DONE, DROPPED_OUT, NEVER_CAME, STILL_IN, TIMED_OUT
from uproot_nb.log.player_status import ended_as
from uproot_nb.log.state import PlayerState, State

if TYPE_CHECKING:
    import pandas

__all__ = ["ALL", "NO_TREATMENT", "STEPS", "funnel_counts", "funnel_table"]

ALL = "all"
NO_TREATMENT = "(none)"
STEPS = ("places", "came", "consented", "grouped", "finished", "freed")
"""What players go through, in this order; and how many places were given to others."""

_OUTCOMES = (DONE, "declined", "screened", "lobby", TIMED_OUT, DROPPED_OUT, "full")


def funnel_counts(state: State, field: str) -> dict[str, Counter[str]]:
    """Return how many players there are of each step and outcome, by treatment and for all.

    Args:
        field: the player's field with the treatment, or that of the player's group.
    """
    found: dict[str, Counter[str]] = {}
    for name, player in state.players.items():
        counted = [*_steps_of(player), ended_as(player)]
        for row in (_treatment_of(state, name, player, field), ALL):
            found.setdefault(row, Counter()).update(counted)
    found.setdefault(ALL, Counter())
    if found.keys() <= {NO_TREATMENT, ALL}:
        found.pop(NO_TREATMENT, None)
    last = {NO_TREATMENT: 1, ALL: 2}
    return {row: found[row] for row in sorted(found, key=lambda row: (last.get(row, 0), row))}


def funnel_table(state: State, field: str) -> pandas.DataFrame:
    """Return the counts as a table: a row per treatment, and a column per step and outcome."""
    import pandas  # lazy: see uproot_nb/__init__.py

    counts = funnel_counts(state, field)
    columns = [*STEPS, *_outcomes(counts[ALL])]
    rows = [[row[column] for column in columns] for row in counts.values()]
    index = pandas.Index(list(counts), name=field)
    return pandas.DataFrame(rows, index=index, columns=columns, dtype="int64")


def _steps_of(player: PlayerState) -> Iterator[str]:
    yield "places"
    if player.has_come:
        yield "came"
    if player.consents and all(one["agreed"] for one in player.consents.values()):
        yield "consented"
    if player.group is not None:
        yield "grouped"
    if player.freed:
        yield "freed"
    elif ended_as(player) == DONE:
        yield "finished"


def _treatment_of(state: State, name: str, player: PlayerState, field: str) -> str:
    subjects = [f"player/{name}", *([f"group/{player.group}"] if player.group else [])]
    for subject in subjects:
        if field in state.fields.get(subject, {}):
            return str(state.value(subject, field))
    return NO_TREATMENT


def _outcomes(everybody: Counter[str]) -> list[str]:
    """Return the outcomes in their order; those of the author's own come in between."""
    own = everybody.keys() - {*STEPS, *_OUTCOMES, NEVER_CAME, STILL_IN}
    return [*_OUTCOMES, *sorted(own), STILL_IN, NEVER_CAME]
