"""InstitutionPage: a page on which players decide in an institution; each visit is a period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from uproot_nb.errors import BadMarket, BadPage, OrderRefused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Check, Page
from uproot_nb.institutions import refusals, words
from uproot_nb.institutions.game import Endowment
from uproot_nb.institutions.institution import Institution
from uproot_nb.institutions.live_game import LiveGame
from uproot_nb.market.orderbook.amounts import plain
from uproot_nb.market.orderbook.price_input import entered_price
from uproot_nb.realtime.author_functions import notify
from uproot_nb.realtime.game_pages import (
    COMMON_ATTRIBUTES,
    group_or_all,
    group_subject,
    in_own_words,
    is_page_duration,
    page_function,
    reached_periods,
    warn_once,
)
from uproot_nb.session.entities import Player
from uproot_nb.session.world import World, world_of

__all__ = ["InstitutionPage"]

_TIME_REMAINING = "Time remaining"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


class InstitutionPage(Page):
    """A page on which players bid, post prices, or choose quantities.

        class Auction(InstitutionPage):
            institution = SealedBidAuction("first", PrivateValues(0, 100))
            seconds = 90

    Each visit to a page with this `game_name` is a new period; each group plays separately. When
    all have decided, or the time is up, everybody sees the outcome, and a button to go on;
    players who do not press it go on when the page's time is up. Put a wait page before it: the
    period begins when its first player comes. It does not wait for players who drop out or are
    moved on. To change the design, write a template that begins
    with `{% extends "uproot_nb/Institution.html" %}`; its blocks are `above`, `game` and `below`.

    Attributes:
        institution: the rules.
        seconds: how long players may decide; None for no end. The default is what a clock needs.
        review: for how many seconds, at least, the outcome is shown if deciding has an end.
        game_name: the name in the data; by default the institution's kind.
        lead: seconds until a clock starts.
        practice: whether the page says that its periods are practice, and are not paid.
        texts: your own sentences for refusals, by code: {"off_tick": "Nur ganze Punkte."}.
    """

    template = '{% extends "uproot_nb/Institution.html" %}'
    institution: ClassVar[Institution | None] = None
    seconds: ClassVar[float | None] = None
    review: ClassVar[float] = 30.0
    game_name: ClassVar[str | None] = None
    lead: ClassVar[float] = 5.0
    practice: ClassVar[bool] = False
    texts: ClassVar[Mapping[str, str]] = {}
    shown_texts: ClassVar[tuple[str, ...]] = (*words.WORD_TEXTS, _TIME_REMAINING)
    refusal_texts: ClassVar[tuple[str, ...]] = refusals.REFUSAL_TEXTS

    looks_when_empty: ClassVar[bool] = True

    _kind: ClassVar[str] = "institution"
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        **COMMON_ATTRIBUTES,
        "institution": (
            lambda v: v is None or isinstance(v, Institution),
            "SealedBidAuction(…) or the like",
        ),
        "review": (lambda v: v is not None and is_page_duration(v), "seconds, more than 0"),
        "game_name": (lambda v: v is None or _is_name(v), 'a name: "auction"'),
        "lead": (lambda v: v == 0 or is_page_duration(v), "seconds, 0 or more"),
    }
    kind_functions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "endow": ("players", "period"), "together": ("player",), "period": ("player",),
        "periods": ("player",),
    }  # fmt: skip

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.institution is None:
            raise BadPage(
                cls.__name__, "it has no institution.",
                'Write institution = SealedBidAuction("first", PrivateValues(0, 100)).',
            )  # fmt: skip
        length = cls.institution.length()
        if length is not None and cls.seconds is not None and cls.seconds < cls.lead + length:
            raise BadPage(
                cls.__name__,
                f"seconds = {cls.seconds} ends it before its clock has shown all prices.",
                f"Write seconds = {cls.lead + length} or more, or leave it out.",
            )

    # ---- what authors may change ----

    def endow(page: Any, players: Sequence[Player], period: int) -> Mapping[str, Endowment] | None:
        """Return each player's endowment by name; by default the institution draws them.

        def endow(page, players, period):
            return {player.name: Endowment(values=(player.value,)) for player in players}
        """
        return None

    def together(page: Any, player: Player) -> Iterable[Player]:
        """Return the players of one market: the player's group, else everybody."""
        return group_or_all(player)

    def period(page: Any, player: Player) -> int:
        """Return the period: how many pages of this game the player has reached."""
        return reached_periods(player, partial(_is_same_game, page))

    def periods(page: Any, player: Player) -> int | None:
        """Return how many periods there are, as the page says; None if that is not known yet.

        These are the pages of this game in the player's page order. The number is unknown while
        a `Repeat` is undecided, or if `period` is your own function.
        """
        if page_function(page, "period") is not page_function(InstitutionPage, "period"):
            return None
        return world_of(player).flow.journeys.count(player, partial(_is_same_game, page))

    # ---- for cells and handlers ----

    @classmethod
    def number_problem(cls, players: int) -> str:
        """Return why this number of players cannot take part together; "" if it can.

        `serve(…, players=…)` warns about it if nobody is grouped.
        """
        for name in ("endow", "together"):
            if page_function(cls, name) is not page_function(InstitutionPage, name):
                return ""
        try:
            _rules_of(cls).deal_named([str(number) for number in range(players)], "0")
        except BadMarket as error:
            return str(error)
        return ""

    @classmethod
    def end_now(cls, player: Player) -> None:
        """End the player's period at once, with the decisions so far, as from a cell."""
        with player._world.lock:
            _game_of(cls, player).settle(at_once=True)

    @classmethod
    def look_again(cls, player: Player) -> None:
        """Stop waiting for players who dropped out or went on; end periods that all have left."""
        players = list(page_function(cls, "together")(cls, player))
        for game in _games_up_to(cls, player, players):
            if game.is_open:
                _leave_behind(cls, players, game)

    @classmethod
    def looks_once_for(cls, player: Player) -> str:
        """Return a key shared by players of one market: their group or session."""
        if page_function(cls, "together") is not page_function(InstitutionPage, "together"):
            return player.subject
        return group_subject(player)

    @classmethod
    def shift_all(cls, world: World, seconds: float) -> None:
        """Postpone the clocks and ends of all periods of the session after a pause."""
        for model in world.models.having("institution"):
            game = world.models.bound.get(model.name)
            if game is None and isinstance(model.institution, Mapping):  # else an author's field
                game = LiveGame(model, _rules_of(cls))
            if isinstance(game, LiveGame):
                game.shift(seconds)

    # ---- hooks ----

    def timeout(page: Any, player: Player) -> float | None:
        """Return the seconds left on the page, including the outcome, the same for everybody."""
        game = _game_of(page, player)
        ends = game.model.get("ends")
        return None if ends is None else max(0.0, ends - game.now)

    def timeout_reached(page: Any, player: Player) -> None:
        """End the period for all, if nothing has ended it since the time for decisions was over."""
        _game_of(page, player).settle(at_once=True)

    def may_proceed(page: Any, player: Player) -> bool:
        """Hold everybody until the period is over."""
        return not _settled(page, player).is_open

    # ---- live methods ----

    @live
    def seed_institution(page: Any, player: Player) -> dict[str, Any]:
        """Return everything that the page shows, at the start and after missed pushes."""
        return _data(page, player, _settled(page, player))

    @live
    def send_decision(
        page: Any, player: Player, action: Any, amounts: Any = (), target: Any = "",
        sent: Any = None, language: str = "en",
    ) -> dict[str, Any]:  # fmt: skip
        """Decide: bid, accept, buy …

        Args:
            amounts: as typed; *language* is the page's.
        """
        game = _settled(page, player)
        listed = amounts if isinstance(amounts, (list, tuple)) else [amounts]
        tick = game.institution.step(str(action))
        entered = [entered_price(amount, tick, language) for amount in listed]
        try:
            game.decide(player, str(action), entered, str(target), sent)
        except OrderRefused as refusal:
            raise in_own_words(page.texts, refusal) from None
        return _data(page, player, game)

    @live
    def ask_costs(
        page: Any, player: Player, action: Any, amount: Any = "", language: str = "en"
    ) -> dict[str, Any]:  # fmt: skip
        """Return the cost of an amount for each choice of an action, before it is sent.

        Args:
            amount: as typed; *language* is the page's.
        """
        game = _settled(page, player)
        asked = entered_price(amount, game.institution.step(str(action)), language)
        if not game.is_open or player.name not in game.game.endowments:
            return {"costs": {}}
        found = game.institution.quoted_costs(game.game, player.name, str(action), asked)
        return {"costs": {target: plain(cost) for target, cost in found.items()}}


