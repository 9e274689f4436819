"""MarketPage: a page on which people trade in order books."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Literal

from uproot_nb.engine.entities import Player
from uproot_nb.engine.realtime import notify
from uproot_nb.errors import OrderRefused, Refused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Page
from uproot_nb.market.commands import Cancel, Command, Limit, Replace
from uproot_nb.market.commands import Market as AtBest
from uproot_nb.market.depth import plain_changes
from uproot_nb.market.market import Market
from uproot_nb.market.orders import OTHER, Side
from uproot_nb.market.outcomes import Outcome, Trade
from uproot_nb.market.prices import Price, plain
from uproot_nb.market.rules import Rules

__all__ = ["MarketPage", "markets_of", "page_function"]

SHOWN_TRADES = 500
"""How many trades, the latest, a page begins with."""
_NUMBER = re.compile(r"\s*(\d{1,15})(?:[.,](\d{1,12}))?\s*\Z")


class MarketPage(Page):
    """A page on which players trade in a continuous double auction.

        class Trading(MarketPage):
            rules = Rules(improvement=True, no_loss=True)
            seconds = 180

            def open_market(page, market, traders):
                names = [trader.name for trader in traders]
                market.induce(InducedValues.drawn(names[::2], names[1::2], units=3, seed=1))

    Each round of the page is a period with a market of its own, each group trades by itself, and
    several `market_names` are shown side by side. To change the page's looks, give a template that
    begins with `{% extends "uproot_nb/Market.html" %}`; its blocks are `above`, `markets`, `below`.

    Attributes:
        rules: what the markets allow.
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

    # What authors may change

    def open_market(page: Any, market: Market, traders: Iterable[Player]) -> None:
        """Set up a new market: `market.induce(…)`, `market.endow(…)`. Runs once for each."""

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
        """Return the number of the period: the round, 1 without rounds."""
        return getattr(player, "round", None) or 1

    # What other kinds of market pages change

    def told_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return all that the page shows of a market, as JSON has it."""
        return _told_of(page, player, market)

    def mine_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return what is only for the player, as JSON has it. See `Market.holdings`."""
        return market.holdings(player)

    def tell(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
        """Push what a player's command has changed to those who trade with the player."""
        _tell(page, player, market, outcome)

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
        page: Any, player: Player, market: str, side: Literal["buy", "sell"],
        price: int | str | None, quantity: int = 1, sent: float | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Buy or sell at a price or better, or at the best there is if *price* is None."""
        found = _market(page, player, market)
        if price is None:
            asked: Command = AtBest(player.name, side, quantity)
        else:
            asked = Limit(player.name, side, _price(price), quantity)
        _check(page, player, found, asked, side, quantity, sent)
        with _Telling(page, player, found) as told:
            if isinstance(asked, Limit):
                told.outcome = found.limit(player, side, asked.price, quantity, sent)
            else:
                told.outcome = found.market(player, side, quantity, sent)
        return told.reply()

    @live
    def take_price(
        page: Any, player: Player, market: str, side: Literal["buy", "sell"], price: int | str,
        quantity: int = 1, sent: float | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Trade with what stands at a price or better, and with nothing worse; nothing rests."""
        found = _market(page, player, market)
        limit = _price(price)
        asked = Limit(player.name, side, limit, quantity)
        if found.rules.call:
            words = "Nothing is traded here before all orders are in."
            raise _refusal(page, found.refuse(asked, "no_taking", words, sent))
        there = _standing(found, player, side, limit)
        if not there:
            raise _refusal(page, found.refuse(asked, "gone", "That offer has just gone.", sent))
        quantity = min(quantity, there)
        _check(page, player, found, asked, side, quantity, sent)
        with _Telling(page, player, found) as told:
            told.outcome = found.limit(player, side, limit, quantity, sent)
        return told.reply()

    @live
    def cancel_order(
        page: Any, player: Player, market: str, order: int, sent: float | None = None
    ) -> dict[str, Any]:
        """Take one's own order back."""
        found = _market(page, player, market)
        order = page_function(page, "order_of")(page, player, found, order)
        _check(page, player, found, Cancel(player.name, order), None, 0, sent)
        with _Telling(page, player, found) as told:
            told.outcome = found.cancel(player, order, sent)
        return told.reply()

    @live
    def replace_order(
        page: Any, player: Player, market: str, order: int, price: int | str | None = None,
        quantity: int | None = None, sent: float | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Change one's own order."""
        found = _market(page, player, market)
        limit = None if price is None else _price(price)
        order = page_function(page, "order_of")(page, player, found, order)
        _check(page, player, found, Replace(player.name, order, limit, quantity), None, 0, sent)
        with _Telling(page, player, found) as told:
            told.outcome = found.replace(player, order, limit, quantity, sent)
        return told.reply()


class _Telling:
    """Tells those on the page what a command has done; a refusal in the words of the page."""

    def __init__(self, page: Any, player: Player, market: Market) -> None:
        self._page, self._player, self._market = page, player, market
        self.outcome: Outcome | None = None

    def __enter__(self) -> _Telling:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:  # fmt: skip
        if isinstance(error, OrderRefused):
            raise _refusal(self._page, error)
        if error is None and self.outcome is not None:
            tell = page_function(self._page, "tell")
            tell(self._page, self._player, self._market, self.outcome)

    def reply(self) -> dict[str, Any]:
        """Return what the caller alone gets to know."""
        assert self.outcome is not None
        page, market, order = self._page, self._market, self.outcome.order
        mine = page_function(page, "mine_of")(page, self._player, market)
        shown = order if order is None else page_function(page, "shown_number")(page, market, order)
        traded = sum(trade.quantity for trade in self.outcome.trades)
        return {
            "market": market.name, "order": shown,
            "resting": self.outcome.resting, "traded": traded, "mine": mine,
        }  # fmt: skip


def _tell(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
    """Push what has changed to everybody, and what is theirs to the makers."""
    traders = list(page_function(page, "traders")(page, player))
    now = market.model._world.journal.clock()
    news = {
        "market": market.name, **plain_changes(outcome),
        "trades": [_plain_trade(now, trade) for trade in outcome.trades],
    }  # fmt: skip
    notify(player, traders, news, event="UprootMarket")
    mine_of = page_function(page, "mine_of")
    concerned = {trade.maker for trade in outcome.trades} | {e.player for e in outcome.events}
    for other in traders:
        if other.name in concerned and other.name != player.name:
            mine = {"market": market.name, "mine": mine_of(page, other, market)}
            notify(player, other, mine, event="UprootMarketMine")


def _told_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
    rules = market.rules
    return {
        "market": market.name, "period": market.period, "tick": plain(rules.tick),
        "max_price": plain(rules.max_price), "max_quantity": rules.max_quantity,
        "sides": list(page_function(page, "sides")(page, player, market)),
        "depth": market.depth().plain(),
        "mine": page_function(page, "mine_of")(page, player, market),
        "trades": [_plain_trade(*trade) for trade in market.trades[-SHOWN_TRADES:]],
        "open": market.is_open, "timed": page.seconds is not None,
        "facts": dict(page_function(page, "facts")(page, player, market)),
    }  # fmt: skip


def _plain_trade(time: float, trade: Trade) -> list[Any]:
    return [trade.trade, time, plain(trade.price), trade.quantity, trade.initiator]


def markets_of(page: Any, player: Player) -> list[Market]:
    """Return the markets of the player's period; those that are new are set up."""
    found = []
    for name in page.market_names:
        period = page_function(page, "period")(page, player)
        market = Market.in_session(player.session, name=name, period=period, group=player.group)
        if not market.model.get("ready", False):
            market = _set_up(page, player, market)
        found.append(market)
    return found


def _set_up(page: Any, player: Player, market: Market) -> Market:
    if page.rules != market.rules:
        market.model.market["rules"] = page.rules.plain()
        market = market.again()
    market.model.ready = True
    if page.seconds is not None:
        market.model.ends = market.model._world.journal.clock() + page.seconds
    traders = page_function(page, "traders")(page, player)
    page_function(page, "open_market")(page, market, traders)
    return market


def _market(page: Any, player: Player, name: str) -> Market:
    for market in markets_of(page, player):
        if market.name == name:
            return market
    raise Refused("There is no such market on this page.")


def _seconds_left(page: Any, player: Player, market: Market) -> float:
    """Return how long the period still lasts; a pause of the session has stopped its clock."""
    timeouts = player._world.flow.timeouts
    for other in page_function(page, "traders")(page, player):
        here = other.name != player.name and other.position == player.position
        left = timeouts.remaining(other) if here else None
        if left is not None:
            return float(left)
    ends: float = market.model.ends
    return max(0.0, ends - player._world.journal.clock())


def _check(
    page: Any, player: Player, market: Market, asked: Command, side: Side | None, quantity: int,
    sent: float | None,
) -> None:  # fmt: skip
    """Hold an order to what the page knows: the time, the sides, the units induced.

    Raises:
        OrderRefused: it is too late, or the player has nothing to do there.
    """
    if player._world.flow.timeouts.has_passed(player):
        raise _refusal(page, market.refuse(asked, "closed", "The market is closed.", sent))
    if side is None:
        return
    if side not in page_function(page, "sides")(page, player, market):
        doing = "buy" if side == "buy" else "sell"
        raise _refusal(page, market.refuse(asked, "side", f"You cannot {doing} here.", sent))
    values = market.values
    if values is not None:
        account = market.book.account(player.name)
        schedules = values.values if side == "buy" else values.costs
        done = account.bought + account.bid_units if side == "buy" else (
            account.sold + account.ask_units
        )  # fmt: skip
        if isinstance(quantity, int) and done + quantity > len(schedules.get(player.name, ())):
            words = "You have no more units to trade."
            raise _refusal(page, market.refuse(asked, "no_units", words, sent))


def _standing(market: Market, player: Player, side: Side, limit: Price) -> int:
    """Return how many units of others stand at a price or better."""
    other = OTHER[side]
    units = 0
    for order in market.book.standing(other):
        if (order.price > limit) if side == "buy" else (order.price < limit):
            break
        units += order.remaining
    return units


def _refusal(page: Any, refusal: OrderRefused) -> OrderRefused:
    text = page.texts.get(refusal.code)
    return refusal if text is None else OrderRefused(refusal.code, text)


def _price(told: int | str) -> Any:
    """Read a price as a participant writes it, with a point or a comma; what is none stays text."""
    if isinstance(told, int):
        return told
    found = _NUMBER.match(told)
    if found is None:
        return told
    whole, rest = found.groups()
    return int(whole) if rest is None or not rest.strip("0") else Decimal(f"{whole}.{rest}")


def page_function(page: Any, name: str) -> Any:
    """Return a function of a page as its author wrote it: it takes the page itself."""
    value = getattr(page, name)
    return getattr(value, "__func__", value)
