"""Redefinitions: pages that a cell redefines while they are served, accepted or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import FrozenCode
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import Setup, describe_order
from uproot_nb.session.steps import Cause

__all__ = ["Redefinitions", "describe_redefinition"]

_NAMED = 5
"""How many of those on a page are named; the others are counted."""


class Redefinitions:
    """Takes up the pages and templates that cells redefine, or refuses them in a frozen session.

    Who redefines a page while people are on it reads how many they are, and what they keep.

    Args:
        show: shows a text below the cell that has caused it.
        headless: whether `uproot-nb run` serves the notebook, so that an error names its option.
    """

    def __init__(
        self, runtime: Runtime, show: Callable[[str, Cause], None], headless: bool
    ) -> None:
        self._runtime, self._show, self._headless = runtime, show, headless
        runtime.code.redefined = self._report

    def begin(self, code: str | None) -> None:
        """Freeze or thaw a session that is opened, as `serve(code=…)` wants it; None: as it was."""
        page_code = self._runtime.code.page_code
        if code == "live":
            page_code.thaw()
            return
        changed = page_code.changed_since_frozen()
        if changed:
            self._show(_describe_changed(self._runtime.name, changed), Cause("", "", "serve", ""))
        if code == "frozen" or page_code.frozen:
            page_code.freeze()

    def adopt(self, setup: Setup, code: str | None) -> bool:
        """Take up what `serve` was given again; return False if all stays as it is.

        Raises:
            FrozenCode: a page or the page order is another, and the session is frozen.
        """
        page_code = self._runtime.code.page_code
        page_code.see_all()
        if code == "live":
            page_code.thaw()
        if page_code.frozen:
            self._refuse_new_code(setup)
            return False
        self._runtime.code.adopt(setup)
        if code == "frozen":
            page_code.freeze()
        return True

    def take(self, page: type[Page]) -> None:
        """Use a page that a cell has redefined, if the session has it.

        Raises:
            FrozenCode: its code is another, and the session is frozen.
        """
        old = self._runtime.flow.journeys.pages.get(page.key)
        if old is None or self._runtime.closed:
            return
        if not self._runtime.code.page_code.frozen:
            self._runtime.code.redefine(page)
        elif old.source.hash != page.source.hash:
            raise self._refusal(page.__name__)

    def check_template(self, name: str) -> None:
        """Raise FrozenCode if a frozen session has a page of this name."""
        if self._served(name) is not None and self._runtime.code.page_code.frozen:
            raise self._refusal(f"The template of {name}")

    def take_template(self, name: str) -> None:
        """Show a changed template to those who are on its page."""
        page = self._served(name)
        if page is not None:
            with self._runtime.lock:
                self._runtime.code.reload_page(page)
                self._report(page, True)

    def _served(self, name: str) -> type[Page] | None:
        return None if self._runtime.closed else self._runtime.flow.journeys.pages.get(name)

    def _refuse_new_code(self, setup: Setup) -> None:
        known = {page.key: page.source.hash for page in self._runtime.flow.pages}
        for page in setup.pages:
            if known.get(page.key) != page.source.hash:
                raise self._refusal(page.__name__)
        if describe_order(setup) != describe_order(self._runtime.setup):
            raise self._refusal("page_order")

    def _refusal(self, what: str) -> FrozenCode:
        return FrozenCode(what, self._runtime.name, self._headless)

    def _report(self, page: type[Page], reloads: bool) -> None:
        """Say who is on a page that was redefined; called under the lock."""
        there = [
            (state.label or name, state.online)
            for name, state in self._runtime.world.state.players.items()
            if state.page == page.key and not state.freed
        ]
        if there:
            text = describe_redefinition(page.__name__, there, reloads, page.waits)
            cause = Cause("", page.key, f"class {page.__name__}", page.source.hash)
            self._show(text, cause)


def describe_redefinition(
    page: str, there: Sequence[tuple[str, bool]], reloads: bool, waits: bool = False
) -> str:
    """Say in a line how many are on a page that was redefined, and what they keep.

        describe_redefinition("Offer", [("PC-01", True)], reloads=True)
        # 'Offer was redefined while 1 player is on it (PC-01). Browsers show the new page …'

    Args:
        there: those on the page: label or name, and whether they are online.
        reloads: whether the page looks different, so that browsers load it again.
        waits: whether it is a wait page.
    """
    count, away = len(there), sum(not online for _, online in there)
    names = ", ".join(name for name, _ in there[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    people = "1 player is" if count == 1 else f"{count} players are"
    offline = f" Whoever is offline ({away}) gets it when they are back." if away else ""
    return (
        f"{page} was redefined while {people} on it ({names}{more}). "
        f"{_describe_kept(reloads, waits)}{offline}"
    )


def _describe_kept(reloads: bool, waits: bool) -> str:
    if waits:
        return "Everybody goes on waiting there, with the new code."
    if reloads:
        return (
            "Browsers show the new page at once; everybody keeps their place, their time, and what "
            "they have entered. Participants who would lose some of that, such as a chosen file, "
            "are offered it instead."
        )
    return "Open pages stay as they are; the new code runs from the next call or form on."


def _describe_changed(session: str, pages: Sequence[str]) -> str:
    names = ", ".join(pages)
    return (
        f"The session '{session}' was frozen with other code of {names}. It continues with this "
        "kernel's code, frozen again. To go back, close the run and serve the earlier code."
    )
