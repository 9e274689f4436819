"""Classes: the classes of authors, found by name and never called."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from uproot_nb.log.encoding.refusals import refusal

__all__ = ["Classes", "Resolve", "find_loaded_class"]

Resolve: TypeAlias = Callable[[str, str], type | None]
"""Find a class by its module and qualified name, or return None."""


MOVED = {
    "uproot_nb.engine.bunches": "uproot_nb.session.entity_list",
    "uproot_nb.engine.chat": "uproot_nb.realtime.chat",
    "uproot_nb.engine.entities": "uproot_nb.session.entities",
    "uproot_nb.market.dividends": "uproot_nb.market.analysis.dividends",
    "uproot_nb.market.equilibrium": "uproot_nb.market.analysis.equilibrium",
    "uproot_nb.market.orders": "uproot_nb.market.orderbook.orders",
    "uproot_nb.market.outcomes": "uproot_nb.market.orderbook.outcomes",
    "uproot_nb.market.rules": "uproot_nb.market.orderbook.rules",
    "uproot_nb.market.values": "uproot_nb.market.analysis.values",
}
"""Where classes of ours are today that older logs name by the module they were in."""


def find_loaded_class(
    module: str, qualname: str, namespaces: Sequence[Mapping[str, Any]] = ()
) -> type | None:
    """Return the class of that name if its module is loaded; nothing is imported or run.

    *namespaces*, as of a notebook and its apps, are searched before the modules with their names.
    """
    names = next((own for own in namespaces if own.get("__name__") == module), None)
    if names is None:
        home = sys.modules.get(MOVED.get(module, module))
        if not isinstance(home, ModuleType):
            return None
        # Plain getattr would run a module's __getattr__, which may import.
        names = object.__getattribute__(home, "__dict__")
    found: Any = None
    for part in qualname.split("."):
        found = names.get(part)
        if not isinstance(found, type):
            return None
        names = dict(type.__getattribute__(found, "__dict__"))
    return found if isinstance(found, type) else None


class Classes:
    """The classes that stored values name, as *resolve* finds them.

        Classes(find_loaded_class).named("market", "Side")

    A class that was defined again is found in its newest form.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._field_names: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()

    def as_found(self, kind: type) -> type:
        """Return the class that decoding will find for *kind*: itself, or its redefinition."""
        found = self._resolve(kind.__module__, kind.__qualname__)
        if found is None:
            raise refusal(kind, "define its class at the top level of a cell or module")
        return found

    def named(self, module: str, qualname: str) -> type:
        """Return the class that a stored value names."""
        found = self._resolve(module, qualname)
        if found is None:
            raise LookupError(qualname)
        return found

    def field_names(self, kind: Any) -> tuple[str, ...]:
        """Return the fields of a dataclass whose instances can be rebuilt from them."""
        names = self._field_names.get(kind)
        if names is None:
            names = self._field_names[kind] = _rebuildable_fields(kind)
        return names


def _rebuildable_fields(kind: Any) -> tuple[str, ...]:
    names = tuple(field.name for field in dataclasses.fields(kind))
    try:
        object.__new__(kind)
    except TypeError:
        raise refusal(kind, "a dataclass that is also another type holds more than fields") from (
            None
        )
    for name in names:
        if isinstance(getattr(kind, name, None), property):
            raise refusal(kind, f"its field '{name}' is a property")
    return names
