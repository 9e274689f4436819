"""Rewriting: an author's statement in the framework's terms, with the author's own layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst import matchers as m
from libcst.metadata import (
    ExpressionContext,
    ExpressionContextProvider,
    GlobalScope,
    MetadataWrapper,
    PositionProvider,
    ScopeProvider,
)

from uproot_nb.experiment.pages import HOOKS, Page
from uproot_nb.interop.names import CALLBACK_NAMES

__all__ = ["Rewriter"]

BY_ATTRIBUTE = (
    "players", "other_in_group", "other_in_session", "others_in_group", "others_in_session",
)  # fmt: skip
"""Our functions that are attributes in the framework: `players(x)` is `x.players`."""

RENAMED: Mapping[str, str] = {
    "F": "_", "Random": "RandomOrder", "Player": "PlayerType", "Group": "GroupType",
    "Session": "SessionType",
}  # fmt: skip
"""Our names that the framework calls otherwise."""

FIRST_KEYWORD: Mapping[str, Mapping[str, str]] = {
    "notify": {"recipients": "to"}, "send_to": {"recipients": "recipient"},
    "send_to_one": {"player": "recipient"}, "move_to_page": {"page": "target"},
}  # fmt: skip
"""Parameters that the framework calls otherwise, by function."""

_BY_THE_RUN = "an app cannot reach the run that serves it"

NOT_THERE: Mapping[str, str] = {
    **dict.fromkeys(("serve", "Run", "runs", "open_log", "room", "load_app"), _BY_THE_RUN),
    "Refused": "return the refusal as a value instead",
    "redirect": "let the page's script do it, with uproot.redirect(url)",
    "balanced": "draw with rng() in new_player instead",
    "Entity": "name the kind: player, group or session",
}  # fmt: skip
"""What only uproot_nb has, and what to do instead."""

ENTITIES = ("player", "group", "session", "other_in_group", "other_in_session", "sender")
"""Usual names of entities, whose identifier `~` gives."""

OUR_ATTRIBUTES = ("has_dropped_out", "online", "position")
"""Attributes that only our players have."""

PACKAGE = __name__.partition(".")[0]

Block = cst.BaseSuite


@dataclass
class Rewriter:
    """Rewrites statements; `problems` lists what has no equivalent.

    Args:
        ours: the global names of this package's objects, and their names in it.
        pages: the experiment's page classes.
    """

    ours: Mapping[str, str]
    pages: tuple[type[Page], ...]
    keeps_f: bool = False
    """Whether `F` stays, because the author uses `_`."""
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """Our names in the rewritten code, as the framework calls them."""
    constants: tuple[str, ...] = ()
    """Names of `C` for scripts; the framework shows them those in `__export__` alone."""
    neighbours: frozenset[str] = frozenset()
    """Modules beside the notebook that go into the app."""

    def rewritten(self, text: str) -> str:
        """Return a statement's text for the framework."""
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        return wrapper.visit(_Translation(self, text.splitlines())).code

    def object(self, problem: str) -> None:
        """List an obstacle, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def named(self, name: str) -> str:
        """Return the framework's name for one of ours."""
        if name == "F" and self.keeps_f:
            return "F"
        return RENAMED.get(name, name)


