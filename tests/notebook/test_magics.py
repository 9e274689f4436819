"""%%template: a cell that is a page's template."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Browser

PAGE = "class Market(Page):\n    'From the docstring.'"
SERVE = 'run = serve([Market], players=2, name="m", embedded=True, port=0)'
TEMPLATE = (
    '%%template Market\n{% extends "Base.html" %}{% block main %}<b>{{ 6 * 7 }}</b>{% endblock %}'
)


def cell(shell: Any, text: str) -> Any:
    """Run one cell, which must succeed."""
    result = shell.run_cell(text, store_history=True)
    result.raise_error()


@pytest.mark.long
async def test_a_template_cell_shows_at_once_to_those_who_are_on_the_page(shell: Any) -> None:
    """Browsers on the page reload; the new template is there."""
    cell(shell, PAGE)
    cell(shell, SERVE)
    run = shell.user_ns["run"]
    ann = await Browser.open(run)
    assert "From the docstring." in ann.html
    cell(shell, TEMPLATE)
    assert (await ann.action())["action"] == "reload"
    assert "<b>42</b>" in await ann.load()
    await ann.reconnect()
    cell(shell, TEMPLATE.replace("6 * 7", "6 * 8"))
    assert (await ann.action())["action"] == "reload"
    assert "<b>48</b>" in await ann.load()


@pytest.mark.long
async def test_a_template_cell_may_come_before_serve(shell: Any) -> None:
    """%load_ext uproot_nb brings the magic."""
    cell(shell, "%load_ext uproot_nb")
    cell(shell, TEMPLATE)
    cell(shell, PAGE)
    cell(shell, SERVE)
    ann = await Browser.open(shell.user_ns["run"])
    assert "<b>42</b>" in ann.html


@pytest.mark.long
async def test_a_template_of_a_page_that_is_not_served_disturbs_nobody(shell: Any) -> None:
    """It is stored until the page is defined."""
    cell(shell, PAGE)
    cell(shell, SERVE)
    ann = await Browser.open(shell.user_ns["run"])
    cell(shell, TEMPLATE.replace("Market", "Later"))
    await ann.settle()
    assert not [frame for frame in ann._waiting if frame["op"] == "action"]


@pytest.mark.long
@pytest.mark.parametrize("line", ["", "a b", "Market.html", "1"])
def test_a_template_cell_names_one_page(shell: Any, line: str) -> None:
    """Otherwise the error says what to write."""
    cell(shell, "%load_ext uproot_nb")
    result = shell.run_cell(f"%%template {line}\n<p>", store_history=True)
    assert "%%template PageName" in str(result.error_in_exec)


@pytest.mark.long
def test_frozen_code_refuses_a_new_template(shell: Any) -> None:
    """A template is code."""
    cell(shell, PAGE)
    cell(shell, SERVE.replace(")", ', code="frozen")'))
    result = shell.run_cell(TEMPLATE, store_history=True)
    assert type(result.error_in_exec).__name__ == "FrozenCode"


@pytest.mark.long
async def test_a_template_with_a_mistake_is_calm_for_the_participant(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The researcher sees what is wrong, the participant that something is; then it is mended."""
    cell(shell, PAGE)
    cell(shell, SERVE)
    run = shell.user_ns["run"]
    ann = await Browser.open(run)
    cell(shell, "%%template Market\n{{ nothing_of_that_name }}")
    response = await ann.fetch()
    assert response.code == 500
    assert b"nothing_of_that_name" not in response.body
    assert "nothing_of_that_name" in str(run.errors["value"].iloc[0])
    cell(shell, TEMPLATE)
    assert "<b>42</b>" in await ann.load()
