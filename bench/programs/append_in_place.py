"""Append in place to a list that is long already and to one that is new, in turn, and time both."""

from __future__ import annotations

import json
import sys
import time
from statistics import median

from uproot_nb import Page, serve

_LENGTH, _TIMED = 10_000, 500


class Board(Page):
    """A drawing that grows."""


def main(database: str) -> None:
    """Print the median µs of the first 500 appends and of those up to the 10,000th."""
    run = serve([Board], players=1, name="board", db=database)
    session = run.session
    session.strokes, session.others = [], []
    for number in range(_LENGTH - _TIMED):
        session.strokes.append([number, number + 1, 3.5])
    first, last = [], []
    for number in range(_TIMED):
        # In turn, so that a slower moment of the machine is one for both.
        started = time.perf_counter()
        session.others.append([number, number + 1, 3.5])
        between = time.perf_counter()
        session.strokes.append([number, number + 1, 3.5])
        first.append(between - started)
        last.append(time.perf_counter() - between)
    lengths = len(session.others), len(session.strokes)
    run.close()
    if lengths != (_TIMED, _LENGTH):
        raise SystemExit(f"strokes were lost: {lengths}")
    print(json.dumps({"first": median(first) * 1e6, "last": median(last) * 1e6}))


if __name__ == "__main__":
    main(sys.argv[1])
