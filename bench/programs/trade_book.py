"""Give commands to two order books in turn, with 1,000 and with 100,000 orders standing in them."""

from __future__ import annotations

import json
import random
import time
from statistics import median

from uproot_nb.market.orderbook.book import Book

_SHORT, _LONG = 1_000, 100_000
_MIDDLE, _SPREAD = 10_000, 400
_BATCHES, _CYCLES = 60, 300
_COMMANDS = 6
_BUYERS = [f"buyer{number}" for number in range(50)]
_SELLERS = [f"seller{number}" for number in range(50)]


class Crowd:
    """Traders who keep a book at its size: as many orders come as go.

    Six commands in turn: a bid and an ask anywhere within the spread of prices, a market order on
    either side, another bid, and the cancelling of a random order.
    """

    def __init__(self, standing: int) -> None:
        self.book, self.trades, self._random = Book(), 0, random.Random(7)
        while len(self.book.orders) < standing:
            self.book.limit(self._one(_BUYERS), "buy", _MIDDLE - self._away())
            self.book.limit(self._one(_SELLERS), "sell", _MIDDLE + self._away())
        if len(self.book.orders) != standing:
            raise SystemExit("the book is not as large as it should be")

    def _one(self, players: list[str]) -> str:
        return self._random.choice(players)

    def _away(self) -> int:
        return self._random.randint(1, _SPREAD)

    def seconds(self) -> float:
        """Draw a batch of commands, then return how long the book takes for it."""
        bids = [(self._one(_BUYERS), _MIDDLE - self._away()) for _ in range(2 * _CYCLES)]
        asks = [(self._one(_SELLERS), _MIDDLE + self._away()) for _ in range(_CYCLES)]
        takers = [(self._one(_BUYERS), self._one(_SELLERS)) for _ in range(_CYCLES)]
        going = self._random.sample(sorted(self.book.orders), 2 * _CYCLES)
        book, orders = self.book, self.book.orders
        started = time.perf_counter()
        for number in range(_CYCLES):
            book.limit(bids[2 * number][0], "buy", bids[2 * number][1])
            book.limit(asks[number][0], "sell", asks[number][1])
            book.market(takers[number][0], "buy")
            book.market(takers[number][1], "sell")
            book.limit(bids[2 * number + 1][0], "buy", bids[2 * number + 1][1])
            while going[-1] not in orders:  # a market order has taken it
                going.pop()
            gone = going.pop()
            book.cancel(orders[gone].player, gone)
        return time.perf_counter() - started


def main() -> None:
    """Print the commands per second in each book, and the ratio of their times."""
    crowds = Crowd(_SHORT), Crowd(_LONG)
    for crowd in crowds:
        crowd.seconds()
    # In turn, so that a slower moment of the machine is one for both.
    times = [[crowd.seconds() for crowd in crowds] for _ in range(_BATCHES)]
    if [len(crowd.book.orders) for crowd in crowds] != [_SHORT, _LONG]:
        raise SystemExit("the books did not keep their sizes")
    short, long = (median(column) for column in zip(*times, strict=True))
    done = _COMMANDS * _CYCLES
    growth = median(after / before for before, after in times)
    print(json.dumps({"short": done / short, "long": done / long, "growth": growth}))


if __name__ == "__main__":
    main()
