"""price_chart: the path of prices as text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["price_chart"]


def price_chart(prices: Sequence[float], height: int = 10) -> str:
    """Draw one column for each trade, in order; the highest price is in the first line."""
    if not prices:
        return "(no trades)"
    low, high = min(prices), max(prices)
    step = (high - low) / (height - 1) or 1.0
    rows = [round((price - low) / step) for price in prices]
    lines = []
    for row in range(max(rows), -1, -1):
        marks = "".join("  ●" if at == row else "  ·" for at in rows)
        lines.append(f"{low + row * step:8.1f} ┤{marks}")
    numbers = "".join(f"{number:3d}" for number in range(1, len(prices) + 1))
    return "\n".join([*lines, f"{'trade':>8s}  {numbers}"])
