"""Imports: what `import uproot_nb` takes in a fresh kernel, beyond what the kernel has loaded."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from servers.jupyter import JupyterServer, Kernel

__all__ = ["measure"]

_TIMED = """
import time
_from = time.perf_counter(), time.process_time()
{statement}
print(time.perf_counter() - _from[0], time.process_time() - _from[1])
"""


def measure(folder: Path, rounds: int, figures: Figures) -> None:
    """Import in one fresh kernel a round, after one that fills the disk's cache."""
    home = folder / "imports"
    home.mkdir()
    jupyter = JupyterServer(home)
    try:
        for number in range(rounds + 1):
            kernel = jupyter.start_kernel()
            imported, worked = _timed(kernel, "import uproot_nb")
            named, _ = _timed(kernel, "from uproot_nb import *")
            if number:
                figures.add("s for import uproot_nb", "uproot_nb", imported)
                figures.add("processor s for import uproot_nb", "uproot_nb", worked)
                figures.add("s more for from uproot_nb import *", "uproot_nb", named)
    finally:
        jupyter.close()


def _timed(kernel: Kernel, statement: str) -> tuple[float, float]:
    """Return the seconds and the processor seconds that a cell's statement takes."""
    passed, worked = kernel.execute(_TIMED.format(statement=statement)).split()
    return float(passed), float(worked)
