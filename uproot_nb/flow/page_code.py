"""PageCode: with which code each page is served, also if it is changed under the session."""

from __future__ import annotations

from collections.abc import Callable

from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.seals import Seal
from uproot_nb.flow.flow import Flow
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["PageCode"]


class PageCode:
    """Notices where code is called that a page is no longer what it was when it was noted.

    A redefining cell makes a new class, which is given to the runtime; a reloaded module changes
    the class in place, and nobody is told.

    Args:
        changed: is called, under the lock, with a page that has new code now, and whether browsers
            that show it must reload.
    """

    def __init__(
        self,
        world: World,
        flow: Flow,
        reports: ErrorReports,
        changed: Callable[[type[Page], bool], None],
    ) -> None:
        self._lock, self._reports = world.lock, reports
        self._look_of, self._changed = flow.look_of, changed
        world.see_code = self.see
        self._seals: dict[type[Page], Seal] = {}
        self.frozen = False
        """Whether a page stays what it was, whatever is reloaded."""

    def note(self, page: type[Page]) -> None:
        """Take a page as it is from now on."""
        self._seals[page] = Seal(page, self._look_of(page))

    def see(self, page: type[Page]) -> None:
        """See whether a page that is about to be used has changed in place."""
        seal = self._seals.get(page)
        if seal is not None and not seal.is_untouched:
            with self._lock:
                self._take(page, seal)

    def see_all(self) -> None:
        """See whether any page has changed in place."""
        for page in list(self._seals):
            self.see(page)

    def _take(self, page: type[Page], seal: Seal) -> None:
        if seal.fits:  # assigned to, or moved to another line
            self.note(page)
        elif self.frozen:
            seal.restore()
            self._reports.warn(
                f"{page.__name__} was reloaded with other code. This session is served with "
                'code="frozen": it goes on with the code that it began with.\nTo use the new one, '
                'close the run and serve it with code="live", or under another name.',
                Cause("", page.key, f"class {page.__name__}", page.source.hash),
            )
        else:
            seal.mend()
            self.note(page)
            self._changed(page, self._seals[page].look != seal.look)
