"""export_app: the notebook's experiment as an app folder that the framework itself runs."""

from __future__ import annotations

import ast
import linecache
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import BadApp, NotExportable, UprootError
from uproot_nb.experiment.fields import FileField
from uproot_nb.experiment.setup import App, collect_app, public_constants
from uproot_nb.interop.names import CALLBACK_NAMES, NAMES
from uproot_nb.interop.namespace import CELL_TEMPLATES
from uproot_nb.interop.statements import (
    Statement,
    choose_statements,
    is_builtin,
    read_cells,
)
from uproot_nb.log.paths import notebook_folder

if TYPE_CHECKING:
    from uproot_nb.interop.export_files import ExportFiles
    from uproot_nb.interop.rewriting import Rewriter

__all__ = ["export_app"]

MARK = "# Written by uproot_nb from a notebook. Change it there and export it again."
ROOTS = (
    *CALLBACK_NAMES, "restart", "C", "Context", "DESCRIPTION", "SUGGESTED_MULTIPLE",
    "LANDING_PAGE",
)  # fmt: skip
"""The names that make up an app."""

PACKAGE = __name__.partition(".")[0]


def export_app(experiment: Any, path: str | os.PathLike[str], name: str | None = None) -> Path:
    """Write the notebook's experiment as an app folder that the `uproot` framework itself runs.

        export_app(run, "project/prisoners")

    The code is that of the cells, comments and all; templates, static files, translations and
    `simulate.js` go with it. Add the app to the project's main.py to serve it there.

    Args:
        experiment: a run, or a namespace such as `globals()`.
        path: the app's folder; an earlier export is replaced.
        name: the app's name, if it is to be a folder below *path*.

    Raises:
        NotExportable: an app cannot express the experiment; lists every obstacle.
        BadApp: something else is in the folder, or the name cannot be an app's.
        BadPage: there is no page order.
    """
    namespace = _namespace_of(experiment)
    folder = _checked(Path(path).expanduser().absolute() / (name or ""))
    app, statements = _understood(namespace)
    export = _Export(app, namespace, statements, folder.name)
    files = export.files()
    text = export.code()
    if problems := [*export.problems, *files.problems]:
        raise NotExportable(problems)
    files.texts["__init__.py"] = text
    files.write(folder)
    return folder


class _Export:
    """Puts one app together."""

    def __init__(
        self,
        app: App,
        namespace: Mapping[str, Any],
        statements: Sequence[Statement],
        name: str,
    ) -> None:
        self._app, self._namespace, self._name = app, namespace, name
        self._folder = _folder_of(namespace)
        self._statements = statements
        bound = {name for statement in statements for name in statement.binds}
        roots = [name for name in ROOTS if name in bound]
        self._chosen = choose_statements(statements, roots, namespace)
        self._neighbours = _neighbours(self._chosen, self._folder)
        self._rewriter = _new_rewriter(
            ours=_ours(namespace, self._chosen), pages=tuple(app.pages.values()),
            keeps_f=self._uses_underscore(), neighbours=frozenset(self._neighbours),
        )  # fmt: skip
        self._files = _new_files(name, self._folder)

    @property
    def problems(self) -> list[str]:
        """What stands in the way of the code."""
        return self._rewriter.problems

    def code(self) -> str:
        """Return the text of __init__.py."""
        self._look_for_unknown_names()
        self._look_for_files()
        if self._files.mentions("uproot.C"):
            self._rewriter.constants = tuple(public_constants(self._app))
        pieces = [self._rewriter.rewritten(statement.text) for statement in self._chosen]
        body = _joined(list(zip(self._chosen, pieces, strict=True)))
        return f"{MARK}\n\n{self._imports()}\n\n{body}"

    def files(self) -> ExportFiles:
        """Return the files beside __init__.py."""
        cells = self._namespace.get(CELL_TEMPLATES, {})
        self._files.collect(list(self._app.pages.values()), cells)
        self._files.copies |= {path.name: path for path in self._neighbours.values()}
        return self._files

    def _imports(self) -> str:
        used = self._rewriter.used
        lines = [_star(module) for module in ("uproot.fields",) if used & set(NAMES[module])]
        lines.append(_star("uproot.smithereens"))
        missing = used - _stars(lines)
        models = sorted(missing & set(NAMES["uproot.models"]))
        if models:
            lines.insert(0, f"from uproot.models import {', '.join(models)}")
        for name in sorted(missing - set(models) - {"F"}):
            self._rewriter.object(f"'{name}' is of uproot_nb alone")
        if "F" in used:
            lines.append("from uproot.smithereens import _ as F")
        if self._files.has_languages:
            lines = ["from pathlib import Path\n", "import uproot.i18n", *lines]
            lines.append("\nuproot.i18n.load(str(Path(__file__).parent))")
        return "\n".join(lines) + "\n"

    def _uses_underscore(self) -> bool:
        return any("_" in s.binds or _mentions_underscore(s) for s in self._chosen)

    def _look_for_files(self) -> None:
        """The framework stores every field that is not named as stealthy, and no file can be."""
        for page in self._app.pages.values():
            fields, stealthy = getattr(page, "fields", None), getattr(page, "stealth_fields", ())
            if isinstance(fields, Mapping) and not callable(stealthy):
                files = [name for name, field in fields.items() if isinstance(field, FileField)]
                if set(files) - set(stealthy):
                    self._rewriter.object(
                        f"{page.__name__}: name its files: stealth_fields = {[*stealthy, *files]}"
                    )

    def _look_for_unknown_names(self) -> None:
        bound = {name for statement in self._chosen for name in statement.binds}
        known = bound | {name for name, value in self._namespace.items() if _is_ours(value)}
        for statement in self._chosen:
            for name in sorted(statement.needs - known):
                if not is_builtin(name):
                    whose = ", ".join(sorted(statement.binds)) or statement.text.splitlines()[0]
                    self._rewriter.object(f"{whose}: it uses '{name}', which no cell defines")


