"""AssetMarketPage: a page to trade an asset that lives for several periods and pays dividends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Check
from uproot_nb.market.analysis.dividends import HOLDING_VALUE, LAST_DIVIDEND, Dividends, as_price
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.amounts import plain
from uproot_nb.market.orderbook.rules import NO_COSTS, Rules
from uproot_nb.market.pages.page import MarketPage
from uproot_nb.realtime.game_pages import page_function
from uproot_nb.session.entities import Player

__all__ = ["AssetMarketPage"]


class AssetMarketPage(MarketPage):
    """A page on which players trade an asset over several periods (Smith, Suchanek, Williams 1988).

        class Trading(AssetMarketPage):
            dividends = Dividends((0, 8, 28, 60), periods=15)
            seconds = 240

            def endow(page, market, traders):
                for trader in traders:
                    cash, units = [(225, 3), (585, 2), (945, 1)][trader.id % 3]
                    market.endow(trader, cash, units)

        serve([Rounds(Trading, n=15)], players=9)

    Each round is a period. When it ends, its dividend is drawn and paid for each unit; cash and
    units are carried over to the next one, for all traders, including absent ones. The first trader
    to arrive in a period ends the previous one for everybody. A new group starts afresh: its
    traders get endowments, whatever they had elsewhere. Traders who join after the first period has
    opened have nothing, so open all places in time (`serve(…, players=9)`), or endow late traders:
    `def late_trader(page, market, trader)`.

    Attributes:
        dividends: what the asset pays; a period's number is its round.
        show_value: show players what holding a unit pays on average.
        rules: by default, no credit and no short sales.
    """

    dividends: ClassVar[Dividends]
    show_value: ClassVar[bool] = False
    rules = Rules(budget=True, short_sales=False)
    _endows_in: ClassVar[str] = "endow"
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        **MarketPage.kind_attributes,
        "show_value": (lambda v: isinstance(v, bool), "True or False"),
    }
    kind_functions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **MarketPage.kind_functions,
        "endow": ("market", "traders"),
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dividends = getattr(cls, "dividends", None)
        if not isinstance(dividends, Dividends):
            raise BadPage(
                cls.__name__,
                f"its dividends are {dividends!r}.",
                "Write dividends = Dividends((0, 10), periods=5), for example.",
            )
        if cls.rules.call and _is_usual(cls, "close_market"):
            raise BadPage(
                cls.__name__,
                "with call=True its orders are collected, and it never clears them.",
                "Write rules without call, or close_market(page, market) with market.clear() and "
                "market.settle().",
            )
        if cls.rules.no_loss and _is_usual(cls, "open_market"):
            raise BadPage(
                cls.__name__,
                f"{NO_COSTS}.",
                "Write rules without no_loss, or open_market(page, market, traders) that induces "
                "values and costs, too.",
            )

    def endow(page: Any, market: Market, traders: Iterable[Player]) -> None:
        """Give traders cash and units for the first period: `market.endow(trader, 100, 2)`."""

    def open_market(page: Any, market: Market, traders: Iterable[Player]) -> None:
        """Set the dividends; endow the traders, or carry over their holdings."""
        market.promise(page.dividends)
        before = _period_before(page, market)
        if before is None:
            page_function(page, "endow")(page, market, traders)
        else:
            market.carry_over(before)

    def close_market(page: Any, market: Market) -> None:
        """End a market when its time is up, and pay its dividend."""
        market.settle()

    def facts(page: Any, player: Player, market: Market) -> Mapping[str, Any]:
        """Return the previous dividend and, with `show_value`, the value of holding a unit."""
        facts: dict[str, Any] = {}
        before = market.previous
        if before is not None:
            facts[LAST_DIVIDEND] = plain(before.dividend)
        if page.show_value:
            value = page.dividends.fundamental_value(market.period)
            facts[HOLDING_VALUE] = plain(as_price(value))
        return facts


def _is_usual(page: type[AssetMarketPage], name: str) -> bool:
    """Return whether a page has no function of its author of this name."""
    return page_function(page, name) is page_function(AssetMarketPage, name)


def _period_before(page: type[AssetMarketPage], market: Market) -> Market | None:
    """Return the market of the previous period; create one that nobody has reached."""
    before = market.previous
    if before is not None or not any(map(market.in_period, range(1, market.period - 1))):
        return before
    skipped = Market.in_session(
        market.model.session,
        name=market.name,
        period=market.period - 1,
        rules=page.rules,
        beside=page.market_names,
    )
    page_function(page, "open_market")(page, skipped, ())
    return skipped
