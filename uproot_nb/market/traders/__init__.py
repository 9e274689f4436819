"""Robot traders of the literature, for simulated markets and for real ones.

from uproot_nb.market.traders import AA, GD, GDX, ZIC, ZIP, ZIU, RothErev, Sniper, market_bot
from uproot_nb.market.traders import simulate_market
from uproot_nb.market.traders import NearZeroIntelligence, simulate_asset_market
"""

from __future__ import annotations

from uproot_nb.market.traders.adaptive import AA
from uproot_nb.market.traders.asset_simulation import simulate_asset_market
from uproot_nb.market.traders.belief import GD
from uproot_nb.market.traders.call_results import CallResult, CallTrader, SentOrder
from uproot_nb.market.traders.forward_looking import GDX
from uproot_nb.market.traders.market_bot import market_bot
from uproot_nb.market.traders.near_zero import NearZeroIntelligence
from uproot_nb.market.traders.reinforcement import RothErev
from uproot_nb.market.traders.simulation import simulate_market
from uproot_nb.market.traders.sniper import Sniper
from uproot_nb.market.traders.trader import (
    AssetTrader,
    Heedless,
    Shout,
    Trader,
    View,
    only_its_unit,
)
from uproot_nb.market.traders.zero_intelligence import ZIC, ZIU
from uproot_nb.market.traders.zero_intelligence_plus import ZIP

__all__ = [
    "AA", "GD", "GDX", "ZIC", "ZIP", "ZIU", "AssetTrader", "CallResult", "CallTrader", "Heedless",
    "NearZeroIntelligence", "RothErev", "SentOrder", "Shout", "Sniper", "Trader", "View",
    "market_bot", "only_its_unit", "simulate_asset_market", "simulate_market",
]  # fmt: skip
