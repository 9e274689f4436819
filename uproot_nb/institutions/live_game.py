"""LiveGame: one period of an institution in a session, with every decision in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.experiment.identifiers import SessionIdentifier
from uproot_nb.institutions import refusals
from uproot_nb.institutions.entries import (
    closing_entry,
    decision_entry,
    decision_in,
    refusal_entry,
)
from uproot_nb.institutions.game import ABSENT, Decision, Endowment, Game, Result
from uproot_nb.institutions.institution import Institution
from uproot_nb.institutions.recorded_rules import plain_rules, rules_as_begun, rules_text
from uproot_nb.institutions.views import spectator_view, view_of
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.model import Model
from uproot_nb.session.world import World, find_world, world_of

__all__ = ["LiveGame"]


class LiveGame:
    """One period of an institution in a session. It is all in the log, so it outlives the kernel.

        game = LiveGame.in_session(run.session, Auction.institution, period=1)
        game.start(["ann", "bob"])
        game.decide("ann", "bid", [45])

    Endowments, decisions, refusals and the outcome are entries and fields of the model
    `game.model`, committed together with the other changes of a live method.
    """

    def __init__(self, model: Model, institution: Institution) -> None:
        self.model, self.institution = model, institution
        data = model.institution
        self.name: str = data["name"]
        self.title: str = data["title"]
        """The name without the group's."""
        self.period: int = data["period"]
        self.listeners: dict[str, Callable[[str], None]] = {}
        """By owner: called in the transaction of each change, with the name of who caused it."""
        self._compared: Institution | None = None
        """The rules of a page that were last found to be those of the period."""
        self._decisions: tuple[Decision, ...] = ()
        self._folded, self._last = 0, ""

    @classmethod
    def in_session(
        cls, session: Session | SessionIdentifier, institution: Institution, *,
        name: str | None = None, period: int = 1, group: Group | None = None,
    ) -> LiveGame:  # fmt: skip
        """Return the session's period of this name, number and group; create it the first time.

        Args:
            name: by default the institution's kind.

        It goes on with the rules of its beginning, also where later versions have other defaults.

        Raises:
            BadMarket: it was created with other rules.
        """
        world, title = find_world(session), name or institution.kind
        with world.lock:
            place = title if group is None else f"{title}-{group.name}"
            found = cls._bound(world, institution, f"{place}-{period}")
            if found is None:
                model = world.models.create(f"{place}-{period}", name=f"{place}-{period}")
                model.institution = {
                    "name": place, "title": title, "period": period, "kind": institution.kind,
                    "rules": plain_rules(institution),
                }  # fmt: skip
                found = world.models.bound[model.name] = cls(model, institution)
            return found

    @classmethod
    def find(
        cls, session: Session | SessionIdentifier, institution: Institution, *,
        name: str | None = None, period: int = 1, group: Group | None = None,
    ) -> LiveGame | None:  # fmt: skip
        """Return an existing period, or None.

        Raises:
            BadMarket: it was created with other rules.
        """
        world, title = find_world(session), name or institution.kind
        place = title if group is None else f"{title}-{group.name}"
        with world.lock:
            return cls._bound(world, institution, f"{place}-{period}")

    @classmethod
    def _bound(cls, world: World, institution: Institution, tag: str) -> LiveGame | None:
        model, bound = world.models.get(tag), world.models.bound
        if model is None:
            bound.pop(tag, None)  # the hook that created it failed and was undone
            return None
        found: LiveGame | None = bound.get(tag)
        if found is not None and found._compared is institution:
            return found
        rules = (model.get("institution") or {}).get("rules")
        begun = rules_as_begun(rules, institution)
        if begun is None:
            raise BadMarket(
                f"The period {tag!r} was created with different rules: {rules_text(rules)}.",
                "Give the page another game_name, or the rules that it had.",
            )
        if found is None:
            found = bound[tag] = cls(model, begun)
        found._compared = institution
        return found

    def __repr__(self) -> str:
        return f"<LiveGame {self.name!r}, period {self.period}: {len(self._decisions)} decisions>"

    # ---- state ----

    @property
    def is_started(self) -> bool:
        """Whether endowments have been dealt."""
        return self.model.get("endowments") is not None

    @property
    def is_open(self) -> bool:
        """Whether decisions are accepted."""
        return self.is_started and not self.model.get("closed", False)

    @property
    def game(self) -> Game:
        """Endowments and decisions so far, and when the period was stopped."""
        with self.model._world.lock:
            endowments = {
                name: Endowment.from_plain(data)
                for name, data in self.model.get("endowments", {}).items()
            }
            self._catch_up()
            stopped, given = self.model.get("stopped"), self.model.get("given", False)
            return Game(endowments, self._decisions, self.seed, stopped, given)

    @property
    def seed(self) -> str:
        """The seed of values and ties."""
        return f"{world_of(self.model).seed}/{self.name}/{self.period}"

    @property
    def elapsed(self) -> float:
        """Seconds since the period began, without pauses; negative before it begins."""
        return self.now - self.started

    @property
    def started(self) -> float:
        """When the period begins, in Unix seconds; later pauses postpone it."""
        return float(self.model.get("started", 0.0))

    @property
    def now(self) -> float:
        """Return the time, which stands still in a pause of the session."""
        world = world_of(self.model)
        return float(world.flow.timeouts.now if world.is_served else world.clock())

    @property
    def result(self) -> Result | None:
        """The outcome; None while the period is open."""
        return None if self.is_open or not self.is_started else self.institution.result(self.game)

    def view(self, player: Player | str) -> dict[str, Any]:
        """Return what a participant sees, for JSON. See `view_of`."""
        name, game = _name(player), self.game
        if name not in game.endowments:
            return spectator_view(self.period, self.is_open)
        times = self.now, self.started
        return view_of(self.institution, game, name, self.period, times, self.result)

    def is_news_to(self, player: Player | str) -> bool:
        """Return whether the last decision has changed what a participant sees of an open period.

        How many have decided is not seen by itself.
        """
        name, game = _name(player), self.game
        if name not in game.endowments:
            return False
        times = self.now, self.started
        seen, before = (
            view_of(self.institution, one, name, self.period, times, None)
            for one in (game, replace(game, decisions=game.decisions[:-1]))
        )
        return seen != {**before, "decisions": seen["decisions"]}

    # ---- what happens ----

    def start(
        self, players: Sequence[Player | str], endowments: Mapping[str, Endowment] | None = None,
        lead: float = 0.0,
    ) -> None:  # fmt: skip
        """Begin the period. Does nothing if it has begun.

        Args:
            endowments: by a player's name; by default the institution deals them. The
                distribution of those given here is unknown, so benchmarks that need it are
                missing.
            lead: seconds until clocks start.

        Raises:
            BadMarket: nobody takes part, or somebody has no endowment.
        """
        with self.model._world.lock:
            if self.is_started:
                return
            names = [_name(player) for player in players]
            dealt = endowments or self.institution.deal_named(names, self.seed)
            missing = [name for name in names if name not in dealt]
            if missing:
                raise BadMarket(f"No endowment for {missing[0]}.", "Return one for each player.")
            if endowments:
                self.model.given = True
            self.model.endowments = {name: dealt[name].plain() for name in names}
            self.model.started = self.now + lead

    def decide(
        self, player: Player | str, action: str, amounts: Sequence[Any] = (), target: str = "",
        client_time: float | None = None,
    ) -> Decision:  # fmt: skip
        """Make a participant's decision. Decisions count in the order in which they arrive.

        Args:
            client_time: when the participant's browser sent it, in Unix seconds by its own clock.

        Raises:
            OrderRefused: this is not possible now, or not with these amounts.
        """
        with self.model._world.lock:
            self.settle()
            asked = Decision(_name(player), action, tuple(amounts), target, self.elapsed)
            try:
                if not self.is_open:
                    raise OrderRefused("closed", refusals.CLOSED)
                made = self.institution.check(self.game, asked, asked.elapsed)
            except OrderRefused as refusal:
                self.model._add(refusal_entry(asked, refusal, client_time))
                raise
            self._note(made, client_time)
            return made

    def leave_out(self, player: Player | str) -> None:
        """Stop waiting for a participant. Idempotent."""
        with self.model._world.lock:
            name, game = _name(player), self.game
            if self.is_open and name in game.endowments and not game.is_absent(name):
                left = Decision(name, ABSENT, elapsed=self.elapsed)
                self._note(self.institution.stamped(game, left), None)

    def settle(self, at_once: bool = False) -> None:
        """End the period and log its outcome if it is over, or *at_once*. Idempotent."""
        with self.model._world.lock:
            if not self.is_open:
                return
            is_over = self.institution.is_over(self.game, self.elapsed)
            if at_once and not is_over:
                self.model.stopped = self.elapsed
            if at_once or is_over:
                game = self.game
                result, benchmark = self.institution.result(game), self.institution.benchmark(game)
                self.model.closed = True
                self.model._add(closing_entry(game, result, benchmark))
                self._notify("")

    def shift(self, seconds: float) -> None:
        """Postpone the clock and the end after a pause of the session."""
        with self.model._world.lock:
            if self.is_open:
                self.model.started = self.model.started + seconds
                if self.model.get("ends") is not None:
                    self.model.ends = self.model.ends + seconds
                self._notify("")

    # ---- internals ----

    def _note(self, decision: Decision, client_time: float | None) -> None:
        self.model._add(decision_entry(decision, client_time))
        self.settle()
        if self.is_open:
            self._notify(decision.player)

    def _notify(self, by: str) -> None:
        for listener in list(self.listeners.values()):
            listener(by)

    def _catch_up(self) -> None:
        """Read decisions that only the log has; all of them if something was undone."""
        records = self.model._records()
        done = self._folded
        if done > len(records) or (done and records[done - 1]["id"] != self._last):
            self._decisions, self._folded, done = (), 0, 0
        if done == len(records):
            return
        decode = self.model._world.codec.decode
        new = (decision_in(decode(record["fields"])) for record in records[done:])
        self._decisions += tuple(decision for decision in new if decision is not None)
        self._folded, self._last = len(records), records[-1]["id"]


def _name(player: Player | str) -> str:
    return player if isinstance(player, str) else player.name
