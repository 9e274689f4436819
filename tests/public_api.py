"""The public API as the code has it now; `python -m tests.public_api` stores it in the file."""

from __future__ import annotations

import argparse
import functools
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from uproot_nb import AttachedPlayer, AttachedRun, Rehearsal, Rerun, Run
from uproot_nb.analysis.recording import Tables
from uproot_nb.cli import _parser
from uproot_nb.experiment.declarations import Field
from uproot_nb.experiment.pages import ATTRIBUTES, HOOKS, Page
from uproot_nb.session.entities import Entity
from uproot_nb.testing import Participant, Served
from uproot_nb.version import VERSION

__all__ = ["FILE", "current", "stored", "with_versions"]

FILE = Path(__file__).with_name("public_api.txt")
MODULES = (
    "uproot_nb", "uproot_nb.market", "uproot_nb.market.plots",
    "uproot_nb.market.replications", "uproot_nb.market.traders", "uproot_nb.market.env",
    "uproot_nb.institutions",
    "uproot_nb.testing", "uproot_nb.errors",
)  # fmt: skip
MADE_BY_US = (
    AttachedPlayer, AttachedRun, Entity, Participant, Protocol, Rehearsal, Rerun, Run, Served,
    Tables,
)  # fmt: skip
"""Classes whose objects authors get from functions: how they are made may change."""


def current() -> dict[str, str]:
    """Return what follows each public name: its signature, bases or type."""
    found = {}
    for module in MODULES:
        found.update(_of_module(module))
    for hook, taken in HOOKS.items():
        found[f"uproot_nb.Page.{hook}"] = f"(page, {', '.join(taken)})"
    for name in ATTRIBUTES:
        found.setdefault(f"uproot_nb.Page.{name}", "")
    found.update(_of_command("uproot-nb", _parser()))
    return {name: found[name] for name in sorted(found) if _is_meant_for_authors(name)}


def _is_meant_for_authors(name: str) -> bool:
    """Tell whether a name is public; of pages of a kind and of `chat`, what the docs mention."""
    of_page_or_chat = re.match(
        r"uproot_nb\.(?:market\.\w+Page|institutions\.\w+Page|chat)\.(\w+)$", name
    )
    return of_page_or_chat is None or of_page_or_chat[1] in _words_of_docs()


@functools.cache
def _words_of_docs() -> frozenset[str]:
    """Return the words that stand in code on the pages of the documentation."""
    docs = (FILE.parent.parent / "docs").glob("*.md")
    code = [part for page in docs for part in page.read_text("utf-8").split("`")[1::2]]
    return frozenset(re.findall(r"\w+", " ".join(code)))


def stored() -> list[str]:
    """Return the lines of the file, without its heading."""
    lines = FILE.read_text("utf-8").splitlines() if FILE.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


def with_versions(found: dict[str, str]) -> list[str]:
    """Return a line per name: the version since which it is public, the name, the rest."""
    since = {_name_of(line): line.split()[0] for line in stored()}
    return [f"{since.get(name, VERSION)}  {name}{rest}" for name, rest in found.items()]


def _name_of(line: str) -> str:
    _, text = line.split("  ", 1)
    return re.split(r"[(:]| <| =", text)[0].rstrip()


def _of_module(name: str) -> Iterator[tuple[str, str]]:
    module = import_module(name)
    for member in module.__all__:
        yield from _of_object(f"{name}.{member}", getattr(module, member))


def _of_object(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, type) and issubclass(value, Field):
        yield name, _signature(value)
    elif isinstance(value, type):
        is_kind = issubclass(value, (BaseException, Page))
        yield name, f" <{value.__bases__[0].__name__}>" if is_kind else ""
        yield from _members(name, value)
    elif isinstance(value, ModuleType):
        for member in value.__all__:
            yield from _of_object(f"{name}.{member}", getattr(value, member))
    elif callable(value):
        yield name, _signature(value)
    else:
        yield name, f": {type(value).__name__}"


def _members(name: str, owner: type) -> Iterator[tuple[str, str]]:
    """Yield the public members that our own classes define."""
    ours = [c for c in reversed(owner.__mro__) if c.__module__.startswith("uproot_nb")]
    found = {key: value for cls in ours for key, value in vars(cls).items()}
    for cls in ours:
        found.update(
            {key: None for key in vars(cls).get("__annotations__", {}) if key not in found}
        )
    if issubclass(owner, Page):
        functions = {*owner.kind_functions, *owner.kind_hooks, *owner.live_methods}
        public = {*owner.kind_attributes, *functions}
    else:
        public = {key for key in found if not key.startswith("_")}
        if "__init__" in vars(owner) and not set(owner.__mro__) & {BaseException, *MADE_BY_US}:
            yield f"{name}.__init__", _signature(owner)
    yield from ((f"{name}.{key}", _shape(found.get(key))) for key in sorted(public))


def _shape(value: Any) -> str:
    if isinstance(value, property):
        returned = inspect.signature(value.fget).return_annotation if value.fget else ""
        return f": {returned}"
    value = getattr(value, "__func__", value)
    return _signature(value) if inspect.isfunction(value) else ""


class _Bare(NamedTuple):
    """An annotation that is written without quotes."""

    text: str

    def __repr__(self) -> str:
        return self.text


def _signature(value: Any) -> str:
    found = inspect.signature(value)
    parameters = [p.replace(annotation=_bare(p.annotation)) for p in found.parameters.values()]
    returned = _bare(found.return_annotation)
    text = str(found.replace(parameters=parameters, return_annotation=returned))
    return re.sub(r"<(?:function|class) '?([\w.]+)'?[^>]*>", r"\1", text)


def _bare(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _of_command(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command, inner in action.choices.items():
                yield from _of_command(f"{name} {command}", inner)
        elif not isinstance(action, argparse._HelpAction):
            label = action.option_strings[-1] if action.option_strings else str(action.metavar)
            has_default = action.default not in (None, argparse.SUPPRESS)
            yield f"{name} {label}", f" = {action.default!r}" if has_default else ""


HEADING = """\
# The public API: since which version, and what. tests/test_public_api.py holds it against the code.
# To store a change that is wanted: python -m tests.public_api (and a line in CHANGELOG.md).
"""


if __name__ == "__main__":
    FILE.write_text(HEADING + "\n".join(with_versions(current())) + "\n", "utf-8")
