"""MarketPage: a page on which people trade in order books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from uproot_nb.errors import Refused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Check, Page
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.commands import Cancel, Limit, Replace
from uproot_nb.market.orderbook.commands import Market as AtBest
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.price_input import entered_price, entered_quantity
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.pages.answering import answer, check_time, refuse, standing
from uproot_nb.market.pages.market_pushes import hear, push, tell, told_of
from uproot_nb.market.pages.page_functions import page_function
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["MarketPage", "markets_of"]


def _is_a_time(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (is_number and 0 < value < float("inf"))


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

    Each time that a player comes to a page with these `market_names` is a period with a market of
    its own; a practice page takes other names. Each group trades by itself, and several names are
    shown side by side. To change the page's looks, give a template that begins with
    `{% extends "uproot_nb/Market.html" %}`; its blocks are `above`, `markets`, `below`.

    Attributes:
        rules: what the markets allow, except those made with `Market.in_session(…, rules=…)`.
        seconds: how long a period lasts, from the first trader's arrival on; None is no end.
        market_names: what is traded.
        texts: what participants read instead of a refusal's sentence, by its code:
            {"off_tick": "Nur ganze Punkte."}.
    """

    template = '{% extends "uproot_nb/Market.html" %}'
    rules: ClassVar[Rules] = Rules()
    seconds: ClassVar[float | None] = None
    market_names: ClassVar[tuple[str, ...]] = ("market",)
    texts: ClassVar[Mapping[str, str]] = {}
    refusal_texts: ClassVar[tuple[str, ...]] = refusals.REFUSAL_TEXTS

    _kind: ClassVar[str] = "market"
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        "rules": (lambda v: isinstance(v, Rules), "rules: Rules(improvement=True)"),
        "seconds": (_is_a_time, "seconds, more than 0, or None"),
        "market_names": (_are_names, 'a tuple of names: ("wheat", "rye")'),
        "texts": (lambda v: isinstance(v, Mapping), "a dict of texts by the refusal's code"),
    }
    kind_functions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "open_market": ("market", "traders"), "late_trader": ("market", "trader"),
        "close_market": ("market",), "facts": ("player", "market"), "traders": ("player",),
        "sides": ("player", "market"), "period": ("player",), "told_of": ("player", "market"),
        "mine_of": ("player", "market"), "tell": ("player", "market", "outcome"),
        "tell_closed": ("player", "market"), "shown_number": ("market", "order"),
        "order_of": ("player", "market", "shown"),
    }  # fmt: skip

    # What authors may change

    def open_market(page: Any, market: Market, traders: Iterable[Player]) -> None:
        """Set up a new market: `market.induce(…)`, `market.endow(…)`. Runs once for each.

        It knows the traders that there are when the first of them arrives: make all places before
        (`serve(…, players=8)`), group the traders on a page before this one, or see `late_trader`.
        """

    def late_trader(page: Any, market: Market, trader: Player) -> None:
        """Let in who was not there yet when the market was set up. Runs once for each of them.

            def late_trader(page, market, trader):
                market.induce_for(trader, values=[90, 70])

        By default they get nothing, and look on where values are induced.
        """

    def close_market(page: Any, market: Market) -> None:
        """End a market whose time is up."""
        market.close()

    def facts(page: Any, player: Player, market: Market) -> Mapping[str, Any]:
        """Return what else a player reads beside cash and units, by its name: {"Role": "A"}.

        It is told when the page opens, and stays.
        """
        return {}

    def traders(page: Any, player: Player) -> Iterable[Player]:
        """Return those who trade together: the player's group, else everybody."""
        return player.session.players if player.group is None else player.group.players

    def sides(page: Any, player: Player, market: Market) -> Iterable[Side]:
        """Return what a player may do: "buy", "sell", or both.

        Where values are induced, that is what the player has units for.
        """
        values = market.values
        if values is None:
            return ("buy", "sell")
        schedules: dict[Side, Any] = {"buy": values.values, "sell": values.costs}
        return [side for side, units in schedules.items() if player.name in units]

    def period(page: Any, player: Player) -> int:
        """Return the number of the period: how many pages with these markets the player has met."""
        journeys = world_of(player).flow.journeys
        places = range(player.position + 1)
        met = (journeys.page(player, place) for place in places)
        return max(1, sum(_trades(page, other) for other in met))

    # What other kinds of market pages change

    def told_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return all that the page shows of a market, as JSON has it."""
        return told_of(page, player, market)

    def mine_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return what is only for the player, as JSON has it. See `Market.holdings`."""
        return market.holdings(player)

    def tell(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
        """Push what has changed in a market to those who trade with the player."""
        tell(page, player, market, outcome)

    def tell_closed(page: Any, player: Player, market: Market) -> None:
        """Push to those who trade with the player that no more orders are taken."""
        traders = list(page_function(page, "traders")(page, player))
        push(page, market, traders, {"open": False}, "UprootMarketClosed")

    def shown_number(page: Any, market: Market, order: int) -> int:
        """Return by what number a browser knows an order."""
        return order

    def order_of(page: Any, player: Player, market: Market, shown: int) -> int:
        """Return the order that a player's browser knows by a number."""
        return shown

    # What the page's flow asks

    def timeout(page: Any, player: Player) -> float | None:
        """Give everybody the same end of the period, kept by the server."""
        markets = markets_of(page, player)
        return None if page.seconds is None else _seconds_left(page, player, markets[0])

    def timeout_reached(page: Any, player: Player) -> None:
        """End the period for all."""
        for market in markets_of(page, player):
            page_function(page, "close_market")(page, market)

    # What the browser calls

    @live
    def seed_markets(page: Any, player: Player) -> dict[str, Any]:
        """Return all that the page shows: at the start, and when it has missed something."""
        return {
            "markets": [
                page_function(page, "told_of")(page, player, market)
                for market in markets_of(page, player)
            ]
        }

    @live
    def send_order(
        page: Any, player: Player, market: str, side: Any, price: Any = None, quantity: Any = 1,
        sent: Any = None, language: str = "en",
    ) -> dict[str, Any]:  # fmt: skip
        """Buy or sell at a price or better, or at the best there is if *price* is None.

        *language*: of the page on which price and quantity were typed, if they are texts.
        """
        found, units = _market(page, player, market), entered_quantity(quantity, language)
        if price is None:
            return answer(page, player, found, AtBest(player.name, side, units), sent)
        limit = entered_price(price, found.rules.tick, language)
        return answer(page, player, found, Limit(player.name, side, limit, units), sent)

    @live
    def take_price(
        page: Any, player: Player, market: str, side: Any, price: Any, quantity: Any = 1,
        sent: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Trade with what others have at a price or better, and with nothing worse; nothing rests.

        With fewer units there than are asked for, those are traded.
        """
        found, units = _market(page, player, market), entered_quantity(quantity)
        limit = entered_price(price, found.rules.tick)
        asked = Limit(player.name, side, limit, units)
        check_time(page, player, found, asked, sent)
        if found.rules.call:
            raise refuse(page, found, asked, "no_taking", refusals.NO_TAKING, sent)
        there = standing(page, player, found, asked, sent)
        if not there:
            raise refuse(page, found, asked, "gone", refusals.GONE, sent)
        if type(units) is int and units > there:
            asked = Limit(player.name, side, limit, there)
        return answer(page, player, found, asked, sent)

    @live
    def cancel_order(
        page: Any, player: Player, market: str, order: Any, sent: Any = None
    ) -> dict[str, Any]:
        """Take one's own order back."""
        found = _market(page, player, market)
        order = page_function(page, "order_of")(page, player, found, order)
        return answer(page, player, found, Cancel(player.name, order), sent)

    @live
    def replace_order(
        page: Any, player: Player, market: str, order: Any, price: Any = None,
        quantity: Any = None, sent: Any = None, language: str = "en",
    ) -> dict[str, Any]:  # fmt: skip
        """Change one's own order; *language* as for `send_order`."""
        found, units = _market(page, player, market), entered_quantity(quantity, language)
        limit = entered_price(price, found.rules.tick, language)
        order = page_function(page, "order_of")(page, player, found, order)
        return answer(page, player, found, Replace(player.name, order, limit, units), sent)


def _trades(page: Any, other: Any) -> bool:
    """Tell whether another page trades in the same markets."""
    return (
        other is not None
        and issubclass(other, MarketPage)
        and other.market_names == page.market_names
    )


def markets_of(page: Any, player: Player) -> list[Market]:
    """Return the markets of the player's period; those that are new are set up."""
    period = page_function(page, "period")(page, player)
    return [_opened(page, player, name, period) for name in page.market_names]


def _opened(page: Any, player: Player, name: str, period: int) -> Market:
    place: dict[str, Any] = {"name": name, "period": period, "group": player.group}
    market = Market.in_session(player.session, **place)
    is_new = not market.model.get("ready", False)
    if is_new:
        market = market.ruled_by(page.rules)
    market.listeners[page.key] = partial(hear, page, player, market)
    world_of(player).flow.timeouts.shifted[market.model.name] = market.shift
    if is_new:
        _set_up(page, player, market)
    _let_in(page, player, market)
    return market


def _set_up(page: Any, player: Player, market: Market) -> None:
    market.model.ready = True
    if page.seconds is not None:
        market.model.ends = world_of(player).clock() + page.seconds
    traders = list(page_function(page, "traders")(page, player))
    page_function(page, "open_market")(page, market, traders)
    market.model.met = [trader.name for trader in traders]


def _let_in(page: Any, player: Player, market: Market) -> None:
    """Let the page's author deal with somebody who has come late, once."""
    met = market.model.get("met")
    if met is not None and player.name not in met:  # older logs do not say who was there
        page_function(page, "late_trader")(page, market, player)
        met.append(player.name)


def _market(page: Any, player: Player, name: str) -> Market:
    for market in markets_of(page, player):
        if market.name == name:
            return market
    raise Refused("There is no such market on this page.")


def _seconds_left(page: Any, player: Player, market: Market) -> float:
    """Return how long the period still lasts; a pause of the session has stopped its clock."""
    timeouts = world_of(player).flow.timeouts
    for other in page_function(page, "traders")(page, player):
        here = other.name != player.name and other.position == player.position
        left = timeouts.remaining(other) if here else None
        if left is not None:
            return float(left)
    ends: float = market.model.ends
    return max(0.0, ends - world_of(player).clock())
