"""Templates: render a page class and its variables as HTML for a participant."""

from __future__ import annotations

import builtins
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import jinja2
import orjson
from jinja2 import nodes
from markupsafe import Markup

from uproot_nb.errors import BadPage
from uproot_nb.experiment.hints import hint_for_template
from uproot_nb.languages.catalogs import Catalogues, WatchedCatalogues
from uproot_nb.languages.codes import ENGLISH, direction
from uproot_nb.templating.empty_names import EmptyName, LenientEnvironment, empty_names
from uproot_nb.templating.markdown import Prose, read_prose
from uproot_nb.templating.markdown_files import IncludeMarkdown, MarkdownFiles
from uproot_nb.templating.own_templates import OUR_FOLDER, OWN_FILTERS, OwnTemplates
from uproot_nb.templating.translation import install_translation, translate_blocks

__all__ = ["TemplateSource", "Templates"]

BLOCKS = frozenset({
    "title", "head", "pre_container", "main", "late", "pre_form", "header_start", "timeoutbox",
    "header_end", "form_start", "pre_main", "titlearea", "main_full_width", "main2",
    "main2_full_width", "main3", "uproot_main_buttons", "post_main", "form_end", "late2", "footer",
})  # fmt: skip
SWITCH = re.compile(r"buttons|disable_\w+")
BUILTINS = (
    "abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate",
    "filter", "float", "format", "frozenset", "hash", "hex", "int", "isinstance", "issubclass",
    "iter", "len", "list", "map", "max", "min", "next", "oct", "ord", "pow", "range", "repr",
    "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type", "zip",
)  # fmt: skip
"""The builtins in templates; none opens a file, executes text, or imports."""
PROJECT = "project"
"""The prefix of templates in the project's folder, beside the apps: ProjectHead.html and such."""
EVERY_BUILTIN = tuple(name for name in dir(builtins) if callable(getattr(builtins, name)))
"""Those in templates of the framework's apps, which may call each of them."""


@dataclass(frozen=True)
class TemplateSource:
    """A page's template: its text, and its origin for error messages."""

    text: str
    where: str
    markdown: bool = False
    frame: str = "Page.html"
    """The template of ours around prose."""


@dataclass(frozen=True)
class _Compiled:
    template: jinja2.Template
    prose: Prose | None

    def source_line(self, line: int) -> int:
        return self.prose.source_line(line) if self.prose else line


