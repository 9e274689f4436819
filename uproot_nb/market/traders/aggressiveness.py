"""Aggressiveness: how much of its gain a trader gives up for a better chance to trade.

The formulas of the adaptive-aggressiveness strategy (Vytelingum 2006, thesis, Southampton;
Vytelingum, Cliff and Jennings 2008, "Strategic bidding in continuous double auctions", Artificial
Intelligence 172), where prices run from 0 to the highest. They are written for who buys; for who
sells, each price is replaced by the highest less that price, which gives the paper's.
"""

from __future__ import annotations

import math

from uproot_nb.market.orderbook.orders import Side

__all__ = ["aggressiveness_at", "desired_theta", "matching_theta", "target_price"]


def target_price(
    side: Side, limit: float, equilibrium: float, aggressiveness: float, theta: float,
    highest: float,
) -> float:  # fmt: skip
    """Return the price that a trader aims at (equations 3 to 6 of the 2008 paper).

    Intra-marginal traders, who gain at the equilibrium price, aim at it when their aggressiveness
    is 0, at their limit when it is 1, and at the price that is best for them when it is -1.
    Extra-marginal traders aim at their limit from 0 on.

        target_price("buy", 120, 100, 0.0, -2.0, 200)  # 100.0
        target_price("buy", 120, 100, 1.0, -2.0, 200)  # 120.0

    Args:
        equilibrium: what the trader believes that to be.
        theta: how the target bends between these points: below 0 it is steep around the
            equilibrium price, above 0 around the ends.
        highest: the highest price that there may be.
    """
    if side == "sell":
        mirrored = highest - limit, highest - equilibrium
        return highest - target_price("buy", *mirrored, aggressiveness, theta, highest)
    if limit <= equilibrium:
        return limit if aggressiveness >= 0 else limit * (1 - _bent(-aggressiveness, theta))
    if aggressiveness >= 0:
        return equilibrium + (limit - equilibrium) * _bent(aggressiveness, theta)
    bend = _bend_below(limit, equilibrium, theta)
    return equilibrium * (1 - _bent(-aggressiveness, bend))


def aggressiveness_at(
    side: Side, limit: float, equilibrium: float, price: float, theta: float, highest: float
) -> float:
    """Return the aggressiveness at which *price* would be the target, from -1 to 1."""
    if side == "sell":
        mirrored = highest - limit, highest - equilibrium, highest - price
        return aggressiveness_at("buy", *mirrored, theta, highest)
    if limit <= equilibrium:
        return -_straightened(1 - price / limit, theta) if limit > 0 else 0.0
    if price > equilibrium:
        return _straightened((price - equilibrium) / (limit - equilibrium), theta)
    if equilibrium <= 0:
        return 0.0
    bend = _bend_below(limit, equilibrium, theta)
    return -_straightened(1 - price / equilibrium, bend)


def matching_theta(slope: float) -> float:
    """Return the x at which x / (exp(x) - 1) is *slope*, a number above 0.

    With it, the target's slope is the same on both sides of aggressiveness 0. The function is
    convex and falls; Newton's method from a point to the left of the solution only moves right.
    """
    x = -slope if slope > 1 else -math.log(slope)
    for _ in range(100):
        if abs(x) < 1e-9:
            return x
        grown = math.expm1(x)
        height = x / grown
        move = (height - slope) / (height * (1 + 1 / grown) - 1 / grown)
        x += move
        if abs(move) < 1e-12 * (1 + abs(x)):
            break
    return x


def desired_theta(
    volatility: float, least: float = -8.0, most: float = 2.0, gamma: float = 2.0
) -> float:
    """Return the theta for a volatility from 0 (the lowest so far) to 1 (the highest)."""
    return least + (most - least) * (1 - volatility * math.exp(gamma * (volatility - 1)))


def _bend_below(limit: float, equilibrium: float, theta: float) -> float:
    """Return the theta below aggressiveness 0, with which the target has no kink there."""
    slope = (limit - equilibrium) * _start(theta)
    return matching_theta(slope / equilibrium) if equilibrium > 0 and slope > 0 else theta


def _start(theta: float) -> float:
    return 1.0 if abs(theta) < 1e-9 else theta / math.expm1(theta)


def _bent(share: float, theta: float) -> float:
    """Return (exp(share theta) - 1) / (exp(theta) - 1), which is 0 at 0 and 1 at 1."""
    if abs(theta) < 1e-9:
        return share
    if theta > 0:  # the same, and never too large for a number
        return math.exp(theta * (share - 1)) * math.expm1(-share * theta) / math.expm1(-theta)
    return math.expm1(share * theta) / math.expm1(theta)


def _straightened(bent: float, theta: float) -> float:
    """Return the share of which `_bent` is *bent*, which is taken to be from 0 to 1."""
    bent = min(max(bent, 0.0), 1.0)
    if bent == 1 or abs(theta) < 1e-9:
        return bent
    return min(1.0, math.log1p(bent * math.expm1(theta)) / theta)
