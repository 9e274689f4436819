"""Rewriting: an author's statement as the framework understands it, in the author's words."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from uproot_nb.experiment.pages import HOOKS, Page
from uproot_nb.interop.statements import Statement

__all__ = ["Rewriter"]

BY_ATTRIBUTE = (
    "players", "other_in_group", "other_in_session", "others_in_group", "others_in_session",
)  # fmt: skip
"""Our functions that the framework has as attributes: `players(x)` is `x.players`."""

RENAMED: Mapping[str, str] = {
    "F": "_", "Random": "RandomOrder", "Player": "PlayerType", "Group": "GroupType",
    "Session": "SessionType",
}  # fmt: skip
"""Names of ours that the framework has under another."""

FIRST_KEYWORD: Mapping[str, Mapping[str, str]] = {
    "notify": {"recipients": "to"}, "send_to": {"recipients": "recipient"},
    "send_to_one": {"player": "recipient"}, "move_to_page": {"page": "target"},
}  # fmt: skip

_BY_THE_RUN = "an app cannot reach the run that serves it"

NOT_THERE: Mapping[str, str] = {
    **dict.fromkeys(("serve", "Run", "runs", "open_log", "room", "load_app"), _BY_THE_RUN),
    "Refused": "return the refusal as a value instead",
    "redirect": "let the page's script do it, with uproot.redirect(url)",
    "balanced": "draw with rng() in new_player instead",
    "Entity": "name the kind: player, group or session",
}  # fmt: skip
"""What is ours alone, and what an author can do about it."""

ENTITIES = ("player", "group", "session", "other_in_group", "other_in_session", "sender")
"""What `~` gives the identifier of, by the names that authors use."""

OUR_ATTRIBUTES = ("has_dropped_out", "online", "position")
"""What players have here alone."""

PACKAGE = __name__.partition(".")[0]

CALLBACK_NAMES: Mapping[str, tuple[str, ...]] = {
    "new_session": ("session",), "new_player": ("player",), "language": ("player",),
    "digest": ("session",), "pipeline": ("session",), "page_order": ("player",),
    "api": ("request", "session"),
}  # fmt: skip
"""The framework gives arguments by name, so the names count."""

Edit = tuple[int, int, str]


@dataclass
class Rewriter:
    """Rewrites statements; `problems` collects what has no equivalent.

    Args:
        ours: the global names that mean something of this package, and what it is called there.
        pages: the experiment's page classes.
    """

    ours: Mapping[str, str]
    pages: tuple[type[Page], ...]
    keeps_f: bool = False
    """Whether `F` stays as it is, because the author's own code uses `_`."""
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """The names of ours that the rewritten code still uses, as the framework calls them."""
    constants: tuple[str, ...] = ()
    """The names of `C` that scripts see; the framework shows them those in `__export__` alone."""
    neighbours: frozenset[str] = frozenset()
    """Modules that lie beside the notebook and go into the app."""

    def rewritten(self, statement: Statement) -> str:
        """Return a statement's text for the framework."""
        text = statement.text
        visitor = _Visitor(self, _Offsets(text))
        for node in statement.nodes:
            visitor.visit(node)
        for start, end, new in sorted(set(visitor.edits), key=lambda edit: edit[:2], reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def object(self, problem: str) -> None:
        """Note something that stands in the way, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def named(self, name: str) -> str:
        """Return what the framework calls a name of ours."""
        if name == "F" and self.keeps_f:
            return "F"
        return RENAMED.get(name, name)


class _Offsets:
    """Turns positions of the syntax tree into places in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def of(self, line: int, column: int) -> int:
        """Return the place of a column, which the tree counts in UTF-8 bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """Return where a node's text begins and ends."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.of(node.lineno, node.col_offset), self.of(end_line, end_column)

    def whole_lines(self, first: int, last: int) -> tuple[int, int]:
        """Return where lines (counted from 1, the last one included) begin and end."""
        return self._starts[first - 1], self._starts[last]


class _Visitor(ast.NodeVisitor):
    """Walks one statement, knows which names are local, and notes edits."""

    def __init__(self, rewriter: Rewriter, offsets: _Offsets) -> None:
        self._rewriter, self._offsets = rewriter, offsets
        self._locals: list[set[str]] = []
        self._where: list[str] = []
        self.edits: list[Edit] = []

    # ---- scopes ----

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if not self._where and node.name in CALLBACK_NAMES:
            self._check_names(node, 0, CALLBACK_NAMES[node.name])
        for outside in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if outside is not None:
                self.visit(outside)
        self._check_live(node)
        for argument in _arguments(node):
            if argument.annotation is not None:
                self.visit(argument.annotation)
        if node.returns is not None:
            self.visit(node.returns)
        self._inside(node.name, _bound_in(node), node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._locals.append({argument.arg for argument in _arguments(node)})
        self.visit(node.body)
        self._locals.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outside)
        if not self._where:
            self._entry_class(node)
            if node.name == "C" and self._rewriter.constants:
                self._export_constants(node)
            if self._is_page(node.name):
                self._page_class(node)
        self._inside(node.name, set(), node.body)

    def _inside(self, name: str, bound: set[str], body: list[ast.stmt]) -> None:
        self._where.append(name)
        self._locals.append(bound)
        for statement in body:
            self.visit(statement)
        self._locals.pop()
        self._where.pop()

    def _comprehension(self, node: Any) -> None:
        bound = {name for g in node.generators for n in ast.walk(g.target) for name in _stored(n)}
        self._locals.append(bound)
        self.generic_visit(node)
        self._locals.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _our(self, node: ast.AST) -> str | None:
        """Return what a global name of ours is called here; None for everything else."""
        if not isinstance(node, ast.Name) or any(node.id in bound for bound in self._locals):
            return None
        return self._rewriter.ours.get(node.id)

    # ---- names ----

    def visit_Name(self, node: ast.Name) -> None:
        ours = self._our(node)
        if ours is None or not isinstance(node.ctx, ast.Load):
            return
        if ours in NOT_THERE:
            self._object(node, f"'{ours}' is of uproot_nb alone: {NOT_THERE[ours]}")
            return
        if ours in BY_ATTRIBUTE:
            self._object(node, f"'{ours}' has no function there: write player.{ours} or the like")
            return
        named = self._rewriter.named(ours)
        self._rewriter.used.add(named)
        if named != node.id:
            self.edits.append((*self._offsets.span(node), named))

    # ---- calls ----

    def visit_Call(self, node: ast.Call) -> None:
        ours = self._our(node.func) or ""
        if ours in BY_ATTRIBUTE and len(node.args) == 1 and not node.keywords:
            self._to_attribute(node, ours)
            return
        if ours in ("create_group", "create_groups", "add_to_group"):
            self._group_call(node, ours)
        elif ours == "move_to_page" and len(node.args) > 1 and _is_number(node.args[1]):
            self._object(node, "move_to_page() goes to a page there, not to a position")
        elif ours == "live":
            self._live_options(node)
        elif ours in FIRST_KEYWORD:
            self._keywords(node, FIRST_KEYWORD[ours])
        self.generic_visit(node)

    def _to_attribute(self, node: ast.Call, name: str) -> None:
        """`players(x)` becomes `x.players`."""
        start, end = self._offsets.span(node)
        first, last = self._offsets.span(node.args[0])
        simple = isinstance(node.args[0], (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
        before, after = ("", "") if simple else ("(", ")")
        self.edits.append((start, first, before))
        self.edits.append((last, end, f"{after}.{name}"))
        self.visit(node.args[0])

    def _keywords(self, node: ast.Call, renamed: Mapping[str, str]) -> None:
        for keyword in node.keywords:
            name = keyword.arg or ""
            if name in renamed:
                start, _ = self._offsets.span(keyword)
                self.edits.append((start, start + len(name), renamed[name]))
            if keyword.arg == "where" and isinstance(keyword.value, ast.Name):
                self._object(node, "where= takes a position or ... there, not a page")

    def _group_call(self, node: ast.Call, name: str) -> None:
        """What makes a group gives its identifier there."""
        for position, keyword in ((2, "gname"), (3, "overwrite")):
            if len(node.args) > position and name == "create_group":
                start, _ = self._offsets.span(node.args[position])
                self.edits.append((start, start, f"{keyword}="))
        if getattr(node, "result_is_unused", False):
            return
        start, end = self._offsets.span(node)
        if name == "create_group":
            self._rewriter.used.add("materialize")
            self.edits += [(start, start, "materialize("), (end, end, ")")]
        else:
            self._object(node, f"what {name}() returns is something else there: look the group up")

    def visit_Expr(self, node: ast.Expr) -> None:
        node.value.result_is_unused = True  # type: ignore[attr-defined]
        self.generic_visit(node)

    def _live_options(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if not _is_constant(keyword.value, (None, False)):
                self._object(node, f"@live({keyword.arg}=…) is of uproot_nb alone")
        start, end = self._offsets.span(node)
        self.edits.append((start, end, "live"))

    # ---- imports ----

    def visit_Import(self, node: ast.Import) -> None:
        """`import rules`, of a file beside the notebook, becomes `from . import rules`."""
        tops = [alias.name.partition(".")[0] for alias in node.names]
        if PACKAGE in tops:
            self._object(node, f"write 'from {PACKAGE} import *' instead of 'import {PACKAGE}'")
        if not self._rewriter.neighbours.intersection(tops):
            return
        if len(tops) > 1 or "." in node.names[0].name:
            self._object(node, "import each file beside the notebook by itself")
        start, _ = self._offsets.span(node)
        self.edits.append((start, start, "from . "))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from rules import limit` becomes `from .rules import limit`; ours are left out."""
        top = (node.module or "").partition(".")[0]
        start, end = self._offsets.span(node)
        if top == PACKAGE and node.level == 0:
            if any(alias.asname not in (None, alias.name) for alias in node.names):
                self._object(node, f"import names of {PACKAGE} as they are, without 'as'")
            self.edits.append((start, end, "pass" if self._where else ""))
        elif top in self._rewriter.neighbours and node.level == 0:
            name = self._offsets.text.index(top, start)
            self.edits.append((name, name, "."))

    # ---- conditions ----

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, (ast.BitAnd, ast.BitOr)) and self._speaks_of_fields(node):
            self._object(node, "conditions on fields are joined by commas there: filter(a, b)")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Invert) and self._speaks_of_fields(node):
            self._object(node, "a condition on fields cannot be turned round with ~ there")
        elif isinstance(node.op, ast.Invert) and _last_name(node.operand) in ENTITIES:
            self._rewriter.used.add("identify")
            (start, end), (first, _) = map(self._offsets.span, (node, node.operand))
            self.edits += [(start, first, "identify("), (end, end, ")")]
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "is_in" and self._speaks_of_fields(node.value):
            self._object(node, "fields have no is_in() there")
        elif node.attr in OUR_ATTRIBUTES and _last_name(node.value) in (*ENTITIES, "p", "other"):
            self._object(node, f".{node.attr} is of uproot_nb alone")
        self.generic_visit(node)

    def _speaks_of_fields(self, node: ast.AST) -> bool:
        return any(self._our(part) == "F" for part in ast.walk(node))

    # ---- classes ----

    def _is_page(self, name: str) -> bool:
        return any(kind.__name__ == name for page in self._rewriter.pages for kind in page.__mro__)

    def _page_class(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._hook(node, statement)
            elif _assigns(statement, "template"):
                self._take_out(node, statement)

    def _hook(self, page: ast.ClassDef, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name not in HOOKS:
            return
        place = f"{page.name}.{node.name}"
        wanted = HOOKS[node.name]
        if node.name == "all_here" and _says(page, "synchronize", "session"):
            wanted = ("session",)
        is_wait = node.name in ("all_here", "after_grouping")
        if is_wait and isinstance(node, ast.AsyncFunctionDef):
            self._rewriter.object(f"{place}: it cannot be async there")
        self._check_names(node, 1, wanted, place)
        if not node.decorator_list:
            start, _ = self._offsets.span(node)
            margin = self._margin(node)
            self.edits.append((start, start, f"@classmethod\n{margin}"))

    def _check_names(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        skip: int,
        wanted: tuple[str, ...],
        place: str = "",
    ) -> None:
        given = [a.arg for a in (*node.args.posonlyargs, *node.args.args)][skip:]
        if node.args.vararg is not None:
            return
        for name, needed in zip(given, wanted, strict=False):
            if name != needed:
                self._rewriter.object(
                    f"{place or node.name}: call its argument '{needed}', not '{name}', "
                    "because the framework gives it by name"
                )

    def _check_live(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        marked = any(self._our(decorator) == "live" for decorator in node.decorator_list)
        if marked and node.args.kwarg is not None:
            self._object(node, f"the live method '{node.name}' takes **{node.args.kwarg.arg}")

    def _export_constants(self, node: ast.ClassDef) -> None:
        if any(_assigns(statement, "__export__") for statement in node.body):
            return
        last = node.body[-1]
        _, end = self._offsets.whole_lines(last.lineno, last.end_lineno or last.lineno)
        text = f"{self._margin(last)}__export__ = {list(self._rewriter.constants)}\n"
        before = "" if self._offsets.text[:end].endswith("\n") else "\n"
        self.edits.append((end, end, f"{before}\n{text}"))

    def _entry_class(self, node: ast.ClassDef) -> None:
        """`class Offer(Entry)` becomes `class Offer(metaclass=Entry)`."""
        for base in node.bases:
            if self._our(base) == "Entry":
                start, _ = self._offsets.span(base)
                self.edits.append((start, start, "metaclass="))

    def _take_out(self, page: ast.ClassDef, statement: ast.stmt) -> None:
        """Take an attribute out of a class; its lines go, too."""
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        start, end = self._offsets.whole_lines(first, last)
        shared = [n for n in page.body if n is not statement and first <= n.lineno <= last]
        if shared or page.lineno == first:
            self.edits.append((*self._offsets.span(statement), "pass"))
        elif len(page.body) == 1:
            self.edits.append((start, end, f"{self._margin(statement)}pass\n"))
        else:
            self.edits.append((start, end, ""))

    def _margin(self, node: ast.stmt) -> str:
        return " " * node.col_offset

    def _object(self, node: ast.expr | ast.stmt, problem: str) -> None:
        place = ".".join(self._where) or f"'{self._line(node)}'"
        self._rewriter.object(f"{place}: {problem}")

    def _line(self, node: ast.expr | ast.stmt) -> str:
        return self._offsets.text.splitlines()[node.lineno - 1].strip()


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[ast.arg]:
    given = node.args
    yield from (*given.posonlyargs, *given.args, *given.kwonlyargs)
    yield from (a for a in (given.vararg, given.kwarg) if a is not None)


def _bound_in(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the local names of a function."""
    bound = {argument.arg for argument in _arguments(node)}
    free: set[str] = set()
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        part = waiting.pop()
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(part.name)
            continue
        if isinstance(part, (ast.Import, ast.ImportFrom)):
            bound |= {(a.asname or a.name).partition(".")[0] for a in part.names}
        elif isinstance(part, (ast.Global, ast.Nonlocal)):
            free |= set(part.names)
        elif isinstance(part, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        bound |= _stored(part)
        waiting += ast.iter_child_nodes(part)
    return bound - free


def _stored(node: ast.AST) -> set[str]:
    is_target = isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del))
    return {node.id} if isinstance(node, ast.Name) and is_target else set()


def _assigns(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    return isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == name


def _says(page: ast.ClassDef, name: str, value: str) -> bool:
    return any(
        _assigns(node, name) and _is_constant(getattr(node, "value", None), (value,))
        for node in page.body
    )


def _is_constant(node: ast.AST | None, values: tuple[Any, ...]) -> bool:
    return isinstance(node, ast.Constant) and node.value in values


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)
