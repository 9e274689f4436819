"""NotebookKernel: a kernel that runs a notebook's cells, and passes on what they print."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

__all__ = ["CellFailed", "KernelDied", "NotebookKernel"]

_READY_SECONDS = 60.0
_CLOSE_SECONDS = 20.0
_LOOK_SECONDS = 0.5
_OPEN_RUNS = "__import__('uproot_nb.notebook.open_runs', fromlist=['open_runs'])"
_DESCRIBE = f"{_OPEN_RUNS}.describe_runs()"


class KernelDied(Exception):
    """The kernel's process has ended by itself, or has never answered."""

    def __init__(self, words: str = "The kernel died.") -> None:
        super().__init__(words)


class CellFailed(Exception):
    """A cell has raised; `traceback` is the text that the kernel shows."""

    def __init__(self, number: int, traceback: str) -> None:
        self.number, self.traceback = number, traceback
        super().__init__(f"cell {number}")


class NotebookKernel:
    """One kernel's process.

    Args:
        show: takes what cells print, also after they have ended.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], show: Callable[[str], None]
    ) -> None:
        self._folder, self._environment, self._show = folder, dict(environment), show
        # A private folder has the sockets where the system has such, so that nobody else can
        # listen. Its path is whole: a kernel works in the notebook's folder, we do anywhere.
        self._sockets = tempfile.mkdtemp(prefix="uproot_nb-kernel-")
        self._manager = AsyncKernelManager(
            kernel_name="python3", transport="ipc" if os.name == "posix" else "tcp",
            connection_file=os.path.join(self._sockets, "kernel.json"),
        )  # fmt: skip
        self._client: Any = None
        self._pump: asyncio.Task[None] | None = None
        self._count = 0

    @property
    def pid(self) -> int | None:
        """The kernel's process."""
        provisioner = self._manager.provisioner
        return None if provisioner is None else getattr(provisioner, "pid", None)

    async def start(self) -> None:
        """Start the process, and wait until it is ready.

        Raises:
            KernelDied: it has ended, or does not answer.
        """
        await self._manager.start_kernel(cwd=str(self._folder), env=self._environment)
        self._client = self._manager.client()
        self._client.start_channels()
        try:
            await self._while_alive(self._client.wait_for_ready(timeout=_READY_SECONDS))
        except RuntimeError as silent:  # it does not say more; the machine may be very busy
            words = f"The kernel has not answered for {_READY_SECONDS:g} s after its start."
            raise KernelDied(words) from silent
        self._pump = asyncio.create_task(self._listen())

    async def run_cell(self, code: str) -> None:
        """Run a cell to its end.

        Raises:
            CellFailed: it has raised.
            KernelDied: the process has ended.
        """
        self._count += 1
        content = await self._execute(code)
        if content["status"] != "ok":
            raise CellFailed(self._count, "\n".join(content.get("traceback") or ("interrupted",)))

    async def runs(self) -> list[dict[str, Any]] | None:
        """Return the open runs: see `describe_runs`; None if an interrupt ended the question."""
        runs: list[dict[str, Any]] | None = await self.evaluate(_DESCRIBE)
        return runs

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, such as JSON can hold; None if an interrupt ended it.

        Raises:
            KernelDied: the process has ended.
        """
        asked = {"value": f"__import__('json').dumps({expression})"}
        content = await self._execute("", asked)
        data = content.get("user_expressions", {}).get("value", {}).get("data", {})
        text = data.get("text/plain")
        return None if text is None else json.loads(ast.literal_eval(text))

    async def interrupt(self) -> None:
        """End the cell, or the experiment's code, that the kernel runs just now."""
        if self._client is not None and await self._manager.is_alive():
            await self._manager.interrupt_kernel()

    async def wait_for_death(self) -> None:
        """Return when the process has ended."""
        while await self._manager.is_alive():
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self, for_another: bool = False) -> None:
        """Close the runs, and end the process; a busy cell is interrupted. Idempotent.

        Args:
            for_another: hand the sessions over to another kernel instead of closing them.
        """
        if self._client is not None and await self._manager.is_alive():
            await self._manager.interrupt_kernel()
            ending = "hand_over_runs" if for_another else "close_runs"
            with contextlib.suppress(KernelDied, asyncio.TimeoutError):
                closing = self._execute(f"{_OPEN_RUNS}.{ending}()", silent=True)
                await asyncio.wait_for(closing, _CLOSE_SECONDS)
        await self.end()

    async def end(self) -> None:
        """End the process at once, and forget it. Idempotent."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
            await self._manager.shutdown_kernel(now=not await self._manager.is_alive())
        shutil.rmtree(self._sockets, ignore_errors=True)

    async def _execute(
        self, code: str, asked: Mapping[str, str] | None = None, silent: bool = False
    ) -> dict[str, Any]:
        number = self._client.execute(
            code, silent=silent, user_expressions=dict(asked or {}), allow_stdin=False
        )
        return dict(await self._while_alive(self._reply(number)))

    async def _reply(self, number: str) -> dict[str, Any]:
        while True:
            message = await self._client.get_shell_msg()
            if message["parent_header"].get("msg_id") == number:
                content: dict[str, Any] = message["content"]
                return content

    async def _while_alive(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        """Wait for an answer of the kernel, or for its end."""
        task, death = asyncio.ensure_future(waiting), asyncio.ensure_future(self.wait_for_death())
        try:
            await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise KernelDied
            return task.result()
        finally:
            task.cancel()
            death.cancel()
            # Gathered, because waiting for one after the other would hide our own cancellation.
            await asyncio.gather(task, death, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            message = await self._client.get_iopub_msg()
            if message["msg_type"] == "stream":
                self._show(message["content"]["text"])
