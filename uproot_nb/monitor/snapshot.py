"""Snapshot: a session as plain HTML, which stays in a saved notebook."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from html import escape

from uproot_nb.engine.runtime import Runtime
from uproot_nb.log.player_status import HEADINGS, PlayerRow
from uproot_nb.monitor.player_rows import PlayerRows

__all__ = ["player_table", "snapshot"]


def snapshot(runtime: Runtime, rows: PlayerRows) -> str:
    """Return the players and where they are, every text escaped.

    It has no links, so the notebook may be given away.
    """
    world = runtime.world
    with world.lock:
        if rows.traders is not None:
            rows.traders.refresh()
        shown = [rows.row(player) for player in world.players()]
    state = "closed" if runtime.closed else runtime.flow.state
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return (
        f"<p><strong>{escape(world.name)}</strong> · {state} · {len(shown)} players · "
        f"{world.journal.committed} events · as of {now}</p>{player_table(shown, rows.fields)}"
    )


def player_table(
    rows: Sequence[PlayerRow], fields: Sequence[str] = (), links: Mapping[str, str] | None = None
) -> str:
    """Return the table of players that snapshots and runs show, every text escaped.

    Args:
        fields: the names of the rows' fields.
        links: addresses by player's name, for a last column.
    """
    headings = [*HEADINGS, *fields] + (["link"] if links else [])
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    lines = "".join(_line(row, links.get(row.name) if links else None) for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _line(row: PlayerRow, link: str | None) -> str:
    cells = [row.name, row.called, row.page, row.round, row.status_and_way, *row.fields]
    texts = ["" if cell is None else escape(str(cell)) for cell in cells]
    if link is not None:
        texts.append(f'<a href="{escape(link)}" target="_blank" rel="noreferrer">open</a>')
    return "<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>"
