"""Flow: answers browsers' requests and moves players from page to page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, Setup
from uproot_nb.flow.api_answers import ApiAnswers
from uproot_nb.flow.arrivals import Arrivals
from uproot_nb.flow.departures import Departures
from uproot_nb.flow.hooks import attempt_for, cause_of
from uproot_nb.flow.joins import Joins, OpenPlace
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.moves import Moves
from uproot_nb.flow.page_forms import PageForms
from uproot_nb.flow.pause import Pause
from uproot_nb.flow.served_apps import MakeTemplates, ServedApps
from uproot_nb.flow.showing import Showing
from uproot_nb.flow.submitting import Submissions
from uproot_nb.flow.timeouts import Timeouts
from uproot_nb.flow.waits import WAIT_EVENT, Waits
from uproot_nb.flow.whereabouts import Whereabouts
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.world import World

__all__ = ["Flow", "VisitRequest"]

NEWS_SECONDS = 0.2
"""How long wait pages wait for further news, so that many arrivals make one push."""


@dataclass(frozen=True)
class VisitRequest:
    """A browser's request as the hook `early` gets it; header names are in lower case."""

    method: str
    headers: dict[str, str]
    query_params: dict[str, str]


class Flow:
    """Takes players through their page orders.

    A player's requests, deadlines and releases from wait pages take turns. They run in steps under
    the run's lock, and are answered once their changes are committed.

    Args:
        files: (app, path) → the address of an app's static file.
        spawn: starts a task of the run.
        open_place: opens one more place for a participant who joins.
        language: the session's language; "" for the app's or the browser's.
        simulate: whether pages fill themselves in, with the apps' simulate.js.
    """

    def __init__(
        self,
        world: World,
        setup: Setup,
        delivery: Delivery,
        reports: ErrorReports,
        templates: MakeTemplates,
        files: Callable[[App, str], str],
        spawn: Callable[[Any], Any],
        open_place: OpenPlace,
        language: str = "",
        simulate: bool = False,
    ) -> None:
        self._world, self._delivery, self._reports = world, delivery, reports
        self._spawn = spawn
        self._turns: dict[str, asyncio.Lock] = {}
        self._has_news = self._is_waking = False
        self.logs_loads = True
        """Whether page loads are logged; they are not in a rerun of an earlier version's log."""
        self._postponed: dict[Player, bool] = {}
        """Players to settle after the pause, and whether they were moved."""
        self.pause = Pause(world.loop)
        self.journeys = Journeys(world, setup)
        self.whereabouts = Whereabouts(world)
        self.departures = Departures(world, self.journeys, self.whereabouts, reports)
        self.moves = Moves(world, self.journeys, self.departures)
        self.timeouts = Timeouts(world, self.moves.cause, self._ask_for_form, self.time_is_up)
        self.waits = Waits(
            world, self.journeys, self.moves, self.whereabouts, self.follow, self._schedule_news
        )  # fmt: skip
        self._arrivals = Arrivals(
            self.journeys, self.moves, self.waits.check, self.timeouts.begin
        )  # fmt: skip
        self.apps = ServedApps(self.journeys, templates, language)
        self.forms = PageForms(world, self.apps)
        self._submissions = Submissions(
            world, self.journeys, self.moves, self.timeouts.has_passed, self.forms.make
        )  # fmt: skip
        self.showing = Showing(
            world, self.apps, self.forms, self.pause, files, self.timeouts.remaining,
            self.waits.progress, self._submissions.position_before, reports.warn, simulate,
        )  # fmt: skip
        self._api = ApiAnswers(world, self.apps, self.pause, reports)
        self._joins = Joins(
            world, reports, open_place, partial(self.showing.failure, None), self.reply
        )  # fmt: skip

    # ---- requests ----

    async def answer(self, request: HttpRequest) -> None:
        """Answer one request, after the earlier ones of the same player.

        In a pause, only the page that a player is already on is shown. Other requests wait; one
        that waits too long gets no answer, and the browser sends it again.
        """
        if self._must_wait(request) and not await self.pause.over():
            return
        if request.action == "join":
            await self._joins.answer(request)
            return
        if request.action == "app_api":
            self.reply(await self._api.answer_app(request))
            return
        if request.action == "api":  # may be slow: the player's pages do not wait for it
            player = self._world.player(request.player)
            page = self.journeys.page(player, player.position)
            self.reply(await self._api.answer(request, page))
            return
        async with self._turn(request.player):
            self.reply(await self._page_or_next(request))

    async def _page_or_next(self, request: HttpRequest) -> HttpReply:
        player = self._world.player(request.player)
        try:
            reply = await (self._submit if request.action == "submit" else self._show)(
                player, request
            )
            self.journeys.failed.discard(player.name)
            return reply
        except (Exception, asyncio.CancelledError) as error:  # the border around authors' hooks
            if self._world.closing:
                raise
            self._report(error, player)
            self.journeys.failed.add(player.name)
            return self.showing.failure(player, request)
        finally:
            self._submissions.conclude(player, is_input=request.action == "submit")

    async def _submit(self, player: Player, request: HttpRequest) -> HttpReply:
        form = await self._submissions.take(player, request)
        if form is None:
            return HttpReply(request.request, 303, [("Location", "./")], b"")
        page = self.journeys.page(player, player.position)
        return await self.showing.show(player, page, request, form)

    async def _show(self, player: Player, request: HttpRequest) -> HttpReply:
        late = self.timeouts.has_passed(player)  # first: the log's order is that of a rerun
        with self._loading(player, request):
            if self.pause.lasts:
                page = self.journeys.page(player, player.position)
            else:
                if late and self.moves.has_arrived(player):
                    await self._submissions.time_up(player)
                visited = VisitRequest("GET", dict(request.headers), dict(request.query))
                page = await self._arrivals.settle(player, visited)
            return await self.showing.show(player, page, request, None)

    def _loading(self, player: Player, request: HttpRequest) -> AbstractContextManager[None]:
        """Log that a browser loads the player's page, if anything follows from it."""
        if not self.logs_loads:
            return nullcontext()
        journal = self._world.journal
        return journal.input(partial(self._log_load, player, request, journal.clock()))

    def _log_load(self, player: Player, request: HttpRequest, came: float) -> None:
        """Log a load that came at a time; with the address's query, if `early` may read it."""
        value: dict[str, Any] = {"time": came}
        if request.query and any(hasattr(page, "early") for page in self.pages):
            value["query"] = [list(pair) for pair in request.query]
        cause, text = self.moves.cause(player, "load"), self._world.codec.encode(value)
        self._world.journal.write_for(cause, "load", player.subject, player.page or "", text)

    def _must_wait(self, request: HttpRequest) -> bool:
        answers_itself = request.action in ("api", "app_api")
        if not self.pause.lasts or answers_itself:
            return False
        if request.action != "page":
            return True
        return not self.moves.has_arrived(self._world.player(request.player))

    def reply(self, reply: HttpReply) -> None:
        """Answer a request once everything written so far is committed."""
        with self._world.lock:
            self._world.journal.after_commit(lambda: self._world.send(reply))

    def _turn(self, player: str) -> asyncio.Lock:
        return self._turns.setdefault(player, asyncio.Lock())

    # ---- what happens without a request ----

    def resume(self) -> None:
        """Continue where the log ends: start deadlines again and finish half-made groups."""
        self.timeouts.resume()
        for player in self._world.players():
            if player.has_dropped_out:  # a kill may have interrupted the handler
                self.departures.note(player)
            if player.position >= 0 and player.page is not None:
                self._spawn(self._settle(player, reload=False))

    def note_presence(self, player: Player) -> None:
        """Handle that a player's browser has connected: a wait page counts who is online."""
        page = self.journeys.page(player, player.position)
        if player.online and page is not None and page.waits:
            self._spawn(self._settle(player, reload=True))

    def follow(self, player: Player) -> None:
        """Let a moved player arrive on the new page, and the browser show it."""
        self._world.loop.call_soon_threadsafe(self._spawn_follow, player)

    def wake_waiting(self, everybody: bool = False) -> None:
        """Check soon whether waiting players may go on, after a move or dropout.

        One check serves all moves that come before it.

        Args:
            everybody: check all waiting players, also where nobody has moved: a page was redefined.
        """
        with self._world.lock:
            if everybody:
                self._world.loop.call_soon_threadsafe(self._wake_everybody)
            elif not self._is_waking:
                self._is_waking = True
                self._world.loop.call_soon_threadsafe(self._wake_waiting)

    def _wake_waiting(self) -> None:
        with self._world.lock:
            self._is_waking = False
            waiting = [] if self.pause.lasts else self.waits.to_wake()
        for player in waiting:
            self._spawn(self._look_again(player))

    async def _look_again(self, player: Player) -> None:
        """Let the players who wait with this one go on, if they may."""
        if self.pause.lasts:
            self._postponed.setdefault(player, False)
            return
        try:
            await self.waits.check(player)
        except Exception as error:  # the border around authors' hooks
            self._report(error, player)

    def _wake_everybody(self) -> None:
        for player in self._world.players():
            page = self.journeys.page(player, player.position)
            if page is not None and page.waits and self.moves.has_arrived(player):
                self._spawn(self._settle(player, reload=True))

    def _spawn_follow(self, player: Player) -> None:
        if not self._world.closing:
            self._spawn(self._settle(player, reload=True, moved=True))

    async def _settle(self, player: Player, reload: bool, moved: bool = False) -> None:
        """Bring a player to the next page that is shown, and let an open browser follow.

        Args:
            moved: the player was moved: reload the browser even if nothing has changed since.
        """
        if self.pause.lasts:
            self._postponed[player] = self._postponed.get(player, False) or moved
            return
        async with self._turn(player.name):
            before = player._state.entered
            try:
                await self._arrivals.settle(player)
            except Exception as error:  # the border around authors' hooks
                self._report(error, player)
            if reload and (moved or player._state.entered != before):
                self._delivery.act(player, "reload", entered=player._state.entered)

    def time_is_up(self, player: Player) -> None:
        """Let a player go on soon whose time is up, unless the player has gone on by then."""
        self._spawn(self._go_on_without(player, player._state.entered))

    async def _go_on_without(self, player: Player, visit: int) -> None:
        """Let a player go on whose time is up and whose browser has sent no form."""
        async with self._turn(player.name):
            if player._state.entered != visit or not self.timeouts.has_passed(player):
                return
            try:
                await self._submissions.time_up(player)
                await self._arrivals.settle(player)
            except Exception as error:  # the border around authors' hooks
                self._report(error, player)
            finally:
                self._submissions.conclude(player)
            self._delivery.act(player, "reload", entered=player._state.entered)

    def _ask_for_form(self, player: Player) -> None:
        page = self.journeys.page(player, player.position)
        if page is None or page.waits:
            self.time_is_up(player)
        else:
            self._delivery.act(player, "submit", timeout=True, page=player.position)

    def _schedule_news(self) -> None:
        """Send wait pages how many are here, once for many arrivals."""
        if not self._has_news:
            self._has_news = True
            self._world.loop.call_later(NEWS_SECONDS, self._send_news)

    def _send_news(self) -> None:
        self._has_news = False
        recipients: dict[tuple[Any, ...], list[Player]] = {}
        for players, data in self.waits.take_news():
            recipients.setdefault((data["here"], data["needed"]), []).extend(players)
        for (here, needed), players in recipients.items():
            data = {"here": here, "needed": needed}
            self._delivery.notify(None, players, data, WAIT_EVENT, ...)

    def _report(self, error: BaseException, player: Player) -> None:
        page = self.journeys.pages.get(player.page or "")
        cause = cause_of(error) or attempt_for(player, page, "page")
        self._reports.report(error, cause, player.subject)

    # ---- moving ----

    def move_to(self, player: Player, position: int) -> None:
        """Move the player to a position (or past the last page); an open browser follows."""
        with self._world.lock:
            cause = self._world.lock.cause or self._world.journal.outside()
            self.moves.go(player, position, cause=cause)
            self.follow(player)
            self.wake_waiting()

    def position_of(self, player: Player, page: type[Page] | int) -> int:
        """Return a page's position in a player's page order."""
        return self.journeys.find(player, page)

    def end_of(self, player: Player) -> int:
        """Return the position after a player's last page."""
        return self.journeys.finish(player)

    # ---- code ----

    @property
    def pages(self) -> tuple[type[Page], ...]:
        """Every page of the session, in the order in which the apps first name them."""
        known = self.journeys.pages
        return tuple(known.values())

    @property
    def state(self) -> str:
        """The run's state as participants see it: "running" or "paused"."""
        return self.pause.state

    def set_state(self, state: str) -> None:
        """Pause or go on; in a pause forms, moves, waits and deadlines stand still."""
        if state == "paused":
            self.pause.begin()
            self.timeouts.pause()
        else:
            self.timeouts.go_on()
            self.pause.end()
            self._world.loop.call_soon_threadsafe(self._catch_up)
        for player in self._world.players():
            self.show_clock(player)

    def show_clock(self, player: Player) -> None:
        """Send a player's open browser the time left, and whether the clock is stopped."""
        left = self.timeouts.remaining(player)
        if left is not None and player.online:
            clock = {"remaining": round(left * 1000), "stopped": self.timeouts.stopped}
            entered = player._state.entered
            self._delivery.steer([player.name], "clock", entered=entered, **clock)

    def _catch_up(self) -> None:
        """Do what was postponed in a pause."""
        self.wake_waiting()
        postponed, self._postponed = self._postponed, {}
        for player, moved in postponed.items():
            self._spawn(self._settle(player, reload=True, moved=moved))

    def replace(self, page: type[Page]) -> bool:
        """Use a redefined page class from now on; return whether the session has this page."""
        if page.key not in self.journeys.pages:
            return False
        self.journeys.pages[page.key] = page
        return True

    def close(self) -> None:
        """Cancel every timer."""
        self.timeouts.close()
