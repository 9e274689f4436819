"""Lives: random sequences of what can happen to a session's data, for property tests."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.worlds_at_rest import Worlds
from uproot_nb import Entry, PlayerIdentifier, add_entry, create_group, create_model
from uproot_nb.session.world import World

NAMES = ["bid", "note", "round", "player", "time", "round_nested", "seq", "id_"]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
ZONES = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-5))])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), TEXTS,
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-99, max_value=99),
    st.datetimes(min_value=dt.datetime(1990, 1, 1)), st.sampled_from([b"ab", (1, 2), {3}]),
    st.dates(), st.datetimes(timezones=ZONES),
)  # fmt: skip
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(TEXTS, SCALARS, max_size=2)
)
OF_ONE_KIND = st.sampled_from([1, 2, 30]) | st.sampled_from(
    [0.5, 1e300, 7.0, math.nan, math.inf, -math.inf]
)
WHO = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), WHO, st.sampled_from(NAMES), VALUES | OF_ONE_KIND),
        st.tuples(st.just("del"), WHO, st.sampled_from(NAMES), st.none()),
        st.tuples(st.just("append"), WHO, st.sampled_from(["bids", "offers"]), SCALARS),
        st.tuples(st.just("change"), WHO, st.sampled_from(["bids", "offers"]), SCALARS),
        st.tuples(st.just("entry"), WHO, TEXTS, SCALARS),
        st.tuples(st.just("group"), WHO, st.none(), st.none()),
    ),
    max_size=25,
)  # fmt: skip


class Offer(metaclass=Entry):
    """What the models hold."""

    player: PlayerIdentifier
    price: Any
    time: str


class Live:
    """A session that lives through steps; three players and the session itself."""

    def __init__(self) -> None:
        self.worlds = Worlds()
        self.world: World = self.worlds.open("market")
        for _ in range(3):
            self.world.add_player()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.worlds.close()

    def go(self, steps: list[tuple[Any, ...]]) -> None:
        """Live through the steps, and commit what they did."""
        for step in steps:
            with self.world.lock:
                self._do(*step)
        self.world.journal.commit()

    def _do(self, what: str, who: int, name: Any, value: Any) -> None:
        session = self.world.session
        subject: Any = session if who == 3 else session.players[who]
        if what == "set":
            setattr(subject, name, value)
        elif what == "del" and subject.get(name, self) is not self:
            delattr(subject, name)
        elif what == "append":
            if subject.get(name) is None:
                setattr(subject, name, [])
            getattr(subject, name).append(value)
        elif what == "change" and subject.get(name):
            getattr(subject, name)[0] = value
        elif what == "entry":
            if not self.world.models.get("offers"):
                create_model(session, tag="offers")
            model = self.world.models.get("offers")
            assert model is not None
            add_entry(model, session.players[who % 3], Offer, price=value, time=name)
        elif what == "group":
            create_group(session, [session.players[who % 3]], overwrite=True)


EXACT = {Decimal, dt.date, dt.datetime}
