"""What a kernel is told later does not grow with the time that it reads nothing."""

from __future__ import annotations

import pytest

from uproot_nb.bridge.messages import (
    Misuse,
    PartsWanted,
    RoomWaiting,
    ScriptError,
    SocketClosed,
    SocketOpened,
)
from uproot_nb.server.pressure.owed import Owed


def test_of_a_socket_that_came_and_went_nothing_is_told() -> None:
    owed = Owed()
    for number in range(1000):
        assert owed.take_in(SocketOpened(number, "market", "ann", 0, 0))
        assert owed.take_in(SocketClosed(number, "market", "ann"))
    assert owed.hand_out() == []


def test_who_was_here_before_and_left_is_told_and_so_is_who_came() -> None:
    owed = Owed()
    left, came = SocketClosed(1, "market", "ann"), SocketOpened(2, "market", "ann", 0, 0)
    owed.take_in(left)
    owed.take_in(came)
    assert owed.hand_out() == [left, came]
    assert owed.hand_out() == []


def test_rooms_are_told_as_they_are_at_last() -> None:
    owed = Owed()
    for count in range(100):
        owed.take_in(RoomWaiting("market", "lab", count, []))
    assert owed.hand_out() == [RoomWaiting("market", "lab", 99, [])]


def test_refusals_and_script_errors_are_added_up() -> None:
    owed = Owed()
    for _ in range(100):
        owed.take_in(Misuse("market", "ann", "too fast", 2))
        owed.take_in(ScriptError("market", "ann", 3, "oh", "a.js", 1, 1))
    assert owed.hand_out() == [
        Misuse("market", "ann", "too fast", 200),
        ScriptError("market", "ann", 3, "oh", "a.js", 1, 100),
    ]


@pytest.mark.long
def test_different_refusals_are_counted_up_to_a_bound() -> None:
    owed = Owed()
    for number in range(20_000):
        owed.take_in(Misuse("market", "ann", f"reason {number}", 1))
    assert len(owed.hand_out()) == 10_000


def test_what_cannot_wait_is_not_taken_in() -> None:
    assert not Owed().take_in(PartsWanted(1, 1))
