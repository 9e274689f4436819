"""Kernel: a notebook's kernel, driven over Jupyter's REST and WebSocket API as JupyterLab does."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError

import psutil
import websocket
from waiting import wait_until

if TYPE_CHECKING:  # the server makes its kernels; only the name is needed here
    from live_jupyter import LiveJupyter

__all__ = ["CellFailed", "Kernel", "Outcome"]


class CellFailed(Exception):
    """A cell raised; the text is its traceback."""


class Outcome(NamedTuple):
    """What a cell printed, its last value as text, and the traceback if it raised."""

    stdout: str
    result: str
    error: str


class Kernel:
    """Runs cells, one after another.

    kernel.run("x = 1 + 1")
    kernel.value("x")        # 2
    """

    def __init__(self, jupyter: LiveJupyter, identifier: str) -> None:
        self.identifier = identifier
        self._jupyter = jupyter
        self._session = uuid.uuid4().hex
        self._channels: websocket.WebSocket | None = None
        self._started: dict[str, _Cell] = {}
        self.pid = 0
        self._connect()

    # ---- cells ----------------------------------------------------------------------------

    def run(self, code: str, seconds: float = 60.0) -> str:
        """Run a cell to its end; return what it printed.

        Raises:
            CellFailed: it raised.
        """
        outcome = self.execute(code, seconds)
        if outcome.error:
            raise CellFailed(outcome.error)
        return outcome.stdout

    def value(self, expression: str) -> Any:
        """Return what an expression is in the kernel, by way of JSON."""
        told = self.run(f"import json as _json\nprint(_json.dumps({expression}, default=str))")
        return json.loads(told.splitlines()[-1])

    def execute(self, code: str, seconds: float = 60.0) -> Outcome:
        """Run a cell to its end, whatever that is."""
        return self.finish(self.begin(code), seconds)

    def begin(self, code: str) -> str:
        """Send a cell without waiting for its end; return its number for `finish`."""
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": True,
        }  # fmt: skip
        number = self._send("execute_request", content)
        self._started[number] = _Cell()
        return number

    def finish(self, number: str, seconds: float = 60.0) -> Outcome:
        """Wait for the end of a cell that `begin` sent.

        Raises:
            TimeoutError: it goes on for longer than *seconds*.
        """
        cell = self._started[number]
        ends = time.monotonic() + seconds
        while not cell.is_over:
            self._receive(ends)
        del self._started[number]
        return Outcome("".join(cell.printed), cell.result, cell.error)

    # ---- life and death -------------------------------------------------------------------

    def is_busy(self) -> bool:
        """Return whether Jupyter says that a cell is running."""
        told = self._jupyter.request("GET", f"api/kernels/{self.identifier}")
        return bool(told["execution_state"] == "busy")

    def interrupt(self) -> None:
        """Interrupt the cell that is running."""
        self._jupyter.request("POST", f"api/kernels/{self.identifier}/interrupt", {})

    def restart(self) -> None:
        """Restart through Jupyter's API, and wait until the new process takes cells."""
        self._hang_up()
        wait_until(self._was_restarted, 60.0, "Jupyter to restart the kernel")
        self._connect()

    def _was_restarted(self) -> bool:
        """Ask for a restart; Jupyter may be restarting a killed kernel by itself just now."""
        try:
            self._jupyter.request("POST", f"api/kernels/{self.identifier}/restart", {})
        except HTTPError as error:
            if error.code != 500:
                raise
            return False
        return True

    def sigkill(self) -> None:
        """Kill the process: it can tidy up nothing, write nothing, and say no goodbye."""
        self._hang_up()
        os.kill(self.pid, signal.SIGKILL)

    def wait_for_end(self) -> None:
        """Wait until the process is no more, after a cell that ends it."""
        self._hang_up()
        wait_until(lambda: not _is_alive(self.pid), 30.0, "the kernel's process to end")

    def shut_down(self) -> None:
        """End the kernel through Jupyter's API, as closing a notebook does."""
        self._hang_up()
        self._jupyter.request("DELETE", f"api/kernels/{self.identifier}")

    def close(self) -> None:
        """Hang up; the server ends the kernel. Idempotent."""
        self._hang_up()

    # ---- the line -------------------------------------------------------------------------

    def _connect(self) -> None:
        root = self._jupyter.url.replace("http", "ws", 1)
        address = f"{root}api/kernels/{self.identifier}/channels?session_id={self._session}"
        authorization = f"Authorization: token {self._jupyter.token}"
        self._channels = websocket.create_connection(address, 60.0, header=[authorization])
        self._started.clear()
        self.pid = int(self.run("import os\nprint(os.getpid())"))

    def _hang_up(self) -> None:
        channels, self._channels = self._channels, None
        if channels is not None:
            channels.close(timeout=1)

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        number = uuid.uuid4().hex
        header = {
            "msg_id": number, "msg_type": kind, "session": self._session, "username": "",
            "version": "5.3", "date": "",
        }  # fmt: skip
        message = {
            "header": header, "parent_header": {}, "metadata": {}, "content": content,
            "channel": "shell", "buffers": [],
        }  # fmt: skip
        self._line().send(json.dumps(message))
        return number

    def _receive(self, ends: float) -> None:
        line = self._line()
        line.settimeout(max(0.01, ends - time.monotonic()))
        try:
            text = line.recv()
        except websocket.WebSocketTimeoutException:
            raise TimeoutError("the cell has not come to its end") from None
        if not text:
            raise ConnectionError("the kernel's line was closed")
        message = json.loads(text)
        cell = self._started.get(message["parent_header"].get("msg_id", ""))
        if cell is not None:
            cell.note(message["msg_type"], message["content"])

    def _line(self) -> websocket.WebSocket:
        if self._channels is None:
            raise ConnectionError("the kernel was hung up on")
        return self._channels


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class _Cell:
    """What has come from a cell so far."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.result = ""
        self.error = ""
        self._replied = self._idle = False

    @property
    def is_over(self) -> bool:
        return self._replied and self._idle

    def note(self, kind: str, content: dict[str, Any]) -> None:
        match kind:
            case "stream" if content["name"] == "stdout":
                self.printed.append(content["text"])
            case "execute_result" | "display_data":
                self.result = content["data"].get("text/plain", "")
            case "error":
                self.error = "\n".join(content["traceback"])
            case "execute_reply":
                self._replied = True
                if content["status"] != "ok":  # a mistake in a magic sends no traceback
                    self.error = self.error or f"{content.get('ename')}: {content.get('evalue')}"
            case "status" if content["execution_state"] == "idle":
                self._idle = True
