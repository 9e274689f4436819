"""Windows: the monitors and views of one run that a notebook shows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.experiment.shell import find_cell
from uproot_nb.monitor.display import show, show_html
from uproot_nb.monitor.live_trader_labels import LiveTraderLabels
from uproot_nb.monitor.monitor import Monitor
from uproot_nb.monitor.player_rows import PlayerRows
from uproot_nb.monitor.repeating import repeating
from uproot_nb.monitor.snapshot import snapshot
from uproot_nb.monitor.widget import make_widget
from uproot_nb.session.entities import Player
from uproot_nb.steering.host import Host

__all__ = ["Windows"]

MOST = 20
"""Monitors of one run; if the cell that shows one is unknown, the oldest goes."""
SECONDS = 10.0
"""Between two snapshots for the saved notebook."""


class Windows:
    """Shows monitors and views, refreshes the saved notebook's snapshots, and ends them."""

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._runtime, self._host = runtime, host
        self._shown: dict[str, _Shown] = {}
        """By mark, oldest first."""
        self._is_watching = False

    def monitor(self, fields: Sequence[str]) -> None:
        """Display a monitor below the cell, and its snapshot, which hides while it lives."""
        runtime, mark = self._runtime, f"uproot-nb-{uuid.uuid4().hex[:12]}"
        traders = LiveTraderLabels(runtime.world, runtime.changes)
        rows = PlayerRows(runtime.flow.journeys, fields, traders=traders)
        box: list[Any] = []
        monitor = Monitor(runtime, self._host, lambda message: box[0].send(message), fields)
        box.append(make_widget("monitor", mark, monitor.receive))
        text = snapshot(runtime, rows)
        cell, execution = find_cell()
        self._forget_earlier(cell, execution)
        self._shown[mark] = _Shown(monitor, box[0], rows, text, cell, execution)
        show(box[0])
        show_html(_wrapped(mark, text), mark)
        if not self._is_watching and not runtime.closed:
            self._is_watching = True
            runtime.loop.call_soon_threadsafe(
                lambda: runtime.tasks.beside(repeating(runtime, SECONDS, self._refresh))
            )

    def view(self, players: Sequence[Player]) -> Any:
        """Return a widget with the pages of *players* side by side; links are not saved."""
        frames = [{"name": p.name, "url": self._host.link(p)} for p in players]
        box: list[Any] = []
        box.append(make_widget("view", "", lambda _: box[0].send({"op": "view", "frames": frames})))
        return box[0]

    def close(self) -> None:
        """Tell the monitors that the run has ended, and show its last state in the notebook."""
        for shown in self._shown.values():
            shown.monitor.close()
        self._refresh()

    def _forget_earlier(self, cell: str, execution: str) -> None:
        """Drop the monitors of the cell's earlier executions, and the oldest beyond MOST."""
        again = [
            mark
            for mark, shown in self._shown.items()
            if cell and shown.cell == cell and shown.execution != execution
        ]
        left = [mark for mark in self._shown if mark not in again]
        for mark in (*again, *left[: max(0, len(left) - MOST + 1)]):
            shown = self._shown.pop(mark)
            shown.monitor.leave()
            shown.widget.close()

    def _refresh(self) -> None:
        for mark, shown in list(self._shown.items()):
            text = snapshot(self._runtime, shown.rows)
            if _undated(text) != _undated(shown.text):
                shown.text = text
                show_html(_wrapped(mark, text), mark, update=True)


@dataclass
class _Shown:
    """A monitor that a cell shows, and its snapshot."""

    monitor: Monitor
    widget: Any
    rows: PlayerRows
    text: str
    cell: str
    execution: str


def _wrapped(mark: str, text: str) -> str:
    return f'<div class="{mark}">{text}</div>'


def _undated(text: str) -> str:
    head, _, rest = text.partition(" · as of ")
    return head + rest.partition("</p>")[2]
