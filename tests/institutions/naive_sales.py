"""Outcomes of auctions, recomputed in the plainest way: unit by unit, from written-out lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["naive_multi_unit", "naive_posted_offer", "naive_sealed_bid"]


def naive_sealed_bid(bids: Mapping[str, Any], pricing: str, reserve: Any) -> tuple[Any, Any]:
    """Return the winner and the price; of several highest bidders, the first by name."""
    rows = [[bid, name] for name, bid in bids.items() if not bid < reserve]
    winner = None
    for row in rows:
        if winner is None or row[0] > winner[0] or (row[0] == winner[0] and row[1] < winner[1]):
            winner = row
    if winner is None:
        return None, None
    if pricing == "first":
        return winner[1], winner[0]
    price = reserve
    for row in rows:
        if row is not winner and row[0] > price:
            price = row[0]
    return winner[1], price


def naive_multi_unit(
    bids: Mapping[str, Sequence[Any]], supply: int, pricing: str, reserve: Any, rule: str
) -> tuple[dict[str, int], dict[str, Any], Any]:
    """Return units, payments and the uniform price; equal bids are served by name."""
    left = [[bid, name] for name in sorted(bids) for bid in bids[name] if not bid < reserve]
    taken = []
    while left and len(taken) < supply:
        best = left[0]
        for row in left:
            if row[0] > best[0]:
                best = row
        taken.append(best)
        left.remove(best)
    units = {name: len([row for row in taken if row[1] == name]) for name in bids}
    if pricing == "discriminatory":
        return units, {n: sum(row[0] for row in taken if row[1] == n) for n in bids}, None
    if not taken:
        return units, dict.fromkeys(bids, 0), None
    price = min(row[0] for row in taken)
    if rule == "rejected":
        price = max([row[0] for row in left], default=reserve)
    return units, {name: price * count for name, count in units.items()}, price


def naive_posted_offer(
    queue: Sequence[Sequence[Any]], offers: Sequence[Any], costs: Sequence[Sequence[Any]]
) -> list[tuple[int, int, Any]]:
    """Return trades (buyer, seller, price) if buyers buy from the cheapest while it is no loss."""
    stock = []
    for price, schedule in zip(offers, costs, strict=True):
        count = 0
        for cost in schedule:
            if cost > price:
                break
            count += 1
        stock.append(count)
    trades = []
    for buyer, values in enumerate(queue):
        for value in values:
            able = [(p, s) for s, p in enumerate(offers) if stock[s] and p <= value]
            if not able:
                break
            price, seller = min(able)
            stock[seller] -= 1
            trades.append((buyer, seller, price))
    return trades
