"""OwnTemplates: the package's own templates, each compiled once for all sessions and languages."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes

from uproot_nb.templating.formatting import fmtnum, to
from uproot_nb.templating.markdown import PARAGRAPH, paragraph

__all__ = ["OWN_FILTERS", "OUR_FOLDER", "OwnTemplates"]

OUR_FOLDER = Path(__file__).resolve().parent.parent / "templates"
OWN_FILTERS = {"to": to, "fmtnum": fmtnum, "repr": repr, PARAGRAPH: paragraph}


class OwnTemplates(jinja2.FileSystemLoader):
    """Loads the package's templates; to compile them takes longer than to fill a hundred pages.

    Only for environments whose filters are ours, which compiled code is made for. Our templates
    have `_("text")` and no `{% translate %}` blocks, so that their code is of no language.
    """

    def __init__(self) -> None:
        super().__init__(OUR_FOLDER)

    def load(
        self,
        environment: jinja2.Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,
    ) -> jinja2.Template:
        """Return a template of ours for an environment.

        Raises:
            TemplateNotFound: we have none of this name.
        """
        source, file, is_current = self.get_source(environment, name)
        code = _compiled(source, name, file)
        values = {} if globals is None else globals
        return environment.template_class.from_code(environment, code, values, is_current)


@lru_cache(maxsize=128)
def _compiled(source: str, name: str, file: str) -> CodeType:
    environment = jinja2.Environment(autoescape=True)
    environment.filters.update(OWN_FILTERS, tojson=_when_filled)
    return environment.compile(source, name, file)


def _when_filled(value: Any) -> NoReturn:
    """Stands for a filter of each session's own, which no constant is given to beforehand."""
    raise nodes.Impossible