class _Translation(cst.CSTTransformer):
    """Translates one statement; names that are local to a function stay."""

    METADATA_DEPENDENCIES = (ScopeProvider, ExpressionContextProvider, PositionProvider)

    def __init__(self, rewriter: Rewriter, lines: Sequence[str]) -> None:
        super().__init__()
        self._rewriter, self._lines = rewriter, lines
        self._where: list[str] = []
        self._classes: list[cst.ClassDef] = []
        self._done: set[cst.CSTNode] = set()
        """Names to leave alone, and calls whose result nobody uses."""

    def _our(self, node: cst.CSTNode) -> str | None:
        """Return the name in our package if this is a global name of ours, else None."""
        if not isinstance(node, cst.Name) or node.value not in self._rewriter.ours:
            return None
        scope: Any = self.get_metadata(ScopeProvider, node, None)
        assigned = () if scope is None else scope[node.value]
        is_global = all(isinstance(one.scope, GlobalScope) for one in assigned if one.scope)
        return self._rewriter.ours[node.value] if is_global else None

    # ---- names ----

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        context = self.get_metadata(ExpressionContextProvider, original_node, None)
        ours = self._our(original_node)
        if ours is None or context is not ExpressionContext.LOAD or original_node in self._done:
            return updated_node
        if ours in NOT_THERE:
            self._object(original_node, f"only uproot_nb has '{ours}': {NOT_THERE[ours]}")
        elif ours in BY_ATTRIBUTE:
            self._object(
                original_node, f"'{ours}' has no function there: write player.{ours} or the like"
            )
        else:
            named = self._rewriter.named(ours)
            self._rewriter.used.add(named)
            return updated_node.with_changes(value=named)
        return updated_node

    # ---- calls ----

    def visit_Expr(self, node: cst.Expr) -> None:
        self._done.add(node.value)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self._done.add(node.keyword)

    def visit_Call(self, node: cst.Call) -> None:
        if self._our(node.func) == "live" or self._becomes_attribute(node):
            self._done.add(node.func)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        ours = self._our(original_node.func) or ""
        if self._becomes_attribute(original_node):
            return _attribute(updated_node, ours)
        if ours == "live":
            return self._plain_live(original_node)
        if ours in ("create_group", "create_groups", "add_to_group"):
            return self._group_call(original_node, updated_node, ours)
        if ours == "move_to_page" and m.matches(original_node, _TO_A_POSITION):
            self._object(original_node, "move_to_page() goes to a page there, not to a position")
        elif ours in FIRST_KEYWORD:
            return self._with_keywords(original_node, updated_node, FIRST_KEYWORD[ours])
        return updated_node

    def _becomes_attribute(self, node: cst.Call) -> bool:
        """Return whether this is `players(x)`, which becomes `x.players`."""
        is_one = len(node.args) == 1 and node.args[0].keyword is None
        return is_one and self._our(node.func) in BY_ATTRIBUTE

    def _with_keywords(
        self, original: cst.Call, updated: cst.Call, renamed: Mapping[str, str]
    ) -> cst.Call:
        if any(m.matches(arg, m.Arg(m.Name(), m.Name("where"))) for arg in original.args):
            self._object(original, "where= takes a position or ... there, not a page")
        args = [
            arg.with_changes(keyword=cst.Name(renamed[arg.keyword.value]))
            if arg.keyword is not None and arg.keyword.value in renamed
            else arg
            for arg in updated.args
        ]
        return updated.with_changes(args=args)

    def _group_call(self, original: cst.Call, updated: cst.Call, name: str) -> cst.BaseExpression:
        """A function that makes a group returns its identifier there."""
        if name == "create_group":
            names = (None, None, "gname", "overwrite")
            args = [_keyword(*pair) for pair in zip(updated.args, names, strict=False)]
            updated = updated.with_changes(args=[*args, *updated.args[len(names) :]])
        if original in self._done:
            return updated
        if name == "create_group":
            self._rewriter.used.add("materialize")
            return cst.Call(cst.Name("materialize"), [cst.Arg(updated)])
        self._object(original, f"{name}() returns something else there: look the group up")
        return updated

    def _plain_live(self, node: cst.Call) -> cst.Name:
        self._rewriter.used.add("live")
        for arg in node.args:
            is_default = m.matches(arg.value, m.Name("None") | m.Name("False"))
            if not is_default and arg.keyword is not None:
                self._object(node, f"only uproot_nb has @live({arg.keyword.value}=…)")
        return cst.Name("live")

    # ---- imports ----

    def leave_Import(
        self, original_node: cst.Import, updated_node: cst.Import
    ) -> cst.BaseSmallStatement:
        """`import rules`, of a file beside the notebook, becomes `from . import rules`."""
        tops = [_dotted(alias.name).partition(".")[0] for alias in original_node.names]
        if PACKAGE in tops:
            self._object(
                original_node, f"write 'from {PACKAGE} import *' instead of 'import {PACKAGE}'"
            )
        if not self._rewriter.neighbours.intersection(tops):
            return updated_node
        if len(tops) > 1 or isinstance(original_node.names[0].name, cst.Attribute):
            self._object(original_node, "import each file beside the notebook by itself")
        return cst.ImportFrom(None, updated_node.names, relative=[cst.Dot()])

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        """`from rules import limit` becomes `from .rules import limit`; ours go."""
        module = original_node.module
        top = "" if module is None else _dotted(module).partition(".")[0]
        if original_node.relative:
            return updated_node
        if top == PACKAGE:
            if not isinstance(original_node.names, cst.ImportStar) and any(
                alias.asname is not None for alias in original_node.names
            ):
                self._object(original_node, f"import names of {PACKAGE} as they are, without 'as'")
            return cst.RemoveFromParent()
        if top in self._rewriter.neighbours:
            return updated_node.with_changes(relative=[cst.Dot()])
        return updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        """Fill a line that lost its import."""
        if updated_node.body:
            return updated_node
        return (
            updated_node.with_changes(body=[cst.Pass()]) if self._where else cst.RemoveFromParent()
        )

    # ---- conditions ----

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:
        if isinstance(node.operator, (cst.BitAnd, cst.BitOr)) and self._has_fields(node):
            self._object(node, "conditions on fields are joined by commas there: filter(a, b)")

    def leave_UnaryOperation(
        self, original_node: cst.UnaryOperation, updated_node: cst.UnaryOperation
    ) -> cst.BaseExpression:
        if not isinstance(original_node.operator, cst.BitInvert):
            return updated_node
        if self._has_fields(original_node):
            self._object(original_node, "a condition on fields cannot be negated with ~ there")
        elif _last_name(original_node.expression) in ENTITIES:
            self._rewriter.used.add("identify")
            return cst.Call(cst.Name("identify"), [cst.Arg(updated_node.expression)])
        return updated_node

    def visit_Attribute(self, node: cst.Attribute) -> None:
        name = node.attr.value
        if name == "is_in" and self._has_fields(node.value):
            self._object(node, "fields have no is_in() there")
        elif name in OUR_ATTRIBUTES and _last_name(node.value) in (*ENTITIES, "p", "other"):
            self._object(node, f"only uproot_nb has .{name}")

    def _has_fields(self, node: cst.CSTNode) -> bool:
        return any(self._our(part) == "F" for part in m.findall(node, m.Name()))

    # ---- functions ----

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        name = node.name.value
        if not self._where and name in CALLBACK_NAMES:
            self._check_names(node, 0, CALLBACK_NAMES[name])
        marks = [_called(mark.decorator) for mark in node.decorators]
        if node.params.star_kwarg is not None and any(self._our(one) == "live" for one in marks):
            given = node.params.star_kwarg.name.value
            self._object(node, f"the live method '{name}' takes **{given}")
        self._where.append(name)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self._where.pop()
        name = original_node.name.value
        in_page = len(self._where) == 1 and self._classes and self._is_page(self._where[0])
        if not in_page or name not in HOOKS:
            return updated_node
        self._check_hook(self._classes[-1], original_node)
        if original_node.decorators:
            return updated_node
        return updated_node.with_changes(decorators=[cst.Decorator(cst.Name("classmethod"))])

    def _check_hook(self, page: cst.ClassDef, node: cst.FunctionDef) -> None:
        name = node.name.value
        place, wanted = f"{page.name.value}.{name}", HOOKS[name]
        if name == "all_here" and m.findall(page, _OF_THE_SESSION):
            wanted = ("session",)
        if name in ("all_here", "after_grouping") and node.asynchronous is not None:
            self._rewriter.object(f"{place}: it cannot be async there")
        self._check_names(node, 1, wanted, place)

    def _check_names(
        self, node: cst.FunctionDef, skip: int, wanted: tuple[str, ...], place: str = ""
    ) -> None:
        params = node.params
        if isinstance(params.star_arg, cst.Param):
            return
        given = [param.name.value for param in (*params.posonly_params, *params.params)][skip:]
        for name, needed in zip(given, wanted, strict=False):
            if name != needed:
                self._rewriter.object(
                    f"{place or node.name.value}: call its argument '{needed}', not '{name}', "
                    "because the framework passes it by name"
                )

    # ---- classes ----

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._where.append(node.name.value)
        self._classes.append(node)

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        self._where.pop()
        self._classes.pop()
        if self._where:
            return updated_node
        name = original_node.name.value
        is_entry = [self._our(base.value) == "Entry" for base in original_node.bases]
        updated_node = _with_metaclass(updated_node, is_entry)
        body = updated_node.body
        if name == "C" and self._rewriter.constants and not m.findall(body, _EXPORTS):
            body = _exporting(body, self._rewriter.constants)
        if self._is_page(name):
            body = _without_template(body)
        return updated_node.with_changes(body=body)

    def _is_page(self, name: str) -> bool:
        return any(kind.__name__ == name for page in self._rewriter.pages for kind in page.__mro__)

    def _object(self, node: cst.CSTNode, problem: str) -> None:
        line = self.get_metadata(PositionProvider, node).start.line
        place = ".".join(self._where) or f"'{self._lines[line - 1].strip()}'"
        self._rewriter.object(f"{place}: {problem}")


