"""Flow: which page a player is on, and what brings the next one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.engine.delivery import Delivery
from uproot_nb.engine.entities import Player
from uproot_nb.engine.steps import Cause, Steps, perform
from uproot_nb.engine.trouble import Trouble
from uproot_nb.engine.wire import to_json
from uproot_nb.engine.world import World
from uproot_nb.errors import UprootError
from uproot_nb.experiment.pages import Page

if TYPE_CHECKING:
    from uproot_nb.engine.rendering import Templates

__all__ = ["Flow", "run_authors"]

HTML = [("Content-Type", "text/html; charset=UTF-8")]


@dataclass
class Constants:
    """The experiment's `C`, and those of its values that scripts may see."""

    value: Any = None
    public: Mapping[str, Any] = field(default_factory=dict)


class Flow:
    """Answers browsers' requests with pages and moves players along a plain list of pages."""

    def __init__(
        self,
        world: World,
        pages: Sequence[type[Page]],
        templates: Templates,
        delivery: Delivery,
        trouble: Trouble,
    ) -> None:
        self.pages = tuple(pages)
        self.constants = Constants()
        self.open_place: Callable[[], Awaitable[Player]] | None = None
        """Opens one more place for somebody who joins; None: no more than there are."""
        self.state = "running"
        self._world, self._templates = world, templates
        self._delivery, self._trouble = delivery, trouble
        self._turns: dict[str, asyncio.Lock] = {}

    # ---- requests ----

    async def answer(self, request: HttpRequest) -> None:
        """Answer one request; those of one player are answered one after the other."""
        if request.action == "join":
            self._reply_when_committed(await self._join(request))
            return
        turn = self._turns.setdefault(request.player, asyncio.Lock())
        async with turn:
            self._reply_when_committed(await self._page_or_next(request))

    async def _page_or_next(self, request: HttpRequest) -> HttpReply:
        player = self._world.player(request.player)
        try:
            if request.action == "submit":
                await self._submit(player, request)
                return _see_other(request, "./")
            return await self._show(player, request)
        except (Exception, asyncio.CancelledError) as error:  # the border around authors' hooks
            if self._world.closing:
                raise
            self._trouble.report(error, self._cause(player, "page"), player.subject)
            html = self._templates.render_trouble(self._boot(player, {}))
            return HttpReply(request.request, 500, HTML, html.encode())

    async def _join(self, request: HttpRequest) -> HttpReply:
        player = self._world.claim_place()
        try:
            if player is None and self.open_place is not None:
                player = await self.open_place()
        except (Exception, asyncio.CancelledError) as error:  # the border around new_player
            if self._world.closing:
                raise
            self._trouble.report(error, Cause("", "", "new_player", ""))
            return HttpReply(request.request, 500, HTML, self._templates.render_trouble().encode())
        if player is None:
            html = b"<!doctype html><title>Full</title><p>All places are taken. Thank you.</p>"
            return HttpReply(request.request, 409, HTML, html)
        return _see_other(request, f"../../../p/{self._world.token(player.name)}/")

    async def _submit(self, player: Player, request: HttpRequest) -> None:
        spoken_for = dict(request.form).get("page", "")
        if spoken_for != str(player.position) or player.page is None:
            return  # the page was left already: a second click, or a tab that slept
        page = self.pages[player.position]
        visit = player._state.entered
        if not await self._hook(page, "may_proceed", player, default=True):
            return
        await self._once(page, "after_once", player)
        with self._world.lock:
            if player._state.entered != visit:
                return  # a hook has moved the player; there the player stays
            self._world.journal.write_for(
                self._cause(player, "submit"), "submit", player.subject, page.__name__, "null"
            )
            self._go(player, player.position + 1)

    async def _show(self, player: Player, request: HttpRequest) -> HttpReply:
        page = await self._arrive(player)
        variables = {} if page is None else await self._hook(page, "jsvars", player, default={})
        context = {} if page is None else await self._hook(page, "templatevars", player, default={})
        with self._world.lock:
            boot = self._boot(player, variables)
            if page is None:
                html = self._templates.render_end(boot, self._context(player, None))
            else:
                told = {**self._context(player, page), **context}
                html = self._templates.render(page, told, boot)
        return HttpReply(request.request, 200, HTML, html.encode())

    async def _arrive(self, player: Player) -> type[Page] | None:
        """Bring the player to a page that is shown, running what runs on the way."""
        if player.position < 0:
            self._go(player, 0)
        while player.page is not None:
            page = self.pages[player.position]
            arrival = f"show:{player._state.entered}"
            if arrival in player._state.done or await self._hook(page, "show", player, True):
                if arrival not in player._state.done and hasattr(page, "show"):
                    self._note_done(player, arrival)
                await self._once(page, "before_once", player)
                if arrival == f"show:{player._state.entered}":
                    return page
            elif arrival == f"show:{player._state.entered}":
                self._go(player, player.position + 1)
        return None

    def _reply_when_committed(self, reply: HttpReply) -> None:
        with self._world.lock:
            self._world.journal.say(lambda: self._world.send(reply))

    # ---- moving ----

    def move_to(self, player: Player, position: int) -> None:
        """Put the player on a page (or past the last) and let an open browser follow."""
        self._go(player, max(0, min(position, len(self.pages))))
        self._delivery.act(player, "reload")

    def position_of(self, page: type[Page] | int) -> int:
        """Return where a page stands in the page order."""
        if isinstance(page, int) and not isinstance(page, bool):
            if 0 <= page < len(self.pages):
                return page
            raise UprootError(
                f"There is no page at position {page}; there are {len(self.pages)}.\n"
                "Positions count from 0. For the end, call move_to_end(player)."
            )
        if not (isinstance(page, type) and issubclass(page, Page)):
            raise UprootError(f"{page!r} is not a page.\nGive a page class or its position.")
        for position, known in enumerate(self.pages):
            if known.__name__ == page.__name__:
                return position
        raise UprootError(f"{page.__name__} is not in the page order.\nAdd it to page_order.")

    def replace(self, page: type[Page]) -> bool:
        """Use a redefined page class from now on; tell whether it is in the order."""
        known = any(old.__name__ == page.__name__ for old in self.pages)
        self.pages = tuple(page if old.__name__ == page.__name__ else old for old in self.pages)
        return known

    def looks_different(self, old: type[Page], new: type[Page]) -> bool:
        """Tell whether a browser that shows *old* must reload to show *new*."""
        cells = self._templates.cells
        before = self._templates.page_source(old, cells)
        if before != self._templates.page_source(new, cells):
            return True
        hooks = ("templatevars", "jsvars")
        return any(_code_of(old, hook) != _code_of(new, hook) for hook in hooks)

    def _go(self, player: Player, position: int) -> None:
        journal = self._world.journal
        name = self.pages[position].__name__ if position < len(self.pages) else None
        cause = self._world.lock.cause or self._cause(player, "flow")
        with self._world.lock:
            if player.page is not None:
                text = self._world.codec.encode({"position": player.position, "page": player.page})
                journal.write_for(cause, "leave", player.subject, player.page, text)
            text = self._world.codec.encode({"position": position, "page": name})
            journal.write_for(cause, "enter", player.subject, name or "", text)
            self._world.state.apply(journal.pending[-1])

    # ---- hooks ----

    async def _once(self, page: type[Page], hook: str, player: Player) -> None:
        done = f"{hook}:{page.__name__}"
        if hasattr(page, hook) and done not in player._state.done:
            await self._hook(page, hook, player)
            self._note_done(player, done)

    def _note_done(self, player: Player, what: str) -> None:
        with self._world.lock:
            cause = self._cause(player, what.partition(":")[0])
            self._world.journal.write_for(cause, "once", player.subject, what, "null")
            self._world.state.apply(self._world.journal.pending[-1])

    async def _hook(self, page: type[Page], name: str, player: Player, default: Any = None) -> Any:
        hook = getattr(page, name, None)
        if hook is None:
            return default
        cause = self._cause(player, name)
        result = await run_authors(hook, self._world, cause, player)
        return default if result is None else result

    def _cause(self, player: Player, what: str) -> Cause:
        position = player.position
        if player.page is None or not 0 <= position < len(self.pages):
            return Cause(player.name, "", what, "")
        page = self.pages[position]
        return Cause(player.name, page.__name__, f"{page.__name__}.{what}", page.source.hash)

    # ---- what a page is made from ----

    def _context(self, player: Player, page: type[Page] | None) -> dict[str, Any]:
        return {
            "player": player, "session": player.session, "group": player.group, "page": page,
            "C": self.constants.value,
        }  # fmt: skip

    def _boot(self, player: Player, variables: Mapping[str, Any]) -> dict[str, Any]:
        to_json(variables)  # what a script cannot read is the author's mistake: say so here
        return {
            "page": player.position, "since": self._world.journal.seq, "end": player.page is None,
            "state": self.state, "vars": variables, "C": self.constants.public,
        }  # fmt: skip


async def run_authors(function: Any, world: World, cause: Cause, *args: Any) -> Any:
    """Run authors' code, sync or async, in steps under the run's lock."""
    lock = world.lock
    before = lock.begin_step(cause)
    try:
        result = perform(partial(function, *args))
    finally:
        lock.end_step(before)
    if inspect.iscoroutine(result):
        return await Steps(result, lock, cause)
    return result


def _code_of(page: type[Page], hook: str) -> Any:
    code = getattr(getattr(page, hook, None), "__code__", None)
    return code and (code.co_code, code.co_consts, code.co_names)


def _see_other(request: HttpRequest, place: str) -> HttpReply:
    return HttpReply(request.request, 303, [("Location", place)], b"")
