"""Snapshot: a session as plain HTML, which a saved notebook keeps; it has no links."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING

from uproot_nb.notebook.monitor_rows import PlayerRows

if TYPE_CHECKING:
    from uproot_nb.notebook.run import Run

__all__ = ["snapshot"]

HEADINGS = ("player", "label", "page", "round", "status")


def snapshot(run: Run, rows: PlayerRows) -> str:
    """Return the players and where they are, every text escaped.

    Nobody could take part by what it says, so the notebook may be given away.
    """
    with run.lock:
        shown = [rows.row(player) for player in run.players]
    headings = "".join(f"<th>{escape(text)}</th>" for text in (*HEADINGS, *rows.fields))
    lines = "".join(_line(row) for row in shown)
    state = "closed" if run.closed else run._runtime.flow.state
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return (
        f"<p><strong>{escape(run.name)}</strong> · {state} · {len(shown)} players · "
        f"{run._runtime.world.journal.committed} events · as of {now}</p>"
        f"<table><thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table>"
    )


def _line(row: tuple[object, ...]) -> str:
    *plain, _since, fields = row
    cells = [*plain, *fields]  # type: ignore[misc]
    texts = ("" if cell is None else escape(str(cell)) for cell in cells)
    return "<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>"
