"""TEXTS: every sentence for participants in the package's own pages and scripts, in English."""

from __future__ import annotations

from uproot_nb.templating.argument_texts import ARGUMENT_TEXTS

__all__ = [
    "CALL_TEXTS", "CALM", "INTERRUPTED", "LEFT", "NOT_KEPT", "NO_SUCH_ACTION",
    "REQUIREMENT_TEXTS", "SCRIPT_TEXTS", "TEMPLATE_TEXTS", "TEXTS", "UNREADABLE",
]  # fmt: skip

CALM = "Something went wrong. Please try again, or tell the person who runs this study."
NO_SUCH_ACTION = "This action is not available on this page."
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
    "This page cannot stay connected here. Please try another browser, device or network.",
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
    "Here: {here} of {needed}",
    "Waiting: {count}",
    "Are you still there?",
    "Please answer within {seconds} seconds.",
    "You will not be put into a group until you answer.",
    "Yes, I am here",
    "Do you want to leave the study?",
    "You cannot come back afterwards.",
    "Leave the study",
    "Go on waiting",
    "You will leave the study as soon as the connection is back.",
    "You will leave the study as soon as it continues.",
    "This page has been corrected. Please reload it when you are ready;"
    " some of what you have entered will be lost.",
)
"""The texts of `static/*.js`. A page's JSON has the translations: `"texts": {english: …}`."""

REQUIREMENT_TEXTS = (
    "Please use a computer for this page.",
    "Please use a phone or a tablet for this page.",
    "Please make this window larger.",
    "Please use a mouse or a touchpad for this page.",
    "This browser cannot show pages in full screen. Please use another one.",
    "The page continues automatically once this is done.",
    "This page is shown in full screen.",
    "Show in full screen",
    "Please return to full screen to go on.",
    "Your time is still running.",
)
"""The texts of `static/requirements.js`, for pages that require something of the browser."""

TEMPLATE_TEXTS = (
    "All places are taken",
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
    "You have decided not to take part. Thank you for your time.",
    "This study is looking for other participants. Thank you for your interest.",
    "Not enough other participants have come. Thank you for waiting.",
    "Your time was up, so the study has ended for you. Thank you for taking part.",
    "You were away for a while, and the study went on without you. Thank you for taking part.",
    "Your place in this study has ended."
    " If you did not expect this, please tell the person who runs this study.",
    "Thank you for your interest.",
    "Your code",
    "Copy",
    "Copied.",
    "Please copy the code by hand.",
    "The next page opens automatically in {count} s.",
    "This page stays open.",
    "Stay on this page",
    "Something went wrong",
    "Something went wrong on this page."
    " Please tell the person who runs this study; you can try again.",
    "Try again",
    "Please wait",
    "Please wait for the others.",
    "Please wait for one more participant.",
    "Please wait for {count} more participants.",
    "Here: {here} of {needed}",
    "Waiting: {count}",
    "This page continues automatically. Please keep it open.",
    "Alert me when it continues",
    "You have waited for a long time. You may leave now.",
    "Leave the study",
    "Welcome",
    "Thank you for taking part in this study. Please start when you are ready.",
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
    "Print",
    "Save a copy",
    "I do not agree",
    "If you do not take part, the study ends here for you. Are you sure?",
    "Yes, I do not take part",
    "What you have agreed to",
    "Before you go on",
    "I cannot do this",
    "One moment: your browser is being checked.",
)
"""The texts of `templates/*.html`, in `_()`."""

TEXTS = tuple(dict.fromkeys(SCRIPT_TEXTS + REQUIREMENT_TEXTS + TEMPLATE_TEXTS))
"""All of them, each once; the shipped languages translate exactly these."""
