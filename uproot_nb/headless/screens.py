"""Screens: what a terminal shows of a run, as a live table or line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from uproot_nb.headless.escape_terminal import harmless, one_line
from uproot_nb.headless.watch import Watch, describe_event
from uproot_nb.log.events import Event
from uproot_nb.log.player_status import HEADINGS, PlayerRow

__all__ = ["PlainScreen", "LiveScreen", "Screen", "picture"]

_COLOURS = {
    "online": "green", "finished": "blue", "dropped": "red", "offline": "yellow", "idle": "yellow",
    "open": "dim",
}  # fmt: skip
_SHOWN_EVENTS = 6


class Screen(Protocol):
    """Shows what happens."""

    def write(self, text: str) -> None:
        """Show a message to the researcher, or what the notebook prints."""

    def show(self, watches: Sequence[Watch], new: Sequence[Event]) -> None:
        """Show the sessions and their *new* events."""

    def close(self) -> None:
        """Leave the terminal as it was. Idempotent."""


class PlainScreen:
    """One line per event, for a system's journal."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def write(self, text: str) -> None:
        """Write the lines of a text."""
        for line in harmless(text).rstrip("\n").split("\n"):
            self._write(line)

    def show(self, watches: Sequence[Watch], new: Sequence[Event]) -> None:
        """Write what is new."""
        for event in new:
            clock = time.strftime("%H:%M:%S", time.localtime(event.time))
            self._write(
                f"{clock} {one_line(event.session, 40)}: {one_line(describe_event(event), 300)}"
            )

    def close(self) -> None:
        """Do nothing."""


class LiveScreen:
    """Tables that are redrawn in place, with messages above them."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._begun = False

    def write(self, text: str) -> None:
        """Write above the tables."""
        self._live.console.print(Text(harmless(text).rstrip("\n")), soft_wrap=True)

    def show(self, watches: Sequence[Watch], new: Sequence[Event]) -> None:
        """Redraw the tables."""
        if not self._begun:
            self._live.start()
            self._begun = True
        room = max(3, self._live.console.height - 10 - _SHOWN_EVENTS * len(watches))
        self._live.update(Group(*(picture(watch, room) for watch in watches)), refresh=True)

    def close(self) -> None:
        """Leave the last tables in the terminal."""
        if self._begun:
            self._live.stop()
            self._begun = False


def picture(watch: Watch, room: int = 50) -> Group:
    """Return a session's table; of more than *room* players only those who have come."""
    lines = watch.players()
    counts = {status: sum(line.status == status for line in lines) for status in _COLOURS}
    head = Text(f"{one_line(watch.session, 60)}  ", style="bold")
    shown_counts = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    head.append(f"{shown_counts or 'no places'}; {watch.events:,} events", style="not bold")
    if watch.errors:
        head.append(f"; {watch.errors} errors", style="bold red")
    shown = lines if len(lines) <= room else [line for line in lines if line.status != "open"]
    happened = [Text(_dated(event), style="dim", no_wrap=True) for event in watch.last]
    left = len(lines) - len(shown[:room])
    more = [Text(f"… and {left} more", style="dim")] if left else []
    return Group(head, _table(shown[:room]), *more, *happened[-_SHOWN_EVENTS:])


def _table(lines: Sequence[PlayerRow]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (*HEADINGS, "since"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for line in lines:
        since = "" if line.since is None else time.strftime("%H:%M", time.localtime(line.since))
        texts = (line.name, line.label, line.page, line.round)
        cells = [Text(one_line(text, 30)) for text in texts]
        table.add_row(*cells, Text(line.status_and_way, style=_COLOURS[line.status]), Text(since))
    return table


def _dated(event: Event) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(event.time))
    return f"{clock} {one_line(describe_event(event), 100)}"