def _rules_of(page: type[InstitutionPage]) -> Institution:
    assert page.institution is not None  # a page without one is refused where it is defined
    return page.institution


def _name_of(page: type[InstitutionPage]) -> str:
    return str(page.game_name or _rules_of(page).kind)


def _is_same_game(page: type[InstitutionPage], other: type[Page] | None) -> bool:
    if other is None or not issubclass(other, InstitutionPage):
        return False
    return _name_of(other) == _name_of(page)


def _place_of(page: type[InstitutionPage], player: Player) -> dict[str, Any]:
    return {
        "session": player.session, "institution": _rules_of(page), "name": _name_of(page),
        "period": page_function(page, "period")(page, player), "group": player.group,
    }  # fmt: skip


def _game_of(page: type[InstitutionPage], player: Player) -> LiveGame:
    """Return the player's period; begin a new one."""
    game = LiveGame.in_session(**_place_of(page, player))
    game.listeners[page.key] = partial(_push, page, player, game)
    if not game.is_started:
        _begin(page, player, game)
    return game


def _begin(page: type[InstitutionPage], player: Player, game: LiveGame) -> None:
    together = list(page_function(page, "together")(page, player))
    game.model.place = player.position
    players = _dealt_in(page, together, game)
    length = _rules_of(page).length()
    lead = 0.0 if length is None else page.lead
    game.start(players, page_function(page, "endow")(page, players, game.period), lead)
    problem = _rules_of(page).endowment_problem(game.game)
    if problem:
        warn_once(world_of(game.model), page, f"{page.__name__}: {problem}")
    seconds = page.seconds
    if seconds is None and length is not None:
        seconds = lead + length
    if seconds is not None:
        game.model.review = page.review
        game.model.ends = game.now + seconds + page.review
    for other in players:
        if _has_left(page, other, game):
            game.leave_out(other)


