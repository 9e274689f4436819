"""Make a log of a million changes: 200 players, twenty fields, numbers and texts, ten rounds."""

from __future__ import annotations

import json
import sys

from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import Snapshot
from uproot_nb.log.places import open_place
from uproot_nb.log.state import State
from uproot_nb.session.journal import SNAPSHOT_AFTER

_SESSION, _PLAYERS, _FIELDS, _BATCH = "million", 200, 20, 5_000
_CHANGES_A_ROUND = 500


def main(database: str, length: int) -> None:
    """Append the events, and snapshots as a run takes them; the players join first."""
    log, codec = open_place(database), Codec()
    state, snapshot = State(codec), 0
    log.claim(_SESSION)
    batch = [_joined(codec, number) for number in range(1, _PLAYERS + 1)]
    for seq in range(_PLAYERS + 1, length + 1):
        batch.append(_changed(seq))
        if len(batch) >= _BATCH:
            log.append(batch)
            state.apply_all(batch)
            batch = []
        if state.seq - snapshot >= SNAPSHOT_AFTER:
            snapshot = state.seq
            log.save_snapshot(Snapshot(_SESSION, snapshot, state.dump()))
    log.append(batch)
    state.apply_all(batch)
    log.save_snapshot(Snapshot(_SESSION, state.seq, state.dump()))  # as when a run is closed
    log.release(_SESSION)
    print(json.dumps({"events": log.last_seq(_SESSION)}))
    log.close()


def _joined(codec: Codec, number: int) -> Event:
    text = codec.encode({"id": number - 1})
    return _event(number, "join", f"player/p{number - 1:04d}", "", text)


def _changed(seq: int) -> Event:
    done = seq // _PLAYERS - 1
    if done % _CHANGES_A_ROUND == 0:
        return _event(seq, "set", _player(seq), "round", str(done // _CHANGES_A_ROUND + 1))
    value = f'"value-{seq:09d}"' if seq % 2 else str(seq)
    return _event(seq, "set", _player(seq), f"field{seq % _FIELDS}", value)


def _player(seq: int) -> str:
    return f"player/p{seq % _PLAYERS:04d}"


def _event(seq: int, kind: str, subject: str, field: str, value: str) -> Event:
    clock, actor = 1.76e9 + seq * 0.01, subject.partition("/")[2]
    cause, code = "Market.post_offer", "5f2a9c31d0e4"
    return Event(seq, clock, _SESSION, kind, subject, field, value, actor, "Market", cause, code)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
