"""KernelInterrupt: the kernel's interrupt ends a live method that holds everybody up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["KernelInterrupt"]


class KernelInterrupt:
    """Hears of the interrupt button, also while no cell is running.

    While one is, Python raises KeyboardInterrupt in it, and `Cells` sees that. Otherwise ipykernel
    ignores the signal: it has a handler for these times, which it sets again after each cell.

    Args:
        act: ends what holds participants up, if anything does; called in the main thread.
    """

    def __init__(self, shell: Any, act: Callable[[], Any]) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        self._act, self._before = act, None
        self._listening = False

    def start(self) -> None:
        """Begin to listen; called in a cell."""
        before = getattr(self._kernel, "saved_sigint_handler", None)
        if before is not None:  # there is no ipykernel, or it has changed its ways
            self._before, self._listening = before, True
            self._kernel.saved_sigint_handler = self._handle

    def stop(self) -> None:
        """Listen no more. Idempotent."""
        if self._listening and self._kernel.saved_sigint_handler == self._handle:
            self._kernel.saved_sigint_handler = self._before
        self._listening = False

    def _handle(self, number: int, frame: Any) -> None:
        if self._listening:
            self._act()
        if callable(self._before):
            self._before(number, frame)
