"""erase_from_file: erase a person's data from a session that nobody serves."""

from __future__ import annotations

import os
import time
from contextlib import closing
from functools import partial

import orjson

from uproot_nb.errors import NoSuchPlace, UnknownPlayer, UprootError
from uproot_nb.log.erasing.redaction import changed_by_erasure
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog
from uproot_nb.log.places import is_file, open_place, shown_place
from uproot_nb.log.postgres.address import Place
from uproot_nb.log.sqlite.erasures import stopping_at_failures

__all__ = ["erase_from_file", "find_person"]


def erase_from_file(path: Place, session: str, player: str) -> str:
    """Erase what a player has left in a session, and return the player's name.

        erase_from_file("uproot_nb.sqlite3", "market", "PC-04")

    Args:
        player: the player's name, or the label.

    Raises:
        SessionTaken: somebody serves the session; erase there: `run.erase(player)`.
        UnknownPlayer: there is nobody of that name or label.
        UprootError: there is no such session, or the label is that of several players.
        UnfinishedErasure: somebody reads the file just now, or the disk is full.
    """
    shown = shown_place(path)
    if is_file(path) and not os.path.exists(shown):  # looking for a person makes no log
        raise NoSuchPlace("database", shown)
    with (
        closing(open_place(path)) as log,
        stopping_at_failures(shown, is_hidden=False),
    ):
        if session not in [record.name for record in log.sessions()]:
            raise UprootError(
                f"There is no session '{session}' in {shown}, so nobody was erased.\n"
                f"uproot-nb sessions {shown} lists them."
            )
        log.claim(session)
        name = find_person(log, session, player)
        if next(log.read(session, kinds={"erase"}, subject=f"player/{name}"), None) is None:
            _begin(log, session, name)
        changed = list(changed_by_erasure(partial(log.read, session), name))
        log.erase(session, name, changed)
        return name


def find_person(log: EventLog, session: str, player: str) -> str:
    """Return the name of the player who has a name or label."""
    labels: dict[str, str] = {}
    for event in log.read(session, kinds={"join", "arrive"}):
        name = event.subject.partition("/")[2]
        labels[name] = orjson.loads(event.value).get("label") or labels.get(name, "")
    found = [player] if player in labels else [n for n, label in labels.items() if label == player]
    if not found:
        raise UnknownPlayer(player, session)
    if len(found) > 1:
        raise UprootError(
            f"Several players of '{session}' have the label '{player}': {', '.join(found)}.\n"
            "Nobody was erased. Give one of these names."
        )
    return found[0]


def _begin(log: EventLog, session: str, name: str) -> None:
    """Log that a player is erased; a killed process leaves that it was, or that it was not."""
    log.intend_erasure(session, name)
    last = next(log.read(session, newest_first=True))
    log.append([Event(
        last.seq + 1, max(time.time(), last.time), session, "erase", f"player/{name}", "", "null",
        "researcher", "", "uproot-nb erase", "",
    )])  # fmt: skip
