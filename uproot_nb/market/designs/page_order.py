"""Page order: the pages on which people trade in a design's market."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Protocol

from uproot_nb.errors import BadMarket
from uproot_nb.experiment.order import Rounds
from uproot_nb.experiment.pages import GroupCreatingWait
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.designs.asset import Asset, Endowments
from uproot_nb.market.designs.schedules import renamed
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.pages.asset_page import AssetMarketPage
from uproot_nb.market.pages.call_page import CallMarketPage
from uproot_nb.market.pages.page import MarketPage
from uproot_nb.realtime.game_pages import page_function
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["PRACTICE", "TRADING", "page_order"]

PRACTICE, TRADING = "practice", "market"
"""The names of the markets of practice periods, and of all others."""


_WHOSE = "a design's rules, values and markets are its own"
_UNITS = "Give units by values: Design({1: low, 4: high}); a design has no endowments."
_OF_THE_DESIGN = {
    "rules": "Give rules to the design: Design(values, rules=Rules(no_loss=True)).",
    "market_names": f"Its markets are {PRACTICE!r} and {TRADING!r}.",
    "open_market": _UNITS,
    "late_trader": _UNITS,
    "practice": "Give the number of practice periods to the design: Design(values, practice=2).",
}
_ENDOWED = "Give cash and units to the asset: Design(Asset(dividends, endowments))."
_OF_THE_ASSET = {
    "rules": _OF_THE_DESIGN["rules"], "market_names": _OF_THE_DESIGN["market_names"],
    "open_market": _ENDOWED, "late_trader": _ENDOWED, "endow": _ENDOWED, "dividends": _ENDOWED,
}  # fmt: skip
"""What pages have from a design and not from their author, and where to say it instead."""


class PeriodsOfDesign(Protocol):
    """What pages need of a design."""

    @property
    def asset(self) -> Asset | None:
        """The asset that is traded; None where traders have values and costs."""

    def endowments_in(self, seed: int | str = 0) -> Endowments:
        """Return with what cash and units of the asset each seat begins."""

    @property
    def practice(self) -> int:
        """How many practice periods there are."""

    @property
    def groups(self) -> int:
        """How many groups a session has."""

    @property
    def clear_after_trade(self) -> bool:
        """Whether a trade takes all standing orders away."""

    @property
    def numbers(self) -> range:
        """The numbers of all periods."""

    @property
    def seats(self) -> list[str]:
        """The names of the traders of a market."""

    def values_in(self, period: int, seed: int | str = 0) -> InducedValues:
        """Return the values of a period."""

    def rules_in(self, period: int) -> Rules:
        """Return the rules of a period."""

    def market_seed(self, session: int | str, group: int) -> int | str:
        """Return the seed of a group's market."""


def page_order(
    design: PeriodsOfDesign, page: type[MarketPage] | None, attributes: Mapping[str, Any]
) -> list[Any]:
    """Return a page order: rounds of one page for periods with the same rules."""
    for name, instead in _whose(design).items():
        if name in attributes:
            raise BadMarket(f"pages({name}=…) would be ignored: {_WHOSE}.", instead)
    order: list[Any] = []
    if design.groups > 1:
        order.append(_wait_page(design.groups, len(design.seats)))
    names = {PRACTICE: _numbered("Practice"), TRADING: _numbered("Trading")}
    for (market, rules), periods in groupby(
        design.numbers, lambda period: (_market_of(period), _rules_on_pages(design, period))
    ):
        made = _trading_page(next(names[market]), design, market, rules, page, attributes)
        order.append(Rounds(made, n=len(list(periods)), block=market))
    return order


def _market_of(period: int) -> str:
    return TRADING if period > 0 else PRACTICE


def _rules_on_pages(design: PeriodsOfDesign, period: int) -> Rules:
    """Return the rules of a period: whether quotes lapse after trades, and practice's own purse."""
    rules = design.rules_in(period)
    if design.clear_after_trade and not rules.call and rules.lapse is None:
        rules = replace(rules, lapse="trade")
    if _market_of(period) == PRACTICE and rules.purse is not None:
        # Periods of practice have the same numbers as those that count.
        rules = replace(rules, purse=f"{PRACTICE}/{rules.purse}")
    return rules


