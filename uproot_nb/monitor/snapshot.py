"""Snapshot: a session as plain HTML, which a saved notebook keeps; it has no links."""

from __future__ import annotations

import time
from html import escape

from uproot_nb.engine.runtime import Runtime
from uproot_nb.monitor.player_rows import PlayerRows

__all__ = ["snapshot"]

HEADINGS = ("player", "label", "page", "round", "status")


def snapshot(runtime: Runtime, rows: PlayerRows) -> str:
    """Return the players and where they are, every text escaped.

    Nobody could take part by what it says, so the notebook may be given away.
    """
    world = runtime.world
    with world.lock:
        shown = [rows.row(player) for player in world.players()]
    headings = "".join(f"<th>{escape(text)}</th>" for text in (*HEADINGS, *rows.fields))
    lines = "".join(_line(row) for row in shown)
    state = "closed" if runtime.closed else runtime.flow.state
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return (
        f"<p><strong>{escape(world.name)}</strong> · {state} · {len(shown)} players · "
        f"{world.journal.committed} events · as of {now}</p>"
        f"<table><thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table>"
    )


def _line(row: tuple[object, ...]) -> str:
    *plain, _since, fields = row
    cells = [*plain, *fields]  # type: ignore[misc]
    texts = ("" if cell is None else escape(str(cell)) for cell in cells)
    return "<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>"
