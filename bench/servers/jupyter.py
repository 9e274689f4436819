"""JupyterServer and Kernel: real ones, driven as a browser with a notebook drives them."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from processes import BenchError, Process, free_port, wait_until
from servers.system import fetch

__all__ = ["JupyterServer", "Kernel", "repository_environment"]

_REPOSITORY = Path(__file__).resolve().parents[2]


def repository_environment() -> dict[str, str]:
    """Return what makes a child process import this repository's package."""
    paths = [str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


class JupyterServer:
    """A Jupyter server with the extension, on free ports of the loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_urlsafe()
        self._kernels: list[Kernel] = []
        port, self._runtime = free_port(), folder / "runtime"
        self._url = f"http://127.0.0.1:{port}"
        environment = {
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "IPYTHONDIR": str(folder / "ipython"),
            **repository_environment(),
        }
        self.process = Process(
            [
                sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={folder}",
                "--ServerApp.jpserver_extensions={'uproot_nb': True}",
                f"--UprootNB.participant_port={free_port()}",
                "--UprootNB.max_calls_per_second=0",
            ],
            folder, "jupyter-server", env=environment,
        )  # fmt: skip
        try:
            self.process.wait_for_port(port)
        except BaseException:
            self.close()
            raise

    def monitor(self, session: str) -> str:
        """Return the address of the socket that the monitor's web page of *session* opens."""
        return f"{self._url}/uproot_nb/monitor/{session}/ws".replace("http", "ws", 1)

    def start_kernel(self) -> Kernel:
        """Start a kernel through the REST API, so that it is the server's child."""
        identifier = json.loads(self._rest("api/kernels", b"{}"))["id"]
        connection = self._runtime / f"kernel-{identifier}.json"
        wait_until(connection.exists, 10.0, "the kernel's connection file")
        kernel = Kernel(connection, lambda: self._rest(f"api/kernels/{identifier}/interrupt", b""))
        self._kernels.append(kernel)
        return kernel

    def _rest(self, path: str, data: bytes) -> str:
        authorization = f"token {self.token}"
        return fetch(f"{self._url}/{path}", data, authorization=authorization)[1]

    def close(self) -> None:
        """End the kernels and the server. Idempotent."""
        for kernel in self._kernels:
            kernel.close()
        self.process.close()


class Kernel:
    """A running kernel, to which cells are sent."""

    def __init__(self, connection: Path, interrupt: Any) -> None:
        self._interrupt = interrupt
        self._running = ""
        self._client = BlockingKernelClient(connection_file=str(connection))
        self._client.load_connection_file()
        # Without a heartbeat, which a busy machine misses for a second and calls death.
        self._client.start_channels(hb=False)
        self._client.wait_for_ready(timeout=60)
        self.pid = int(self.execute("import os; print(os.getpid())"))

    def execute(self, code: str, seconds: float = 60.0) -> str:
        """Run a cell to its end and return what it printed.

        Raises:
            BenchError: the cell raised.
        """
        printed: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(
            code, output_hook=keep, timeout=seconds, store_history=False, stop_on_error=False
        )
        if reply["content"]["status"] != "ok":
            content = reply["content"]
            raise BenchError(f"a cell failed: {content.get('ename')}: {content.get('evalue')}")
        return "".join(printed)

    def begin(self, code: str) -> None:
        """Start a cell that goes on until `stop`."""
        # After an interrupted cell, a kernel would throw away the cells that wait behind it.
        self._running = self._client.execute(code, store_history=False, stop_on_error=False)
        ends = time.monotonic() + 10.0
        while time.monotonic() < ends:
            message = self._client.get_iopub_msg(timeout=10.0)
            caused_by = message["parent_header"].get("msg_id")
            if message["msg_type"] == "execute_input" and caused_by == self._running:
                return
        raise BenchError("the kernel did not begin a cell")

    def stop(self) -> None:
        """Interrupt the cell that `begin` started, and wait until it has ended."""
        self._interrupt()
        ends = time.monotonic() + 30.0
        while time.monotonic() < ends:
            reply = self._client.get_shell_msg(timeout=30.0)
            if reply["parent_header"].get("msg_id") == self._running:
                return
        raise BenchError("the kernel did not stop a cell")

    def close(self) -> None:
        """Hang up; the server ends the kernel. Idempotent."""
        self._client.stop_channels()