class Templates:
    """The templates of one experiment, compiled when needed and again when they change.

        templates = Templates([notebook_folder], version="0.1.0", cells={})
        html = templates.render(Market, {"player": player}, {"page": 0, "since": 41, "end": False})

    Args:
        folders: the folders to search, in order; the package's own follows.
        version: the version in the address of static files, `internalstatic(path)`.
        cells: the templates of `%%template` cells by page name; may change at any time.
        encode: writes JSON, for the page's script and for the filter `tojson`.
        watched: the texts in other languages; by default those of *folders*.
        filters: further template filters.
        lenient: whether templates are read as the framework reads them: an unknown name is shown
            as nothing, and `empty` lists these names; Markdown may be included; all builtins can be
            called; and what `tojson` writes is text, to be marked as safe in a script.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        version: str,
        cells: Mapping[str, str] | None = None,
        encode: Callable[[Any], bytes] = orjson.dumps,
        watched: WatchedCatalogues | None = None,
        filters: Mapping[str, Any] | None = None,
        lenient: bool = False,
    ) -> None:
        self.empty: list[EmptyName] = []
        """The unknown names that were shown as nothing since somebody emptied the list."""
        self._undefined = empty_names(self.empty) if lenient else jinja2.StrictUndefined
        self._lenient = lenient
        self.folders = tuple(folders)
        self.cells = {} if cells is None else cells
        self._version = version
        self._encode = encode
        self._filters = filters or {}
        self._watched = WatchedCatalogues(*self.folders) if watched is None else watched
        self._environment = self._new_environment()
        self._compiled: dict[TemplateSource, _Compiled] = {}
        self._editions: tuple[Catalogues | None, dict[str, Templates]] = (None, {})
        self._files: dict[Path, tuple[tuple[int, int], str]] = {}

    # ---- what a page gets -----------------------------------------------------------------

    def render(self, page: type, context: Mapping[str, Any], boot: Mapping[str, Any]) -> str:
        """Render a page's template with *context*, and with *boot* for its script.

        Raises:
            BadPage: the template is missing, has a syntax error, or uses an unknown variable.
            BadLanguageFile: a file of translations has a mistake.
        """
        source = self.page_source(page, self.cells)
        edition = self._edition(self._watched.read(), boot, context)
        compiled = edition._compiled.get(source) or edition._compile(page.__name__, source)
        return edition._fill(page.__name__, compiled, context, boot)

    def render_end(self, boot: Mapping[str, Any], context: Mapping[str, Any] | None = None) -> str:
        """Render the page after the last one: the session is finished."""
        edition = self._edition(self.catalogues, boot, context)
        return edition._fill("End", edition._ours("End.html"), context or {}, boot)

    def render_own(
        self, name: str, context: Mapping[str, Any], boot: Mapping[str, Any] | None = None
    ) -> str:
        """Render one of our own pages, such as "Room"; with *boot* it connects as a player's."""
        edition = self._edition(self.catalogues, None, context)
        return edition._fill(name, edition._ours(f"{name}.html"), context, boot)

    def render_failure(
        self, boot: Mapping[str, Any] | None = None, context: Mapping[str, Any] | None = None
    ) -> str:
        """Render the page that participants see when an author's code has failed.

        With *boot* it connects, and the researcher can reload it once the code is corrected.
        """
        edition = self._edition(self.catalogues, context, boot)
        return edition._fill("Trouble", edition._ours("Trouble.html"), context or {}, boot)

    @property
    def catalogues(self) -> Catalogues:
        """The texts of the folders in all languages; the last good ones if a file has a mistake.

        So the package's own pages can always be shown; an author's page raises the error.
        """
        return self._watched.last_good()

    def page_source(self, page: type, cell_templates: Mapping[str, str]) -> TemplateSource:
        """Return a page's template: on the class, in a cell, in a file, else its docstring.

        Raises:
            BadPage: the class names a file that does not exist or cannot be read.
        """
        name = page.__name__
        template: str | None = getattr(page, "template", None)
        if template is not None:
            return self._source_on_class(name, template)
        if name in cell_templates:
            return TemplateSource(cell_templates[name], f"%%template {name}")
        path = self._find(f"{name}.html") or self._find(f"{name}.md")
        if path is not None:
            return self._source_in_file(name, path)
        text = inspect.cleandoc(page.__doc__ or "")
        frame = "Wait.html" if getattr(page, "waits", False) else "Page.html"
        return TemplateSource(text, f"docstring of {name}", True, frame)

    # ---- languages ------------------------------------------------------------------------

    def _edition(self, catalogues: Catalogues, *contexts: Mapping[str, Any] | None) -> Templates:
        """Return these templates in the first language that a context names."""
        wanted = (
            variables["language"] for variables in contexts if variables and "language" in variables
        )
        language = catalogues.nearest(str(next(wanted, ENGLISH)))
        if catalogues is not self._editions[0]:
            self._editions = (catalogues, {})
        known = self._editions[1].get(language)
        if known is None:
            known = self._editions[1][language] = copy(self)
            known._environment, known._compiled = self._new_environment(), {}
            install_translation(known._environment, catalogues, language)
        return known

    # ---- finding --------------------------------------------------------------------------

    def _source_on_class(self, name: str, template: str) -> TemplateSource:
        if any(sign in template for sign in "\n{<"):
            return TemplateSource(template, f"{name}.template")
        path = self._find(template)
        if path is not None:
            return self._source_in_file(name, path)
        folders = ", ".join(str(folder) for folder in self.folders) or "(no folder)"
        raise BadPage(
            name,
            f"there is no template '{template}'.",
            f"Put the file into {folders}, or write the template on the class:"
            f' template = """<p>…</p>""".',
            f"{name}.template",
        )

    def _find(self, path: str) -> Path | None:
        candidates = (folder / path for folder in self.folders)
        return next((found for found in candidates if found.is_file()), None)

    def _source_in_file(self, name: str, path: Path) -> TemplateSource:
        try:
            text = self._read(path)
        except (OSError, UnicodeDecodeError) as error:
            raise BadPage(
                name,
                f"its template cannot be read: {error}.",
                "Save it as UTF-8 text, readable by this account.",
                str(path),
            ) from error
        return TemplateSource(text, str(path), path.suffix == ".md")

    def _read(self, path: Path) -> str:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._files.get(path)
        if known is None or known[0] != stamp:
            known = self._files[path] = (stamp, path.read_text("utf-8"))
        return known[1]

    # ---- compiling ------------------------------------------------------------------------

    def _new_environment(self) -> jinja2.Environment:
        # Filters of others may mean something else to our templates as soon as they are compiled.
        own = jinja2.FileSystemLoader(OUR_FOLDER) if self._filters else OwnTemplates()
        # An author's Base.html may replace ours, and extend it as "uproot_nb/Base.html".
        loaders = [
            jinja2.FileSystemLoader(self.folders), own, jinja2.PrefixLoader({"uproot_nb": own}),
        ]  # fmt: skip
        if self._lenient:  # what the framework adds to every page
            project = jinja2.FileSystemLoader(self.folders[-1:])
            loaders.append(jinja2.PrefixLoader({PROJECT: project}))
        loader: jinja2.BaseLoader = jinja2.ChoiceLoader(loaders)
        kind = LenientEnvironment if self._lenient else jinja2.Environment
        environment = kind(
            loader=MarkdownFiles(loader) if self._lenient else loader,
            extensions=[IncludeMarkdown] if self._lenient else [],
            autoescape=True,
            undefined=self._undefined,
        )
        known = EVERY_BUILTIN if self._lenient else BUILTINS
        environment.globals.update({name: getattr(builtins, name) for name in known})
        environment.globals.update(internalstatic=self.static, static=self.static)
        environment.globals["uproot_in_app"] = self._lenient
        environment.filters.update(OWN_FILTERS, tojson=self._json)
        environment.filters.update(self._filters)
        return environment

    def static(self, path: str) -> str:
        """Return the address of a file of the package, relative to a player's page."""
        return f"../../static/{self._version}/{path}"

    def _json(self, value: Any, indent: int | None = None) -> str:
        """Write JSON that ends neither a script element nor an attribute in single quotes."""
        if isinstance(value, jinja2.Undefined):
            value = str(value) or None  # A strict undefined value raises an error with its name.
        text = self._encode(value).decode("utf-8")
        if indent is not None:
            text = json.dumps(json.loads(text), indent=indent, ensure_ascii=False)
        for character in "<>&'\u2028\u2029":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return text if self._lenient else Markup(text)

    def _ours(self, path: str) -> _Compiled:
        return _Compiled(self._environment.get_template(f"uproot_nb/{path}"), None)

    def _compile(self, name: str, source: TemplateSource) -> _Compiled:
        try:
            compiled = self._built(source)
        except jinja2.TemplateSyntaxError as error:
            _blame_syntax(name, error)
        if len(self._compiled) >= 512:  # Reached only after hundreds of changes to templates.
            self._compiled.clear()
        self._compiled[source] = compiled
        return compiled

    def _built(self, source: TemplateSource) -> _Compiled:
        environment = self._environment
        prose = self._prose(source) if source.markdown else None
        try:
            tree = self._prose_page(prose, source) if prose else self._page(source)
            code = environment.compile(tree, source.where, source.where)
        except jinja2.TemplateSyntaxError as error:
            if prose:
                error.lineno = prose.source_line(error.lineno)
            raise
        made = environment.template_class.from_code(environment, code, environment.make_globals({}))
        return _Compiled(made, prose)

    def _prose(self, source: TemplateSource) -> Prose:
        environment, where = self._environment, source.where
        # Translations are Markdown too.
        text = translate_blocks(environment, source.text, where, where)
        return read_prose(environment, text, where)

    def _page(self, source: TemplateSource) -> nodes.Template:
        tree = self._parse(source.text, source.where)
        if tree.find(nodes.Extends):
            return tree
        if any(block.name in BLOCKS for block in tree.find_all(nodes.Block)):
            return self._extending("Base.html", tree.body)
        switches, rest = _split_switches(tree.body)
        return self._extending("Base.html", [*switches, _block("main", rest)])

    def _prose_page(self, prose: Prose, source: TemplateSource) -> nodes.Template:
        body = self._parse(prose.body, source.where)
        if body.find(nodes.Extends):
            return body
        title = self._parse(prose.title, source.where)
        switches, rest = _split_switches(body.body)
        blocks = [_block("prose", rest)] if rest or source.frame == "Page.html" else []
        if title.body:
            blocks.append(_block("title", title.body))
        return self._extending(f"uproot_nb/{source.frame}", [*switches, *blocks])

    def _parse(self, text: str, where: str) -> nodes.Template:
        return self._environment.parse(text, where, where)

    def _extending(self, parent: str, body: Sequence[nodes.Node]) -> nodes.Template:
        extends = nodes.Extends(nodes.Const(parent, lineno=1), lineno=1)
        tree = nodes.Template([extends, *body], lineno=1)
        tree.set_environment(self._environment)
        return tree

    # ---- filling --------------------------------------------------------------------------

    def _fill(
        self,
        name: str,
        compiled: _Compiled,
        context: Mapping[str, Any],
        boot: Mapping[str, Any] | None,
    ) -> str:
        language = str((boot or {}).get("language") or ENGLISH)
        usual = {"language": language, "direction": direction(language)}
        variables = {**usual, **context, "uproot_page": boot}
        try:
            return compiled.template.render(variables)
        except jinja2.UndefinedError as error:
            file, line = _template_line(error.__traceback__)
            if file == compiled.template.filename:
                line = compiled.source_line(line)
            raise BadPage(
                name,
                f"the template uses a name that is not defined: {error.message}.",
                f"{hint_for_template(error.message or '', '')}"
                "Return it from templatevars(page, player), or set it first. "
                "If it may be missing, write {% if x is defined %}.",
                f"{file}, line {line}",
            ) from error
        except jinja2.TemplateSyntaxError as error:
            _blame_syntax(name, error)
        except jinja2.TemplateNotFound as error:
            raise BadPage(
                name,
                f"its template extends or includes '{error.name}', which does not exist.",
                "Correct the name, or put the file beside the notebook.",
                str(compiled.template.filename),
            ) from error


