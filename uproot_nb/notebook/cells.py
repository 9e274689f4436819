"""Cells: which cell runs, which pages it defines, and when the kernel is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.source import hash_text
from uproot_nb.session.steps import Cause

__all__ = ["Cells", "KernelInterrupt"]


class Cells:
    """Watches the cells of one kernel for a run: who causes what, and which pages are new.

    Args:
        namespace: where the pages are looked for after each cell.
        redefined: called with each page class that a cell has (re)defined; if it raises
            UprootError, the cell fails with that.
        interrupted: called when an interrupt has ended a cell, or comes between cells.
    """

    def __init__(
        self,
        shell: Any,
        namespace: Mapping[str, Any],
        redefined: Callable[[type[Page]], None],
        interrupted: Callable[[], Any] = lambda: None,
    ) -> None:
        self._interrupted = interrupted
        self._button = KernelInterrupt(shell, interrupted)
        self._shell, self._namespace, self._redefined = shell, namespace, redefined
        self._hash = ""
        self._running = 0
        self._ended: Callable[[], None] = lambda: None
        self._parents: dict[str, Any] = {}
        self._seen = self._pages()

    def watch(self, ended: Callable[[], None]) -> None:
        """Begin to watch; *ended* is called at the end of each cell, before its reply."""
        self._ended = ended
        if self._shell is not None:
            self._note_cell(None)
            for event, callback in self._callbacks():
                self._shell.events.register(event, callback)
            self._button.start()

    def leave(self) -> None:
        """Stop watching. Idempotent."""
        if self._shell is None:
            return
        for event, callback in self._callbacks():
            if callback in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, callback)
        self._button.stop()

    def _callbacks(self) -> list[tuple[str, Callable[..., None]]]:
        return [
            ("pre_execute", self._begin),
            ("pre_run_cell", self._note_cell),
            ("post_execute", self._end),
            ("post_run_cell", self._look_for_pages),
        ]

    def _begin(self) -> None:
        self._running += 1

    def _end(self) -> None:
        # A cell may run another; and the one that serves has begun before anybody counted.
        self._running = max(0, self._running - 1)
        if not self._running:
            try:
                self._ended()
            except KeyboardInterrupt:  # it waits for a step that does not end
                self._interrupted()
                raise

    def cause(self) -> Cause:
        """Return the cause of a change that was made outside authors' steps: this cell."""
        if threading.current_thread().name.startswith("uproot_nb"):
            return Cause("", "", "uproot_nb", "")
        if self._shell is None:
            return Cause("researcher", "", "script", "")
        return Cause("researcher", "", f"cell {self._number()}", self._hash)

    def _number(self) -> int:
        """Return the running cell's number (IPython's own counter may be ahead of it)."""
        inputs = self._shell.user_ns.get("In")
        return len(inputs) - 1 if isinstance(inputs, list) else self._shell.execution_count

    def parent_of(self, page: str) -> Any:
        """Return the message header of the cell that defined a page last."""
        return self._parents.get(page)

    def _note_cell(self, info: Any) -> None:
        text = getattr(info, "raw_cell", None)
        if text is None:
            history = self._namespace.get("In")
            text = history[-1] if isinstance(history, list) and history else ""
        self._hash = hash_text(text)
        for name in self._seen:
            self._parents.setdefault(name, self._parent())

    def _parent(self) -> Any:
        kernel = getattr(self._shell, "kernel", None)
        return kernel.get_parent("shell") if kernel is not None else None

    def _look_for_pages(self, result: Any) -> None:
        if isinstance(getattr(result, "error_in_exec", None), KeyboardInterrupt):
            self._interrupted()
        refusals = self.look_for_pages()
        if refusals:
            self._fail(result, refusals[0])

    def look_for_pages(self) -> list[UprootError]:
        """Hand on the pages that are new since the last look; return why some were refused."""
        refusals = []
        for name, page in self._pages().items():
            if self._seen.get(name) is not page:
                self._parents[name] = self._parent()
                self._seen[name] = page
                try:
                    self._redefined(page)
                except UprootError as refusal:
                    refusals.append(refusal)
        return refusals

    def take_pages(self) -> None:
        """Take up the pages that the running cell has defined so far, in the cell's own thread.

        Raises:
            UprootError: why one was refused.
        """
        if self._shell is not None and threading.current_thread() is threading.main_thread():
            for refusal in self.look_for_pages():
                raise refusal

    def _fail(self, result: Any, refusal: UprootError) -> None:
        """Let a cell fail that has run to its end, so that no later cell runs by itself."""
        if getattr(result, "success", False):
            result.error_in_exec = refusal
        self._shell.showtraceback((type(refusal), refusal, None))

    def _pages(self) -> dict[str, type[Page]]:
        found = [
            value
            for value in list(self._namespace.values())
            if isinstance(value, type) and issubclass(value, Page) and value.may_be_listed()
        ]
        return {page.__name__: page for page in found}


class KernelInterrupt:
    """Notices the interrupt button, also while no cell is running.

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
        """Begin to listen; call it in a cell."""
        before = getattr(self._kernel, "saved_sigint_handler", None)
        if before is not None:  # there is no ipykernel, or it has changed its ways
            self._before, self._listening = before, True
            self._kernel.saved_sigint_handler = self._handle

    def stop(self) -> None:
        """Stop listening. Idempotent."""
        if self._listening and self._kernel.saved_sigint_handler == self._handle:
            self._kernel.saved_sigint_handler = self._before
        self._listening = False

    def _handle(self, number: int, frame: Any) -> None:
        if self._listening:
            self._act()
        if callable(self._before):
            self._before(number, frame)
