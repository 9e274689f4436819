"""StandbyRole: what `uproot-nb run --standby` does before the cells run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from uproot_nb.headless.cell_code import imported_modules, literal_arguments
from uproot_nb.headless.kernel import NotebookKernel
from uproot_nb.headless.notebook_file import CannotStart, NotebookFile
from uproot_nb.log.places import shown_place
from uproot_nb.log.postgres.address import is_database

__all__ = ["StandbyRole"]

_AGAIN_SECONDS = 1.0
_STANDBY = "__import__('uproot_nb.notebook.standby', fromlist=['standby'])"


@dataclass(frozen=True)
class StandbyRole:
    """Which session a kernel waits for, and what it imports meanwhile.

    role = StandbyRole.of(notebook, name=None, db="postgresql://db.example.org/lab")
    await role.claim(kernel, print, lambda: None)  # the kernel is the session's one writer now
    """

    session: str
    db: str
    modules: tuple[str, ...]
    durable: bool

    @classmethod
    def of(cls, notebook: NotebookFile, name: str | None, db: str) -> StandbyRole:
        """Return the role for a notebook; the session is named there, or after the file.

        Raises:
            CannotStart: kernels on other machines could not know the session, or not reach it.
        """
        if not is_database(db):
            raise CannotStart(
                "--standby: kernels on several machines need one database: give --db "
                "postgresql://… to all of them.\nA session in a file needs no standby: if its "
                "kernel dies, uproot-nb run starts another one."
            )
        cells = notebook.cells
        durable = True in literal_arguments(cells, "serve", "durable")
        return cls(
            name or _only_name(notebook), db, tuple(imported_modules(cells)), durable
        )  # fmt: skip

    async def claim(
        self, kernel: NotebookKernel, show: Callable[[str], None], waits: Callable[[], None]
    ) -> bool:
        """Become the session's writer, at once or when it has none; False if it was closed.

        Args:
            waits: called when the kernel is ready, and somebody else has the session.

        Raises:
            CannotStart: the database does not admit us.
            KernelDied: the kernel's process has ended.
        """
        await kernel.evaluate(f"{_STANDBY}.warm_up({self.modules!r})")
        shown, was_taken = "", False
        while True:
            ask = "claim_when_free" if was_taken else "claim_now"
            answer = await kernel.evaluate(f"{_STANDBY}.{ask}(durable={self.durable})")
            state, text = answer if answer is not None else ("stopped", "")
            if state == "refused":
                raise CannotStart(text)
            words = self._words(state, text)
            if words and words != shown:
                show(words)
                shown = words
            if state in ("held", "closed"):
                return state == "held"
            was_taken |= state == "taken"  # who was seen once may yet close the session
            if state == "taken":
                waits()
            else:
                await asyncio.sleep(_AGAIN_SECONDS)

    def _words(self, state: str, text: str) -> str:
        if state == "taken":
            return (
                f"Standby: session {self.session} in {shown_place(self.db)} is served by "
                f"{text or 'another kernel'}. This kernel takes over when that one has ended."
            )
        return text


def _only_name(notebook: NotebookFile) -> str:
    names = [name for name in literal_arguments(notebook.cells, "serve", "name") if name]
    if len(names) > 1:
        raise CannotStart(
            f"--standby: the notebook serves several sessions ({', '.join(map(str, names))}), but "
            "a standby takes over only one. Split the notebook, or give --name."
        )
    return str(names[0]) if names else notebook.path.stem
