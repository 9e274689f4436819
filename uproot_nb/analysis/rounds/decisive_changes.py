"""decisive_changes: the changes in a page of a log from which the tables of rounds follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.rounds.recorder import ADDRESS, PLAYER
from uproot_nb.analysis.rounds.timeline import Timeline
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.events import Event, EventColumns

if TYPE_CHECKING:
    import numpy as np

__all__ = ["decisive_changes"]


def decisive_changes(page: EventColumns | EventArrays, timeline: Timeline) -> Iterator[Event]:
    """Yield a page's changes, oldest first, without those that no table of rounds shows.

    Of the values that a player's field is set to in one round, the last counts, and the first says
    where the field's column stands. Only arrays are searched for the others, which are fast at it.
    """
    if isinstance(page, EventArrays):
        page = page.chosen(_are_decisive(page, timeline)).columns()
    return map(Event._make, zip(*page, strict=True))


def _are_decisive(page: EventArrays, timeline: Timeline) -> np.ndarray[Any, Any]:
    import numpy as np  # lazy: see __init__

    subjects, known = page.repeated["subject"]
    fields, names = page.repeated["field"]
    kinds, kind_names = page.repeated["kind"]
    cells = subjects.astype("int64") * len(names) + fields
    places = timeline.at_codes(timeline.codes(known)[subjects], page.seq)
    stays = cells * (len(timeline.locations) + 1) + places + 1
    is_set = np.array([kind == "set" for kind in kind_names])[kinds]
    # What changes a value in place needs the value before.
    needed = _are_ends(stays)
    needed |= np.isin(cells, cells[~is_set])
    needed |= np.array([name in ADDRESS for name in names])[fields]
    needed &= np.array([subject.startswith(PLAYER) for subject in known])[subjects]
    return needed


def _are_ends(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return whether a number is here for the first or the last time."""
    import numpy as np  # lazy: see __init__

    found = np.zeros(len(numbers), bool)
    found[np.unique(numbers, return_index=True)[1]] = True
    found[len(numbers) - 1 - np.unique(numbers[::-1], return_index=True)[1]] = True
    return found
