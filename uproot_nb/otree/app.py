"""OtreeApp: an oTree app's module, read into its parts without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from uproot_nb.errors import BadApp

__all__ = ["ModelFields", "OtreeApp", "read_app", "session_config"]

MODELS = {"BasePlayer": "player", "BaseGroup": "group", "BaseSubsession": "subsession"}
CONSTANTS = "BaseConstants"
OLD_NAMES = frozenset({"name_in_url", "num_rounds", "players_per_group"})
"""Constants that oTree reads; in a class `Constants`, as before oTree 5.4, in small letters."""
PAGES = ("Page", "WaitPage")
_CONFIGS, _DEFAULTS = "SESSION_CONFIGS", "SESSION_CONFIG_DEFAULTS"


@dataclass
class ModelFields:
    """The fields of Player, Group or Subsession, each with its `models.IntegerField(…)`."""

    fields: dict[str, cst.Call] = field(default_factory=dict)


@dataclass
class OtreeApp:
    """The parts of an app, as they stand in its `__init__.py`."""

    folder: Path
    lines: Mapping[cst.CSTNode, Any]
    doc: str = ""
    constants: cst.ClassDef | None = None
    models: dict[str, ModelFields] = field(
        default_factory=lambda: {k: ModelFields() for k in MODELS.values()}
    )
    pages: dict[str, cst.ClassDef] = field(default_factory=dict)
    waits: set[str] = field(default_factory=set)
    functions: dict[str, cst.FunctionDef] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    """Functions that stand in a model's class, as they did before oTree 5, and which model."""
    factories: set[str] = field(default_factory=set)
    """Functions that make fields; they are put in where they are called."""
    order: cst.BaseExpression | None = None
    beside: list[cst.BaseStatement | cst.SimpleStatementLine] = field(default_factory=list)
    """Imports, and what else stands in the module."""
    unknown: list[cst.ClassDef] = field(default_factory=list)
    """Classes of which we do not know what they are to become."""

    @property
    def name(self) -> str:
        """The app's name: its folder's."""
        return self.folder.name

    @property
    def file(self) -> str:
        """The name of its code's file in remarks."""
        return f"{self.name}/__init__.py"

    def line(self, node: cst.CSTNode) -> int:
        """Return the line on which a part begins."""
        position = self.lines.get(node)
        return int(position.start.line) if position is not None else 1

    def is_above(self, statement: cst.CSTNode) -> bool:
        """Return whether a statement stands above the class C, which may use it."""
        return self.constants is not None and self.line(statement) < self.line(self.constants)

    def constant(self, name: str) -> Any:
        """Return the value of a constant that is a literal; None for others."""
        return self._literals.get(name)

    def path(self, name: str) -> str | None:
        """Return a constant that is a path, where `__name__` is the app's name; None for others."""
        value = self._values.get(name)
        try:
            tree = ast.parse("" if value is None else code_of(value), mode="eval").body
        except SyntaxError:
            return None
        return _path(tree, self.name)

    @property
    def constant_names(self) -> list[str]:
        """The names in the class C, in order."""
        return list(self._values)

    @property
    def _values(self) -> dict[str, cst.BaseExpression]:
        return {} if self.constants is None else dict(assignments(self.constants))

    @property
    def _literals(self) -> dict[str, Any]:
        found = {}
        for name, value in self._values.items():
            try:
                found[name] = ast.literal_eval(code_of(value))
            except (ValueError, SyntaxError):
                continue
        return found

    @property
    def rounds(self) -> int:
        """How many rounds it has; 2 where that is not a plain number."""
        number = self.constant("NUM_ROUNDS") if "NUM_ROUNDS" in self._values else 1
        return number if isinstance(number, int) else 2

    @property
    def roles(self) -> list[str]:
        """The names of the constants that are roles, in the order of the players."""
        names = [name.upper() for name in self._values]
        is_role = [name.endswith("_ROLE") or name.startswith("ROLE_") for name in names]
        return [name for name, is_one in zip(self._values, is_role, strict=True) if is_one]

    def is_none(self, name: str) -> bool:
        """Return whether a constant is None."""
        value = self._values.get(name)
        return value is not None and code_of(value) == "None"

    def is_money(self, name: str) -> bool:
        """Return whether a constant is an amount: `cu(…)`."""
        value = self._values.get(name)
        return isinstance(value, cst.Call) and code_of(value.func) in ("cu", "c", "Currency")