def _new_files(name: str, folder: Path) -> ExportFiles:
    # lazy: it loads Jinja2 and Mistune, which `import uproot_nb` does without
    from uproot_nb.interop.export_files import ExportFiles

    return ExportFiles(name, folder)


def _new_rewriter(**options: Any) -> Rewriter:
    try:
        from uproot_nb.interop.rewriting import Rewriter  # lazy: libcst is needed here alone
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "libcst":
            raise
        raise UprootError(
            "export_app() needs LibCST, which is not installed.\n"
            'Install it with %pip install "uproot_nb[export]" and run the cell again.'
        ) from None
    return Rewriter(**options)


# ---- what there is ----


def _namespace_of(experiment: Any) -> Mapping[str, Any]:
    if isinstance(experiment, Mapping):
        return experiment
    runtime = getattr(experiment, "_runtime", None)
    if runtime is None:
        raise UprootError(
            f"export_app() was given {experiment!r}.\nGive the run, or globals() of the notebook."
        )
    apps = runtime.setup.apps
    if len(apps) != 1 or apps[0].name:
        raise UprootError(
            "The run serves app folders, which are apps already.\n"
            "Copy their folders; export_app() is for experiments written in a notebook."
        )
    namespace: Mapping[str, Any] = apps[0].namespace
    return namespace


def _understood(namespace: Mapping[str, Any]) -> tuple[App, list[Statement]]:
    """Return the experiment, and the statements that make it up."""
    statements = read_cells(_cells(namespace))
    served = _served_order(statements)
    if served:
        statements += read_cells([f"page_order = {served}"])
        order = eval(compile(served, "<page_order>", "eval"), dict(namespace))
        return collect_app(namespace, page_order=order), statements
    return collect_app(namespace), statements


def _cells(namespace: Mapping[str, Any]) -> list[str]:
    """Return the code of the notebook's cells, or of the script."""
    cells = namespace.get("In")
    if isinstance(cells, list):
        return [_without_magics(cell) for cell in cells if isinstance(cell, str)]
    file = namespace.get("__file__")
    if file:
        linecache.checkcache(file)
        return ["".join(linecache.getlines(file))]
    raise UprootError(
        "The experiment has no source: this is neither a notebook nor a script.\n"
        "Call export_app(globals(), …) in the notebook that defines it."
    )


def _without_magics(cell: str) -> str:
    """Blank out what only IPython understands, where it has not become calls of get_ipython()."""
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError):
        pass
    else:
        return cell
    lines = cell.splitlines(keepends=True)
    return "".join("\n" if line.lstrip()[:1] in ("%", "!") else line for line in lines)


