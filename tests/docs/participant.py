"""Participant: somebody in a browser who uses what is on a page, and sees what comes of it."""

from __future__ import annotations

from axe import violations
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

__all__ = ["Participant"]

CONTROLS = "#uproot-form :is(input, select, textarea):not([type=hidden], [form='']):visible"
ANSWERS = {"iban": "DE89370400440532013000", "email": "ann@example.org", "date": "2026-01-02"}
TORN = "main p:empty:not([role], [id])"
"""What the parser of a browser leaves where a block stood in a paragraph."""


class Participant:
    """Opens pages, writes into a chat, sends an order, answers and goes on.

    participant = Participant(context)
    participant.look(run.link(player))
    assert participant.failures == []
    """

    def __init__(self, context: BrowserContext) -> None:
        self.failures: list[str] = []
        self.context = context

    def look(self, url: str) -> None:
        """Use the page that a player is on."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.failures.append(str(error)))
        tab.on("console", self._note)
        answer = tab.goto(url)
        assert answer is not None
        assert answer.ok, url
        tab.wait_for_function("window.Alpine && Alpine.store('uproot').connected")
        assert tab.locator(TORN).count() == 0, tab.content()
        assert violations(tab) == []
        for chat in tab.locator("uproot-chat").all():
            self._chat(chat)
        for market in tab.locator(".uproot-market:has(button:visible)").all():
            self._trade(market)
        if tab.locator("#uproot-next:visible").count():
            self._go_on(tab)
        tab.close()

    def _note(self, message: ConsoleMessage) -> None:
        # That a form is wrong, or a page is gone, is an answer like others.
        if message.type == "error" and "status of 4" not in message.text:
            self.failures.append(message.text)

    def _chat(self, chat: Locator) -> None:
        chat.get_by_role("textbox").fill("Hello from the manual")
        chat.get_by_role("textbox").press("Enter")
        expect(chat.get_by_role("listitem").last).to_contain_text("manual")

    def _trade(self, market: Locator) -> None:
        """Send an order; either it is in the book, or the page says why not."""
        market.get_by_label("Price", exact=True).fill("1")
        market.locator(".uproot-market-order button:visible").first.click(force=True)
        said = market.get_by_role("alert").filter(has_text=".")
        own = market.get_by_role("button", name="Withdraw")
        expect(said.or_(own).first).to_be_visible()

    def _go_on(self, tab: Page) -> None:
        """Answer what is asked and press Next, until another page is there."""
        visit = "uproot.inner.boot.visit"
        before = tab.evaluate(visit)
        for control in tab.locator(CONTROLS).all():
            self._answer(control)
        tab.locator("#uproot-next").click()
        tab.wait_for_function(f"before => window.uproot && {visit} !== before", arg=before)

    def _answer(self, control: Locator) -> None:
        kind = control.evaluate("c => c.dataset.decimalSign ? 'number' : c.type")
        if kind in ("radio", "checkbox"):
            if not control.evaluate("c => document.querySelector(`[name='${c.name}']:checked`)"):
                control.check()
        elif kind.startswith("select"):
            control.select_option(index=1)
        elif kind == "range":
            control.press("ArrowRight")
        elif kind == "number":
            control.fill(control.get_attribute("min") or "1")
        elif kind == "file":
            control.set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"})
        else:
            name = control.get_attribute("name") or ""
            control.fill(ANSWERS.get(name) or ANSWERS.get(kind, "An answer"))