def read_app(folder: Path) -> OtreeApp:
    """Read an app's `__init__.py`.

    Raises:
        BadApp: it is none, or it is of an oTree before version 5.
    """
    path = folder / "__init__.py"
    if not path.is_file():
        raise BadApp(folder.name, f"there is no {path}.", "Give the folder of one oTree app.")
    try:
        module = cst.parse_module(path.read_text("utf-8"))
    except (cst.ParserSyntaxError, UnicodeDecodeError) as error:
        what = f"{path} is no Python: {str(error).splitlines()[0]}"
        raise BadApp(folder.name, what, "Correct it there first.") from None
    wrapper = MetadataWrapper(module.visit(_NewNames()))
    app = OtreeApp(folder, wrapper.resolve(PositionProvider))
    for statement in wrapper.module.body:
        _take(app, statement)
    if app.order is None:
        raise BadApp(
            folder.name, "its __init__.py has no page_sequence.",
            "Apps of oTree before 5 (models.py, pages.py) cannot be read; update the app first.",
        )  # fmt: skip
    return app


class _NewNames(cst.CSTTransformer):
    """Writes the constants that oTree reads in capital letters, as since oTree 5.4."""

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> Any:
        """Rename what the class assigns."""
        if CONSTANTS not in bases_of(original_node):
            return updated_node
        return updated_node.visit(_CapitalNames())

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> Any:
        """Rename where they are read: `Constants.num_rounds`."""
        read = (
            isinstance(original_node.value, cst.Name) and original_node.value.value == "Constants"
        )
        name = original_node.attr.value
        if not read or name not in OLD_NAMES:
            return updated_node
        return updated_node.with_changes(attr=cst.Name(name.upper()))


class _CapitalNames(cst.CSTTransformer):
    """Writes them so where they are assigned, and where the class itself reads them."""

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        name = original_node.value
        return cst.Name(name.upper()) if name in OLD_NAMES else updated_node


def code_of(node: cst.CSTNode) -> str:
    """Return the Python of a part."""
    return cst.Module([]).code_for_node(node)


def bases_of(node: cst.ClassDef) -> list[str]:
    """Return the names of a class's bases."""
    return [code_of(base.value).rpartition(".")[2] for base in node.bases]


def assignments(node: cst.ClassDef) -> Iterator[tuple[str, cst.BaseExpression]]:
    """Yield the plain assignments in a class's body."""
    for line in node.body.body:
        for small in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(small, cst.Assign) and isinstance(small.targets[0].target, cst.Name):
                yield small.targets[0].target.value, small.value


def methods(node: cst.ClassDef) -> Iterator[cst.FunctionDef]:
    """Yield the functions in a class's body."""
    yield from (part for part in node.body.body if isinstance(part, cst.FunctionDef))


def _path(node: ast.expr, name: str) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id == "__name__":
        return name
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _path(node.left, name), _path(node.right, name)
        return None if left is None or right is None else left + right
    return None


def _take(app: OtreeApp, statement: Any) -> None:
    """Put a statement where it belongs."""
    if isinstance(statement, cst.ClassDef):
        _take_class(app, statement)
    elif isinstance(statement, cst.FunctionDef):
        app.functions[statement.name.value] = statement
    elif isinstance(statement, cst.SimpleStatementLine) and _take_name(app, statement):
        return
    elif not _imports_otree(statement):
        app.beside.append(statement)


