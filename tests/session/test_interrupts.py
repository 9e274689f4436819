"""Interrupting a cell anywhere in our own code leaves nothing half done, and holds up nobody."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import uproot_nb
from tests.running import plain, serving
from uproot_nb import (
    Entry,
    Page,
    PlayerIdentifier,
    Run,
    add_entry,
    create_model,
    mark_dropout,
    send_to,
)
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State
from uproot_nb.session.interrupts import IMPATIENCE, SECTIONS
from uproot_nb.session.world import load_state

PACKAGE = Path(uproot_nb.__file__).parent
OURS = tuple(str(PACKAGE / room) for room in ("session", "realtime", "flow", "engine"))


class Market(Page):
    """Somewhere to be."""


class Offer(metaclass=Entry):
    """What a model holds."""

    player: PlayerIdentifier
    price: float


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Python's own handler, as a cell has it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Market, players=3) as run:
        run.advance(run.players)
        for player in run.players:
            player.offers, player.cash = [1], 0
        yield run


class Interrupter:
    """Interrupts the main thread at the n-th instruction (or line) of our own code."""

    def __init__(self, number: int, unit: str) -> None:
        self._left, self._unit = number, unit
        self.came = False

    def __call__(self, act: Callable[[], Any]) -> None:
        before = sys.gettrace()
        sys.settrace(self._begin)
        try:
            act()
        finally:
            sys.settrace(before)

    def _begin(self, frame: FrameType, event: str, what: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = self._unit == "opcode"
        return self._look

    def _look(self, frame: FrameType, event: str, what: Any) -> Any:
        if event == self._unit and not self.came:
            self._left -= 1
            if not self._left:
                self.came = True
                handler = signal.getsignal(signal.SIGINT)
                assert callable(handler)
                handler(signal.SIGINT, frame)
        return self._look


def check(run: Run) -> None:
    """Assert that nobody is held up, and that nothing is half done."""
    world = run._runtime.world
    assert not world.lock.owned()
    assert (SECTIONS.depth, world.lock.since) == (0, 0.0)
    if SECTIONS.pending:  # it came when the block was left, and waits for the next
        with pytest.raises(KeyboardInterrupt), world.lock:
            pass
    assert SECTIONS.pending == 0.0
    free: list[bool] = []

    def take() -> None:
        free.append(world.lock.acquire_now(True, 10.0))
        world.lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join()
    assert free == [True]
    with world.lock:
        journal = world.journal
        assert journal.seq == world.state.seq == journal.committed + len(journal.pending)
        world.journal.commit()
        assert journal.committed == journal.seq
    run._runtime.wait_for(_turn())  # what waits for the commit is called
    assert not journal._due


async def _turn() -> None:
    return


def locked(run: Run) -> None:
    with run.lock:
        run.players[0].cash += 1
        run.players[1].cash -= 1


def nested(run: Run) -> None:
    with run.lock, run.players[0] as player, run.lock:
        player.cash += 1


def pushed(run: Run) -> None:
    send_to(run.players, "news")


def appended(run: Run) -> None:
    run.players[0].offers.append([2])
    run.players[0].offers[-1].append(3)


def replaced(run: Run) -> None:
    run.players[0].offers = [[4], {"a": 5}]
    del run.players[0].offers[0]


def entered(run: Run) -> None:
    model = run.session.get("model")
    if model is None:
        run.session.model = model = create_model(run.session, tag="offers")
    add_entry(model, run.players[0], Offer, price=1.0)


def steered(run: Run) -> None:
    run.pause()
    run.resume()


def dropped(run: Run) -> None:
    mark_dropout(run.players[2])


ACTS: dict[str, tuple[Callable[[Run], Any], str]] = {
    "a block": (locked, "opcode"),
    "nested blocks": (nested, "opcode"),
    "an assignment": (lambda run: setattr(run.players[0], "cash", 3), "opcode"),
    "a read": (lambda run: (run.players[0].cash, run.players[0].offers), "opcode"),
    "a push": (pushed, "opcode"),
    "appends": (appended, "line"),
    "other changes in place": (replaced, "line"),
    "setting for all": (lambda run: run.set(run.players, cash=9), "line"),
    "entries": (entered, "line"),
    "pausing": (steered, "line"),
    "a dropout": (dropped, "line"),
    "moving": (lambda run: run.advance(run.players[:1]), "line"),
    "a look at the events": (lambda run: len(run.events), "line"),
}


@pytest.mark.long
@pytest.mark.parametrize("what", ACTS)
@pytest.mark.sample(4)
def test_an_interrupt_at_any_instruction_leaves_nothing_half_done(run: Run, what: str) -> None:
    """The lock is free, numbers have no gap, and the log has the state."""
    act, unit = ACTS[what]
    # Traced once before: on Python 3.13 a function's first traced call shows no instructions.
    with suppress(KeyboardInterrupt):
        Interrupter(10**9, unit)(lambda: act(run))
    number, raised = 1, 0
    while True:
        interrupter = Interrupter(number, unit)
        try:
            interrupter(lambda: act(run))
        except KeyboardInterrupt:
            raised += 1
        if not interrupter.came:
            break
        check(run)
        number += 1 if number < 250 else 5
    assert raised > 5
    world = run._runtime.world
    with world.lock:
        world.journal.commit()
        logged = State(Codec()).apply_all(world.log.read(run.name))
        assert plain(load_state(world.log, run.name, Codec())) == plain(logged)
        assert plain(world.state)["fields"].keys() == plain(logged)["fields"].keys()


@pytest.mark.long
def test_every_push_in_the_log_is_sent_however_often_the_cell_is_interrupted(run: Run) -> None:
    """None is written and then forgotten."""
    sent: list[int] = []
    world = run._runtime.world
    world.send = lambda message: sent.append(getattr(message, "seq", 0))
    for number in range(1, 400):
        with suppress(KeyboardInterrupt):
            Interrupter(number, "opcode")(lambda: pushed(run))
    check(run)
    logged = [event.seq for event in world.log.read(run.name, kinds={"notify"})]
    assert [seq for seq in sent if seq] == logged
    assert len(logged) > 100


def test_a_block_of_authors_can_be_interrupted_at_once(run: Run) -> None:
    """Only our own code is not: an endless loop inside 'with run.lock' ends."""
    went_on = False
    with suppress(KeyboardInterrupt), run.lock:
        signal.raise_signal(signal.SIGINT)
        went_on = True
    assert not went_on
    check(run)


def test_a_cell_that_waits_for_the_lock_can_be_interrupted(run: Run) -> None:
    """A live method that does not end holds the lock; the cell need not wait with it."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with run.lock:
            held.set()
            release.wait(30.0)

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait(30.0)
    main = threading.main_thread().ident
    assert main is not None
    interrupting = threading.Thread(target=lambda: signal.pthread_kill(main, signal.SIGINT))
    came = False
    try:
        interrupting.start()
        run.players[0].cash = 1
    except KeyboardInterrupt:
        came = True
    assert came
    release.set()
    holding.join()
    interrupting.join()
    check(run)


def test_a_second_interrupt_breaks_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authors' code that we call under the lock may loop for ever."""
    now = [100.0]
    monkeypatch.setattr("uproot_nb.session.interrupts.time.monotonic", lambda: now[0])
    SECTIONS.enter()
    try:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        now[0] += IMPATIENCE + 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        SECTIONS.end_all()


def test_a_handler_of_somebody_else_stays(run: Run) -> None:
    """asyncio and debuggers decide for themselves."""
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    with run.lock:
        signal.raise_signal(signal.SIGINT)
    assert seen == [signal.SIGINT]