def _dealt_in(page: type[InstitutionPage], players: list[Player], game: LiveGame) -> list[Player]:
    """Return who takes part: those who have not left, or all if the rules have places for all."""
    present = [player for player in players if not _has_left(page, player, game)]
    if not present or len(present) == len(players):
        return players
    try:
        _rules_of(page).deal_named([player.name for player in present], game.seed)
    except BadMarket:
        return players
    return present


def _settled(page: type[InstitutionPage], player: Player) -> LiveGame:
    """Return the player's period, ended if all have decided or the time to decide is up."""
    game = _game_of(page, player)
    game.settle(at_once=_seconds_left(game) == 0)
    return game


def _seconds_left(game: LiveGame) -> float | None:
    """Return how long players may still decide; None for no end."""
    ends: float | None = game.model.get("ends")
    if ends is None:
        return None
    review: float = game.model.get("review", 0.0)
    return max(0.0, ends - review - game.now)


def _data(page: type[InstitutionPage], player: Player, game: LiveGame) -> dict[str, Any]:
    left = _seconds_left(game) if game.is_open else None
    return {
        "game": game.name, "title": game.title, "left": left,
        "periods": page_function(page, "periods")(page, player), "practice": page.practice,
        **game.view(player),
    }  # fmt: skip


def _push(page: type[InstitutionPage], player: Player, game: LiveGame, by: str) -> None:
    """Push a change to those on the page in that period who see it.

    Of a sealed period nobody sees others' decisions. Who decides has a reply, but only in one of
    the tabs.
    """
    period, is_sealed = page_function(page, "period"), game.is_open and game.institution.is_sealed
    for other in page_function(page, "together")(page, player):
        is_here = other.page == page.key and period(page, other) == game.period
        is_own = by in ("", other.name)
        if is_here and (is_own or (not is_sealed and game.is_news_to(other))):
            # from each one's own place: who has caused it may be elsewhere
            notify(other, other, _data(page, other, game), event="UprootInstitution")


def _games_up_to(
    page: type[InstitutionPage], player: Player, players: Iterable[Player]
) -> list[LiveGame]:
    """Return the periods that the player, or those on the page, have reached."""
    period = page_function(page, "period")
    here = [other for other in players if other.page == page.key]
    reached = {period(page, other) for other in (player, *here)}
    place = _place_of(page, player)
    periods = sorted({*range(1, max(reached)), *reached})
    found = [LiveGame.find(**{**place, "period": number}) for number in periods]
    return [game for game in found if game is not None]


def _leave_behind(page: type[InstitutionPage], players: Iterable[Player], game: LiveGame) -> None:
    """Leave out who has left an open period, and end it when nobody is left to come."""
    gone = {other: _has_left(page, other, game) for other in players}
    for other in (other for other, has_left in gone.items() if has_left):
        game.leave_out(other)
    game.settle(at_once=all(gone.values()))


def _has_left(page: type[InstitutionPage], player: Player, game: LiveGame) -> bool:
    """Return whether a player has dropped out, or is past the place where the period began."""
    if player.has_dropped_out:
        return True
    is_here = player.page == page.key and page_function(page, "period")(page, player) == game.period
    return not is_here and player.position > game.model.get("place", player.position)
