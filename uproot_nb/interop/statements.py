"""Statements: a notebook's code in pieces, and the choice of those that an experiment needs."""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Statement", "choose_statements", "is_builtin", "read_cells"]

AUTHORED = (list, dict, set, type)
"""What an author's own statements change in place: containers and classes."""


@dataclass(frozen=True, eq=False)
class Statement:
    """One top-level statement of a cell, with the comments above it.

    `binds` are the names it gives a value, `now` those it reads when it is executed, `later` those
    that its functions read when they are called.
    """

    text: str
    cell: int
    nodes: tuple[ast.stmt, ...] = ()
    binds: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    """Names whose values it changes in place."""

    @property
    def needs(self) -> frozenset[str]:
        """All names that it reads."""
        return self.now | self.later


def read_cells(cells: Sequence[str]) -> list[Statement]:
    """Return the statements of all cells in the order in which they ran; broken cells have none."""
    found: list[Statement] = []
    for number, text in enumerate(cells):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        found += _pieces(text, tree, number)
    return found


def choose_statements(
    statements: Sequence[Statement],
    wanted: Iterable[str],
    namespace: Mapping[str, Any],
) -> list[Statement]:
    """Return the statements that give *wanted* names their values, each after what it reads.

    Where a name was given a value more than once, the last counts, at the place of the first.
    """
    return _Choice(statements, namespace).of(wanted)


# ---- pieces ----


def _pieces(text: str, tree: ast.Module, cell: int) -> Iterator[Statement]:
    lines = text.splitlines(keepends=True)
    begun = 0
    for nodes in _side_by_side(tree.body):
        end = max(node.end_lineno or node.lineno for node in nodes)
        piece = "".join(lines[begun:end])
        yield _statement(piece.strip("\n"), cell)
        begun = end


