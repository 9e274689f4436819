"""Participants: the load generator seen from outside, connected to one system."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from processes import BenchError

__all__ = ["Participants"]


class Participants:
    """A load generator in a process of its own.

    with Participants("bare", ["ws://127.0.0.1:8701/ws"] * 100, "http://127.0.0.1:8701") as crowd:
        crowd.do("calls", method="echo", seconds=2.0)["per_second"]
    """

    def __init__(self, wire: str, urls: list[str], origin: str) -> None:
        self.wire = wire
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("loadgen.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.do("connect", wire=wire, urls=urls, origin=origin)
        except BenchError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def do(self, job: str, **details: Any) -> dict[str, Any]:
        """Let the participants do *job*, and return its figures.

        Raises:
            BenchError: the system did not answer as it should.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": job, **details}) + "\n")
        self._process.stdin.flush()
        # Every job ends by itself; this is for a load generator that hangs.
        guard = threading.Timer(float(details.get("seconds", 0.0)) + 90.0, self._process.kill)
        guard.start()
        try:
            line = self._process.stdout.readline()
        finally:
            guard.cancel()
        answer: dict[str, Any] = json.loads(line) if line else {"failed": "no answer"}
        if "failed" in answer:
            raise BenchError(f"{self.wire}, {job} {details.get('method', '')}: {answer['failed']}")
        return answer

    def close(self) -> None:
        """Disconnect everybody. Idempotent."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Participants:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
