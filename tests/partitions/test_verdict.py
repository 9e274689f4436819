"""Verdict: each thing that must not happen is counted when it has happened, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hosts.traders import Answer
from hosts.verdict import Logged, LoggedNote, Verdict, judge

BEGUN = LoggedNote("ann", 1, "begun", 1, "first")
DONE = replace(BEGUN, stage="done")
PUSH = ["ann", 1, 1, "first"]


def trader(**changes: Any) -> Any:
    """Return somebody who has called once and has seen it."""
    whole: dict[str, Any] = {
        "name": "trader 0", "player": "ann", "answers": {1: Answer(1, "first")}, "orders": {1},
        "interrupted": set(), "failed": [], "pushes": [(7, PUSH)], "since": 0,
    }  # fmt: skip
    return SimpleNamespace(**{**whole, **changes})


def logged(
    *notes: LoggedNote, pushes: tuple[tuple[int, Any], ...] = ((7, PUSH),), orders: int = 1
) -> Logged:
    return Logged(list(notes or (BEGUN, DONE)), list(pushes), Counter({("ann", 1): orders}))


def counted(one: Any, log: Logged) -> dict[str, int]:
    """Return what was counted, without what was not."""
    verdict = Verdict()
    judge(verdict, [one], log)
    found = verdict._asdict()
    assert verdict.faults == len(found.pop("examples"))
    return {name: count for name, count in found.items() if count}


def test_what_fits_is_no_fault() -> None:
    assert counted(trader(), logged()) == {}


@pytest.mark.parametrize(
    ("one", "log", "found"),
    [
        (trader(), logged(BEGUN), {"lost": 1, "half_executed": 1}),
        (trader(answers={1: Answer(2, "second")}), logged(), {"lost": 1}),
        (trader(), logged(orders=0), {"lost": 1}),
        (trader(), logged(orders=2), {"doubled": 1}),
        (trader(), logged(BEGUN, DONE, DONE), {"doubled": 1}),
        (trader(answers={}), logged(BEGUN), {"half_executed": 1}),
        (trader(answers={}, interrupted={1}), logged(BEGUN), {}),
        (trader(answers={}, since=1), logged(BEGUN), {"unanswered": 1}),
        (trader(failed=["?"]), logged(), {"failed": 1}),
        (trader(pushes=[]), logged(), {"pushes_lost": 1}),
        (trader(pushes=[(7, PUSH), (7, PUSH)]), logged(), {"pushes_doubled": 1}),
        (trader(pushes=[(7, ["bob", 1, 1, "first"])]), logged(), {"pushes_lost": 1}),
        (
            trader(pushes=[(8, PUSH), (7, PUSH)]),
            logged(pushes=((7, PUSH), (8, PUSH))),
            {"pushes_out_of_order": 1},
        ),
    ],
)
def test_what_does_not_fit_is_counted(one: Any, log: Logged, found: dict[str, int]) -> None:
    assert counted(one, log) == found


def test_a_writer_that_writes_after_its_successor_is_a_second_writer() -> None:
    later = replace(DONE, number=2, epoch=2, writer="second")
    again = replace(DONE, number=3)
    assert counted(trader(), logged(BEGUN, DONE, later)) == {}
    assert counted(trader(), logged(BEGUN, DONE, later, again)) == {"two_writers": 1}


def test_one_epoch_has_one_writer() -> None:
    other = replace(DONE, number=2, writer="second")
    assert counted(trader(), logged(BEGUN, DONE, other)) == {"two_writers": 1}
