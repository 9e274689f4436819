"""Looks: what axe-core says of the pages by which a walk comes, each looked at as it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error, Page

from tests.browser.axe import violations

__all__ = ["Looks", "boot_of"]

ARRIVES_WITHIN = 15_000
"""Milliseconds that a tab may take from a form to what follows it; then the walk goes on."""

HOLD = """
    // A page that fills itself in waits with its form, all set, until somebody has looked at it.
    window.addEventListener("submit", (event) => {
        const form = event.target, boot = document.getElementById("uproot-page");
        if (window.looks?.letsGo || form.id !== "uproot-form" || !boot || !JSON.parse(boot.textContent).simulate) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        const usual = ["_uproot_page", "_uproot_visit"];
        const hidden = Array.from(form.querySelectorAll("input[type=hidden][name^=_uproot]"));
        window.looks = { form, button: event.submitter, added: hidden.filter(({ name }) => !usual.includes(name)) };
    }, true);
"""  # noqa: E501

LET_GO = """() => {
    const { form, button, added } = window.looks;
    let goes = false;
    window.looks.letsGo = true;
    window.addEventListener("submit", (event) => { goes = !event.defaultPrevented; }, { once: true });
    form.noValidate = true;             // the browser has checked it already
    form.append(...added);
    form.requestSubmit(button);
    added.forEach((input) => input.remove());
    window.looks = { hasGone: goes };
    return goes;
}"""  # noqa: E501
HAS_ARRIVED = """() => !window.looks?.hasGone && document.readyState === "complete" """

BOOT = """() => {
    const boot = document.getElementById("uproot-page");
    return boot ? { ...JSON.parse(boot.textContent), held: Boolean(window.looks?.form) } : null;
}"""
OVERHANG = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Looks:
    """Looks at every distinct page once, filled in and about to be sent.

    Forms of pages that fill themselves in go off only in `tend`, one after the other, so that
    whoever comes to a wait page first is seen to wait.

    Args:
        complain: is told a tab's number and what is wrong there.
    """

    def __init__(self, complain: Callable[[int, str], None]) -> None:
        self._complain = complain
        self._tabs: list[Page] = []
        self._looked_at_forms: set[str] = set()
        self._visits: dict[int, Any] = {}
        self.seen: set[str] = set()
        """The keys ("app/Name") of the pages that were looked at."""

    def watch(self, tab: Page) -> None:
        """Look at the pages that a new tab will come by."""
        tab.add_init_script(HOLD)
        self._tabs.append(tab)

    def tend(self) -> None:
        """Look at the pages that stay for a while, and let forms go when they were looked at."""
        for number, tab in enumerate(self._tabs):
            boot = boot_of(tab)
            if boot is None:
                continue
            if boot["held"]:
                self._let_go(number, tab, boot)
            else:
                self._look_if_it_stays(number, tab, boot)

    def look_at_all(self) -> None:
        """Look at what each tab shows now."""
        for number, tab in enumerate(self._tabs):
            boot = boot_of(tab)
            if boot is not None:
                self._look(number, tab, boot)

    def look_at_waits(self) -> None:
        """Look at the tabs that are on a wait page, before others come and they go on."""
        for number, tab in enumerate(self._tabs):
            boot = boot_of(tab)
            if boot is not None and boot["wait"]:
                self._look_if_it_stays(number, tab, boot)

    def _look_if_it_stays(self, number: int, tab: Page, boot: dict[str, Any]) -> None:
        visit = (boot["page"], boot["entered"])
        stays = boot["wait"] or self._visits.get(number) == visit
        self._visits[number] = visit
        if stays and _key(boot) not in self.seen:
            self._look(number, tab, boot)

    def _let_go(self, number: int, tab: Page, boot: dict[str, Any]) -> None:
        key = _key(boot)
        if key not in self._looked_at_forms and self._look(number, tab, boot):
            self._looked_at_forms.add(key)
        try:
            overhang = tab.evaluate(OVERHANG)
            if overhang > 0:
                self._complain(number, f"{key} is {overhang} pixels wider than its window.")
            if tab.evaluate(LET_GO):
                tab.wait_for_function(HAS_ARRIVED, polling=20, timeout=ARRIVES_WITHIN)
        except Error:
            return  # it was moved or closed, or what follows is late: that is the walk's to tell
        after = boot_of(tab)
        if after is not None and not after["held"]:
            self._look_if_it_stays(number, tab, after)

    def _look(self, number: int, tab: Page, boot: dict[str, Any]) -> bool:
        """Look at a page, and tell whether it stayed until that was done."""
        try:
            wrong = violations(tab)
        except Error:
            return False  # it has gone on meanwhile
        still = boot_of(tab)
        if still is None or _key(still) != _key(boot):
            return False
        self.seen.add(_key(boot))
        for text in wrong:
            self._complain(number, f"{_key(boot)}: {text}")
        return True


def boot_of(tab: Page) -> dict[str, Any] | None:
    """Return what a tab's page tells its script; None where there is no player's page."""
    try:
        boot: dict[str, Any] | None = None if tab.is_closed() else tab.evaluate(BOOT)
    except Error:
        return None  # it is on its way to another page
    return boot if boot and "name" in boot else None


def _key(boot: dict[str, Any]) -> str:
    return f"{boot['app']}/{boot['name'] or 'End'}"
