"""Keyboard: a monitor that is steered without a mouse, in a notebook or on its web page."""

from __future__ import annotations

import re
from typing import Self

from playwright.sync_api import Locator, Page, expect

__all__ = ["Keyboard"]

MOST_TABS = 60
"""How often somebody may press Tab until the focus is where it should be."""
MOST_PLAYERS = 40
IS_FOCUSED = "place => place === document.activeElement"


class Keyboard:
    """Somebody's hands on a page with a monitor.

    keys.tab("Players").select("PC-3").act("extend", "60").says("extend: 1 of 1 players.")
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> Self:
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def reach(self, place: Locator) -> Self:
        """Press Tab until the focus is at a place."""
        for _ in range(MOST_TABS):
            if place.evaluate(IS_FOCUSED):
                return self
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {place}")

    def stops(self) -> list[str]:
        """Return the names of what the Tab key leads to below the tabs, until it leads out."""
        found = []
        self.reach(self.page.locator(".unb [role=tab][aria-selected=true]"))
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            name = self.page.evaluate(
                "(one => one.closest('.unb header, .unb-board')"
                " && (one.ariaLabel || one.textContent))(document.activeElement)"
            )
            if name is None:
                return found
            found.append(name)
        raise AssertionError(f"Tab does not lead out of the monitor: {found}")

    def tab(self, name: str) -> Self:
        """Open a panel by arrow keys."""
        tabs = self.page.get_by_role("tablist", name="What to see").get_by_role("tab")
        self.reach(self.page.locator(".unb [role=tab][aria-selected=true]"))
        wanted = self.page.get_by_role("tab", name=name)
        for _ in range(tabs.count()):
            if wanted.get_attribute("aria-selected") == "true":
                return self
            self.press("ArrowRight")
        raise AssertionError(f"there is no tab {name}")

    def names(self) -> list[str]:
        """Return what the players are called, from top to bottom."""
        cells = self.page.locator(".unb tr[data-player] td[data-cell=name]")
        return [text.strip() for text in cells.all_inner_texts()]

    def select(self, label: str) -> Self:
        """Select a player, by label or else by name, with arrow keys and Space."""
        box = self.page.get_by_label(re.compile(rf"^Select ({label}|\S+ \({label}\))$"))
        self.reach(self.page.locator(".unb tbody input[tabindex='0']")).press("Home")
        for _ in range(MOST_PLAYERS):
            if box.evaluate(IS_FOCUSED):
                return self.press("Space")
            self.press("ArrowDown")
        raise AssertionError(f"arrow keys do not lead to {label}")

    def ask(self, what: str) -> Self:
        """Press an action's button: the Tab key leads to the toolbar, arrow keys to the button."""
        self.reach(self.page.locator(".unb [role=toolbar] button[tabindex='0']")).press("Home")
        wanted = self.page.locator(f".unb [role=toolbar] [data-action={what}]")
        for _ in range(MOST_TABS):
            if wanted.evaluate(IS_FOCUSED):
                self.press("Enter")
                self.page.get_by_role("alertdialog").wait_for()
                return self
            self.press("ArrowRight")
        raise AssertionError(f"arrow keys do not lead to {what}")

    def act(self, what: str, typed: str = "") -> Self:
        """Press an action's button and say yes."""
        self.ask(what)
        if typed:
            self.press("Control+a")
            self.page.keyboard.type(typed)
        return self.press("Enter")

    def answer(self, label: str, words: str) -> Self:
        """Open the chat of a participant, and write an answer."""
        line = self.page.locator("[data-chat] summary", has_text=label)
        if line.locator("..").get_attribute("open") is None:
            self.reach(line).press("Enter")
        self.reach(self.page.get_by_label(re.compile(rf"^Answer {label}\b")))
        self.page.keyboard.type(words)
        return self.press("Enter")

    def says(self, words: str) -> Self:
        expect(self.page.locator(".unb-answer")).to_have_text(words, timeout=15_000)
        return self