def _numbered(name: str) -> Iterator[str]:
    """Yield names of pages: Trading, Trading_2, Trading_3 …"""
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _trading_page(
    name: str, design: PeriodsOfDesign, market_name: str, rules: Rules,
    page: type[MarketPage] | None, attributes: Mapping[str, Any],
) -> type[MarketPage]:  # fmt: skip
    kind: type[MarketPage] = CallMarketPage if rules.call else MarketPage
    if design.asset is not None:
        kind = AssetMarketPage
    parent = kind if page is None else page
    if not isinstance(parent, type) or not issubclass(parent, kind):
        raise BadMarket(
            f"page={page!r} is not a {kind.__name__}.", f"Write class Trading({kind.__name__}): …"
        )
    _check_page(design, parent, kind)
    if design.asset is not None:
        return _asset_page(name, design, design.asset, rules, parent, attributes)
    offset = design.practice if market_name == PRACTICE else 0

    def open_market(page: Any, market: Market, traders: Sequence[Player]) -> None:
        """Induce the values of the period for those who have a seat; close a market of nobody's."""
        if design.groups > 1 and not _sitting(design, traders):
            market.close()
        values = _values_of(design, market, market.period - offset, traders)
        if values.values or values.costs:
            market.induce(values)

    def late_trader(page: Any, market: Market, trader: Player) -> None:
        """Induce the values of a seat that was free when the market opened."""
        values = _values_of(design, market, market.period - offset, [trader])
        mine, costs = (side.get(trader.name, ()) for side in (values.values, values.costs))
        if mine or costs:
            market.induce_for(trader, mine, costs)

    return type(name, (parent,), {
        "__module__": __name__, "__doc__": parent.__doc__, **attributes, "rules": rules,
        "market_names": (market_name,), "practice": market_name == PRACTICE,
        "open_market": open_market, "late_trader": late_trader,
    })  # fmt: skip


def _asset_page(
    name: str, design: PeriodsOfDesign, asset: Asset, rules: Rules, parent: type[MarketPage],
    attributes: Mapping[str, Any],
) -> type[MarketPage]:  # fmt: skip
    def endow(page: Any, market: Market, traders: Sequence[Player]) -> None:
        """Give cash and units of the asset to those who have a seat."""
        for trader, (cash, units) in _endowed(design, market, traders):
            market.endow(trader, cash, units)

    def late_trader(page: Any, market: Market, trader: Player) -> None:
        """Give the cash and units of a seat that was free when the market opened."""
        if trader.name not in market.book.accounts:
            endow(page, market, [trader])

    return type(name, (parent,), {
        "__module__": __name__, "__doc__": parent.__doc__, "dividends": asset.dividends,
        **attributes, "rules": rules, "market_names": (TRADING,), "endow": endow,
        "late_trader": late_trader,
    })  # fmt: skip


def _endowed(
    design: PeriodsOfDesign, market: Market, traders: Sequence[Player]
) -> list[tuple[Player, tuple[Price, int]]]:
    """Return those of a group who have a seat, with cash and units."""
    seats, seed, sitting = design.seats, world_of(market.model).seed, _sitting(design, traders)
    if not sitting:
        return []
    held = design.endowments_in(design.market_seed(seed, sitting[0].id // len(seats) + 1))
    return [(trader, held[seats[trader.id % len(seats)]]) for trader in sitting]


def _whose(design: PeriodsOfDesign) -> Mapping[str, str]:
    """Return what pages have from the design, and where to say it instead."""
    return _OF_THE_DESIGN if design.asset is None else _OF_THE_ASSET


def _check_page(design: PeriodsOfDesign, page: type[MarketPage], kind: type[MarketPage]) -> None:
    """Refuse a page of the author's that says otherwise what the design says."""
    asset = design.asset
    own = {
        n for n in _whose(design)
        if n != "dividends" and page_function(page, n) != page_function(kind, n)
    }  # fmt: skip
    if asset is not None and getattr(page, "dividends", asset.dividends) != asset.dividends:
        own.add("dividends")
    if page.rules in [design.rules_in(period) for period in design.numbers]:
        own.discard("rules")
    for name, instead in _whose(design).items():
        if name in own:
            raise BadMarket(
                f"page={page.__name__}: its {name} would be ignored, since {_WHOSE}.",
                f"Leave {name} out of the page. {instead}",
            )


def _values_of(
    design: PeriodsOfDesign, market: Market, period: int, traders: Sequence[Player]
) -> InducedValues:
    """Return the values of those of a group who have a seat, by their own names."""
    seats, seed = design.seats, world_of(market.model).seed
    sitting = _sitting(design, traders)
    if not sitting:
        return InducedValues({}, {})
    group = sitting[0].id // len(seats) + 1
    values = design.values_in(period, design.market_seed(seed, group))
    return renamed(values, {seats[trader.id % len(seats)]: trader.name for trader in sitting})


def _sitting(design: PeriodsOfDesign, traders: Sequence[Player]) -> list[Player]:
    """Return those who have a seat."""
    return [trader for trader in traders if trader.id < design.groups * len(design.seats)]


def _wait_page(groups: int, size: int) -> type[GroupCreatingWait]:
    """Return the page that makes a group of each *size* places, once all of them are there.

    Who has no place in the *groups* goes on at once, alone.
    """

    def match(page: Any, waiting: Sequence[Player]) -> list[list[Player]]:
        """Return the groups of which nobody is missing, and who has no seat, each alone."""
        by_group: dict[int, list[Player]] = {}
        for player in sorted(waiting, key=lambda player: player.id):
            by_group.setdefault(player.id // size, []).append(player)
        complete = [
            players for number, players in by_group.items()
            if number < groups and len(players) == size
        ]  # fmt: skip
        return complete + [[player] for player in waiting if player.id >= groups * size]

    return type("Groups", (GroupCreatingWait,), {"__module__": __name__, "match": match})
