"""LiveJupyter: a real Jupyter server with the extension, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from live_kernel import Kernel
from waiting import wait_until

__all__ = ["LiveJupyter", "free_port", "wait_until"]

REPOSITORY = Path(__file__).resolve().parent.parent
SWITCHED_ON = REPOSITORY / "jupyter-config"
"""The folder whose data file an installed package brings along, to switch the extension on."""
SHORTER_START = Path(__file__).with_name("shorter_start")
"""Before the other folders of modules, it hides a grammar that takes over a second to load."""
OTHERS = (
    "ipyparallel", "jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "nbclassic", "notebook",
    "notebook_shim", "voila.server_extension",
)  # fmt: skip
"""Extensions that a server without a desk does not need; they take a second to load."""


class LiveJupyter:
    """A Jupyter server on free ports of this machine; kernels started here are its children.

        with LiveJupyter(folder) as jupyter:
            kernel = jupyter.start_kernel("market.ipynb")
            kernel.run("from uproot_nb import *")

    Its settings, kernels' connections and logs stay in *folder*; the user's own are not read.
    With the app "lab" or "notebook" Jupyter's other extensions are loaded, too.
    """

    def __init__(self, folder: Path, *, app: str = "server", **traits: object) -> None:
        self.folder = folder
        self.token = secrets.token_hex(24)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log = folder / ".jupyter" / "server.log"
        self._kernels: list[Kernel] = []
        self._app, self._traits = app, traits
        self._begin()

    def _begin(self) -> None:
        self._begun = time.time()
        self._process = self._start(self._app, self._traits)
        try:
            wait_until(self._answers, 60.0, "the Jupyter server to answer")
            # Without the extension, runs would bring their own servers, and nobody would notice.
            wait_until(self._let_participants_in, 20.0, "the extension to open its port")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def participant_url(self) -> str:
        """The root of participants' addresses, as the extension chose it."""
        return str(json.loads(self.discovery_file.read_text("utf-8"))["url"])

    @property
    def discovery_file(self) -> Path:
        """The file that tells kernels where the extension is."""
        return max(self._discovery_files(), key=lambda file: file.stat().st_mtime)

    def start_kernel(self, notebook: str = "notebook.ipynb") -> Kernel:
        """Open a notebook's session as JupyterLab does, and return its kernel when it is ready."""
        wanted = {
            "path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"},
        }  # fmt: skip
        session = self.request("POST", "api/sessions", wanted)
        kernel = Kernel(self, session["kernel"]["id"])
        self._kernels.append(kernel)
        return kernel

    def request(self, method: str, path: str, data: Any = None) -> Any:
        """Ask Jupyter's REST API; return what it answers."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60.0) as response:
            body = response.read()
        return json.loads(body) if body else None

    def close(self) -> None:
        """End the kernels and the server. Idempotent."""
        for kernel in self._kernels:
            kernel.close()
        self._kernels.clear()
        if self._process.poll() is None:
            self._end_politely()
        end_family(self._process)

    def sigkill(self) -> None:
        """Kill the server: it can tidy up nothing, and its kernels find out by themselves."""
        self._process.kill()
        self._process.wait()
        for kernel in self._kernels:
            kernel.close()
        self._kernels.clear()

    def start_again(self) -> None:
        """Start the server anew, at the same address and in the same folder."""
        self._begin()

    def last_words(self) -> str:
        """Return the end of what the server wrote."""
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    # ---- the process ----------------------------------------------------------------------

    def _start(self, app: str, traits: Mapping[str, object]) -> subprocess.Popen[bytes]:
        own = self.folder / ".jupyter"
        own.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "jupyter", app, "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.folder}",
            *(f"--UprootNB.{name}={value}" for name, value in traits.items()),
            *without_others(app),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self._environment(own),
                start_new_session=os.name == "posix",
            )

    def _environment(self, own: Path) -> dict[str, str]:
        paths = [str(SHORTER_START), str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "JUPYTER_TOKEN": self.token,  # a command line can be read by everybody on the machine
            "JUPYTER_CONFIG_PATH": str(SWITCHED_ON),
            "JUPYTER_CONFIG_DIR": str(own / "config"),
            "JUPYTER_DATA_DIR": str(own / "data"),
            "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
            "IPYTHONDIR": str(own / "ipython"),
        }

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"The Jupyter server ended at once:\n{self.last_words()}")
        try:
            self.request("GET", "api/status")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _let_participants_in(self) -> bool:
        return next(self._discovery_files(), None) is not None

    def _discovery_files(self) -> Iterator[Path]:
        files = (self.folder / ".jupyter" / "runtime").glob("uproot_nb-*.json")
        return (file for file in files if file.stat().st_mtime >= self._begun - 1.0)

    def _end_politely(self) -> None:
        try:
            self.request("POST", "api/shutdown")
            self._process.wait(10.0)
        except (OSError, subprocess.TimeoutExpired):
            self._process.terminate()


def without_others(app: str) -> list[str]:
    """Return the arguments with which a server that has no desk loads our extension alone."""
    off = dict.fromkeys(OTHERS, False)
    return [f"--ServerApp.jpserver_extensions={off!r}"] if app == "server" else []


def end_family(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started, however it feels about it."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def free_port() -> int:
    """Return a port of the loopback that nobody uses now.

    It lies below those that systems hand out by themselves: between this look and the use of the
    port a kernel that starts elsewhere would get it for one of its own.
    """
    while True:
        port = 12_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
