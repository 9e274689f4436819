"""Simulate ZI-C and ZIP beside Bristol Stock Exchange, in turn, in one process.

Usage: simulate_beside_bse.py FOLDER

FOLDER has `BSE.py` of github.com/davecliff/BristolStockExchange, which is not part of this
repository.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any

from uproot_nb.market import Design, InducedValues
from uproot_nb.market.traders import ZIC, ZIP

_ROUNDS = 5
_BUYERS, _SELLERS = [f"b{n}" for n in range(4)], [f"s{n}" for n in range(4)]
_VALUES = InducedValues.symmetric(_BUYERS, _SELLERS, highest=120, lowest=20, step=5, units=2)
_NO_FILES = dict.fromkeys(
    ("dump_strats", "dump_lobs", "dump_avgbals", "dump_tape", "dump_blotters"), False
)
_quotes = 0


class CountedZIC(ZIC):
    """Counts what it quotes."""

    def quote(self, view: Any, chance: Random) -> Any:
        """Quote as ZIC does."""
        return _counted(super().quote(view, chance))


class CountedZIP(ZIP):
    """Counts what it quotes."""

    def quote(self, view: Any, chance: Random) -> Any:
        """Quote as ZIP does."""
        return _counted(super().quote(view, chance))


def _counted(price: Any) -> Any:
    global _quotes
    _quotes += price is not None
    return price


def ours(maker: Any) -> None:
    """Simulate markets of six periods, with their table of periods."""
    for seed in range(6):
        Design(_VALUES, maker, periods=6, steps=400).simulate(seed).periods  # noqa: B018


def theirs(exchange: Any, kind: str) -> None:
    """Simulate a session with new customer orders every 30 seconds."""
    random.seed(1)
    demand, supply = ([{"from": 0, "to": 180, "ranges": [reach], "stepmode": "fixed"}]
                      for reach in ((85, 120), (20, 55)))  # fmt: skip
    exchange.market_session(
        "bench", 0, 180, {"sellers": [(kind, 4)], "buyers": [(kind, 4)]},
        {"sup": supply, "dem": demand, "interval": 30, "timemode": "periodic"}, _NO_FILES, False,
    )  # fmt: skip


def per_second(act: Callable[[], None]) -> float:
    """Return quotes per second of processor time."""
    global _quotes
    _quotes, begun = 0, time.process_time()
    act()
    return _quotes / (time.process_time() - begun)


def main() -> None:
    """Print quotes per second of each, and the ratio within each round."""
    sys.path.insert(0, sys.argv[1])
    import BSE  # lazy: it is where the caller says  # type: ignore[import-not-found]

    process = BSE.Exchange.process_order
    BSE.Exchange.process_order = lambda *args: (_counted(1), process(*args))[1]
    kinds = {"ZIC": CountedZIC, "ZIP": lambda chance: CountedZIP(chance, absolute=1.0)}
    found = {}
    for kind, maker in kinds.items():
        pairs = [
            (per_second(lambda m=maker: ours(m)), per_second(lambda k=kind: theirs(BSE, k)))
            for _ in range(_ROUNDS + 1)
        ][1:]
        found[kind] = {
            "ours": median(one for one, _ in pairs), "bse": median(two for _, two in pairs),
            "ratio": median(one / two for one, two in pairs),
        }  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main()
