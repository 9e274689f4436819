"""Plain HTML: participants' text in notebooks, never typeset as a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["plain_html", "show_tables_as_text"]

NO_FORMULAS = "mathjax_ignore tex2jax_ignore"
"""The classes that MathJax skips: version 3 on (JupyterLab 4, Notebook 7), and before."""

TABLES = (
    ("pandas", "DataFrame"),  # pandas 3
    ("pandas.core.frame", "DataFrame"),
    ("pandas.io.formats.style", "Styler"),
    ("uproot_nb.bots.crowd", "Bots"),
)
"""The classes whose HTML is wrapped, by module and name: nothing is imported for them."""


def plain_html(text: str) -> str:
    """Return HTML in which `$…$` stays as it is.

    Notebooks typeset formulas in the HTML that they show. A participant's `$\\\\href{…}{…}$` would
    become a link, and amounts in dollars would run together.
    """
    return f'<div class="{NO_FORMULAS}">{text}</div>'


def show_tables_as_text(shell: Any) -> None:
    r"""Let the notebook show the text in tables as text, never as formulas. Idempotent.

    This holds for every table that the notebook shows: what was filtered, joined and counted has
    participants' text in it as well, without a mark of its source. A table with formulas of
    your own is `display(Math(r"…"))` beside it, or a formatter of your own.
    """
    formatter = shell.display_formatter.formatters["text/html"]
    for module, name in TABLES:
        if formatter.for_type_by_name(module, name) is None:
            formatter.for_type_by_name(module, name, _as_text)


def _as_text(table: Any) -> str | None:
    make: Callable[[], str | None] = table._repr_html_
    text = make()
    return None if text is None else plain_html(text)