_TO_A_POSITION = m.Call(args=[m.AtLeastN(n=1), m.Arg(m.Integer()), m.ZeroOrMore()])
_OF_THE_SESSION = m.Assign(
    [m.AssignTarget(m.Name("synchronize"))],
    m.SimpleString("'session'") | m.SimpleString('"session"'),
)
_EXPORTS = m.AssignTarget(m.Name("__export__"))
_TEMPLATE = m.Assign([m.AssignTarget(m.Name("template"))]) | m.AnnAssign(m.Name("template"))
_TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def _attribute(call: cst.Call, name: str) -> cst.Attribute:
    """Return `x.players` for `players(x)`."""
    owner = call.args[0].value
    simple = isinstance(owner, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) or owner.lpar
    if not simple:
        owner = owner.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.Attribute(owner, cst.Name(name), lpar=call.lpar, rpar=call.rpar)


def _keyword(arg: cst.Arg, name: str | None) -> cst.Arg:
    if name is None or arg.keyword is not None or arg.star:
        return arg
    return arg.with_changes(keyword=cst.Name(name), equal=_TIGHT)


def _with_metaclass(node: cst.ClassDef, is_entry: Sequence[bool]) -> cst.ClassDef:
    """Turn `class Offer(Entry)` into `class Offer(metaclass=Entry)`."""
    if not any(is_entry):
        return node
    pairs = list(zip(node.bases, is_entry, strict=True))
    made = [
        cst.Arg(base.value, cst.Name("metaclass"), equal=_TIGHT) for base, entry in pairs if entry
    ]
    bases = [
        base.with_changes(comma=cst.MaybeSentinel.DEFAULT) for base, entry in pairs if not entry
    ]
    return node.with_changes(bases=bases, keywords=[*made, *node.keywords])


