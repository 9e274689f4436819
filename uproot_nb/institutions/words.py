"""Words: what participants read on the pages of institutions; pages translate these texts."""

from __future__ import annotations

ACCEPT = "Accept this price"
ALL_DECISIONS = "All decisions"
BID = "Bid"
BIDDERS = "Bidders"
BUY = "Buy"
CASH = "Cash"
CLOCK_RUNS = "The clock is running."
CONFIRM = "Confirm"
COST = "Cost per unit"
DECIDE_NOW = "You can decide now."
DEMAND = "Demand"
DONE = "Trade nothing more"
DO_NOT_BID = "Do not bid"
ESTIMATE = "Your estimate"
FIRMS = "Firms"
HINT = "Your hint"
ITEM_VALUE = "Value of the item"
LEAVE = "Leave the auction"
LEFT = "You have left the auction."
LOST = "You have not won."
NEXT = "Next"
NOTHING_HERE = "You have nothing to trade here."
ON_ITS_WAY = "Your last order is still on its way. Please wait a moment."
OUTCOME = "Outcome"
OVER = "The period is over."
PAID = "You pay"
PERIOD = "Period"
PERIOD_OF = "Period {period} of {periods}"
PRACTICE = "Practice"
PRACTICE_UNPAID = "This is practice: what you earn here is not paid."
PRICE = "Price"
PROFIT = "Profit"
QUANTITY = "Quantity"
RECEIVED = "You receive"
RESERVE = "Reserve price"
SELL = "Sell"
SELLER = "Seller"
SELLERS = "Sellers"
STILL_IN = "Still in the auction"
TOTAL_QUANTITY = "Total quantity"
TRADERS = "Traders"
UNITS_BOUGHT = "You have bought"
UNITS_COST = "Your units cost"
UNITS_FOR_SALE = "Units for sale"
UNITS_SOLD = "You have sold"
UNITS_WORTH = "Your units are worth"
WAIT = "Please wait for the others."
WAIT_FOR_START = "The clock starts in a moment."
WON = "You have won."
YOURS = "Yours"
YOUR_BID = "Your bid"
YOUR_PRICE = "Your price"
YOUR_QUANTITY = "Your quantity"
YOUR_VALUE = "Your value"

WORD_TEXTS = (
    ACCEPT, ALL_DECISIONS, BID, BIDDERS, BUY, CASH, CONFIRM, COST, DEMAND, DONE, DO_NOT_BID,
    ESTIMATE, FIRMS, HINT, ITEM_VALUE, LEAVE, LEFT, LOST, NEXT, NOTHING_HERE, ON_ITS_WAY,
    OUTCOME, OVER, PAID, PERIOD, PRICE, PROFIT, QUANTITY, RECEIVED, RESERVE, SELL, SELLER,
    SELLERS, STILL_IN, TOTAL_QUANTITY, TRADERS, UNITS_BOUGHT, UNITS_COST, UNITS_FOR_SALE,
    UNITS_SOLD, UNITS_WORTH, WAIT, WAIT_FOR_START, WON, YOUR_BID, YOUR_PRICE, YOUR_QUANTITY,
    YOUR_VALUE, YOURS, PERIOD_OF, PRACTICE, PRACTICE_UNPAID,
    CLOCK_RUNS, DECIDE_NOW,
)  # fmt: skip
"""All of them, each once."""
