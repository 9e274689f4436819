"""PageCode: the code with which each page is served, even if it is reloaded meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any, Protocol

from uproot_nb.experiment.live import LiveMethod
from uproot_nb.experiment.pages import Page
from uproot_nb.log.state import FREEZE, THAW
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["PageCode", "Seal"]

_OF_A_CLASS = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__"})
_OF_A_FUNCTION = ("__code__", "__defaults__", "__kwdefaults__", "__doc__")


class Seal:
    """The parts of a page class, to notice and undo changes in place.

    With `%autoreload` or `importlib.reload` the class remains the same object, and its functions
    get other code.

        seal = Seal(Market)
        seal.fits           # False once the class was changed in place
        seal.restore()      # undo the change

    Args:
        view: what a browser shows of the page, to compare with later views.
    """

    def __init__(self, page: type[Page], view: Any = None) -> None:
        self.page, self.view = page, view
        self._source, self._methods = page.source, page.live_methods
        self._app = page.app
        self._members = {n: v for n, v in vars(page).items() if n not in _OF_A_CLASS}
        self._functions = [
            (value, {name: getattr(value, name) for name in _OF_A_FUNCTION})
            for value in (getattr(member, "__func__", member) for member in self._members.values())
            if isinstance(value, FunctionType)
        ]

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has assigned to the class's code; a quick check."""
        page = self.page
        return page.source is self._source and page.live_methods is self._methods

    @property
    def fits(self) -> bool:
        """Whether the class has the same code as then."""
        page = self.page
        return page.source.hash == self._source.hash and page.live_methods == self._methods

    def restore(self) -> None:
        """Restore the class."""
        for function, parts in self._functions:
            for name, value in parts.items():
                setattr(function, name, value)
        for name in set(vars(self.page)) - set(self._members) - _OF_A_CLASS:
            delattr(self.page, name)
        for name, value in self._members.items():
            if vars(self.page).get(name, self) is not value:
                setattr(self.page, name, value)

    def mend(self) -> None:
        """Complete a changed class: reloading binds its methods to another class."""
        page = self.page
        for name, value in list(vars(page).items()):
            if isinstance(value, MethodType):
                setattr(page, name, classmethod(value.__func__))
        for name, method in page.live_methods.items():
            if name in vars(page) and not isinstance(vars(page)[name], LiveMethod):
                setattr(page, name, method)
        page.belong_to(self._app)


class ServedPages(Protocol):
    """The pages of a session."""

    @property
    def pages(self) -> Mapping[str, type[Page]]:
        """The pages by key."""

    def view_of(self, page: type[Page]) -> Any:
        """Return what determines how a browser shows a page."""


class PageCode:
    """Checks, where a page's code is called, whether a reload has changed it.

    A cell that redefines a page makes a new class, and the runtime gets it. A reloaded module
    changes the class in place without notice.

        page_code.freeze()
        page_code.frozen     # True, also after a restart, until page_code.thaw()

    Args:
        served: the session's pages, and what determines how a browser shows each.
        changed: called under the lock with a changed page, and whether its browsers must reload.
    """

    look_for_code: Callable[[], None] | None = None
    """Takes up what a cell has redefined so far; called before the code is frozen."""

    def __init__(
        self,
        world: World,
        served: ServedPages,
        reports: ErrorReports,
        changed: Callable[[type[Page], bool], None],
    ) -> None:
        self._world, self._lock, self._reports = world, world.lock, reports
        self._served, self._changed = served, changed
        world.see_code = self.see
        self._seals: dict[type[Page], Seal] = {}

    @property
    def frozen(self) -> bool:
        """Whether pages retain their code, whatever is redefined or reloaded."""
        return self._world.state.frozen is not None

    def freeze(self) -> None:
        """Let pages retain the code that they have now, and log its hashes.

        Raises:
            ClosedRun: the run was closed.
        """
        if self.look_for_code is not None:
            self.look_for_code()
        self.see_all()
        with self._lock:
            code = self._hashes()
            if self._world.state.frozen != code:
                value = self._world.codec.encode({"code": code})
                self._world.journal.fold("intervention", "session", FREEZE, value)

    def thaw(self) -> None:
        """Let pages be redefined again.

        Raises:
            ClosedRun: the run was closed.
        """
        with self._lock:
            if self.frozen:
                self._world.journal.fold("intervention", "session", THAW, "null")

    def changed_since_frozen(self) -> list[str]:
        """Return the pages with other code than was frozen, as after a restart; none if none is."""
        frozen = self._world.state.frozen
        if frozen is None:
            return []
        return [page for page, code in self._hashes().items() if frozen.get(page) != code]

    def _hashes(self) -> dict[str, str]:
        return {page.key: page.source.hash for page in self._served.pages.values()}

    def note(self, page: type[Page]) -> None:
        """Register a page as it is now."""
        self._seals[page] = Seal(page, self._served.view_of(page))

    def see(self, page: type[Page]) -> None:
        """Check whether a page that is about to be used has changed in place."""
        seal = self._seals.get(page)
        if seal is not None and not seal.is_untouched:
            with self._lock:
                self._take(page, seal)

    def see_all(self) -> None:
        """Check whether any page has changed in place."""
        for page in list(self._seals):
            self.see(page)

    def _take(self, page: type[Page], seal: Seal) -> None:
        if seal.fits:  # assigned to, or moved to another line
            self.note(page)
        elif self.frozen:
            seal.restore()
            self._reports.warn(
                f"{page.__name__} was reloaded with other code, but this session is frozen and "
                "continues with the old code.\nTo use the new code, call run.thaw(), and reload "
                "the module: importlib.reload(...).",
                Cause("", page.key, f"class {page.__name__}", page.source.hash),
            )
        else:
            seal.mend()
            self.note(page)
            self._changed(page, self._seals[page].view != seal.view)