def _side_by_side(body: Sequence[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Yield statements that share a line together."""
    group: list[ast.stmt] = []
    for node in body:
        if group and node.lineno > (group[-1].end_lineno or group[-1].lineno):
            yield group
            group = []
        group.append(node)
    if group:
        yield group


def _statement(text: str, cell: int) -> Statement:
    nodes = tuple(ast.parse(text).body)
    scan = _Scan()
    scan.table(symtable.symtable(text, "cell", "exec"), now=True)
    scan.binds |= {name for node in nodes for name in _starred(node)}
    scan.now |= {name for node in nodes for name in _built_on(node)}
    annotated = {name for node in nodes for name in _annotations(node)}
    changed = {name for node in nodes for name in _changed(node)}
    return Statement(
        text, cell, nodes, frozenset(scan.binds), frozenset(scan.now),
        frozenset((scan.later | annotated) - scan.now), frozenset(changed),
    )  # fmt: skip


@dataclass
class _Scan:
    """Collects which global names a piece of code binds and reads."""

    binds: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)

    def table(self, table: symtable.SymbolTable, *, now: bool) -> None:
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if top and (symbol.is_assigned() or symbol.is_imported()):
                self.binds.add(name)
            if symbol.is_referenced() and (top or symbol.is_global() or _outer(table, symbol)):
                (self.now if now else self.later).add(name)
            if symbol.is_declared_global() and symbol.is_assigned():
                self.later.add(name)
        for inner in table.get_children():
            waits = inner.get_type() == "function" and inner.get_name() not in _AT_ONCE
            self.table(inner, now=now and not waits)


_AT_ONCE = ("listcomp", "setcomp", "dictcomp", "genexpr")


def _outer(table: symtable.SymbolTable, symbol: symtable.Symbol) -> bool:
    """Tell whether a class body reads a name from outside before it binds it: `x = x`."""
    return table.get_type() == "class" and symbol.is_assigned() and not symbol.is_namespace()


def _starred(node: ast.stmt) -> Iterator[str]:
    """Yield the names that an `import *` has given, by the module that Python has."""
    starred = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    module = sys.modules.get(node.module or "") if isinstance(node, ast.ImportFrom) else None
    if starred and module is not None and module.__name__.partition(".")[0] not in _FRAMEWORKS:
        public = [name for name in vars(module) if name[:1] != "_"]
        yield from getattr(module, "__all__", public)


_FRAMEWORKS = (__name__.partition(".")[0], "uproot")


def _built_on(node: ast.stmt) -> Iterator[str]:
    """Yield the name that `name += …` reads as well as binds."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _annotations(node: ast.stmt) -> Iterator[str]:
    for part in ast.walk(node):
        given: list[ast.expr | None] = []
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = [part.returns]
        elif isinstance(part, (ast.arg, ast.AnnAssign)):
            given = [part.annotation]
        for annotation in filter(None, given):
            yield from (n.id for n in ast.walk(annotation) if isinstance(n, ast.Name))


def _changed(node: ast.stmt) -> Iterator[str]:
    """Yield the names whose values a statement changes in place."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    elif isinstance(node, (ast.For, ast.If, ast.With, ast.While, ast.Try)):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.stmt):
                yield from _changed(inner)
    for target in targets:
        if isinstance(target, (ast.Attribute, ast.Subscript)):
            root = _root(target)
            if root is not None:
                yield root


def _root(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


# ---- choosing ----


class _Choice:
    """Follows names to the statements that give them their values."""

    def __init__(self, statements: Sequence[Statement], namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self._binding: dict[str, list[Statement]] = {}
        self._changing: dict[str, list[Statement]] = {}
        for statement in statements:
            for name in statement.binds:
                self._binding.setdefault(name, []).append(statement)
            for name in statement.changes:
                self._changing.setdefault(name, []).append(statement)
        self._rank = {id(s): number for number, s in enumerate(statements)}

    def of(self, wanted: Iterable[str]) -> list[Statement]:
        chosen = self._closure(wanted)
        places = {id(s): self._place(s) for s in chosen}
        placed = sorted(chosen, key=lambda s: (places[id(s)], self._rank[id(s)]))
        return self._sorted(placed)

    def _closure(self, wanted: Iterable[str]) -> list[Statement]:
        chosen: dict[int, Statement] = {}
        names, seen = list(wanted), set[str]()
        while names:
            name = names.pop()
            if name in seen:
                continue
            seen.add(name)
            for statement in self._making(name):
                if id(statement) not in chosen:
                    chosen[id(statement)] = statement
                    names += statement.needs | statement.binds
        return list(chosen.values())

    def _making(self, name: str) -> list[Statement]:
        """Return the last statement that binds a name, those it builds on, and what changes it."""
        made: list[Statement] = []
        for statement in reversed(self._binding.get(name, [])):
            made.append(statement)
            if name not in statement.now:
                break
        if not made or not isinstance(self._namespace.get(name), AUTHORED):
            return made
        since = self._rank[id(made[-1])]
        changes = self._changing.get(name, [])
        return made + [s for s in changes if self._rank[id(s)] > since and s not in made]

    def _place(self, statement: Statement) -> int:
        """Return where a statement belongs: where its names were first given a value."""
        firsts = [self._rank[id(self._binding[name][0])] for name in statement.binds]
        builds_on = statement.binds & statement.now
        return self._rank[id(statement)] if builds_on or not firsts else min(firsts)

    def _sorted(self, placed: Sequence[Statement]) -> list[Statement]:
        """Put every statement after those that it reads from when it is executed."""
        done: list[Statement] = []
        busy: set[int] = set()

        def put(statement: Statement) -> None:
            if id(statement) in busy:
                return
            busy.add(id(statement))
            for name in sorted(statement.now | statement.changes):
                for needed in placed:
                    if name in needed.binds and self._comes_first(needed, statement, name):
                        put(needed)
            done.append(statement)

        for statement in placed:
            put(statement)
        return done

    def _comes_first(self, needed: Statement, statement: Statement, name: str) -> bool:
        """Tell whether what binds a name belongs before a statement that reads it.

        It does, also if its cell ran later; but `name += …` stays behind what ran before it.
        """
        ordered = name in needed.now or name in statement.binds
        return not ordered or self._rank[id(needed)] < self._rank[id(statement)]


def is_builtin(name: str, known: Collection[str] = frozenset(dir(builtins))) -> bool:
    """Tell whether a name is Python's own."""
    return name in known or name in ("__name__", "__file__", "__doc__")
