"""Presets: the rules of markets in the literature, each with its source.

They are rules like any others: `simulate_market(…, rules=CLIFF)`, `Design(…, rules=BSE)`, and on a
page `rules = dataclasses.replace(CLIFF, timing="uniform")`, since people act at any time. Values,
numbers of traders, periods and steps belong to an experiment, and are not among the rules.
"""

from __future__ import annotations

from decimal import Decimal

from uproot_nb.market.orderbook.rules import Rules

__all__ = ["BSE", "CLIFF", "GJERSTAD_DICKHAUT", "GODE_SUNDER", "SANTA_FE", "SMITH_1962"]

SMITH_1962 = Rules(tick=Decimal("0.01"), max_quantity=1, no_loss=True, lapse="shout")
"""Smith 1962, "An experimental study of competitive market behavior", JPE 70, pp. 112-114.

Open outcry of bids and offers for one unit, which anybody on the other side may accept. Nobody may
pay more than the value of their card, or take less than its cost. In dollars. A period has five to
ten minutes. The paper does not say how long a bid holds; as Cliff and Bruten 1997 (section 2.1)
read it, the last one can be accepted.
"""

GODE_SUNDER = Rules(max_price=200, max_quantity=1, improvement=True, lapse="trade")
"""Gode and Sunder 1993, "Allocative efficiency of markets with zero-intelligence traders", JPE 101,
pp. 121-122.

Prices from 1 to 200, one unit each; bids only rise and asks only fall until a trade, which cancels
all that were not accepted; a trade takes the price of the earlier of both. Six periods, of 30
seconds for programs.
"""

SANTA_FE = Rules(max_quantity=1, improvement=True, lapse="trade", timing="steps")
"""Rust, Miller and Palmer 1994, "Characterizing effective trading strategies", JEDC 18, and the
"Participant's manual for a double auction tournament" (Palmer, Rust and Miller, Santa Fe Institute
1990), section 1.2.

Bid-offer and buy-sell steps in turn. A bid must be above the current one, and holds until a better
one or a trade; everybody hears all legal bids and offers. Only the holders of the current bid and
offer may accept (the AURORA or Chicago rules), or anybody where there is none; among several
requests one is drawn. Whole prices.
"""

CLIFF = Rules(
    tick=Decimal("0.01"), max_price=Decimal("4.00"), max_quantity=1, lapse="shout",
    timing="answers",
)  # fmt: skip
"""The program smith.c of Cliff and Bruten 1997, "Minimal-intelligence agents for bargaining
behaviors in market-based environments" (HPL-97-91), which refers to Cliff 1997 for it.

An active trader, all alike, shouts a price; of those on the other side whose own price is as good
one is drawn, and trades at the price shouted. What nobody takes is gone. Prices in dollars to a
cent, up to 4.00. A day of the program has as many rounds as there may be trades, each of which ends
with a trade or after 100 shouts that nobody takes.
"""

GJERSTAD_DICKHAUT = Rules(max_quantity=1, improvement=True, lapse="trade", timing="surplus")
"""Gjerstad and Dickhaut 1998, "Price formation in double auctions", GEB 22, definitions 4 to 6 and
section 2.4.7.

Spread reduction: a bid must be above the outstanding bid, an ask below the outstanding ask, and
after a trade there is neither. Who acts next is drawn in proportion to expected surplus (equation
12). In whole units of money; write the paper's dollars in cents.
"""

BSE = Rules(max_price=500, max_quantity=1, max_orders=1, no_loss=True, lapse="own")
"""The Bristol Stock Exchange (Cliff 2012; `BSE.py` in github.com/davecliff/BristolStockExchange).

A limit order book for prices from 1 to 500, in which each trader has one quote for one unit, and a
new one takes its place. Quotes stand after trades. At each moment one trader is drawn, all alike.
Nobody may quote at a loss.
"""
