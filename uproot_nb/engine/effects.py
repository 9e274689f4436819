"""Effects: what an experiment does outside of its session, once its cause is committed."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.execution import outside_here
from uproot_nb.experiment.waiting_rows import WaitingRows
from uproot_nb.flow.hooks import EFFECT, cause_of, run_authors
from uproot_nb.log.events import Event
from uproot_nb.log.state import PERFORMED, WITHDRAWN
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.functions import name_of_function
from uproot_nb.session.journal import Attempt
from uproot_nb.session.steps import NOBODY, Cause
from uproot_nb.session.world import World

__all__ = ["Effects", "after_commit", "once"]

_RESENT = "handle_stealth_fields"
"""The hook that gets the same form again after Back: a row that it writes is corrected."""
_CLOSING_SECONDS = 5.0


def after_commit(function: Callable[..., Any], *args: Any) -> None:
    """Call a function after the changes of the running code are committed.

        def pay(player):
            bank.transfer(player.account, player.payoff)

        class End(Page):
            def before_once(page, player):
                after_commit(pay, player)

    Write to files and call services there: if the kernel is killed before the commit, or the hook
    fails, nothing happens outside; if it is killed after the commit, the function is called at the
    next `serve`. `rerun` and `rehearse` never call it. In a cell it is called at once.

    If the kernel is killed during a call, the call is repeated: pass the service a payment
    number, if it takes one. For this, define the function at the top level of the notebook or
    app.

    Args:
        function: plain or async; it runs in a step, and may change fields.
        args: its arguments; they are logged.

    Raises:
        UprootError: the function cannot be called.
    """
    if not callable(function):
        raise UprootError(
            f"after_commit() was given {function!r}, which cannot be called.\n"
            "Give the function and its arguments: after_commit(pay, player)."
        )
    effects = outside_here()
    if isinstance(effects, Effects):
        effects.call_later(function, args)
    else:
        function(*args)


def once(subject: Player | Group | Session, what: str) -> bool:
    """Return True the first time for a player, group or session, and False afterwards.

        if once(player, "payment"):
            after_commit(pay, player)

    It sets the field `once_payment`, which is undone if the hook fails.
    """
    if not isinstance(subject, (Player, Group, Session)):
        raise UprootError(
            f"once() was given {subject!r}.\nGive a player, group or session, and a name."
        )
    name = f"once_{what}"
    if not isinstance(what, str) or not name.isidentifier():
        raise UprootError(
            f"once(…, {what!r}): this cannot be part of a field's name.\n"
            "Give a name like 'payment'."
        )
    if subject.get(name):
        return False
    setattr(subject, name, True)
    return True


class Effects:
    """Logs outside effects, and performs them after the commit.

    Args:
        perform: False in a rehearsal: effects are logged, but not performed.
        find: finds a function by its name in the log.
    """

    def __init__(
        self,
        world: World,
        reports: ErrorReports,
        find: Callable[[str], Callable[..., Any] | None],
        perform: bool = True,
    ) -> None:
        self._world, self._reports = world, reports
        self._find, self.perform = find, perform
        self._functions: dict[str, Callable[..., Any]] = {}
        self._queue: deque[Callable[[], Awaitable[None]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._used: set[Path] = set()
        self._waiting: dict[str, Path] = {}
        """By token: the file of a row that waits."""
        world.journal.watch("effect", self._note)

    def append_row(
        self, path: Path, texts: Mapping[str, str], key: str, private: bool = False
    ) -> None:
        """Store a row beside its file until the commit; the log has only the file's name."""
        world, token = self._world, secrets.token_hex(8)
        with world.lock:
            if self.perform:
                rows = WaitingRows(path, world.name)
                if path not in self._used:
                    self._used.add(path)
                    rows.retain_only(set(world.state.effects))
                rows.put(token, key or self._usual_key(), texts)
                self._waiting[token] = path
            self._begin(token, {"csv": str(path)} | ({"private": True} if private else {}))

    def call_later(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Log a call, with the function's name and arguments, for after the commit."""
        token = secrets.token_hex(8)
        with self._world.lock:
            value = {"function": name_of_function(function), "args": list(args)}
            self._begin(token, value)
            self._functions[token] = function

    def resume(self) -> None:
        """Perform the effects that a killed kernel had not performed."""
        self._delete_unneeded()
        for token in self._world.state.effects:
            self._do(token)

    async def settle(self) -> None:
        """Wait until all committed effects are performed, at most some seconds.

        Of the rows that wait, only those of effects that are still to be performed are left.
        """
        self._world.journal.commit()
        await asyncio.sleep(0)
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=_CLOSING_SECONDS)
        self._delete_unneeded()

    def _delete_unneeded(self) -> None:
        """Delete the rows of this session that no effect needs: a row may be secret."""
        state = self._world.state
        for name in state.csv_files if self.perform else ():
            try:
                WaitingRows(Path(name), self._world.name).retain_only(set(state.effects))
            except (OSError, sqlite3.Error) as error:  # the others are still deleted
                self._reports.report(error, Cause("", "", "append_to_csv", ""), "session")

    def _note(self, event: Event) -> None:
        """Delete a row that waits, once it is committed that its effect was withdrawn."""
        if event.value not in (WITHDRAWN, PERFORMED):
            return
        path = self._waiting.pop(event.field, None)
        if path is not None and event.value == WITHDRAWN:
            delete = partial(self._delete, path, event.field)
            self._world.journal.after_commit(partial(self._enqueue, delete))

    async def _delete(self, path: Path, token: str) -> None:
        rows, loop = WaitingRows(path, self._world.name), self._world.loop
        try:
            await loop.run_in_executor(None, rows.delete, token)
        except (OSError, sqlite3.Error) as error:
            self._reports.report(error, Cause("", "", "append_to_csv", ""), "session")

    def _begin(self, token: str, value: Mapping[str, Any]) -> None:
        world = self._world
        cause = world.lock.cause_here() or NOBODY
        subject = f"player/{cause.actor}" if cause.actor in world.state.players else "session"
        seq = world.journal.fold("effect", subject, token, world.codec.encode(value))
        do = partial(world.journal.after_commit, partial(self._do, token))
        if isinstance(cause, Attempt):
            cause.first[EFFECT, token] = seq
            world.journal.after_commit(partial(self._do_at_end, cause, do))
        else:
            do()

    def _usual_key(self) -> str:
        """Return the key of a row from a form's hook: the same each time the form is sent."""
        world = self._world
        cause = world.lock.cause_here() or NOBODY
        state = world.state.players.get(cause.actor)
        if state is None or not isinstance(cause, Attempt) or not cause.cause.endswith(_RESENT):
            return ""
        number = sum(subject == EFFECT for subject, _ in cause.first)
        place = (world.name, cause.actor, cause.page, str(state.nth), cause.cause, str(number))
        return "form/" + "/".join(place)

    def _do_at_end(self, tried: Attempt, do: Callable[[], None]) -> None:
        """Do it now if the attempt has ended; a hook that is still running may fail."""
        with self._world.lock:
            if tried.course.is_over(do):
                do()

    def _do(self, token: str) -> None:
        if token in self._world.state.effects:
            self._enqueue(partial(self._perform_one, token))

    def _enqueue(self, act: Callable[[], Awaitable[None]]) -> None:
        self._queue.append(act)
        if self._worker is None:
            self._worker = asyncio.Task(self._work(), loop=self._world.loop)

    async def _work(self) -> None:
        while self._queue:
            await self._queue.popleft()()
        self._worker = None

    async def _perform_one(self, token: str) -> None:
        """Perform an effect, unless it was withdrawn meanwhile, and log that it has happened."""
        if token not in self._world.state.effects:
            return
        subject, text = self._world.state.effects[token]
        value = self._world.codec.decode(text)
        what = f"after_commit {value['function']}" if "function" in value else "append_to_csv"
        cause = Cause(subject.partition("/")[2], "", what, "")
        if self.perform:
            try:
                await self._perform(token, value, cause)
            except Exception as error:  # the border around one effect: the others are performed
                self._reports.report(error, cause_of(error) or cause, subject)
        with self._world.lock:
            if not self._world.journal.closed:
                self._world.journal.fold_for(cause, "effect", subject, token, PERFORMED)

    async def _perform(self, token: str, value: Mapping[str, Any], cause: Cause) -> None:
        if "csv" in value:
            private = value.get("private", False)
            rows = WaitingRows(Path(value["csv"]), self._world.name, private)
            await self._world.loop.run_in_executor(None, rows.write, token)
            return
        function = self._functions.pop(token, None) or self._find(value["function"])
        if function is None:
            raise UprootError(
                f"{value['function']} should be called after a commit, but is no longer defined.\n"
                "Define it at the top level of the notebook or app, and serve again."
            )
        await run_authors(function, self._world, cause, *value["args"])
