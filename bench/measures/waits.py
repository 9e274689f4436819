"""Waits: 200 participants arrive at a wait page that makes groups of 2, 4 or 20."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_generator
from servers import uproot_nb

__all__ = ["SIZES", "WAYS", "measure"]

SIZES = (2, 4, 20)
_PARTICIPANTS = 200
WAYS = {"in one second": 1.0, "all at once": 0.0}


def measure(folder: Path, repeats: int, figures: Figures) -> None:
    """Let a new session of each size arrive, over and over."""
    with uproot_nb.start(folder, 1) as system:
        for repeat in range(repeats):
            for way, seconds in WAYS.items():
                for size in SIZES:
                    name = f"waits{repeat}_{size}_{seconds:g}".replace(".", "_")
                    urls = system.serve_waits(name, _PARTICIPANTS, size)
                    job = {"urls": urls, "seconds": seconds, "size": size, "seed": repeat}
                    waited = sorted(run_generator("waitgen", job)["waited"])
                    for share in (50, 99):
                        value = waited[int(len(waited) * share / 100)]
                        figures.add(f"p{share} waits, {size}, {way}", "uproot_nb", value)
