"""MarkdownFiles: Markdown files in templates, for the tag `include_markdown` of the framework."""

from __future__ import annotations

from collections.abc import Callable

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from uproot_nb.templating.markdown import read_prose

__all__ = ["IncludeMarkdown", "MarkdownFiles"]

SUFFIX, TITLE, PAGE = ".md", ":title", "$Page"


class MarkdownFiles(jinja2.BaseLoader):
    """Loads templates by another loader, and those that are Markdown as HTML.

    "Rules.md" is what comes after the file's first heading, "Rules.md:title" that heading.
    """

    def __init__(self, loader: jinja2.BaseLoader) -> None:
        self._loader = loader

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return the source of a template, where it is, and whether that is still so.

        Raises:
            jinja2.TemplateSyntaxError: Markdown has a mistake; it has the line of the file.
        """
        name = template.removesuffix(TITLE)
        if not name.endswith(SUFFIX):
            return self._loader.get_source(environment, template)
        text, file, is_current = self._loader.get_source(environment, name)
        prose = read_prose(environment, text, name)
        try:
            environment.parse(prose.body, name, file)
        except jinja2.TemplateSyntaxError as error:
            error.lineno = prose.source_line(error.lineno)
            raise
        return prose.title if template != name else prose.body, file, is_current


class IncludeMarkdown(Extension):
    """The tag `{% include_markdown "Rules.md" %}`; "$Page.md" is the file named like the page."""

    tags = {"include_markdown"}  # noqa: RUF012  (Jinja's own)

    def parse(self, parser: Parser) -> nodes.Node:
        """Return the inclusion of a file."""
        line = next(parser.stream).lineno
        return nodes.Include(_of_page(parser.parse_expression()), True, False).set_lineno(line)


def _of_page(file: nodes.Expr) -> nodes.Expr:
    """Return an expression for a file, with "app/Page" for $Page."""
    if not isinstance(file, nodes.Const) or PAGE not in str(file.value):
        return file
    before, _, after = str(file.value).partition(PAGE)
    key = nodes.Getattr(nodes.Name("page", "load"), "key", "load")
    return nodes.Concat([nodes.Const(before), key, nodes.Const(after)])
