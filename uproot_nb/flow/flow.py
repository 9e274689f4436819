"""Flow: answers browsers' requests and moves players from page to page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from uproot_nb.bridge.messages import BEGIN, HttpReply, HttpRequest
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import Setup
from uproot_nb.flow.answer_streams import StartTask
from uproot_nb.flow.api_answers import ApiAnswers
from uproot_nb.flow.app_files import AppFiles
from uproot_nb.flow.arrivals import Arrivals
from uproot_nb.flow.backlog import LogBacklog, take_turn
from uproot_nb.flow.departures import Departures
from uproot_nb.flow.hooks import again_while_busy, attempt_for, cause_of
from uproot_nb.flow.joins import Introduce, Joins
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.leaving import Leaving
from uproot_nb.flow.moves import Moves
from uproot_nb.flow.newcomers import Newcomers, merged_query
from uproot_nb.flow.page_forms import PageForms
from uproot_nb.flow.page_reports import PageReports
from uproot_nb.flow.participation.consents import Consents
from uproot_nb.flow.participation.focus import Focus
from uproot_nb.flow.participation.requirements import Requirements, needs_press
from uproot_nb.flow.pause import Pause
from uproot_nb.flow.served_apps import MakeTemplates, ServedApps
from uproot_nb.flow.showing import Showing
from uproot_nb.flow.submitting import Submissions
from uproot_nb.flow.timeouts import Timeouts
from uproot_nb.flow.waiting.idleness import IDLE_EVENT, Idleness
from uproot_nb.flow.waiting.waits import WAIT_EVENT, Waits
from uproot_nb.flow.whereabouts import Whereabouts
from uproot_nb.realtime.comers import AGAIN
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.realtime.return_addresses import note_return, returned_with
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.groups import create_group
from uproot_nb.session.known_places import KnownPlaces
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Flow", "VisitRequest"]

NEWS_SECONDS = 0.2
"""How long wait pages wait for further news, so that many arrivals make one push."""

ARRIVAL_SECONDS = 5.0
"""How long a cell waits for players whom the line before has moved."""


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
        files: the static files of apps.
        spawn: starts a task of the run.
        introduce: runs the author's new_player for a participant who joins, unless it has run.
        language: the session's language; "" for the app's or the browser's.
        simulate: whether pages fill themselves in, with the apps' simulate.js.
    """

    undoes_moves = True
    """Whether the moves of a hook that fails are undone; a rerun does as the recording did."""
    logs_returns = True
    """Whether other addresses of those who come back are logged; a rerun has the recorded ones."""

    def __init__(
        self,
        world: World,
        setup: Setup,
        delivery: Delivery,
        reports: ErrorReports,
        templates: MakeTemplates,
        files: AppFiles,
        spawn: StartTask,
        introduce: Introduce,
        language: str = "",
        simulate: bool = False,
    ) -> None:
        self._world, self._delivery, self._reports = world, delivery, reports
        self._spawn = spawn
        self._turns: dict[str, asyncio.Lock] = {}
        self._has_news = self._is_waking = self._is_resumed = False
        self.logs_loads = True
        """Whether page loads are logged; they are not in a rerun of an earlier version's log."""
        self._postponed: dict[Player, int] = {}
        """Players to settle after the pause, and the visit to which they were moved, else 0."""
        self.pause = Pause(world.loop)
        self._backlog = LogBacklog(world)
        self.page_reports = PageReports(world, reports)
        self.journeys = Journeys(world, setup)
        self.whereabouts = Whereabouts(world)
        self.departures = Departures(world, self.journeys, self.whereabouts, reports)
        self.moves = Moves(world, self.journeys, self.departures)
        self.leaving = Leaving(world, lambda: self.journeys.setup.exits, self._way_in)
        self.newcomers = Newcomers(world, lambda: self.journeys.setup.apps, self.moves, reports)
        self.timeouts = Timeouts(
            world, self.moves.cause, self._ask_for_form, self.time_is_up, self._has_form
        )  # fmt: skip
        self.waits = Waits(
            world, self.journeys, self.moves, self.whereabouts, self.follow, self._schedule_news,
            self.wake_waiting, self._report,
        )  # fmt: skip
        self.idleness = Idleness(
            world, self.journeys, self.whereabouts, self.timeouts, self._push_idle, self.leave,
            self.waits.grouping.is_being_grouped,
        )  # fmt: skip
        self._requirements = self._listen_to_pages(delivery)
        arrives = self.waits.check, self.timeouts.begin, self._requirements.block
        self._arrivals = Arrivals(self.journeys, self.moves, *arrives, self._holds_clock)
        self.apps = ServedApps(self.journeys, templates, language)
        self.forms = PageForms(world, self.apps)
        self.consents = Consents(world, self.leave)
        self._submissions = Submissions(
            world, self.journeys, self.moves, self.timeouts, self.forms.make,
            self.leaving.end, self.consents, self._requirements,
        )  # fmt: skip
        self.showing = Showing(
            world, self.apps, self.forms, self.pause, files, self.timeouts.face,
            self._waiting, self._submissions.position_before, self.consents,
            self._requirements, reports.warn, self.leaving.farewell_to, simulate,
        )  # fmt: skip
        self._api = ApiAnswers(world, self.apps, self.pause, reports, spawn)
        self.streams = self._api.streams
        self.places = KnownPlaces(world)
        failure, own_page = partial(self.showing.failure, None), self.showing.room_page
        self._joins = Joins(
            world, reports, introduce, self.newcomers, self.places, failure, own_page
        )  # fmt: skip

    def _listen_to_pages(self, delivery: Delivery) -> Requirements:
        """Listen to what pages report, and return what checks their browsers."""
        self.timeouts.shift_listeners["pages"] = self._shift_pages
        requirements = Requirements(
            self._world, self.journeys.page,
            lambda player: delivery.steer([player.name], "reload"), self.leave,
            self._begin_clock,
        )  # fmt: skip
        focus = Focus(self._world, lambda key: self.journeys.pages.get(key))
        self.page_reports.listen("wait", self.idleness.receive)
        self.page_reports.listen("client", requirements.note)
        self.page_reports.listen("fullscreen", requirements.note_fullscreen)
        self.page_reports.listen("focus", focus.note)
        return requirements

    # ---- requests ----

    async def answer(self, request: HttpRequest) -> bool:
        """Answer one request, after the earlier ones of the same player; return whether it is.

        In a pause, only the page that a player is on, or begins by, is shown. Others wait; one
        that waits too long gets no answer, and the browser sends it again. So do all while so much
        is uncommitted that nothing more should be begun.
        """
        if self._must_wait(request) and not await self.pause.over():
            return False
        if not await self._backlog.leaves_room():
            return False
        if request.action in ("page", "submit"):
            return await self._answer_in_turn(request)
        self.reply(await self._answer_out_of_turn(request))
        return True

    async def may_begin(self) -> bool:
        """Wait until the run goes on; return False if that takes too long."""
        return await self.pause.over() and await self._backlog.leaves_room()

    async def _answer_out_of_turn(self, request: HttpRequest) -> HttpReply:
        match request.action:
            case "join":
                return await self._joins.answer(request)
            case "look":
                return self._joins.look(request)
            case "app_api":
                return await self._api.answer_app(request)
        # The api may be slow: the player's pages do not wait for it.
        player = self._world.player(request.player)
        return await self._api.answer(request, self.journeys.page(player, player.position))

    async def _answer_in_turn(self, request: HttpRequest) -> bool:
        turn = self._turn(request.player)
        if not await take_turn(turn):
            return False
        try:
            reply = await self._page_or_next(request)
            if self._world.journal.is_behind:  # one page of a player at most waits to be committed
                await self._backlog.send_after_commit(reply)
            else:
                self.reply(reply)
            return True
        finally:
            turn.release()

    async def _page_or_next(self, request: HttpRequest) -> HttpReply:
        player = self._world.player(request.player)
        try:
            reply = await again_while_busy(partial(self._answer_player, player, request))
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

    async def _answer_player(self, player: Player, request: HttpRequest) -> HttpReply:
        if player._state.freed:
            return await self.showing.freed(player, request)
        if self.newcomers.awaits(player) and self.newcomers.way_in.is_preview(request.query):
            return self.showing.preview(request)
        awaited = self.newcomers.awaits(player)
        begins = any(name == BEGIN or (awaited and name == AGAIN) for name, _ in request.form)
        home = self._joins.led_home(player, request) if awaited and begins else None
        if home is not None:
            return home
        if begins:
            self.newcomers.note(player, request, "link", self.newcomers.way_in)
        elif self.newcomers.awaits(player):
            is_form = request.action == "submit"
            return _to_page(request) if is_form else self.showing.beginning(request)
        if self._comes_back(player, request):
            return self.showing.beginning(request)
        await self.newcomers.welcome(player)
        if begins:
            return _to_page(request)
        answer = self._submit if request.action == "submit" else self._show
        return await answer(player, request)

    def _comes_back(self, player: Player, request: HttpRequest) -> bool:
        """Return whether a person has yet to show up who comes back by another address.

        It is logged with their press, or that of the page's script; a link preview presses nothing.
        """
        if not self.logs_returns or not returned_with(player, request.query):
            return False
        if request.action == "submit":
            note_return(player, request.query)
        return request.action != "submit"

    async def _submit(self, player: Player, request: HttpRequest) -> HttpReply:
        form = await self._submissions.take(player, request)
        if form is None:
            return _to_page(request)
        page = self.journeys.page(player, player.position)
        return await self.showing.show(player, page, request, form)

    async def _show(self, player: Player, request: HttpRequest) -> HttpReply:
        late = self.timeouts.has_passed(player)  # first: the log's order is that of a rerun
        with self._loading(player, request):
            if self.pause.lasts:
                page = self.journeys.page(player, player.position)
            else:
                if late and self.moves.has_arrived(player) and not self._brings_form(player):
                    await self._submissions.time_up(player)
                query = merged_query(player, request.query)
                visited = VisitRequest("GET", dict(request.headers), query)
                page = await self._arrivals.settle(player, visited)
            if page is not None and not self._holds_clock(player, page):
                self.timeouts.release(player)
            return await self.showing.show(player, page, request, None)

    def _brings_form(self, player: Player) -> bool:
        """Return whether the page that is loaded after its deadline may send its draft.

        A load that a recording has was followed by something: it brought none.
        """
        timeouts = self.timeouts
        return timeouts.awaits_form(player) and not timeouts.is_recorded(player)

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
        answers_itself = request.action in ("api", "app_api", "look")
        if not self.pause.lasts or answers_itself:
            return False
        if request.action != "page":
            return True
        player = self._world.player(request.player)
        return not (self.moves.has_arrived(player) or self.newcomers.awaits(player))

    def reply(self, reply: HttpReply) -> None:
        """Answer a request once everything written so far is committed."""
        with self._world.lock:
            self._world.journal.after_commit(lambda: self._world.send(reply))

    def _turn(self, player: str) -> asyncio.Lock:
        return self._turns.setdefault(player, asyncio.Lock())

    # ---- what happens without a request ----

    def resume(self) -> None:
        """Continue where the log ends: start deadlines again and finish half-made groups."""
        self._is_resumed = True
        self.timeouts.resume()
        self.idleness.resume()
        self._resume_pages()
        for player in self._world.players():
            if player.has_dropped_out:  # a kill may have interrupted the handler
                self.departures.note(player)
            if player.position >= 0 and player.page is not None:
                self._spawn(self._settle(player, reload=False))

    def _shift_pages(self, seconds: float) -> None:
        """Let kinds of pages move the deadlines that they keep in the log, each kind once.

        Nobody need have used the pages since the kernel was restarted.
        """
        for page in self._kinds_with("shift_all"):
            page.shift_all(self._world, seconds)

    def _resume_pages(self) -> None:
        """Let kinds of pages do after a restart what they do by a time of their own."""
        with self._world.lock:
            for page in self._kinds_with("resume_all"):
                page.resume_all(self._world)

    def _kinds_with(self, function: str) -> list[Any]:
        """Return a page of each kind that has such a function."""
        pages = [page for page in self.journeys.pages.values() if hasattr(page, function)]
        return list({getattr(page, function).__func__: page for page in pages}.values())

    def note_presence(self, player: Player) -> None:
        """Handle that a player's browser has connected: a wait page counts who is online.

        One that was offline at its deadline is asked for its form.
        """
        page = self.journeys.page(player, player.position)
        if player.online and self.timeouts.awaits_form(player):
            self._ask_for_form(player)
        if player.online and page is not None and page.waits:
            self._spawn(self._settle(player, reload=True))

    def follow(self, player: Player) -> None:
        """Let a moved player arrive on the new page, and the browser show it."""
        self._world.loop.call_soon_threadsafe(self._spawn_follow, player, player._state.entered)

    def let_arrive(self, players: Sequence[Player]) -> None:
        """Wait in a cell until players who were moved just before are on their pages.

        Hooks before a page that take long are not waited for; under the lock, and on the loop,
        nothing is.
        """
        lock, late = self._world.lock, [one for one in players if not self.moves.has_arrived(one)]
        if late and not lock.owned() and threading.get_ident() != lock.thread_of_steps:
            arriving = asyncio.run_coroutine_threadsafe(self._turns_end(late), self._world.loop)
            with suppress(TimeoutError):
                arriving.result(ARRIVAL_SECONDS)
            arriving.cancel()

    async def _turns_end(self, players: Sequence[Player]) -> None:
        for player in players:
            async with self._turn(player.name):
                pass

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
            rests = self.pause.lasts or not self._is_resumed
            waiting = [] if rests else self.waits.to_wake()
        for player in waiting:
            self._spawn(self._look_again(player))

    async def _look_again(self, player: Player) -> None:
        """Let the players who wait with this one go on, if they may."""
        if self.pause.lasts:
            self._postponed.setdefault(player, 0)
            return
        try:
            await again_while_busy(partial(self.waits.check, player))
        except Exception as error:  # the border around authors' hooks
            self._report(error, player)

    def _wake_everybody(self) -> None:
        for player in self._world.players():
            page = self.journeys.page(player, player.position)
            if page is not None and page.waits and self.moves.has_arrived(player):
                self._spawn(self._settle(player, reload=True))

    def _spawn_follow(self, player: Player, visit: int) -> None:
        if not self._world.closing:
            self._spawn(self._settle(player, reload=True, moved=visit))

    async def _settle(self, player: Player, reload: bool, moved: int = 0) -> None:
        """Bring a player to the next page that is shown, and let an open browser follow.

        Args:
            moved: the visit to which the player was moved: reload the browser even if nothing has
                changed since, and do nothing if the move was undone.
        """
        if self.pause.lasts:
            self._postponed[player] = max(self._postponed.get(player, 0), moved)
            return
        async with self._turn(player.name):
            before = player._state.entered
            if before < moved:
                return
            try:
                await again_while_busy(partial(self._arrivals.settle, player))
            except Exception as error:  # the border around authors' hooks
                self._report(error, player)
            if reload and (moved or player._state.entered != before):
                self._delivery.act(player, "reload", entered=player._state.entered)

    def time_is_up(self, player: Player, *, by_form: bool = False) -> None:
        """Let a player go on soon whose time is up, unless the player has gone on by then.

        Args:
            by_form: in a rerun, whether a form came of which nothing was stored: the next page
                begins when the browser loads it.
        """
        self._spawn(self._go_on_without(player, player._state.entered, by_form))

    async def _go_on_without(self, player: Player, visit: int, by_form: bool) -> None:
        """Let a player go on whose time is up and whose browser has sent no form."""
        async with self._turn(player.name):
            if player._state.entered != visit or not self.timeouts.has_passed(player):
                return
            try:
                leave = partial(self._submissions.time_up, player, by_form=by_form)
                await again_while_busy(leave)
                if not by_form:
                    await again_while_busy(partial(self._arrivals.settle, player))
            except Exception as error:  # the border around authors' hooks
                self._report(error, player)
            finally:
                self._submissions.conclude(player)
            if not by_form:
                self._delivery.act(player, "reload", entered=player._state.entered)

    def _has_form(self, player: Player) -> bool:
        page = self.journeys.page(player, player.position)
        return page is not None and not page.waits and bool(getattr(page, "fields", None))

    def _ask_for_form(self, player: Player) -> None:
        page = self.journeys.page(player, player.position)
        if page is None or page.waits:
            self.time_is_up(player)
        else:
            self._delivery.act(player, "submit", timeout=True, page=player.position)

    def _waiting(self, player: Player) -> dict[str, Any]:
        """Return what a wait page shows: how many are here, and whether anybody must answer."""
        return {**self.waits.progress(player), **self.idleness.shown(player)}

    def _push_idle(self, player: Player, data: Any) -> None:
        self._delivery.notify(None, [player], data, IDLE_EVENT, ...)

    def _schedule_news(self) -> None:
        """Send wait pages how many are here, once for many arrivals."""
        if not self._has_news:
            self._has_news = True
            self._world.loop.call_later(NEWS_SECONDS, self._send_news)

    def _send_news(self) -> None:
        self._has_news = False
        recipients: dict[tuple[tuple[str, int | None], ...], list[Player]] = {}
        for players, progress in self.waits.take_news():
            recipients.setdefault(tuple(progress.items()), []).extend(players)
        for data, players in recipients.items():
            self._delivery.notify(None, players, dict(data), WAIT_EVENT, ...)

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

    def leave(self, player: Player, reason: str, anew: bool = False) -> None:
        """End a player's participation by an exit; whoever has ended before stays so.

        Args:
            anew: let this exit take the place of the one before.
        """
        with self._world.lock:
            if not anew:
                reason = self.leaving.check(reason)
                if player._state.ended:
                    return
            end = self.end_of(player)
            cause = self._world.lock.cause or self._world.journal.outside()
            self.leaving.end(player, reason, cause)
            self.move_to(player, end)

    def note_put_back(self, player: Player, cause: Cause, was_seen: bool) -> None:
        """Go on with a visit from which a hook that failed had moved the player.

        Args:
            was_seen: whether a browser may show the page to which the player was moved.
        """
        self._world.note_free(player)
        self.departures.note(player)
        self.wake_waiting()
        if was_seen:
            self._delivery.act(player, "reload", entered=player._state.entered)
        if player.name != cause.actor or not player._state.late:  # else the hook would run again
            self._world.loop.call_soon_threadsafe(self.timeouts.arm, player)

    def free(self, player: Player) -> None:
        """Give a player's place to another; whoever is still in has dropped out."""
        with self._world.lock:
            if player._state.freed:
                return
            if player._state.has_come and not player._state.ended:
                self.leave(player, "dropout")
            elif player.online:
                self._delivery.act(player, "reload")
            cause = self._world.lock.cause or self._world.journal.outside()
            self.leaving.free(player, cause)

    def extend(self, player: Player, seconds: float) -> None:
        """Give a player whose page has a timeout more time; an open browser shows it."""
        with self._world.lock:
            self.timeouts.extend(player, seconds)
            self.show_clock(player)

    def regroup(self, players: Sequence[Player]) -> None:
        """Put players into a new group; those who wait to be grouped on one page go on with it."""
        with self._world.lock:
            if not self.waits.regroup(players):
                create_group(players[0].session, players, overwrite=True)

    def is_being_grouped(self, player: Player) -> bool:
        """Return whether a page has put a player into a group whose hook has not ended."""
        return self.waits.grouping.is_being_grouped(player.name)

    def _way_in(self) -> WayIn:
        """Return how those come in who come by no room."""
        return self.newcomers.way_in

    def room_page(self, variables: Mapping[str, Any], accepted: str) -> str:
        """Render a page of a room; a full one has the exit "full"."""
        if variables["part"] == "full":
            room, label = variables["room"], variables["label"]
            farewell = self.leaving.farewell_at("full", room, label, variables["query"])
            variables = {**variables, "farewell": farewell}
        return self.showing.room_page(variables, accepted)

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

    def _holds_clock(self, player: Player, page: type[Page]) -> bool:
        """Return whether nobody can begin with a page yet: nobody has come, or to full screen."""
        return needs_press(page) or not player._state.has_come

    def _begin_clock(self, player: Player) -> None:
        """Start a clock that stands still; the open browser may have missed it the first time."""
        self.timeouts.release(player)
        self.show_clock(player)

    def show_clock(self, player: Player) -> None:
        """Send a player's open browser the time left, and whether the clock is stopped."""
        face = self.timeouts.face(player)
        if face is not None and player.online:
            clock = {"remaining": round(face[0] * 1000), "stopped": face[1]}
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
        self.idleness.close()


def _to_page(request: HttpRequest) -> HttpReply:
    """Return the answer that leads a browser to the player's page."""
    return HttpReply(request.request, 303, [("Location", "./")], b"")
