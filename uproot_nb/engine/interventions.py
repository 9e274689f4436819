"""Interventions: what a researcher does to players by hand, each logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from uproot_nb.engine.message_texts import check_text
from uproot_nb.errors import AlreadyPaid, ClosedRun, UprootError
from uproot_nb.experiment.money.payoffs import PAYOFF, payoff_of
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.dropouts import Dropouts
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.unanswered import Unanswered, answers_for, unanswered_by
from uproot_nb.log.meant_players import called
from uproot_nb.realtime.chat import add_message
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.realtime.hands import lower_hand
from uproot_nb.realtime.researcher_chat import researcher_chat
from uproot_nb.session.entities import Player, reserved_names
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Interventions"]

Change = Callable[[Player], None]


class Interventions:
    """Carries out a researcher's interventions, for all given players or for none.

    Each player's `intervention` event is written before the change, in the same commit; browsers
    follow after the commit. Cells, threads and the monitor may call.

    Args:
        introduce: runs the author's new_player soon for a place that was opened.
    """

    def __init__(
        self,
        world: World,
        flow: Flow,
        delivery: Delivery,
        dropouts: Dropouts,
        introduce: Callable[[Player], None],
    ) -> None:
        self._world, self._flow, self._introduce = world, flow, introduce
        self._delivery, self._dropouts = delivery, dropouts

    def advance(
        self,
        players: Any,
        cause: Cause | None = None,
        defaults: bool | Mapping[str, Any] | None = None,
    ) -> Bunch[Player]:
        """Move players to the next place of their page order; those who have finished stay.

        With *defaults*, unanswered fields of their pages are set first.
        """
        journeys = self._flow.journeys

        def may_advance(player: Player) -> bool:
            return player.position < len(journeys.steps(player))

        with self._world.lock:
            if defaults is not None and defaults is not False:
                given = defaults if isinstance(defaults, Mapping) else {}
                asked = self._asked_of(self.named(players, "advance"))
                answers = answers_for(self.unanswered(players), given, asked)
                for _, values in answers:
                    self._check_fields(values)
                for player, values in answers:
                    self.set(player, values, cause)
            return self._move("advance", players, lambda p: p.position + 1, cause, may_advance)

    def _asked_of(self, players: Iterable[Player]) -> list[str]:
        """Return the names of the fields of players' pages, as far as they are known."""
        at = self._flow.journeys.page
        pages = dict.fromkeys(at(player, player.position) for player in players)
        fields_of = self._flow.forms.fields_of
        return list(dict.fromkeys(name for page in pages if page for name in fields_of(page)))

    def unanswered(self, players: Any) -> list[Unanswered]:
        """Return the unanswered fields of players' pages."""
        journeys = self._flow.journeys
        with self._world.lock:
            named = self.named(players, "advance")
            return unanswered_by(
                named, lambda p: journeys.page(p, p.position), self._flow.forms.fields_of
            )

    def revert(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Move players to the previous page; those on the first stay."""
        return self._move("revert", players, self._before, cause, lambda p: self._before(p) >= 0)

    def move_to_end(
        self, players: Any, cause: Cause | None = None, exit: str | None = None
    ) -> Bunch[Player]:
        """Move players past their last page; those who are there stay, unless an exit is given."""
        flow = self._flow
        if exit is not None:
            return self._end("move_to_end", players, flow.leaving.check(exit), cause)
        return self._move(
            "move_to_end", players, flow.end_of, cause, lambda p: p.position < flow.end_of(p)
        )

    def reload(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Reload players' pages."""
        named = self.named(players, "reload")
        self._do("reload", named, {}, cause, None)
        self._delivery.steer([player.name for player in named], "reload")
        return named

    def message(self, players: Any, text: str, cause: Cause | None = None) -> Bunch[Player]:
        """Show players a text; return those who are online and see it."""
        check_text(text, "message")
        named = self.named(players, "message")
        with self._world.lock:
            self._do("message", named, {"text": text}, cause, None)
            self._delivery.steer([player.name for player in named], "message", text=text)
            return Bunch([player for player in named if player.online])

    def answer(self, players: Any, text: str, cause: Cause | None = None) -> Bunch[Player]:
        """Write to players in their chats with the researcher; this lowers their hands."""
        check_text(text, "answer")
        named = self.named(players, "answer")

        def change(player: Player) -> None:
            add_message(researcher_chat(player), None, text)
            lower_hand(player)

        self._do("answer", named, {}, cause, change)
        return named

    def set(
        self, players: Any, fields: Mapping[str, Any], cause: Cause | None = None
    ) -> Bunch[Player]:
        """Set fields of players."""
        self._check_fields(fields)
        named = self.named(players, "set")

        def change(player: Player) -> None:
            for name, value in fields.items():
                setattr(player, name, value)

        self._do("set", named, {"fields": dict(fields)}, cause, change)
        return named

    def mark_dropout(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Mark players as dropped out, and run the handlers of their watches."""
        named = self.named(players, "mark_dropout")
        self._do("mark_dropout", named, {}, cause, self._dropouts.mark)
        return named

    def lower_hand(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Lower players' hands; return those whose hands were up."""
        with self._world.lock:
            up = [player for player in self.named(players, "lower_hand") if player._state.hand]
            self._do("lower_hand", up, {}, cause, lower_hand)
            return Bunch(up)

    def extend(self, players: Any, seconds: float, cause: Cause | None = None) -> Bunch[Player]:
        """Give players more time on their pages; those whose pages have no timeout are left out.

        Raises:
            UprootError: none of them is on a page with a timeout.
        """
        _check_seconds(seconds)
        self._flow.let_arrive(self.named(players, "extend"))
        with self._world.lock:
            named = self.named(players, "extend")
            timed = Bunch([player for player in named if self._flow.timeouts.has_timeout(player)])
            if not timed:
                raise UprootError(
                    f"Nobody of {_listed(named)} is on a page with a timeout, so there is no time "
                    "to extend.\nrun.advance and run.message work on any page."
                )
            self._do(
                "extend", timed, {"seconds": seconds}, cause,
                lambda player: self._flow.extend(player, float(seconds)),
            )  # fmt: skip
            return timed

    def regroup(
        self, players: Any, size: int | None = None, cause: Cause | None = None
    ) -> Bunch[Player]:
        """Put players into one new group, or into groups of a size, in the order given.

        Raises:
            UprootError: they do not divide into groups of this size, or somebody is being grouped
                by a page just now; then nobody is regrouped.
        """
        with self._world.lock:
            named = self.named(players, "regroup")
            parts = _parts(named, size)
            busy = [player for player in named if self._flow.is_being_grouped(player)]
            if busy:
                raise UprootError(
                    f"The page is just grouping {_listed(busy)}, so nobody was regrouped.\n"
                    "Try again in a moment."
                )
            with self._step(cause):
                for part in parts:
                    members = [player.name for player in part]
                    self._do("regroup", part, {"with": members}, cause, None)
                    self._flow.regroup(part)
            return named

    def mark_paid(
        self, amounts: Mapping[str, str], currency: str, cause: Cause | None = None
    ) -> Bunch[Player]:
        """Log what players (by name) were paid; nobody is paid twice.

        Raises:
            AlreadyPaid: one of them was; then nothing is logged.
        """
        with self._world.lock:
            named = self.named(list(amounts), "mark_paid")
            for player in named:
                if player._state.paid is not None:
                    raise AlreadyPaid(player.name, **player._state.paid, called=_called(player))
            details = {name: (amount, currency) for name, amount in amounts.items()}
            return self._pay("mark_paid", named, True, details, cause)

    def mark_unpaid(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Log that players were not paid after all."""
        with self._world.lock:
            named = self.named(players, "mark_unpaid")
            paid = {player.name: player._state.paid for player in named}
            missing = [player for player in named if paid[player.name] is None]
            if missing:
                raise UprootError(
                    f"Not marked as paid: {_listed(missing)}.\nrun.payments shows who is paid."
                )
            details = {name: (one["amount"], one["currency"]) for name, one in paid.items() if one}
            return self._pay("mark_unpaid", named, False, details, cause)

    def _pay(
        self,
        what: str,
        named: Bunch[Player],
        paid: bool,
        details: Mapping[str, tuple[str, str]],
        cause: Cause | None,
    ) -> Bunch[Player]:
        world = self._world

        def change(player: Player) -> None:
            amount, currency = details[player.name]
            value = {"paid": paid, "amount": amount, "currency": currency}
            world.journal.fold("pay", player.subject, "", world.codec.encode(value))

        self._do(what, named, {}, cause, change)
        return named

    def free(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Give players' places to others; return whose were not given away before.

        A place that was there in advance is opened anew in the same commit.
        """

        def change(player: Player) -> None:
            self._flow.free(player)
            if player._state.prepared:
                self._introduce(self._world.add_player())

        with self._world.lock:
            named = Bunch([p for p in self.named(players, "free") if not p._state.freed])
            self._do("free", named, {}, cause, change)
            return named

    def named(self, players: Any, what: str) -> Bunch[Player]:
        """Return the players whom `run.<what>` was given.

        Raises:
            ClosedRun: the run was closed.
            UprootError: no players were given, or one of another session.
        """
        world = self._world
        if world.closing:
            raise ClosedRun(world.name)
        with world.lock:
            names = self._delivery.meant(players)
            if not names:
                raise UprootError(
                    f"run.{what}(...) was given no players.\n"
                    "Name them: run.players, one of them, or a list."
                )
            return Bunch([world.player(name) for name in names])

    def note_bot(
        self, players: Any, bot: str, plays: bool, cause: Cause | None = None
    ) -> Bunch[Player]:
        """Log that a bot begins or ends to play for players."""
        named, robots = self.named(players, "bots"), self._world.robots
        self._do("bot", named, {"bot": bot, "plays": plays}, cause, None)
        (robots.update if plays else robots.subtract)([player.name for player in named])
        return named

    # ---- parts ----

    def _end(self, what: str, players: Any, exit: str, cause: Cause | None) -> Bunch[Player]:
        flow = self._flow
        with self._world.lock:
            named = self.named(players, what)
            targets = {player.name: flow.end_of(player) for player in named}
            self._do(
                what, named, {"exit": exit}, cause, lambda p: flow.leave(p, exit, anew=True),
                targets,
            )  # fmt: skip
            return named

    def _move(
        self,
        what: str,
        players: Any,
        place: Callable[[Player], int],
        cause: Cause | None,
        may: Callable[[Player], bool],
    ) -> Bunch[Player]:
        with self._world.lock:
            moved = Bunch([player for player in self.named(players, what) if may(player)])
            targets = {player.name: place(player) for player in moved}
            self._do(
                what, moved, {}, cause, lambda p: self._flow.move_to(p, targets[p.name]), targets
            )
            return moved

    def _do(
        self,
        what: str,
        players: Iterable[Player],
        details: Mapping[str, Any],
        cause: Cause | None,
        change: Change | None,
        targets: Mapping[str, int] | None = None,
    ) -> None:
        """Log the intervention for each player, and carry it out."""
        world = self._world
        with self._step(cause), self._flow.departures.batch():
            for player in players:
                moved = {} if targets is None else _moved(player, targets)
                value = world.codec.encode({**details, **moved, "online": player.online})
                world.journal.fold("intervention", player.subject, what, value)
                if change is not None:
                    change(player)

    @contextmanager
    def _step(self, cause: Cause | None) -> Iterator[None]:
        """Hold the lock, and give what happens inside its cause."""
        world = self._world
        with world.lock:
            before = world.lock.begin_step(cause or world.lock.cause or world.journal.outside())
            try:
                yield
            finally:
                world.lock.end_step(before)

    def _before(self, player: Player) -> int:
        """Return the position of the page before a player's; -1 if there is none.

        Pages are passed over that lead straight forward again: wait pages, where all may be here,
        and those with `show = False`.
        """
        journeys = self._flow.journeys
        for position in range(min(player.position, len(journeys.steps(player))) - 1, -1, -1):
            page = journeys.page(player, position)
            if page is not None and _stays_on(page):
                return position
        return -1

    def _check_fields(self, fields: Mapping[str, Any]) -> None:
        """Raise an error, before any change, if a field cannot be set."""
        if not fields:
            raise UprootError("run.set(...) was given no fields.\nWrite run.set(players, cash=10).")
        for name, value in fields.items():
            if not name.isidentifier() or name.startswith("_") or name in reserved_names(Player):
                raise UprootError(
                    f"'{name}' cannot be set: it is not the name of a field, or uproot_nb "
                    "reserves it on players.\nChoose another."
                )
            self._world.codec.encode(value)
            if name == PAYOFF and self._world.has_payoffs:
                payoff_of("player", value)


def _stays_on(page: type[Page]) -> bool:
    """Return whether a player who is put on a page is shown it, as far as is known before."""
    return page.shown and not page.waits and getattr(page, "show", True) is not False


def _check_seconds(seconds: Any) -> None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not (is_number and math.isfinite(seconds) and seconds > 0):
        raise UprootError(
            f"run.extend(players, {seconds!r}): give a number of seconds, more than 0.\n"
            "run.extend(players, 60) gives a minute."
        )


def _parts(players: Sequence[Player], size: int | None) -> list[Sequence[Player]]:
    """Return players in groups of a size; all in one without it."""
    if size is None:
        return [players]
    if isinstance(size, bool) or not isinstance(size, int) or size < 1 or len(players) % size:
        raise UprootError(
            f"{len(players)} players cannot be divided into groups of {size!r}, so nobody was "
            "regrouped.\nGive as many as fit, or leave the size out for one group."
        )
    return [players[at : at + size] for at in range(0, len(players), size)]


def _listed(players: Sequence[Player]) -> str:
    """Return the first players as a lab manager calls them, and how many more there are."""
    names = ", ".join(_called(player) for player in players[:5])
    return f"{names} and {len(players) - 5} more" if len(players) > 5 else names


def _called(player: Player) -> str:
    return called(player.name, player.label)


def _moved(player: Player, targets: Mapping[str, int]) -> dict[str, int]:
    return {"from": player.position, "to": targets[player.name]}