def _lines(body: Block) -> list[cst.BaseStatement]:
    """Return a class's statements as lines, also of `class C: X = 1`."""
    if isinstance(body, cst.IndentedBlock):
        return list(body.body)
    assert isinstance(body, cst.SimpleStatementSuite)
    return [cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace)]


def _block(body: Block, lines: Sequence[cst.BaseStatement]) -> Block:
    if isinstance(body, cst.IndentedBlock):
        return body.with_changes(body=lines)
    return cst.IndentedBlock(lines)


def _exporting(body: Block, constants: Sequence[str]) -> Block:
    made = cst.parse_statement(f"__export__ = {list(constants)}")
    return _block(body, [*_lines(body), made.with_changes(leading_lines=[cst.EmptyLine(False)])])


def _without_template(body: Block) -> Block:
    """Remove the class's inline template, which becomes a file; comments above it stay."""
    if not m.findall(body, _TEMPLATE):
        return body
    left: list[cst.BaseStatement] = []
    above: list[cst.EmptyLine] = []
    for line in _lines(body):
        if isinstance(line, cst.SimpleStatementLine):
            parts = [part for part in line.body if not m.matches(part, _TEMPLATE)]
            if not parts:
                above += line.leading_lines
                continue
            if len(parts) < len(line.body):
                parts[-1] = parts[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
                line = line.with_changes(body=parts)
        given: Sequence[cst.EmptyLine] = getattr(line, "leading_lines", ())
        left.append(line.with_changes(leading_lines=[*above, *given]) if above else line)
        above = []
    return _block(body, left)


def _called(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.func if isinstance(node, cst.Call) else node


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def _last_name(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""