def _take_class(app: OtreeApp, node: cst.ClassDef) -> None:
    bases = bases_of(node)
    if CONSTANTS in bases:
        app.constants = node
    elif found := [MODELS[base] for base in bases if base in MODELS]:
        app.models[found[0]].fields.update(_fields(app, node))
        for method in methods(node):
            app.functions[method.name.value] = method
            app.methods[method.name.value] = found[0]
    elif any(base in PAGES or base in app.pages for base in bases):
        app.pages[node.name.value] = node
        if any(base == "WaitPage" or base in app.waits for base in bases):
            app.waits.add(node.name.value)
    else:
        app.unknown.append(node)


def _fields(app: OtreeApp, node: cst.ClassDef) -> Iterator[tuple[str, cst.Call]]:
    for name, value in assignments(node):
        call = _made(app, value) if isinstance(value, cst.Call) else None
        if call is not None:
            yield name, call


def _made(app: OtreeApp, call: cst.Call) -> cst.Call | None:
    """Return the field that a call makes, also where the author's own function makes it."""
    name = code_of(call.func)
    if name.endswith("Field"):
        return call
    function = app.functions.get(name)
    last = function.body.body[-1] if function is not None and function.body.body else None
    small = last.body[0] if isinstance(last, cst.SimpleStatementLine) else None
    if function is None or not isinstance(small, cst.Return):
        return None
    names = [param.name.value for param in function.params.params]
    given = dict(zip(names, (arg.value for arg in call.args if arg.keyword is None), strict=False))
    given |= {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    made = small.value.visit(_Inserted(given)) if small.value is not None else None
    if not (isinstance(made, cst.Call) and code_of(made.func).endswith("Field")):
        return None
    app.factories.add(name)
    return made


class _Inserted(cst.CSTTransformer):
    """Puts the arguments of a call in the place of a function's parameters."""

    def __init__(self, given: Mapping[str, cst.BaseExpression]) -> None:
        super().__init__()
        self._given = given

    def leave_Arg(self, original: cst.Arg, updated: cst.Arg) -> cst.Arg:
        """Give an argument its name back."""
        return updated.with_changes(keyword=original.keyword)

    def leave_Name(self, original: cst.Name, updated: cst.Name) -> cst.BaseExpression:
        """Insert an argument."""
        return self._given.get(original.value, updated)


def _take_name(app: OtreeApp, line: cst.SimpleStatementLine) -> bool:
    small = line.body[0]
    if not (isinstance(small, cst.Assign) and isinstance(small.targets[0].target, cst.Name)):
        return False
    name = small.targets[0].target.value
    if name == "page_sequence":
        app.order = small.value
    elif name in ("doc", "__doc__") and isinstance(small.value, cst.SimpleString):
        app.doc = str(small.value.evaluated_value).strip()
    else:
        return False
    return True


def _imports_otree(statement: Any) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    small = statement.body[0]
    if isinstance(small, cst.ImportFrom) and small.module is not None and not small.relative:
        # Annotations, for which there is __future__, are left out.
        return code_of(small.module).partition(".")[0] in ("otree", "__future__")
    if isinstance(small, cst.Import):
        return all(code_of(alias.name).partition(".")[0] == "otree" for alias in small.names)
    return False


def session_config(app: OtreeApp) -> dict[str, Any]:
    """Return the settings that the project's `settings.py` has for a session with this app."""
    path = app.folder.parent / "settings.py"
    found: dict[str, Any] = {}
    if path.is_file():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = _literal(node.value)
    written = [c for c in found.get(_CONFIGS) or () if isinstance(c, dict)]
    own = [c for c in written if app.name in (c.get("app_sequence") or ())]
    settings = {**(found.get(_DEFAULTS) or {}), **(own[0] if own else {})}
    return {name: value for name, value in settings.items() if value is not None}


def _literal(node: ast.expr) -> Any:
    """Return a literal, in which `dict(a=1)` counts as one; None for what is computed."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict":
        return {k.arg: _literal(k.value) for k in node.keywords if k.arg}
    if isinstance(node, ast.List):
        return [_literal(part) for part in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
