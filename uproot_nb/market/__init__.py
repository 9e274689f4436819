"""Markets: order books, induced values, competitive equilibrium, statistics, and a page to trade.

from uproot_nb.market import InducedValues, Market, MarketPage, Rules
"""

from __future__ import annotations

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.book import Book
from uproot_nb.market.call_page import CallMarketPage
from uproot_nb.market.equilibrium import Equilibrium, equilibrium
from uproot_nb.market.market import Market
from uproot_nb.market.page import MarketPage
from uproot_nb.market.rules import Rules
from uproot_nb.market.values import InducedValues

__all__ = [
    "BadMarket", "Book", "CallMarketPage", "Equilibrium", "InducedValues", "Market", "MarketPage",
    "OrderRefused", "Rules", "equilibrium",
]  # fmt: skip
