"""Playing a translated notebook with robots, to its end."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup

from tests.interop.notebooks import Notebook, notebook_in
from uproot_nb import random_forms
from uproot_nb.testing import Participant, Served, served

__all__ = ["load_notebook", "play_notebook", "serve_notebook"]


def load_notebook(path: Path, monkeypatch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a notebook's cells up to `serve`, and return its names and the arguments of serve()."""
    notebook_in(path.parent, monkeypatch)
    monkeypatch.chdir(path.parent)
    notebook = Notebook()
    *cells, last = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    for cell in cells:
        if cell.startswith("%%template "):
            first, _, text = cell.partition("\n")
            notebook.template(first.removeprefix("%%template "), text)
        else:
            notebook.run(cell)
    call = ast.parse(last).body[0].value  # type: ignore[attr-defined]
    return notebook.names, {k.arg: ast.literal_eval(k.value) for k in call.keywords}


def serve_notebook(path: Path, monkeypatch: Any, players: int = 0) -> Served:
    """Serve a notebook in memory."""
    names, options = load_notebook(path, monkeypatch)
    options["players"] = players or options["players"]
    return served(names["page_order"], names=names, **options)


def play_notebook(
    path: Path, monkeypatch: Any, players: int = 0, bot: Any = random_forms
) -> dict[str, Any]:
    """Let bots answer at random until everybody is at the end, and return the latest values.

    The last page is the end, too, if it has no button to go on: so have many of oTree's.
    """
    names, _ = load_notebook(path, monkeypatch)
    last = last_of(names["page_order"]).__name__
    with serve_notebook(path, monkeypatch, players) as session:
        try:
            session.play(bot, within=600.0)
        except AssertionError:
            if not all(one.at_end or _is_last(one, last) for one in session):
                raise
        return {player.name: player.fields() for player in session.run.players}


def last_of(order: Any) -> Any:
    """Return the last page of an order."""
    while not isinstance(order, type):
        order = list(getattr(order, "entries", order))[-1]
    return order


def _is_last(participant: Participant, last: str) -> bool:
    form = BeautifulSoup(participant.html, "html.parser").find(id="uproot-form")
    return participant.page == last and form.find("button", type=is_submit) is None


def is_submit(kind: str | None) -> bool:
    """Return whether a button of this type sends the form."""
    return kind in (None, "submit")
