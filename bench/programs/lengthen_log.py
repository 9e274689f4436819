"""Lengthen a log to a given number of events, by repeating the calls and changes it ends with."""

from __future__ import annotations

import json
import re
import sys
import time

from uproot_nb.log.events import Event
from uproot_nb.log.places import open_place

_BATCH, _PATTERNS = 5_000, 10_000
_NUMBER = re.compile(r'-(\d+)(?=")')


def main(database: str, length: int, session: str = "bench") -> None:
    """Append until the session has *length* events; every call keeps an id of its own."""
    log = open_place(database)
    log.claim(session)
    seq = log.last_seq(session)
    patterns = [e for e in log.read(session, after=seq - _PATTERNS) if e.kind in ("call", "set")]
    started, clock = time.perf_counter(), patterns[-1].time
    added = 0
    while seq < length:
        batch: list[Event] = []
        for _ in range(min(_BATCH, length - seq)):
            pattern = patterns[added % len(patterns)]
            later = 10_000_000 * (1 + added // len(patterns))
            value = _raise_numbers(pattern.value, later)
            seq, added, clock = seq + 1, added + 1, clock + 0.0001
            batch.append(pattern._replace(seq=seq, time=clock, value=value))
        log.append(batch)
    log.release(session)
    log.close()
    print(json.dumps({"added": added, "seconds": time.perf_counter() - started}))


def _raise_numbers(value: str, by: int) -> str:
    """Return *value* with other call numbers, so that no call is told twice."""
    return _NUMBER.sub(lambda found: f"-{int(found[1]) + by}", value)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
