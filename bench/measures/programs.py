"""Program: a script or a load generator that a measure runs, and that answers by JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from processes import BenchError
from servers.jupyter import repository_environment

__all__ = ["run_generator", "run_program"]


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


def run_generator(name: str, job: dict[str, Any], seconds: float = 180.0) -> dict[str, Any]:
    """Give *job* to the load generator `<name>.py` and return its answer.

    Raises:
        BenchError: the system did not answer as it should.
    """
    script = Path(__file__).resolve().parents[1] / f"{name}.py"
    try:
        done = subprocess.run(
            [sys.executable, str(script)], input=json.dumps(job) + "\n",
            capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} took longer than {seconds:g} s") from None
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"failed": done.stderr}
    if "failed" in answer:
        raise BenchError(f"{name}: {answer['failed'][-1500:]}")
    return answer
