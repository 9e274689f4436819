"""write_notebook: a translated oTree app as the cells of a notebook."""

from __future__ import annotations

import os
import shutil
import textwrap
from pathlib import Path
from typing import Any

import libcst as cst
import nbformat

from uproot_nb.errors import BadApp
from uproot_nb.otree.app import OtreeApp, code_of, read_app, session_config
from uproot_nb.otree.beginnings import BeginningWriter
from uproot_nb.otree.code import Translator
from uproot_nb.otree.pages import PageWriter
from uproot_nb.otree.remarks import Remarks
from uproot_nb.otree.stand_ins import stand_in_code
from uproot_nb.otree.templates import TemplateTranslator

__all__ = ["write_notebook"]

_LEFT_OUT = {
    "group_by_arrival_time_method": "a GroupCreatingWait makes groups of group_size",
    "custom_export": "write pipeline(session), which returns rows",
    "vars_for_admin_report": "write digest(session)",
}
_DATA = ("*.csv", "*.json", "*.txt")
"""Files of an app that its code may read."""
_MADE_WITHOUT_REMARKS = "Everything was translated; read it all the same."


def write_notebook(folder: Path, to: Path) -> Path:
    """Write the notebook of the oTree app in *folder*, and the files beside it.

    Raises:
        BadApp: there is no such app, it is of an early oTree, or *to* is there already.
    """
    if to.exists():
        raise BadApp(folder.name, f"{to} is there already.", "Give another name, or delete it.")
    if to.suffix != ".ipynb":
        raise BadApp(folder.name, f"{to} is not the name of a notebook.", 'Write to="name.ipynb".')
    translation = _NotebookWriter(read_app(folder.absolute()), to.stem)
    cells = translation.cells()
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, os.fspath(to))  # type: ignore[no-untyped-call]
    translation.write_files(to.parent)
    return to


