"""The house rules that can be read off the source: who may import whom, how long, how named."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import uproot_nb
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import CHANGES
from uproot_nb.log.state import State

PACKAGE = Path(__file__).resolve().parent.parent / "uproot_nb"

BELOW = {
    "deprecation": set(),
    "errors": set(),
    "executors": {"errors"},
    "version": set(),
    "languages": {"errors"},
    "experiment": {"errors"},
    "bots": {"errors", "executors"},
    "bridge": {"errors"},
    "templating": {"errors", "experiment", "languages"},
    "forms": {"errors", "experiment", "languages", "templating"},
    "log": {"errors", "experiment"},
    "server": {"errors", "languages", "bridge", "version"},
    "session": {"errors", "experiment", "log", "bridge"},
    "realtime": {"errors", "experiment", "log", "bridge", "session"},
    "flow": {
        "errors", "experiment", "languages", "log", "bridge", "templating", "forms", "session",
        "realtime",
    },
    "market": {
        "errors", "executors", "experiment", "log", "bots", "session", "realtime", "version",
    },
    "institutions": {"errors", "experiment", "market", "bots", "session", "realtime"},
    "engine": {
        "errors", "experiment", "log", "bridge", "templating", "session", "realtime", "flow",
        "version",
    },
    "analysis": {
        "errors", "experiment", "log", "session", "market", "institutions", "version",
    },
    "interop": {
        "errors", "experiment", "forms", "languages", "log", "templating", "session", "realtime",
        "flow", "version",
    },
    "otree": {"errors"},
    "study": {"errors", "experiment", "languages", "log", "analysis"},
    "reruns": {
        "errors", "experiment", "log", "bridge", "session", "flow", "engine", "analysis",
        "interop", "study",
    },
    "steering": {
        "errors", "experiment", "log", "bridge", "session", "realtime", "flow", "engine",
        "analysis", "study",
    },
    "monitor": {
        "errors", "experiment", "log", "bridge", "session", "realtime", "flow", "engine",
        "market", "analysis", "study", "steering", "version",
    },
    "notebook": {
        "errors", "experiment", "log", "bridge", "bots", "server", "templating", "session",
        "realtime", "flow", "engine", "analysis", "interop", "steering", "monitor", "study",
        "version",
    },
    "testing": {
        "errors", "experiment", "bots", "bridge", "interop", "notebook", "reruns", "session",
    },
    "headless": {"errors", "log", "bridge", "server", "analysis", "notebook"},
    "cli": {"errors", "log", "analysis", "headless", "notebook", "study", "version"},
}  # fmt: skip
"""What each floor may import, beside itself and `deprecation`; it stands above all that it names.

The market's rooms have floors of their own: see MARKET.
"""

LONGER_FOR_A_REASON: dict[str, str] = {}
"""Functions that may be longer than LONGEST, as "module.function", and why."""

LONGEST = 50
EMPTY_NAMES = re.compile(r"(core|common|utils?|helpers?|types|base|managers?)\Z|.*[0-9]")


@functools.cache
def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def named(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def floor_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Parse each file once for all rules."""
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """Walk through each file once for all rules."""
    return list(ast.walk(parsed(path)))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the package's modules that *path* imports (also inside functions), with the line."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: write the import in full"
            yield node.module or "", node.lineno


def functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every function with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue  # functions are statements
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{prefix}.{node.name}", node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from functions(node, f"{prefix}.{node.name}")
        else:
            yield from functions(node, prefix)


def none(broken: Iterable[str]) -> None:
    """Fail with every place that breaks the rule, one a line."""
    lines = list(broken)
    assert not lines, "\n" + "\n".join(lines)


@pytest.mark.long
def test_imports_point_down() -> None:
    none(
        f"{named(path)}:{line} imports {name}"
        for path in modules()
        if floor_of(path) != "__init__"  # the front door opens on every floor
        for name, line in imports(path)
        if name.startswith("uproot_nb.")
        and name.split(".")[1] not in BELOW[floor_of(path)] | {floor_of(path), "deprecation"}
    )


MARKET = [
    "orderbook", "analysis", "order_flow", "book_timer", "market", "pages", "traders", "policy",
    "designs", "env", "simulations", "inference", "plots", "replications",
]  # fmt: skip


def room_of(name: str) -> int:
    """Return the floor of a module of the market; the front door is above all of them."""
    parts = name.split(".")
    return MARKET.index(parts[2]) if len(parts) > 2 else len(MARKET)


def test_the_markets_imports_point_down() -> None:
    none(
        f"{named(path)}:{line} imports {name}"
        for path in sorted((PACKAGE / "market").rglob("*.py"))
        if path != PACKAGE / "market" / "__init__.py"
        for name, line in imports(path)
        if name.startswith("uproot_nb.market") and room_of(name) > room_of(named(path))
    )


MONEY_AND_SURPLUS = {
    "uproot_nb.market.orderbook.amounts", "uproot_nb.market.orderbook.prices",
    "uproot_nb.market.orderbook.price_input", "uproot_nb.market.analysis.equilibrium",
}  # fmt: skip
"""What institutions without order books take from the market: nothing of these knows a book."""
INSTITUTIONS = [
    "money", "refusals", "words", "game", "robot_moves", "institution", "auctions", "demand",
    "posted_offer", "oligopoly", "prediction_market", "recorded_rules", "views", "entries",
    "columns", "tables", "live_game", "page", "strategies",
]  # fmt: skip
"""The rooms and modules of the institutions, from the ground up."""


def test_institutions_know_no_order_book() -> None:
    none(
        f"{named(path)}:{line} imports {name}"
        for path in sorted((PACKAGE / "institutions").rglob("*.py"))
        for name, line in imports(path)
        if name.startswith("uproot_nb.market") and name not in MONEY_AND_SURPLUS
    )


