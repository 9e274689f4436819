"""Actions: carries out stewards' requests from monitors, the REST API and attached notebooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from uproot_nb.bridge.messages import Role
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import BadAction, Forbidden, UnknownAction, UprootError
from uproot_nb.experiment.exits import name_of_exit
from uproot_nb.flow.unanswered import MISSING
from uproot_nb.session.steps import Cause
from uproot_nb.steering.action_specs import NAMES, ActionSpec
from uproot_nb.steering.host import Host

__all__ = ["BY_HAND", "NAMES", "ActionSpec", "Actions"]

BY_HAND = Cause("researcher", "", "monitor", "")
"""The cause of everything that a steward does."""

FAREWELL_SECONDS = 0.5
"""How long the answer to "close" has for its way, before the run and its server end."""

Given = Mapping[str, Any]
Names = Sequence[Any]
"""Players, or their names."""


class Actions:
    """Does to a run what a steward asks for, and says in a sentence what was done.

        actions.do("advance", {"players": ["ann", "bob"]}, "steward")
        # 'advance: 2 of 2 players.'

    `NAMES` lists the actions. Each is logged as the researcher's, with the cause "monitor". Any
    thread may call.

    Args:
        host: the run: its rooms' address, payments, and its end.
    """

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._runtime, self._host = runtime, host
        acts = runtime.interventions
        self._doing: Mapping[str, Callable[[Given], str]] = {
            "pause": lambda given: self._set_state("paused"),
            "resume": lambda given: self._set_state("running"),
            "advance": self._advance, "set": self._set,
            "move_to_end": lambda given: self._move_to_end("move_to_end", given),
            "leave": lambda given: self._move_to_end("leave", given),
            "message": lambda given: self._write("message", acts.message, given),
            "answer": lambda given: self._write("answer", acts.answer, given),
            "revert": lambda given: self._simply("revert", acts.revert, given),
            "reload": lambda given: self._simply("reload", acts.reload, given),
            "mark_dropout": lambda given: self._simply("mark_dropout", acts.mark_dropout, given),
            "lower_hand": lambda given: self._simply("lower_hand", acts.lower_hand, given),
            "free": lambda given: self._simply("free", acts.free, given),
            "extend": self._extend, "regroup": self._regroup,
            "mark_paid": self._mark_paid, "mark_unpaid": self._mark_unpaid,
            "open_room": lambda given: self._set_room(given["room"], True),
            "close_room": lambda given: self._set_room(given["room"], False),
            "freeze": self._freeze, "thaw": self._thaw,
            "interrupt": self._interrupt, "close": self._close,
        }  # fmt: skip

    def do(self, what: str, arguments: Given, role: Role) -> str:
        """Carry out the action *what*, and return a sentence about it.

        Args:
            arguments: `players`, a list of names, if it is done to players, and those of `NAMES`.

        Raises:
            Forbidden: the role is not that of a steward.
            UnknownAction: there is no such action.
            BadAction: an argument is missing, unknown, or of another type.
            UprootError: why it cannot be done; also ValueError or TypeError, of a value.
        """
        if role != "steward":
            raise Forbidden(what)
        spec = NAMES.get(what)
        if spec is None:
            raise UnknownAction(what, NAMES)
        spec.check(what, arguments)
        return self._doing[what](arguments)

    # ---- players ----

    def _simply(self, what: str, act: Callable[[Names, Cause], Names], given: Given) -> str:
        """Do an intervention that takes nothing but players."""
        who = list(given["players"])
        return _done(what, act(who, BY_HAND), who)

    def _advance(self, given: Given) -> str:
        """Put players on the next page, with answers in their place; report what is missing."""
        acts, who = self._runtime.interventions, list(given["players"])
        values = dict(given.get("values") or {})
        if given.get("defaults"):
            return _done("advance", acts.advance(who, BY_HAND, values or True), who)
        with self._runtime.lock:
            gaps = acts.unanswered(who)
            left = [gap for gap in gaps if gap.name not in values]
            done = acts.advance(who, BY_HAND, {**values, **{g.name: MISSING for g in left}})
        missing = f" Missing: {'; '.join(map(str, left))}." if left else ""
        return f"{_done('advance', done, who)}{missing}"

    def _move_to_end(self, what: str, given: Given) -> str:
        exit, who = given.get("exit"), list(given["players"])
        name = None if exit is None else name_of_exit(exit)
        done = self._runtime.interventions.move_to_end(who, BY_HAND, exit=name)
        return _done(what, done, who)

    def _write(self, what: str, write: Callable[[Names, str, Cause], Names], given: Given) -> str:
        """Write to players."""
        who = list(given["players"])
        return _done(what, write(who, given["text"], BY_HAND), who)

    def _set(self, given: Given) -> str:
        who = list(given["players"])
        return _done("set", self._runtime.interventions.set(who, given["values"], BY_HAND), who)

    def _extend(self, given: Given) -> str:
        who = list(given["players"])
        done = self._runtime.interventions.extend(who, given["seconds"], BY_HAND)
        return _done("extend", done, who)

    def _regroup(self, given: Given) -> str:
        who = list(given["players"])
        done = self._runtime.interventions.regroup(who, given.get("size"), BY_HAND)
        return _done("regroup", done, who)

    # ---- payments ----

    def _mark_paid(self, given: Given) -> str:
        who, amount = list(given["players"]), given.get("amount")
        with self._by_hand():
            paid = self._host.mark_paid(who, str(amount) if isinstance(amount, float) else amount)
        return _done("mark_paid", paid, who)

    def _mark_unpaid(self, given: Given) -> str:
        who = list(given["players"])
        with self._by_hand():
            return _done("mark_unpaid", self._host.mark_unpaid(who), who)

    # ---- the session ----

    def _set_state(self, state: str) -> str:
        with self._by_hand():
            self._runtime.set_state(state)
        return "Paused." if state == "paused" else "Running."

    def _freeze(self, given: Given) -> str:
        with self._by_hand():
            self._runtime.code.page_code.freeze()
        return "Frozen: no page can be redefined."

    def _thaw(self, given: Given) -> str:
        with self._by_hand():
            self._runtime.code.page_code.thaw()
        return "Thawed: pages can be redefined."

    def _set_room(self, name: str, is_open: bool) -> str:
        rooms = self._runtime.rooms
        with self._by_hand():
            if rooms.get(name) is None:
                raise UprootError(
                    f"There is no room {name!r}.\nMake it in a cell: run.room({name!r})."
                )
            rooms.set_open(name, is_open)
        return f"The room '{name}' is {'open' if is_open else 'closed'}."

    def _interrupt(self, given: Given) -> str:
        ended = self._runtime.interrupter.interrupt() if self._may_interrupt() else ""
        return f"{ended} was interrupted." if ended else "Nothing was running."

    def _may_interrupt(self) -> bool:
        """Return whether something else than this can be running: not on the run's own thread."""
        return threading.get_ident() != self._runtime.lock.thread_of_steps

    def _close(self, given: Given) -> str:
        """End the run from a thread of its own, as its loop ends with it; the answer goes first."""
        name = self._runtime.name
        if given["confirm"] != name:
            raise BadAction(
                "close", f"{given['confirm']!r} is not the session's name",
                f"Confirm by its name: {name}.",
            )  # fmt: skip
        closing = threading.Thread(target=self._host.close, name=f"close {name}", daemon=True)
        loop = self._runtime.loop
        loop.call_soon_threadsafe(loop.call_later, FAREWELL_SECONDS, closing.start)
        return f"The run of session '{name}' is being closed."

    @contextmanager
    def _by_hand(self) -> Iterator[None]:
        """Log what happens inside as a steward's act."""
        lock = self._runtime.lock
        before = lock.begin_step(BY_HAND)
        try:
            yield
        finally:
            lock.end_step(before)


def _done(what: str, done: Sequence[Any], who: Sequence[Any]) -> str:
    return f"{what.replace('_', ' ')}: {len(done)} of {len(who)} players."
