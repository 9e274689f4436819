"""GatewayProcess: `uproot-nb gateway` as a lab starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Self

__all__ = ["GatewayProcess"]


class GatewayProcess:
    """A gateway in a process of its own, on a free port.

    with GatewayProcess(server.url, "--public-url", "http://127.0.0.1:8700/") as gateway:
        gateway.port
        gateway.kill()
    """

    def __init__(self, bridge: str, *options: str) -> None:
        command = [sys.executable, "-m", "uproot_nb.cli", "gateway"]
        command += ["--bridge", bridge] if bridge else []
        self._process = subprocess.Popen(
            [*command, "--port", "0", *options], stdout=subprocess.PIPE, text=True
        )
        self.port = 0
        self.read_until("Participants reach this gateway")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def read_until(self, text: str) -> str:
        """Return its next line of output that begins with *text*."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("This gateway listens on port"):
                self.port = int(line.split()[-1].rstrip("."))
            if line.startswith(text):
                return line
        raise AssertionError(f"The gateway ended with {self._process.wait()} before '{text}'.")

    def terminate(self) -> int:
        """End it as a system's service manager does; return its exit code."""
        self._process.terminate()
        return self._process.wait(60)

    def stop(self) -> None:
        """Let it stand still."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `stop`."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as when its machine dies. Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
