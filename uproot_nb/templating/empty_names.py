"""Empty names: undefined names in a template, shown as nothing and noted."""

from __future__ import annotations

import builtins
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

import jinja2
from jinja2 import nodes

__all__ = ["EmptyName", "LenientEnvironment", "empty_names"]

_GIVEN = "uproot_given"
_USES: dict[type[nodes.Node], tuple[str, ...]] = {
    nodes.Output: ("nodes",), nodes.Concat: ("nodes",), nodes.Filter: ("node",),
    nodes.Test: ("node",), nodes.If: ("test",), nodes.CondExpr: ("test",), nodes.Not: ("node",),
    nodes.And: ("left", "right"), nodes.Or: ("left", "right"), nodes.For: ("iter",),
}  # fmt: skip
"""Where a template shows or tests a name; elsewhere, as in `len(x)`, a builtin is meant."""


@dataclass(frozen=True)
class EmptyName:
    """A name that was shown as nothing: what Jinja says of it, and the template's line."""

    message: str
    file: str
    line: int


def empty_names(noted: list[EmptyName]) -> type[jinja2.Undefined]:
    """Return the class of names that are shown as nothing, and noted in a list.

    A name that is only tested, as in `{% if x %}`, is not noted.
    """

    class Empty(jinja2.ChainableUndefined):
        def __str__(self) -> str:
            noted.append(EmptyName(self._undefined_message, *_place()))
            return ""

        def __html__(self) -> str:
            return str(self)

        def __iter__(self) -> Any:
            str(self)
            return iter(())

    return Empty


class LenientEnvironment(jinja2.Environment):
    """An environment in which a builtin of Python that is only shown or tested is an unknown name.

    `{% if input %}` asks for a variable of that name, and `{{ len(x) }}` for the builtin.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.globals[_GIVEN] = self._given

    def _given(self, value: Any, name: str) -> Any:
        return self.undefined(name=name) if value is getattr(builtins, name) else value

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for kind, fields in _USES.items():
            for node in list(tree.find_all(kind)):
                for field in fields:
                    used = getattr(node, field)
                    several = isinstance(used, list)
                    asked = [self._asked(one) for one in (used if several else [used])]
                    setattr(node, field, asked if several else asked[0])
        return tree

    def _asked(self, node: nodes.Node | None) -> nodes.Node | None:
        """Return a name's node; for that of a builtin, one that asks whether it is given."""
        if not isinstance(node, nodes.Name) or not callable(getattr(builtins, node.name, None)):
            return node
        arguments: list[nodes.Expr] = [node, nodes.Const(node.name)]
        call = nodes.Call(nodes.Name(_GIVEN, "load"), arguments, [], None, None)
        return call.set_lineno(node.lineno).set_environment(self)


def _place() -> tuple[str, int]:
    """Return the file and line of the template that is being rendered."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return frame.f_code.co_filename, template.get_corresponding_lineno(frame.f_lineno)
        frame = frame.f_back
    return "the template", 1