def _served_order(statements: Sequence[Statement]) -> str:
    """Return the page order that was given to serve() last, as it was written."""
    found = ""
    for statement in statements:
        for node in statement.nodes:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "serve":
                    found = _order_of(call, statement.text)
    return "" if found == "page_order" else found


def _order_of(call: ast.Call, text: str) -> str:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "page_order"]
    given = [*call.args[:1], *named]
    return ast.get_source_segment(text, given[0]) or "" if given else ""


def _folder_of(namespace: Mapping[str, Any]) -> Path:
    file = namespace.get("__file__")
    if file:
        return Path(file).absolute().parent
    return notebook_folder()


def _ours(namespace: Mapping[str, Any], statements: Sequence[Statement]) -> dict[str, str]:
    """Return the names that mean something of this package, and what it is called here.

    What a cell has imported from `uproot` by that name is in the framework's terms already.
    """
    authored = {name for s in statements if not _only_imports(s) for name in s.binds}
    found: dict[str, str] = {}
    for name, value in namespace.items():
        whole = getattr(value, "__module__", None)
        in_their_terms = isinstance(whole, str) and whole.startswith(f"{PACKAGE}.interop.")
        if _is_ours(value) and name not in authored and not in_their_terms:
            own = getattr(value, "__name__", name)
            found[name] = str(own).rpartition(".")[2]
    return found


def _only_imports(statement: Statement) -> bool:
    return all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in statement.nodes)


def _is_ours(value: Any) -> bool:
    whole = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    kind = type(value).__module__
    by_name = isinstance(whole, str) and whole.startswith(f"{PACKAGE}.")
    made_here = by_name and (callable(value) or type(value).__name__ == "module")
    return made_here or (kind == f"{PACKAGE}.experiment.query")


def _neighbours(statements: Sequence[Statement], folder: Path) -> dict[str, Path]:
    """Return the modules beside the notebook that the code imports, with their files."""
    found: dict[str, Path] = {}
    parts = (part for s in statements for node in s.nodes for part in ast.walk(node))
    for top in {top for part in parts for top in _imported(part)} - {PACKAGE, "uproot"}:
        file, package = folder / f"{top}.py", folder / top
        if file.is_file() or (package / "__init__.py").is_file():
            found[top] = file if file.is_file() else package
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").partition(".")[0]]
    return []


def _mentions_underscore(statement: Statement) -> bool:
    parts = (part for node in statement.nodes for part in ast.walk(node))
    return any(isinstance(part, ast.Name) and part.id == "_" for part in parts)


# ---- writing ----


def _star(module: str) -> str:
    return f"from {module} import *"


def _stars(lines: Sequence[str]) -> set[str]:
    return {name for module, names in NAMES.items() if _star(module) in lines for name in names}


def _joined(pieces: Sequence[tuple[Statement, str]]) -> str:
    """Join statements: definitions stand apart, lines that stood together stay together."""
    text, before = "", None
    for statement, piece in pieces:
        if not _has_code(piece):
            continue
        if before is not None:
            text += "\n" if _stands_with(before, statement) else "\n\n\n"
        text += piece.rstrip()
        before = statement
    return text + "\n"


def _has_code(piece: str) -> bool:
    return bool(ast.parse(piece).body)


def _stands_with(before: Statement, statement: Statement) -> bool:
    block = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    apart = any(isinstance(node, block) for s in (before, statement) for node in s.nodes)
    return before.cell == statement.cell and not apart


def _checked(folder: Path) -> Path:
    name = folder.name
    if not name.isidentifier() or name == "uproot":
        raise BadApp(
            name, "an app cannot have this name.",
            "Use letters, digits and '_', no digit first, and not 'uproot'.",
        )  # fmt: skip
    code = folder / "__init__.py"
    if folder.exists() and not folder.is_dir():
        raise BadApp(name, f"{folder} is a file.", "Give another path.")
    earlier = code.read_text("utf-8") if code.is_file() else None
    if earlier is not None and not earlier.startswith(MARK):
        raise BadApp(
            name, f"{folder} holds an app that was not exported from a notebook.",
            "Give another path, or delete that folder first.",
        )  # fmt: skip
    return folder