class _NotebookWriter:
    """Puts one app's notebook together."""

    def __init__(self, app: OtreeApp, stem: str) -> None:
        self._app, self._stem = app, stem
        self._remarks = Remarks()
        self._templates = TemplateTranslator(
            app.folder, f"{stem}_templates", self._remarks, app.rounds, app.path
        )
        self._translator = Translator(app, self._remarks)
        self._pages = PageWriter(app, self._translator, self._templates)

    def cells(self) -> list[Any]:
        """Return the cells, from the title to serve()."""
        functions = self._functions()
        pages = [cell for node in self._app.pages.values() for cell in self._page(node)]
        self._beginning = BeginningWriter(
            self._app, self._translator, self._templates.uses_chat, self._pages.groups_at_arrival
        )
        order = self._order()
        start = self._beginning.code()
        stand_ins = stand_in_code(self._translator.stand_ins)
        labels = self._labels() if "label_of" in self._translator.stand_ins else ""
        code = [self._imports(), self._constants(), labels, stand_ins, functions, *pages, start,
                order, self._serve()]  # fmt: skip
        made = [nbformat.v4.new_code_cell(text) for text in code if text.strip()]  # type: ignore[no-untyped-call]
        return [nbformat.v4.new_markdown_cell(self._title()), *made]  # type: ignore[no-untyped-call]

    def write_files(self, folder: Path) -> None:
        """Write included templates and static files beside the notebook."""
        for name, text in self._templates.included.items():
            path = folder / self._templates.beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        for path in (path for pattern in _DATA for path in self._app.folder.glob(pattern)):
            (folder / self._app.name).mkdir(exist_ok=True)
            shutil.copy(path, folder / self._app.name)
        for source in (self._app.folder.parent / "_static", self._app.folder / "static"):
            if source.is_dir():
                shutil.copytree(source, folder / "static", dirs_exist_ok=True)

    # ---- cells ----

    def _title(self) -> str:
        listed = "\n".join(f"* `{r.file}:{r.line}`: {r.text}" for r in self._remarks.all)
        doc = textwrap.dedent(self._app.doc)
        head = f"# {self._app.name}\n\n{doc}\n\n"
        return (
            f"{head}Translated from an oTree app. Amounts are exact here; oTree rounds points to "
            f"whole ones.\n\n{listed or _MADE_WITHOUT_REMARKS}"
        )

    def _imports(self) -> str:
        lines = [self._beside(one) for one in self._app.beside if self._is_first(one)]
        above = [f for f in self._app.functions.values() if self._app.is_above(f)]
        lines += [f"\n\n{self._translator.text(function)}" for function in above]
        text = "\n".join(["from uproot_nb import *", "", *(line for line in lines if line.strip())])
        return self._with_remarks(text + self._unknown())

    def _is_first(self, statement: Any) -> bool:
        """Return whether a statement belongs above the constants: it stands there, or imports."""
        small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        return self._app.is_above(statement) or isinstance(small, (cst.Import, cst.ImportFrom))

    def _beside(self, statement: Any) -> str:
        """Return another statement; an import of a module of the project becomes a comment."""
        text = self._translator.text(statement)
        if not self._is_own_import(statement):
            return text
        self._translator.remark(statement, "copy what it imports into the notebook.")
        return textwrap.indent(text, "# ")

    def _is_own_import(self, statement: Any) -> bool:
        small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        if isinstance(small, cst.Import):
            names = [code_of(alias.name) for alias in small.names]
        elif isinstance(small, cst.ImportFrom):
            if small.relative or small.module is None:
                return True
            names = [code_of(small.module)]
        else:
            return False
        project = self._app.folder.parent
        tops = [name.partition(".")[0] for name in names]
        return any((project / top).is_dir() or (project / f"{top}.py").is_file() for top in tops)

    def _unknown(self) -> str:
        """Return classes such as ExtraModel's as comments."""
        pieces = []
        for node in self._app.unknown:
            name = node.name.value
            self._translator.remark(node, f"the class {name} is not translated.")
            pieces.append(textwrap.indent(code_of(node).strip(), "# ", lambda line: True))
        return "".join(f"\n\n{piece}" for piece in pieces)

    def _with_remarks(self, text: str) -> str:
        return "\n".join([*self._remarks.comments(), text]).strip("\n")

    def _constants(self) -> str:
        if self._app.constants is None:
            return "class C:\n    PLAYERS_PER_GROUP = None\n    NUM_ROUNDS = 1"
        node = self._translator.node(self._app.constants)
        body = code_of(node.body).strip("\n")
        return self._with_remarks(f"class C:\n{body}")

    def _functions(self) -> str:
        """Return the functions, and statements between them that use the constants, in order."""
        texts: dict[int, str] = {}
        for name, function in self._app.functions.items():
            if name in _LEFT_OUT:
                self._translator.remark(function, f"{name}() was left out: {_LEFT_OUT[name]}.")
            elif name not in self._app.factories and not self._app.is_above(function):
                text = self._translator.text(function, self._app.methods.get(name, ""))
                texts[self._app.line(function)] = text.removeprefix("    ")
        for statement in self._app.beside:
            if not self._is_first(statement):
                texts[self._app.line(statement)] = self._beside(statement)
        return self._with_remarks("\n\n\n".join(text for _, text in sorted(texts.items())))

    def _labels(self) -> str:
        """Return the choices by field, for labels."""
        found: dict[str, str] = {}
        for model in self._app.models.values():
            for name, call in model.fields.items():
                found |= {name: self._choices(name, call)}
        lines = [f"    {name}={value}," for name, value in found.items() if value]
        return "\n".join(["LABELS = dict(", *lines, ")"])

    def _choices(self, name: str, call: cst.Call) -> str:
        if f"{name}_choices" in self._app.functions:
            return f"lambda player: {name}_choices(player)"
        given = [a for a in call.args if a.keyword is not None and a.keyword.value == "choices"]
        if given:
            return self._translator.text(given[0].value)
        return '[(True, "Yes"), (False, "No")]' if "BooleanField" in code_of(call.func) else ""

    def _page(self, node: cst.ClassDef) -> list[str]:
        page = self._pages.written(node)
        code = self._with_remarks(page.code)
        if page.template is None:
            return [code]
        return [code, f"%%template {page.name}\n{page.template}"]

    def _order(self) -> str:
        order = self._app.order
        if isinstance(order, (cst.List, cst.Tuple)):
            pages = ", ".join(self._translator.text(element.value) for element in order.elements)
        else:
            assert order is not None
            pages = f"*({self._translator.text(order)})"
        first = "Creation, " if self._beginning.creates else ""
        if not self._beginning.several:
            return f"page_order = [{first}{pages}]"
        return f"page_order = [{first}Rounds(NewRound, {pages}, n=C.NUM_ROUNDS)]"

    def _serve(self) -> str:
        config = session_config(self._app)
        size = self._app.constant("PLAYERS_PER_GROUP") or 2
        players = config.pop("num_demo_participants", None) or size
        for name in ("name", "display_name", "app_sequence", "doc", "use_browser_bots"):
            config.pop(name, None)
        settings = f", settings={config!r}" if config else ""
        return f"run = serve(players={players}{settings})\nrun"
