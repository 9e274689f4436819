"""Program: a script that a measure runs in a fresh interpreter and that prints JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from processes import BenchError
from servers.jupyter import repository_environment

__all__ = ["run_program"]


def run_program(name: str, folder: Path, *arguments: str | Path, seconds: float = 240.0) -> Any:
    """Run `programs/<name>.py` in *folder* and return what its last line says.

    Raises:
        BenchError: it failed or took too long.
    """
    script = Path(__file__).resolve().parents[1] / "programs" / f"{name}.py"
    try:
        done = subprocess.run(
            [sys.executable, str(script), *map(str, arguments)],
            cwd=folder, env={**os.environ, **repository_environment()},
            capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} took longer than {seconds:g} s") from None
    if done.returncode:
        raise BenchError(f"{name}: {done.stderr.strip()[-1500:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
