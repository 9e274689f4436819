"""Empty names: names that a template uses and nobody has defined, shown as nothing and noted."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

import jinja2

__all__ = ["EmptyName", "empty_names"]


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


def _place() -> tuple[str, int]:
    """Return the file and line of the template that is being rendered."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return frame.f_code.co_filename, template.get_corresponding_lineno(frame.f_lineno)
        frame = frame.f_back
    return "the template", 1
