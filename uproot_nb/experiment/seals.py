"""Seal: a page class as it was when it was served, so that a change under it is noticed."""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import Any

from uproot_nb.experiment.live import LiveMethod
from uproot_nb.experiment.pages import Page

__all__ = ["Seal"]

_OF_A_CLASS = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__"})
_OF_A_FUNCTION = ("__code__", "__defaults__", "__kwdefaults__", "__doc__")


class Seal:
    """What a page class consists of.

    `%autoreload` and `importlib.reload` with it change classes in place: the class stays the same
    object, and its functions get other code.

        seal = Seal(Market)
        seal.fits           # False once the class was changed in place
        seal.restore()      # the class is again what it was

    Args:
        look: whatever tells what a browser shows of the page; for whoever asks later.
    """

    def __init__(self, page: type[Page], look: Any = None) -> None:
        self.page, self.look = page, look
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
        """Whether nobody has assigned to the class what makes up its code; quick to tell."""
        page = self.page
        return page.source is self._source and page.live_methods is self._methods

    @property
    def fits(self) -> bool:
        """Whether the class has the code that it had."""
        page = self.page
        return page.source.hash == self._source.hash and page.live_methods == self._methods

    def restore(self) -> None:
        """Make the class what it was."""
        for function, parts in self._functions:
            for name, value in parts.items():
                setattr(function, name, value)
        for name in set(vars(self.page)) - set(self._members) - _OF_A_CLASS:
            delattr(self.page, name)
        for name, value in self._members.items():
            if vars(self.page).get(name, self) is not value:
                setattr(self.page, name, value)

    def mend(self) -> None:
        """Let the changed class be a whole page: reloading binds its methods to another class."""
        page = self.page
        for name, value in list(vars(page).items()):
            if isinstance(value, MethodType):
                setattr(page, name, classmethod(value.__func__))
        for name, method in page.live_methods.items():
            if name in vars(page) and not isinstance(vars(page)[name], LiveMethod):
                setattr(page, name, method)
        page.belong_to(self._app)