def _blame_syntax(name: str, error: jinja2.TemplateSyntaxError) -> NoReturn:
    lines = (error.source or "").splitlines()
    line = lines[error.lineno - 1] if 0 < error.lineno <= len(lines) else ""
    raise BadPage(
        name,
        f"the template has a mistake: {error.message}",
        f"{hint_for_template(error.message or '', line)}Correct that line, then reload the page.",
        f"{error.filename or error.name}, line {error.lineno}",
    ) from error


def _block(name: str, body: list[nodes.Node]) -> nodes.Block:
    return nodes.Block(name, body, False, False, lineno=1)


def _split_switches(body: list[nodes.Node]) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """Separate switches such as `{% set buttons = … %}`: Base.html cannot see them in a block."""
    switches = [node for node in body if _is_switch(node)]
    return switches, [node for node in body if not _is_switch(node)]


def _is_switch(node: nodes.Node) -> bool:
    target = node.target if isinstance(node, nodes.Assign) else None
    return isinstance(target, nodes.Name) and SWITCH.fullmatch(target.name) is not None


def _template_line(traceback: TracebackType | None) -> tuple[str, int]:
    """Return the file and line of the innermost template in a traceback."""
    file, line = "the template", 1
    while traceback is not None:
        if "__jinja_exception__" in traceback.tb_frame.f_globals:
            file, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return file, line
