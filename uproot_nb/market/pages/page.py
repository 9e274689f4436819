"""MarketPage: a page on which people trade in order books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from uproot_nb.errors import BadPage, Refused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Check, Page
from uproot_nb.market.market import Market, follows_pauses, shift_markets, wake_markets
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.amounts import plain
from uproot_nb.market.orderbook.commands import Cancel, LimitOrder, MarketOrder, Replace
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.price_input import entered_price, entered_quantity, entered_time
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.pages.answering import answer, check_halted, check_time, refuse, standing
from uproot_nb.market.pages.market_pushes import (
    market_data,
    push,
    push_endowments,
    push_outcome,
    push_shout,
    push_to_traders,
)
from uproot_nb.market.pages.trader_data import robots_highest, trader_data, warn_of_empty_purses
from uproot_nb.realtime.game_pages import (
    COMMON_ATTRIBUTES,
    group_or_all,
    page_function,
    reached_periods,
)
from uproot_nb.session.entities import Player
from uproot_nb.session.world import World, world_of

__all__ = ["MarketPage", "markets_of"]


def _are_names(value: Any) -> bool:
    listed = isinstance(value, (list, tuple)) and bool(value)
    return listed and all(isinstance(name, str) and name for name in value)


class MarketPage(Page):
    """A page on which players trade in a continuous double auction.

        class Trading(MarketPage):
            rules = Rules(improvement=True, no_loss=True)
            seconds = 180

            def open_market(page, market, traders):
                names = [trader.name for trader in traders]
                market.induce(InducedValues.drawn(names[::2], names[1::2], units=3, seed=1))

    Each visit to a page with these `market_names` is a period with a market of its own; give a
    practice page other names and `practice = True`. Each group trades separately. Several
    markets are shown side by side. To change the page's design, write a template that begins with
    `{% extends "uproot_nb/Market.html" %}`; its blocks are `above`, `markets`, `below`.

    Attributes:
        rules: the rules of markets created without rules of their own
            (`Market.in_session(…, rules=…)`).
        seconds: the length of a period, from the first trader's arrival on; None for no end.
        market_names: a market for each name.
        practice: whether the page says that its periods are practice, and are not paid.
        texts: your own sentences for refusals, by code: {"off_tick": "Nur ganze Punkte."}.
    """

    template = '{% extends "uproot_nb/Market.html" %}'
    rules: ClassVar[Rules] = Rules()
    seconds: ClassVar[float | None] = None
    market_names: ClassVar[tuple[str, ...]] = ("market",)
    practice: ClassVar[bool] = False
    texts: ClassVar[Mapping[str, str]] = {}
    refusal_texts: ClassVar[tuple[str, ...]] = refusals.REFUSAL_TEXTS

    _kind: ClassVar[str] = "market"
    _endows_in: ClassVar[str] = "open_market"
    """The function in which authors endow."""
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        **COMMON_ATTRIBUTES,
        "rules": (lambda v: isinstance(v, Rules), "rules: Rules(improvement=True)"),
        "market_names": (_are_names, 'a tuple of names: ("wheat", "rye")'),
    }
    kind_functions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "open_market": ("market", "traders"), "late_trader": ("market", "trader"),
        "close_market": ("market",), "facts": ("player", "market"), "traders": ("player",),
        "sides": ("player", "market"), "period": ("player",), "periods": ("player",),
        "market_data": ("player", "market"),
        "private_data": ("player", "market"), "push_outcome": ("player", "market", "outcome"),
        "push_closed": ("player", "market"), "shown_number": ("market", "order"),
        "order_of": ("player", "market", "shown"),
    }  # fmt: skip

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.rules.timing != "uniform":
            raise BadPage(
                cls.__name__,
                f"timing={cls.rules.timing!r} says when robots act in a simulation; on a page "
                "everybody acts at any time.",
                'Write rules = dataclasses.replace(…, timing="uniform").',
            )
        ends = ("close_market", "timeout_reached")
        if cls.rules.call and all(
            page_function(cls, name) is page_function(MarketPage, name) for name in ends
        ):
            raise BadPage(
                cls.__name__,
                "with call=True its orders are collected, and it never clears them.",
                "Write class Trading(CallMarketPage), or close_market(page, market) with "
                "market.clear() and market.close().",
            )

    # What authors may change

    def open_market(page: Any, market: Market, traders: Iterable[Player]) -> None:
        """Set up a new market: `market.induce(…)`, `market.endow(…)`. Runs once per market.

        *traders* are those known when the first of them arrives: open all places before
        (`serve(…, players=8)`), group the traders on an earlier page, or see `late_trader`.
        """

    def late_trader(page: Any, market: Market, trader: Player) -> None:
        """Set up a trader who came after the market was set up. Runs once per trader.

            def late_trader(page, market, trader):
                market.induce_for(trader, values=[90, 70])

        By default late traders get nothing, so with induced values they can only watch.
        """

    def close_market(page: Any, market: Market) -> None:
        """End a market when its time is up."""
        market.close()

    def facts(page: Any, player: Player, market: Market) -> Mapping[str, Any]:
        """Return more facts that a player reads beside cash and units: {"Role": "A"}.

        They are sent once, when the page opens.
        """
        return {}

    def traders(page: Any, player: Player) -> Iterable[Player]:
        """Return the players who trade together: the player's group, else everybody."""
        return group_or_all(player)

    def sides(page: Any, player: Player, market: Market) -> Iterable[Side]:
        """Return a player's sides: "buy", "sell", or both.

        With induced values, these are the sides on which the player has units.
        """
        values = market.values
        if values is None:
            return ("buy", "sell")
        schedules: dict[Side, Any] = {"buy": values.values, "sell": values.costs}
        return [side for side, units in schedules.items() if player.name in units]

    def period(page: Any, player: Player) -> int:
        """Return the period: how many pages with these markets the player has reached."""
        return reached_periods(player, partial(_trades, page))

    def periods(page: Any, player: Player) -> int | None:
        """Return how many periods there are, as the page says; None if that is not known yet.

        These are the pages with these markets in the player's page order. The number is unknown
        while a `Repeat` is undecided, or if `period` is your own function.
        """
        if page_function(page, "period") is not page_function(MarketPage, "period"):
            return None
        return world_of(player).flow.journeys.count(player, partial(_trades, page))

    @classmethod
    def shift_all(cls, world: World, seconds: float) -> None:
        """Postpone the ends of all markets of the session after a pause."""
        if not follows_pauses(world):
            shift_markets(world, seconds)

    @classmethod
    def resume_all(cls, world: World) -> None:
        """Restart the timers of orders and halts after a restart of the kernel."""
        wake_markets(world)

    # For other kinds of market pages

    def market_data(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return everything that the page shows of a market, for JSON."""
        return market_data(page, player, market)

    def private_data(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return the player's private data, for JSON. See `trader_data`."""
        return trader_data(page, player, market)

    def push_outcome(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
        """Push an outcome to those who trade with the player."""
        push_outcome(page, player, market, outcome)

    def push_closed(page: Any, player: Player, market: Market) -> None:
        """Push the end of the market to those who trade with the player."""
        traders = list(page_function(page, "traders")(page, player))
        push(page, market, traders, {"open": False}, "UprootMarketClosed")

    def shown_number(page: Any, market: Market, order: int) -> int:
        """Return the number by which browsers know an order."""
        return order

    def order_of(page: Any, player: Player, market: Market, shown: int) -> int:
        """Return the order that browsers know by a number."""
        return shown

    # Hooks

    def timeout(page: Any, player: Player) -> float | None:
        """Return the seconds left of the period, the same for everybody."""
        markets = markets_of(page, player)
        return None if page.seconds is None else _seconds_left(page, player, markets[0])

    def timeout_reached(page: Any, player: Player) -> None:
        """End the period for all."""
        for market in markets_of(page, player):
            page_function(page, "close_market")(page, market)

    # Live methods

    @live
    def seed_markets(page: Any, player: Player) -> dict[str, Any]:
        """Return everything that the page shows, at the start and after missed pushes."""
        markets = markets_of(page, player)
        _check_purses(page, player, markets)  # now that all hooks before the page have run
        return {
            "markets": [
                page_function(page, "market_data")(page, player, market) for market in markets
            ]
        }

    @live
    def robots_range(page: Any, player: Player, market: str) -> dict[str, Any]:
        """Return the highest price of which a robot thinks, None if that is not known.

        It follows from the values of all traders, so it is told to nobody for whom no bot plays.
        """
        found = _market(page, player, market)
        is_told = world_of(player).robots[player.name] > 0
        return {"market": found.name, "highest": plain(robots_highest(found)) if is_told else None}

    @live
    def send_order(
        page: Any, player: Player, market: str, side: Any, price: Any = None, quantity: Any = 1,
        sent: Any = None, language: str = "en", terms: Any = None, good_for: Any = None,
        shown: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Buy or sell at a price or better, or at the best available price if *price* is None.

        *language*: the page's, for a price and quantity typed as text. *terms*: "ioc" or "fok" for
        an order that does not stand. *good_for*: the seconds for which it may stand. *shown*:
        how many units are shown at a time.
        """
        found, units = _market(page, player, market), entered_quantity(quantity, language)
        if price is None:
            whole = MarketOrder(player.name, side, units)
            # no order at any price stands
            if terms not in (None, "ioc") or good_for is not None or shown is not None:
                raise refuse(page, found, whole, "no_terms", refusals.NO_TERMS, sent)
            return answer(page, player, found, whole, sent)
        limit = entered_price(price, found.rules.tick, language)
        asked = LimitOrder(
            player.name, side, limit, units, terms, entered_time(good_for, language),
            entered_quantity(shown, language),
        )  # fmt: skip
        return answer(page, player, found, asked, sent)

    @live
    def take_price(
        page: Any, player: Player, market: str, side: Any, price: Any, quantity: Any = 1,
        sent: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Trade with standing orders at a price or better; no part of the order stands.

        If fewer units are available, those are traded.
        """
        found, units = _market(page, player, market), entered_quantity(quantity)
        limit = entered_price(price, found.rules.tick)
        asked = LimitOrder(player.name, side, limit, units)
        with found.at_one_time():
            check_time(page, player, found, asked, sent)
            check_halted(page, found, asked, sent)
            if found.rules.call:
                raise refuse(page, found, asked, "no_taking", refusals.NO_TAKING, sent)
            there = standing(page, player, found, asked, sent)
            if not there:
                raise refuse(page, found, asked, "gone", refusals.GONE, sent)
            if type(units) is int and units > there:
                asked = LimitOrder(player.name, side, limit, there)
            return answer(page, player, found, asked, sent)

    @live
    def cancel_order(
        page: Any, player: Player, market: str, order: Any, sent: Any = None
    ) -> dict[str, Any]:
        """Cancel the player's own order."""
        found = _market(page, player, market)
        order = page_function(page, "order_of")(page, player, found, order)
        return answer(page, player, found, Cancel(player.name, order), sent)

    @live
    def replace_order(
        page: Any, player: Player, market: str, order: Any, price: Any = None,
        quantity: Any = None, sent: Any = None, language: str = "en",
    ) -> dict[str, Any]:  # fmt: skip
        """Change the player's own order; *language* as for `send_order`."""
        found, units = _market(page, player, market), entered_quantity(quantity, language)
        limit = entered_price(price, found.rules.tick, language)
        order = page_function(page, "order_of")(page, player, found, order)
        return answer(page, player, found, Replace(player.name, order, limit, units), sent)

    @live
    def repeat_order(
        page: Any, player: Player, market: str, order: Any, sent: Any = None
    ) -> dict[str, Any]:
        """Shout the price of the player's own order again: others see it, the book does not change.

        Robots do so, and learn from it. In a call market nobody sees anything before it is cleared.
        """
        found = _market(page, player, market)
        order = page_function(page, "order_of")(page, player, found, order)
        asked = Replace(player.name, order)
        with found.at_one_time():
            check_time(page, player, found, asked, sent)
            check_halted(page, found, asked, sent)
            own = found.book.account(player.name).orders
            standing_order = own.get(order) if type(order) is int else None
            if standing_order is None:
                raise refuse(page, found, asked, "no_order", refusals.NO_ORDER, sent)
            if found.rules.call:
                raise refuse(page, found, asked, "no_change", refusals.NO_CHANGE, sent)
            push_shout(page, player, found, standing_order)
        return {"market": found.name}


def _trades(page: type[MarketPage], other: type[Page] | None) -> bool:
    """Return whether another page trades in the same markets."""
    return (
        other is not None
        and issubclass(other, MarketPage)
        and other.market_names == page.market_names
    )


def markets_of(page: type[MarketPage], player: Player) -> list[Market]:
    """Return the markets of the player's period; set up new ones."""
    period = page_function(page, "period")(page, player)
    return [_opened(page, player, name, period) for name in page.market_names]


def _opened(page: type[MarketPage], player: Player, name: str, period: int) -> Market:
    place: dict[str, Any] = {"name": name, "period": period, "group": player.group}
    market = Market.in_session(player.session, **place, beside=page.market_names)
    is_new = not market.model.get("ready", False)
    if is_new:
        market = market.ruled_by(page.rules)
    market.listeners[page.key] = partial(push_to_traders, page, player, market)
    market.endowment_listeners[page.key] = partial(push_endowments, page, player, market)
    if is_new:
        _set_up(page, player, market)
    _let_in(page, player, market)
    return market


def _set_up(page: type[MarketPage], player: Player, market: Market) -> None:
    market.model.ready = True
    if page.seconds is not None:
        market.model.ends = world_of(player).clock() + page.seconds
    traders = list(page_function(page, "traders")(page, player))
    page_function(page, "open_market")(page, market, traders)
    market.model.met = [trader.name for trader in traders]


def _let_in(page: type[MarketPage], player: Player, market: Market) -> None:
    """Call the author's `late_trader` once for each late trader."""
    met = market.model.get("met")
    if met is not None and player.name not in met:  # older logs lack `met`
        page_function(page, "late_trader")(page, market, player)
        met.append(player.name)


def _check_purses(page: type[MarketPage], player: Player, markets: Iterable[Market]) -> None:
    """Warn where nobody can buy, unless the author's `late_trader` may still endow somebody."""
    new = [market for market in markets if market.is_open and market.book.next_order == 1]
    if not new:
        return
    traders = list(page_function(page, "traders")(page, player))
    is_usual = page_function(page, "late_trader") is page_function(MarketPage, "late_trader")
    for market in new:
        warn_of_empty_purses(page, traders, market, page._endows_in if is_usual else None)


def _market(page: type[MarketPage], player: Player, name: str) -> Market:
    for market in markets_of(page, player):
        if market.name == name:
            return market
    raise Refused("There is no such market on this page.")


def _seconds_left(page: type[MarketPage], player: Player, market: Market) -> float:
    """Return the seconds left of the period, not counting pauses of the session."""
    timeouts = world_of(player).flow.timeouts
    for other in page_function(page, "traders")(page, player):
        here = other.name != player.name and other.position == player.position
        left = timeouts.remaining(other) if here else None
        if left is not None:
            return float(left)
    ends: float = market.model.ends
    return max(0.0, ends - world_of(player).clock())
