"""Make a database of the framework uproot, a dump of it, and what the framework reads in it.

Run it with a Python that has `uproot-science==0.10.1`:

    python tests/analysis/framework/make_database.py FOLDER

It plays two sessions of an app that guesses a number, by the framework's own functions, and writes
uproot.sqlite3, uproot.dump and values.json. The committed ones are beside this script.
"""

import gzip
import importlib.metadata
import json
import os
import random
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent).resolve()
DATABASE = FOLDER / "uproot.sqlite3"
DATABASE.unlink(missing_ok=True)
os.environ["UPROOT_SQLITE3"] = str(DATABASE)
os.environ.pop("DATABASE_URL", None)

import uproot  # noqa: E402
import uproot.chat as chat  # noqa: E402
import uproot.core as framework  # noqa: E402
import uproot.deployment as deployment  # noqa: E402
import uproot.models as models  # noqa: E402
import uproot.storage as storage  # noqa: E402
import uproot.types as identifiers  # noqa: E402
from described import described  # noqa: E402

uproot.APPS = {"guess": SimpleNamespace(page_order=[])}
uproot.CONFIGS["guess"] = ["guess"]
PAGES = ["guess/StartApp", "guess/Guess", "guess/Result"]


class Hint(metaclass=models.Entry):
    """A line of the table of hints."""

    pid: identifiers.PlayerIdentifier
    low: int
    words: str


VALUES = {
    "truth": True, "whole": -7, "part": 0.1, "text": "naïve \u2603", "pair": (1, "two"),
    "raw": b"\x00\xff", "turn": 1 + 2j, "nothing": None, "money": Decimal("12.50"),
    "fixed": frozenset({3, 1}), "day": date(2026, 3, 29), "hour": time(9, 30, 15),
    "moment": datetime(2026, 3, 29, 9, 30, tzinfo=UTC), "key": UUID(int=42),
    "rows": [1, [2.5, "x"], {"deep": [None]}], "table": {"a": {"b": [1]}, "$odd": 2},
    "buffer": bytearray(b"ab"), "bag": {5, 4},
}  # fmt: skip


def play(admin: storage.Storage, name: str, names: list[str]) -> None:
    """Play one session."""
    sid = framework.create_session(admin, "guess", sname=name, settings={"limit": 100})
    with storage.Session(name) as session:
        pids = framework.create_players(session, unames=names)
        session.secret = 17
        hints = models.create_model(sid, tag="hints")
        room = chat.create(sid)
    ann, bob, cleo = (storage.Player(*pid) for pid in pids)
    for player in (ann, bob, cleo):
        with player:
            player.page_order = PAGES
    go(ann, bob)
    with storage.Session(name) as session:
        gid = framework.create_group(session, pids[:2], gname="pair")
    with storage.Group(*gid) as group:
        group.total = 3
        group.leader = pids[0]
    models.add_entry(hints, pids[0], Hint, low=1, words="higher")
    models.add_entry(hints, pids[1], Hint, low=9, words="lower")
    models.add_raw_entry(hints, {"low": 3, "words": "plain"})
    chat.add_player(room, pids[0], "A")
    chat.add_message(room, pids[0], "hello")
    fill(ann, bob, cleo)


def go(ann: storage.Storage, bob: storage.Storage) -> None:
    """Move two players along; the first comes to the end."""
    for place in (0, 1, 2, 3):
        with ann:
            ann.show_page = place
            ann.started = True
    with bob:
        bob.show_page = 1
        bob.label = "desk 2"
        bob._uproot_dropout = True


def fill(ann: storage.Storage, bob: storage.Storage, cleo: storage.Storage) -> None:
    """Store a value of each type, change some, delete one."""
    with ann:
        for field, value in VALUES.items():
            setattr(ann, field, value)
        ann.dice = random.Random(1)
        ann.friends = [identifiers.PlayerIdentifier(*cleo.__namespace__[1:])]
    with ann:
        ann.rows.append("more")
    for round, guess in ((1, 5), (2, 6)):
        with bob:
            bob.round = round
            bob.guess = guess
    with cleo:
        cleo.label = "desk 3"
        cleo.gone = 1
    with cleo:
        del cleo.gone


def read() -> list[dict[str, object]]:
    """Return everything that the framework reads in its database, value by value."""
    rows = []
    for seq, namespace, field, value, at, context in deployment.DATABASE.history_all():
        deleted = value is None
        found = None if deleted else deployment.STORE.codec.decode(value)
        rows.append({
            "seq": seq, "namespace": namespace, "field": field, "time": at, "context": context,
            "deleted": deleted, "value": described(found),
        })  # fmt: skip
    return rows


def main() -> None:
    """Make the three files."""
    # A session stores which packages there are; the list is long, and different everywhere.
    importlib.metadata.distributions = lambda: []
    with storage.Admin() as admin:
        framework.create_admin(admin)
        play(admin, "pilot", ["ann", "bob", "cleo"])
        play(admin, "main", ["dora", "emil", "fay"])
    with gzip.GzipFile(FOLDER / "uproot.dump", "wb", mtime=0) as file:
        file.writelines(deployment.DATABASE.dump())
    values = json.dumps(read(), ensure_ascii=False, indent=0)
    (FOLDER / "values.json").write_text(values + "\n", "utf-8")
    deployment.DATABASE.get_connection().execute("PRAGMA journal_mode = DELETE")
    deployment.DATABASE.close()


main()
