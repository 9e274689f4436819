"""RunProcess: `uproot-nb run` as a machine of a lab runs it, with all its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.running import until_true

__all__ = ["RunProcess", "write_notebook"]

_PATIENCE = 120.0


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook with these cells."""
    made = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "execution_count": None,
         "outputs": [], "source": text}
        for at, text in enumerate(cells)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": made,
        "metadata": {"kernelspec": kernel},
    }
    path.write_text(json.dumps(content), "utf-8")
    return path


class RunProcess:
    """The command, its kernel, and what it has written.

    with RunProcess(notebook, "--db", address, "--bridge", server.url, "--standby") as run:
        run.wait_for("is served by")
        run.kill()                   # as if its machine were gone
    """

    def __init__(self, notebook: Path, *options: str) -> None:
        self._output = tempfile.NamedTemporaryFile(suffix=".txt")  # noqa: SIM115 (closed by kill)
        runtime = {"JUPYTER_RUNTIME_DIR": f"{self._output.name}.runtime"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uproot_nb.cli", "run", str(notebook), "--plain", *options],
            stdout=self._output, stderr=subprocess.STDOUT, cwd=notebook.parent,
            env={**os.environ, **runtime},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._output.close()

    @property
    def text(self) -> str:
        """What it has written so far."""
        return Path(self._output.name).read_text("utf-8", "replace")

    def wait_for(self, words: str) -> str:
        """Wait until it has written *words*; return all that it has written."""

        def is_there() -> bool:
            assert self.process.poll() is None or words in self.text, f"it ended:\n{self.text}"
            return words in self.text

        until_true(is_there, _PATIENCE)
        return self.text

    def wait(self) -> int:
        """Wait until it ends; return its exit code."""
        return self.process.wait(_PATIENCE)

    @property
    def kernel(self) -> psutil.Process:
        """Its kernel's process."""
        return next(one for one in self._family() if "ipykernel" in " ".join(one.cmdline()))

    def terminate(self) -> None:
        """Ask it to end, as a system's service manager does."""
        self.process.terminate()

    def stop(self) -> None:
        """Let all its processes stand still, as a machine does that is cut off or asleep."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them go on after `stop`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all its processes at once, as when its machine dies. Idempotent."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: int) -> None:
        for one in self._family():
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)

    def _family(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]
