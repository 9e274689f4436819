"""Verdict: what participants saw, compared with what the log has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from hosts.market_notebook import NAME
from hosts.traders import Answer, Trader
from uproot_nb import open_log

__all__ = ["Logged", "LoggedNote", "Verdict", "judge", "read_log"]


@dataclass(frozen=True)
class LoggedNote:
    """A line that a call has written into the log."""

    player: str
    number: int
    stage: str
    epoch: int
    writer: str


@dataclass
class Verdict:
    """How often something happened that must not happen; `examples` names some of it."""

    lost: int = 0
    """Calls that were answered and whose effect is not in the log, or is another one."""
    doubled: int = 0
    """Calls that were run twice."""
    half_executed: int = 0
    """Calls that have begun, are not done, and were not answered as interrupted."""
    failed: int = 0
    """Calls that were answered with an error that nobody has caused."""
    unanswered: int = 0
    pushes_lost: int = 0
    pushes_doubled: int = 0
    pushes_out_of_order: int = 0
    two_writers: int = 0
    """Lines of a writer after those of its successor, or of two writers with one epoch."""
    stuck: int = 0
    """Participants who were not answered within 15 s after the end of a fault."""
    ended: int = 0
    """Programs that ended by themselves, or did not end when they should."""
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """How much went wrong."""
        return sum(value for value in self._asdict().values() if isinstance(value, int))

    def _asdict(self) -> dict[str, Any]:
        return asdict(self)

    def note(self, what: str, words: str) -> None:
        """Count one of *what*."""
        setattr(self, what, getattr(self, what) + 1)
        if len(self.examples) < 40:
            self.examples.append(f"{what}: {words}")


@dataclass(frozen=True)
class Logged:
    """What the log has of a trial."""

    notes: list[LoggedNote]
    pushes: list[tuple[int, Any]]
    """Number in the log, and data."""
    orders: Counter[tuple[str, int]]
    """How often the market has an order: of whom, and of which call."""


def read_log(database: str) -> Logged:
    """Return what there is, in the log's order."""
    with open_log(database, NAME) as log:
        notes, pushes, orders = log.frame("notes"), log.notifications, log.market().order_events
    return Logged(
        [_note_of(row) for row in notes.to_dict("records")],
        [(int(seq), data) for seq, data in zip(pushes["seq"], pushes["data"], strict=True)],
        Counter(
            (str(row["player"]), int(row["client_time"]))
            for row in orders.to_dict("records")
            if row["event"] == "submit"
        ),
    )


def _note_of(row: Mapping[Any, Any]) -> LoggedNote:
    return LoggedNote(
        str(row["player"]), int(row["number"]), row["stage"], int(row["epoch"]), row["writer"]
    )


def judge(verdict: Verdict, traders: Sequence[Trader], logged: Logged) -> None:
    """Compare, and count in *verdict* what does not fit."""
    _judge_writers(verdict, logged.notes)
    for trader in traders:
        own = [note for note in logged.notes if note.player == trader.player]
        _judge_calls(verdict, trader, own)
        _judge_orders(verdict, trader, logged.orders)
        _judge_pushes(verdict, trader, logged.pushes)


def _judge_writers(verdict: Verdict, notes: Sequence[LoggedNote]) -> None:
    epoch, writers = 0, dict[int, str]()
    for note in notes:
        if note.epoch < epoch:
            verdict.note("two_writers", f"epoch {note.epoch} writes {note} after {epoch}")
        epoch = max(epoch, note.epoch)
        if writers.setdefault(note.epoch, note.writer) != note.writer:
            verdict.note("two_writers", f"{note.writer} and {writers[note.epoch]}: one epoch")


def _judge_calls(verdict: Verdict, trader: Trader, own: Sequence[LoggedNote]) -> None:
    done = {note.number: note for note in own if note.stage == "done"}
    for stage in ("begun", "done"):
        times = Counter(note.number for note in own if note.stage == stage)
        for number, count in times.items():
            if count > 1:
                verdict.note("doubled", f"{trader.name}'s call {number} ({stage} {count} times)")
    for number, answer in trader.answers.items():
        there = done.get(number)
        if there is None or Answer(there.epoch, there.writer) != answer:
            verdict.note("lost", f"{trader.name}'s call {number}: {answer}, in the log {there}")
    begun = {note.number for note in own if note.stage == "begun"}
    for number in begun - done.keys() - trader.interrupted - {trader.since}:
        verdict.note("half_executed", f"{trader.name}'s call {number}")
    for words in trader.failed:
        verdict.note("failed", words)
    if trader.since:
        verdict.note("unanswered", f"{trader.name}'s call {trader.since}")


def _judge_orders(verdict: Verdict, trader: Trader, orders: Counter[tuple[str, int]]) -> None:
    for number in trader.answers.keys() & trader.orders:
        count = orders[trader.player, number]
        if count != 1:
            what = "doubled" if count else "lost"
            verdict.note(what, f"{trader.name}'s order {number} is {count} times in the market")


def _judge_pushes(verdict: Verdict, trader: Trader, sent: Sequence[tuple[int, Any]]) -> None:
    numbers = [number for number, _ in trader.pushes]
    for before, after in pairwise(numbers):
        if after < before:
            verdict.note("pushes_out_of_order", f"{trader.name}: {after} after {before}")
    for number, count in Counter(numbers).items():
        if count > 1:
            verdict.note("pushes_doubled", f"{trader.name}: {number} came {count} times")
    came, expected = dict(trader.pushes), dict(sent)
    for number in expected.keys() - came.keys():
        verdict.note("pushes_lost", f"{trader.name} did not get {number}: {expected[number]}")
    for number, data in came.items():
        if expected.get(number) != data:
            verdict.note(
                "pushes_lost", f"{trader.name} got {data}: {expected.get(number)} in the log"
            )
