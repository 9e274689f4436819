"""Program: a process of a host, which may be killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["Program", "send_all"]

_END_SECONDS = 60.0


class Program:
    """A command that is run again and again, and what it writes.

    program = Program([*network.inside("broker"), "nats-server"], folder / "broker.log")
    program.start()
    program.send(signal.SIGKILL)
    """

    def __init__(
        self, command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command, self.output = list(command), output
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self.held = False
        """Whether somebody wants it to be away just now."""

    @property
    def pid(self) -> int:
        """Its process; 0 if it is not running."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    @property
    def code(self) -> int | None:
        """The exit code of the last run; None while it runs, or before the first one."""
        return None if self._process is None else self._process.poll()

    @property
    def text(self) -> str:
        """What it has written so far."""
        with suppress(FileNotFoundError):
            return self.output.read_text("utf-8", "replace")
        return ""

    def start(self) -> None:
        """Start it, unless it runs."""
        with self._starting, open(self.output, "ab") as output:
            if self.pid:
                return
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env=self._environment, cwd=self.output.parent, start_new_session=True,
            )  # fmt: skip

    def chosen(self, which: str = "") -> list[psutil.Process]:
        """Return its processes: "itself" is the one that was started, "children" are the others."""
        with suppress(psutil.NoSuchProcess):
            if self.pid:
                parent = psutil.Process(self.pid)
                itself, children = [parent], list(parent.children(recursive=True))
                return {"itself": itself, "children": children}.get(which, itself + children)
        return []

    def send(self, number: int, which: str = "") -> list[psutil.Process]:
        """Send its processes, or those chosen, a signal; return them."""
        found = self.chosen(which)
        send_all(found, number)
        return found

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it, with SIGKILL also all that it has started, and wait for that. Idempotent."""
        process = self._process
        self.send(signal.SIGCONT)
        self.send(number, "" if number == signal.SIGKILL else "itself")
        if process is not None:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                process.wait(_END_SECONDS)


def send_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to those that are still there."""
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(number)
