"""Finishing: erasures that a killed process has begun are finished, or forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from uproot_nb.errors import LogBusy, UnfinishedErasure
from uproot_nb.log.erasing.redaction import changed_by_erasure
from uproot_nb.log.log import EventLog

__all__ = ["finish_erasures"]


def finish_erasures(
    log: EventLog, session: str, players: Iterable[str], forget: Callable[[str], None]
) -> Iterator[UnfinishedErasure | LogBusy]:
    """Finish the erasures of *players*; forget those that were only intended.

    Yields why one of them cannot be finished now.
    """
    for player in players:
        if next(log.read(session, kinds={"erase"}, subject=f"player/{player}"), None) is None:
            forget(player)
            continue
        try:
            read = partial(log.read, session)
            log.erase(session, player, list(changed_by_erasure(read, player)))
        except (UnfinishedErasure, LogBusy) as busy:
            yield busy
