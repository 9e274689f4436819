"""Insert rows one by one, each in a transaction that is on the disk, and say how long one takes."""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import psycopg

_ROW = ("bench", 1.76e9, "call", "player/p0001", "store", '{"x": 12}', "p0001", "Arena", "", "5f2a")
_INSERT = """
INSERT INTO bare(session, "time", kind, subject, field, value, actor, page, cause, code)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_TABLE = """
CREATE TABLE IF NOT EXISTS bare(
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, session text, "time" float8, kind text,
    subject text, field text, value text, actor text, page text, cause text, code text
)
"""


def main(address: str, seconds: float) -> None:
    """Print the median in milliseconds."""
    plain = address.partition("?")[0]  # the schema is not libpq's
    with psycopg.connect(plain, autocommit=True, prepare_threshold=0) as connection:
        connection.execute("SET synchronous_commit TO 'on'")
        connection.execute(_TABLE)
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.perf_counter()
            connection.execute(_INSERT, _ROW)
            times.append(1000 * (time.perf_counter() - started))
    print(json.dumps({"p50": median(times), "inserts": len(times)}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
