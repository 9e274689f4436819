"""Histories: logs of sessions with rounds, moves, groups and bots, written event by event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import strategies as st

from uproot_nb.analysis.rounds.locator import FLOW
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog, MemoryLog

NAMES = ("ann", "bob", "cleo")
ORDERS: Sequence[list[Any]] = [
    ["Intro", *({"page": "Decide", "rounds": [n]} for n in (1, 2, 3)), "End"],
    [
        *({"page": "Decide", "rounds": [n], "block": "training"} for n in (1, 2)),
        *({"page": page, "rounds": [n]} for n in (1, 2) for page in ("Decide", "Result")),
        "Ask",
        *({"page": "Decide", "rounds": [n]} for n in (1, 2)),
    ],
    [
        {"page": "Intro", "rounds": [1]}, {"page": "Decide", "rounds": [1, 1]},
        {"page": "Decide", "rounds": [1, 2]}, {"again": True}, {"page": "Intro", "rounds": [2]},
        {"page": "Decide", "rounds": [2, 1]}, {"again": False},
    ],
    [],
]  # fmt: skip
"""Page orders as events of kind `order` have them; the last: code counts the rounds by itself."""
WHO = st.integers(0, 2)
FIELDS = ("bid", "bid_1", "age")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), WHO, st.integers(0, 8)),
        st.tuples(st.just("set"), WHO, st.sampled_from(FIELDS), st.sampled_from([1, 2, "x", None])),
        st.tuples(st.just("del"), WHO, st.sampled_from(FIELDS)),
        st.tuples(st.just("append"), WHO, st.integers(0, 3)),
        st.tuples(st.just("count"), WHO, st.sampled_from([1, 2, "second"])),
        st.tuples(st.just("group"), st.sampled_from(["g1", "g2"]), st.lists(WHO, unique=True)),
        st.tuples(st.just("bot"), WHO),
    ),
    max_size=40,
)  # fmt: skip


class History:
    """A session "m" of three players whose log is written by `do`."""

    def __init__(self, order: Sequence[Any] = ()) -> None:
        self.log: EventLog = MemoryLog()
        self.log.claim("m")
        self._order = list(order)
        self._events: list[Event] = []
        self._fields: dict[int, dict[str, Any]] = {number: {} for number in range(len(NAMES))}
        for number in range(len(NAMES)):
            value = {"id": number, "claimed": True, "label": f"L{number}"}
            self.write("join", number, value)
            if order:
                self.write("order", number, {"at": 0, "to": 0, "steps": self._order})

    def write(
        self, kind: str, who: int | str, value: Any, field: str = "", cause: str = ""
    ) -> None:
        """Append one event."""
        subject = f"player/{NAMES[who]}" if isinstance(who, int) else f"group/{who}"
        text, seq = orjson.dumps(value).decode(), self.log.last_seq("m") + 1
        event = Event(seq, 1e9 + seq, "m", kind, subject, field, text, "", "", cause, "")
        self.log.append([event])

    def do(self, what: str, who: Any, *rest: Any) -> None:
        """Take one of STEPS."""
        getattr(self, what)(who, *rest)

    def go(self, steps: Sequence[tuple[Any, ...]]) -> History:
        """Take several of STEPS."""
        for step in steps:
            self.do(*step)
        return self

    def enter(self, who: int, position: int) -> None:
        """Put a player on a page, or behind the last, as the page flow does."""
        pages = [(n, s) for n, s in enumerate(self._order) if isinstance(s, str) or "page" in s]
        if position >= len(pages):
            self.write("enter", who, {"position": len(self._order), "page": None})
            return
        place, step = pages[position]
        parts = {"page": step} if isinstance(step, str) else step
        rounds = parts.get("rounds", ())
        self.write("enter", who, {"position": place, "page": parts["page"]})
        if rounds:
            self._keep(who, "round", rounds[-1], FLOW)
            self._keep(who, "round_nested", list(rounds), FLOW)

    def _keep(self, who: int, field: str, value: Any, cause: str = "") -> None:
        if self._fields[who].get(field) != value:
            self.set(who, field, value, cause)

    def set(self, who: int, field: str, value: Any, cause: str = "") -> None:
        """Set a player's field."""
        self._fields[who][field] = value
        self.write("set", who, value, field, cause)

    def count(self, who: int, value: Any) -> None:
        """Count rounds by code, where the page order does not."""
        if not self._order:
            self.set(who, "round", value)

    def append(self, who: int, value: int) -> None:
        """Append to a player's list."""
        if "bids" not in self._fields[who]:
            self.set(who, "bids", [])
        self.write("append", who, {"path": [], "values": [value]}, "bids")

    def group(self, name: str, members: Sequence[int]) -> None:
        """Give a group its members."""
        value = {"id": int(name[1:]), "members": [NAMES[who] for who in members]}
        self.write("group", name, value)
        self.write("set", name, len(members), "size")

    def bot(self, who: int) -> None:
        """Let a bot play in a player's place."""
        self.write("intervention", who, {"bot": "x", "plays": True}, "bot")


def _delete(self: History, who: int, field: str) -> None:
    """Delete a player's field, if it is there."""
    if self._fields[who].pop(field, None) is not None:
        self.write("del", who, None, field)


setattr(History, "del", _delete)
