"""Tables in a notebook: participants' text stays text, whatever is made of the table."""

from __future__ import annotations

import re
from typing import Any

import pandas
import pytest

from uproot_nb.analysis.plain_html import NO_FORMULAS, plain_html

EVIL = r"$\href{https://example.org}{\text{Claim your money}}$"
SERVED = """
class Hello(Page):
    "Hello."
run = serve([Hello], players=3, name="m", embedded=True, port=0)
run.set(run.players[0], name_of_firm=EVIL, price=3)
state = run.state
"""


def shown(shell: Any, expression: str) -> str:
    """Return the HTML that a cell shows of a value."""
    formats, _ = shell.display_formatter.format(shell.ev(expression))
    return str(formats["text/html"])


def is_plain(html: str) -> bool:
    """Tell whether the whole of it stands where MathJax turns back."""
    return html.startswith(f'<div class="{NO_FORMULAS}">') and html.endswith("</div>")


@pytest.mark.long
@pytest.mark.parametrize(
    "expression",
    [
        "state",
        "run.events",
        "run.links",
        "run.diff(1, run.events['seq'].max())",
        "state[state['price'] == 3]",
        "state.iloc[:1]",
        "state[['name_of_firm']]",
        "state['name_of_firm'].to_frame()",
        "state.groupby('name_of_firm')[['price']].sum()",
        "state.pivot_table(index='name_of_firm', values='price')",
        "state.merge(state, on='name_of_firm')",
        "state.describe(include='all')",
        "state.T",
        "__import__('pandas').DataFrame({'x': list(state['name_of_firm'])})",
        "__import__('pandas').concat([state, state])",
        "type('Mine', (type(state),), {})(state)",
    ],
)
def test_a_table_and_what_is_made_of_it_is_shown_as_text(shell: Any, expression: str) -> None:
    shell.user_ns["EVIL"] = EVIL
    shell.run_cell(SERVED).raise_error()
    html = shown(shell, expression)
    assert "<table" in html
    assert is_plain(html)


@pytest.mark.long
def test_all_else_that_we_show_is_text_as_well(shell: Any) -> None:
    shell.run_cell("EVIL = '$x$'" + SERVED).raise_error()
    for expression in ("run.room('lab')", "run.bots(1)"):
        assert is_plain(shown(shell, expression))
    assert is_plain(shell.ev("run._repr_html_()"))


@pytest.mark.long
def test_a_formatter_that_the_notebook_has_already_stays(shell: Any) -> None:
    html = shell.display_formatter.formatters["text/html"]
    html.for_type(pandas.DataFrame, lambda frame: "<b>mine</b>")
    shell.run_cell("%load_ext uproot_nb").raise_error()
    shell.user_ns["frame"] = pandas.DataFrame({"x": [1]})
    assert shown(shell, "frame") == "<b>mine</b>"


@pytest.mark.long
def test_where_pandas_shows_no_html_there_is_none(shell: Any) -> None:
    shell.user_ns["frame"] = pandas.DataFrame({"x": [1]})
    with pandas.option_context("display.notebook_repr_html", False):
        formats, _ = shell.display_formatter.format(shell.user_ns["frame"])
    assert set(formats) == {"text/plain"}


def test_the_classes_are_those_at_which_mathjax_turns_back() -> None:
    assert re.fullmatch('<div class="mathjax_ignore tex2jax_ignore">x</div>', plain_html("x"))
