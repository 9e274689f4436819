"""Process: a program under test, ended together with all that it started."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

__all__ = [
    "BenchError", "Others", "Process", "free_port", "processor_seconds", "wait_until",
]  # fmt: skip


class BenchError(Exception):
    """Something that a bench needs did not come about; the text says what."""


class Process:
    """A started program whose output goes to a file.

    Process([sys.executable, "bare.py", "8701"], folder, "bare").wait_for_port(8701)
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        name: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.log"
        with self.output.open("wb") as output:
            self._started = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd or folder,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        return self._started.pid

    def wait_for_port(self, port: int, seconds: float = 60.0) -> None:
        """Return when the program accepts connections on *port*."""
        wait_until(lambda: self._accepts(port), seconds, f"{self.name} to listen")

    def _accepts(self, port: int) -> bool:
        if self._started.poll() is not None:
            raise BenchError(f"{self.name} ended at once: {self.last_words()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            return False
        return True

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._started.poll() is not None

    def last_words(self) -> str:
        """Return the end of what the program wrote."""
        return self.output.read_text(errors="replace")[-1500:].strip()

    def close(self) -> None:
        """End the program and all that it started. Idempotent."""
        try:
            family = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        self._started.terminate()
        try:
            self._started.wait(5.0)
        except subprocess.TimeoutExpired:
            self._started.kill()
            self._started.wait()
        _, alive = psutil.wait_procs(family, timeout=0.2)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=5.0)


def processor_seconds(pid: int) -> float:
    """Return the processor time a process has used so far, in seconds."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


class Others:
    """What programs outside of a bench take of the processors, from making this to `share`."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = [os.getpid(), *pids]
        self._began = time.monotonic()
        self._before = self._busy_elsewhere()

    def share(self) -> float:
        """Return their share of all processors' time, 0 to 1."""
        passed = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return max(0.0, (self._busy_elsewhere() - self._before) / passed)

    def _busy_elsewhere(self) -> float:
        times = psutil.cpu_times()
        waiting = times.idle + getattr(times, "iowait", 0.0)
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        busy = sum(times) - waiting - guests  # guests are in user time already
        return float(busy - sum(processor_seconds(pid) for pid in self._pids))


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as *condition* holds.

    Raises:
        BenchError: it did not within *seconds*.
    """
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise BenchError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
