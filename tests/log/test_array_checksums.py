"""Checksums on arrays: those that `checksum_of_event` gives, for any texts and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.log.array_checksums import are_sound
from uproot_nb.log.checksums import checksum_of_event
from uproot_nb.log.events import Event

pyarrow = pytest.importorskip("pyarrow")

SHORT = st.text(max_size=5)
EVENTS = st.lists(
    st.builds(
        Event, st.integers(0, 2**63 - 1), st.floats(), st.just("märket"), SHORT, SHORT, SHORT,
        st.text(max_size=70) | st.text("xä", min_size=40, max_size=300),
        SHORT, SHORT, SHORT, SHORT,
    ),
    min_size=1, max_size=20,
)  # fmt: skip


def is_sound(events: list[Event], written: list[int], skipped: int = 0) -> bool:
    heads = pyarrow.array(["\0".join(event[3:6]) for event in events])
    tails = pyarrow.array(["\0".join(event[7:]) for event in events])
    values = pyarrow.array(["…"] * skipped + [event.value for event in events], pyarrow.string())
    return are_sound(
        np.array(written),
        (np.array([e.seq for e in events]), np.array([e.time for e in events], "float64")),
        events[0].session,
        (heads.dictionary_encode(), values[skipped:], tails.dictionary_encode()),
    )


@given(EVENTS, st.integers(0, 2), st.data())
def test_they_agree_and_one_changed_bit_is_found(
    events: list[Event], skipped: int, data: st.DataObject
) -> None:
    right = list(map(checksum_of_event, events))
    assert is_sound(events, right, skipped)
    which, bit = data.draw(st.integers(0, len(events) - 1)), data.draw(st.integers(0, 31))
    wrong = [*right]
    wrong[which] ^= 1 << bit
    assert not is_sound(events, wrong, skipped)


def test_a_text_that_events_share_is_in_each_of_them() -> None:
    event = Event(1, 0.5, "m", "set", "session", "x", "1", "ann", "M", "", "")
    events = [event._replace(seq=seq, value=str(seq)) for seq in range(1, 100)]
    sums = list(map(checksum_of_event, events))
    assert is_sound(events, sums)
    assert not is_sound([event._replace(page="N") for event in events], sums)
