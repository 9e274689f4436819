"""ServedCode: the pages and the page order that a session is served with, as they change."""

from __future__ import annotations

from collections.abc import Callable

from uproot_nb.engine.code_log import CodeLog
from uproot_nb.errors import UprootError
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import Setup, describe_order
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.frozen_code import PageCode
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.world import World

__all__ = ["ServedCode"]


class ServedCode:
    """Takes up code that a cell or a reloaded module has changed, and shows it to participants."""

    redefined: Callable[[type[Page], bool], None] | None = None
    """Called under the lock with a page that has new code, and whether its browsers reload."""

    def __init__(
        self,
        world: World,
        flow: Flow,
        delivery: Delivery,
        reports: ErrorReports,
        log: CodeLog,
    ) -> None:
        self._world, self._flow, self._delivery, self._log = world, flow, delivery, log
        self.page_code = PageCode(world, flow.apps, reports, self._take_new_code)
        """The code of each page, which may be frozen."""

    def note(self, page: type[Page]) -> None:
        """Register and log a page as it is now."""
        self.page_code.note(page)
        self._log.note_page(page)

    def redefine(self, page: type[Page]) -> None:
        """Use a redefined page from now on; browsers that show it reload if it looks different."""
        flow = self._flow
        with self._world.lock:
            old = flow.journeys.pages.get(page.key)
            if old is None or old is page or not flow.replace(page):
                return
            self.note(page)
            looks_different = flow.apps.view_of(old) != flow.apps.view_of(page)
            self._show_new_code(page, looks_different, old.source.hash != page.source.hash)

    def reload_page(self, page: type[Page]) -> None:
        """Reload the browsers that show *page*."""
        names = [n for n, p in self._world.state.players.items() if p.page == page.key]
        if names:
            self._delivery.act(names, "reload")

    def adopt(self, setup: Setup) -> None:
        """Use a new page order and callbacks for a session that is served."""
        flow, world = self._flow, self._world
        with world.lock:
            for page in setup.pages:
                self.redefine(page)
            known = [page.key for page in flow.pages]
            if describe_order(setup) != describe_order(flow.journeys.setup):
                if any(p.position >= 0 for p in world.state.players.values()):
                    raise UprootError(
                        f"The page order of '{world.name}' changed while players are on it.\n"
                        "Close the run first, or serve under another name."
                    )
                for page in setup.pages:
                    if page.key not in known:
                        self.note(page)
                flow.journeys.pages.clear()
            flow.journeys.adopt(setup)
            flow.apps.forget()
            self._log.note_experiment()
            self._log.note_payment(setup.payment_rule)

    def _take_new_code(self, page: type[Page], looks_different: bool) -> None:
        """Use a page that a reloaded module has changed in place."""
        self.note(page)
        self._show_new_code(page, looks_different)

    def _show_new_code(self, page: type[Page], looks_different: bool, is_new: bool = True) -> None:
        """Bring a page's new code to those who are on it, and report whom it has reached."""
        if looks_different:
            self.reload_page(page)
        if page.waits:
            self._flow.wake_waiting(everybody=True)
        if self.redefined is not None and (is_new or looks_different):
            self.redefined(page, looks_different)
