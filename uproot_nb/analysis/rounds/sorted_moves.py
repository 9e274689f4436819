"""SortedMoves: many subjects' moves, searched for where each was at any of many moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SortedMoves", "sorted_moves"]

_RANK_BITS = 40
"""Bits of a key that have the move's rank; the others have the number of the subject."""


class SortedMoves(NamedTuple):
    """All moves, sorted by subject and rank: their keys, and where they led."""

    keys: np.ndarray[Any, Any]
    places: np.ndarray[Any, Any]

    def find(self, codes: Any, ranks: Any) -> np.ndarray[Any, Any]:
        """Return where the last move of each subject up to a rank led; -1 if there is none."""
        import numpy as np  # lazy: see __init__

        if not len(self.keys):
            return np.full(len(codes), -1, "int32")
        found = np.searchsorted(self.keys, (codes << _RANK_BITS) | ranks, "right") - 1
        known = (found >= 0) & (codes >= 0) & (self.keys[found] >> _RANK_BITS == codes)
        return np.where(known, self.places[found], -1)


def sorted_moves(subjects: Sequence[int], ranks: Any, places: Sequence[int]) -> SortedMoves:
    """Return moves by the numbers of their subjects, their ranks in time, and where they led.

    Of moves with the same rank, the last counts.
    """
    import numpy as np  # lazy: see __init__

    keys = np.array(subjects, "int64") << _RANK_BITS | np.array(ranks, "int64")
    order = np.argsort(keys, kind="stable")
    return SortedMoves(keys[order], np.array(places, "int32")[order])