def test_the_institutions_imports_point_down() -> None:
    place = INSTITUTIONS.index
    none(
        f"{named(path)}:{line} imports {name}"
        for path in sorted((PACKAGE / "institutions").rglob("*.py"))
        if path != PACKAGE / "institutions" / "__init__.py"
        for name, line in imports(path)
        if name.startswith("uproot_nb.institutions.")
        and place(name.split(".")[2]) > place(named(path).split(".")[2])
    )


def test_every_floor_is_known_and_no_two_floors_import_each_other() -> None:
    floors = {floor_of(path) for path in modules()} - {"__init__"}
    assert floors <= set(BELOW), f"give a place in BELOW to {floors - set(BELOW)}"
    mutual = {(a, b) for a in BELOW for b in BELOW[a] if a in BELOW.get(b, set())}
    assert not mutual


@pytest.mark.long
def test_no_star_is_imported() -> None:
    none(
        f"{named(path)}:{node.lineno}"
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    )


@pytest.mark.long
def test_an_import_inside_a_function_says_that_it_is_lazy() -> None:
    """The only reason for one is that loading is slow or needless, and it stands beside it.

    Parts of the standard library that a platform may lack need no reason.
    """
    none(
        f"{name}, line {line}"
        for path in modules()
        for name, line, beside in _inner_imports(path)
        if "# lazy" not in beside
    )


def _inner_imports(path: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the imports inside functions, with their line and what stands beside it."""
    lines = path.read_text("utf-8").splitlines()
    for name, function in functions(parsed(path), named(path)):
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and not _is_standard(node):
                yield name, node.lineno, " ".join(lines[max(0, node.lineno - 3) : node.lineno])


@pytest.mark.long
def test_no_function_is_longer_than_a_short_story() -> None:
    none(
        f"{name}: {length} lines"
        for path in modules()
        for name, function in functions(parsed(path), named(path))
        if (length := _length(function)) > LONGEST and name not in LONGER_FOR_A_REASON
    )


def _length(function: ast.AST) -> int:
    body = [s for s in function.body if not _is_text(s)]  # type: ignore[attr-defined]
    return (body[-1].end_lineno - body[0].lineno + 1) if body else 0


@pytest.mark.long
def test_a_module_opens_with_one_sentence() -> None:
    none(
        f"{named(path)}: {text or 'what is in this file?'}"
        for path in modules()
        if not (text := _first_line(path)).endswith((".", "?", "!"))
    )


def _first_line(path: Path) -> str:
    return (ast.get_docstring(parsed(path)) or "").partition("\n")[0]


@pytest.mark.long
def test_every_public_name_says_what_it_is_for() -> None:
    none(f"{named(path)}.{name}" for path in modules() for name in _silent_names(parsed(path)))


def _silent_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node.name
            yield from (f"{node.name}.{name}" for name in _silent_methods(node))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_silent(node):
            yield node.name


def test_a_module_is_named_for_what_it_is() -> None:
    none(
        f"{named(path)}: {part}"
        for path in modules()
        for part in path.relative_to(PACKAGE).with_suffix("").parts
        if EMPTY_NAMES.match(part)
    )


def _is_standard(node: ast.Import | ast.ImportFrom) -> bool:
    names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return all(name.split(".")[0] in sys.stdlib_module_names for name in names)


def _silent_methods(owner: ast.ClassDef) -> Iterator[str]:
    """Yield public methods without a docstring, save those that answer a framework by its name."""
    if any(ast.unparse(base) in FRAMEWORKS for base in owner.bases):
        return
    for node in owner.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_silent(node):
            is_setter = any(_last_name(mark) == "setter" for mark in node.decorator_list)
            if not is_setter and node.name not in documented_methods():
                yield node.name


FRAMEWORKS = {
    "RequestHandler", "ExtensionApp", "StaticFileHandler", "HTTPServer", "_Handler",
    "asyncio.Protocol",
}  # fmt: skip
"""Bases whose methods' names and duties others have defined."""


@functools.cache
def documented_methods() -> frozenset[str]:
    """Return the methods that some class or protocol of the package explains for all others."""
    return frozenset(
        node.name
        for path in modules()
        for owner in nodes(path)
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node)
    )


def _is_silent(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    short = (node.end_lineno or 0) - node.lineno < 3
    overloaded = any(_last_name(d) == "overload" for d in node.decorator_list)
    private = node.name.startswith("_") or overloaded
    return not private and not short and ast.get_docstring(node) is None


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_room_has_the_name_of_something_public() -> None:
    """Importing `uproot_nb.live` as a package would put it in the place of the decorator."""
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    files = {path.stem for path in PACKAGE.glob("*.py")}
    assert not (rooms | files) & set(uproot_nb.__all__)


CHANGED_BY_HAND = CHANGES | {"call"}
"""Kinds of events whose writer changes the state itself."""


def test_who_writes_what_the_state_is_made_of_folds_it() -> None:
    """Otherwise the state of a run is another one than after a restart."""
    folded = set(State(Codec())._folds) - CHANGED_BY_HAND
    broken = [
        f"{named(path)}:{node.lineno} writes '{kind}' without folding it"
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.Call) and _last_name(node.func) in ("write", "write_for")
        for kind in (arg.value for arg in node.args if isinstance(arg, ast.Constant))
        if kind in folded and not _is_note(node)
    ]
    none(broken)


def _is_note(call: ast.Call) -> bool:
    """Whether it is an intervention at the session or a push, which no player's state has."""
    return any(isinstance(arg, ast.Constant) and arg.value == "intervention" for arg in call.args)
