"""Markets: order books, induced values, competitive equilibrium, statistics, and pages to trade.

from uproot_nb.market import InducedValues, Market, MarketPage, Rules
from uproot_nb.market import AssetMarketPage, Dividends
from uproot_nb.market import Design, plots, session_tables, simulate_markets, study_tables
"""

from __future__ import annotations

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.analysis.equilibrium import Equilibrium, equilibrium
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.designs.asset import Asset
from uproot_nb.market.designs.design import Design
from uproot_nb.market.inference import StudyResults, study_tables
from uproot_nb.market.market import Market
from uproot_nb.market.order_flow.lobster import LobsterFiles, to_lobster
from uproot_nb.market.order_flow.replay import ReplayedMarket, replay_orders
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.charges import Fees, Tax
from uproot_nb.market.orderbook.circuit_breaker import CircuitBreaker
from uproot_nb.market.orderbook.presets import (
    BSE,
    CLIFF,
    GJERSTAD_DICKHAUT,
    GODE_SUNDER,
    SANTA_FE,
    SMITH_1962,
)
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.pages.asset_page import AssetMarketPage
from uproot_nb.market.pages.call_page import CallMarketPage
from uproot_nb.market.pages.page import MarketPage
from uproot_nb.market.simulations.recorded import session_tables
from uproot_nb.market.simulations.simulate import simulate_markets

__all__ = [
    "BSE", "CLIFF", "GJERSTAD_DICKHAUT", "GODE_SUNDER", "SANTA_FE", "SMITH_1962",
    "Asset", "AssetMarketPage", "BadMarket", "Book", "CallMarketPage", "CircuitBreaker",
    "Design", "Dividends", "Equilibrium", "Fees", "InducedValues", "LobsterFiles", "Market",
    "MarketPage", "OrderRefused", "ReplayedMarket", "Rules", "StudyResults", "Tax", "equilibrium",
    "replay_orders", "session_tables", "simulate_markets", "study_tables", "to_lobster",
]  # fmt: skip
