"""TEXTS: every sentence for participants in the package's own pages and scripts, in English."""

from __future__ import annotations

from uproot_nb.templating.argument_texts import ARGUMENT_TEXTS

__all__ = [
    "CALL_TEXTS", "CALM", "INTERRUPTED", "LEFT", "NOT_KEPT", "NO_SUCH_ACTION", "SCRIPT_TEXTS",
    "TEMPLATE_TEXTS", "TEXTS", "UNREADABLE",
]  # fmt: skip

CALM = "Something went wrong. Please try again, or tell the person who runs this study."
NO_SUCH_ACTION = "This page has no such action."
LEFT = "You have left this page."
NOT_KEPT = "This did not go through. Please try again."
INTERRUPTED = "This was interrupted. Please check whether it has taken effect."
UNREADABLE = "This cannot be sent."
"""The participant server's answer to a call that it cannot read."""

CALL_TEXTS = (
    CALM, NO_SUCH_ACTION, LEFT, NOT_KEPT, INTERRUPTED, UNREADABLE, *ARGUMENT_TEXTS,
)  # fmt: skip
"""Answers to failed calls of live methods, which the page's script translates."""

SCRIPT_TEXTS = (
    "Connecting…",
    "Reconnecting…",
    "One moment, please…",
    "The connection was lost. Please reload this page.",
    "The study is paused. Please stay on this page; it continues automatically.",
    "This session has ended. You may close this page.",
    "This is too large to be sent.",
    "Your answers are being sent…",
    "Your answers have not arrived yet. Please stay on this page; they will be sent automatically.",
    "The study is paused. Your answers are kept and sent as soon as it continues.",
    "Reload",
    "Close",
    "Message",
    "Researcher",
    "There is a problem",
    "OK",
    "Cancel",
    "One minute left.",
    "{seconds} seconds left.",
    "Time is up.",
    "Time is up. This page continues as soon as the connection is back.",
    "Please wait for one more participant.",
    "Please wait for {count} more participants.",
    "Everybody is here.",
    "Ready to continue",
)
"""The texts of `static/*.js`. A page's JSON has the translations: `"texts": {english: …}`."""

TEMPLATE_TEXTS = (
    "Study",
    "Skip to the content",
    "This page needs JavaScript. Please switch it on and reload the page.",
    "Next",
    "Back",
    "Time remaining",
    "Please check your answers.",
    "Thank you",
    "This session is finished. Thank you for taking part.",
    "You may close this page.",
    "Something went wrong",
    "Something went wrong on this page."
    " Please tell the person who runs this study; you can try again.",
    "Try again",
    "Please wait",
    "Please wait for the others.",
    "Please wait for one more participant.",
    "Please wait for {count} more participants.",
    "This page continues automatically. Please keep it open.",
    "Welcome",
    "Thank you for taking part in this study. It begins as soon as you are ready.",
    "Start",
    "Please check your answers and send them again.",
    "Market",
    "Period",
    "Buy",
    "Sell",
    "Price",
    "Quantity",
    "At the best price",
    "New order",
    "Change",
    "Stop changing",
    "Withdraw",
    "Your orders",
    "Order book",
    "Bids",
    "Asks",
    "Trades",
    "Prices of trades",
    "Next unit is worth",
    "Next unit costs",
    "Profit",
    "Cash",
    "Units",
    "Dividend of the last period",
    "Holding a unit pays on average",
    "Nothing yet.",
    "Please enter a price.",
    "Your last order is still on its way. Please wait a moment.",
    "You have nothing to trade here.",
    "Yours",
    "The market is closed.",
    "Your units are worth",
    "Your units cost",
    "Ready",
    "Clearing price",
    "Units traded",
    "You have bought",
    "You have sold",
)
"""The texts of `templates/*.html`, in `_()`."""

TEXTS = tuple(dict.fromkeys(SCRIPT_TEXTS + TEMPLATE_TEXTS))
"""All of them, each once; the shipped languages translate exactly these."""
