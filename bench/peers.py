"""PeerPackage: a system to compare with, installed by pip into a venv of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import BenchError

__all__ = ["PEERS", "PeerPackage", "exchange_folder"]

_EXCHANGE = "https://github.com/davecliff/BristolStockExchange"
_VENVS = Path(__file__).with_name(".venvs")


@dataclass(frozen=True)
class PeerPackage:
    """What pip is asked for, and the Pythons to try, best first ("" is the one running now)."""

    requirement: str
    pythons: tuple[str, ...] = ("",)

    @property
    def folder(self) -> Path:
        return _VENVS / self.requirement.split("=")[0].strip("<>~ ")

    @property
    def programs(self) -> Path:
        """The folder with the venv's programs."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.programs / ("python.exe" if os.name == "nt" else "python")

    def install(self) -> None:
        """Make the venv, unless it is there.

        Raises:
            BenchError: it could not be made; the text says why.
        """
        done = self.folder / "installed"
        if done.exists() and done.read_text() == self.requirement:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        _run([self._base_python(), "-m", "venv", self.folder])
        _run([self.python, "-m", "pip", "install", "--quiet", self.requirement])
        done.write_text(self.requirement)

    def version(self, distribution: str) -> str:
        """Return the installed version of *distribution* and the Python it runs on."""
        program = (
            "import importlib.metadata as m, platform, sys; "
            "print(m.version(sys.argv[1]), 'on Python', platform.python_version())"
        )
        return _run([self.python, "-c", program, distribution])

    def _base_python(self) -> str:
        for name in self.pythons:
            found = _interpreter(name) if name else sys.executable
            if found:
                return found
        raise BenchError(f"none of these Pythons is here: {', '.join(self.pythons)}")


def exchange_folder() -> Path:
    """Return the folder of Bristol Stock Exchange's `BSE.py`, fetched from GitHub if need be.

    The environment variable `BSE` may name one that is here.

    Raises:
        BenchError: it could not be fetched; the text says why.
    """
    folder = Path(os.environ.get("BSE") or _VENVS / "BristolStockExchange")
    if not (folder / "BSE.py").exists():
        _run(["git", "clone", "--quiet", "--depth", "1", _EXCHANGE, folder])
    return folder


def _interpreter(name: str) -> str | None:
    """Return the file of the Python called *name*, None if there is none."""
    found = shutil.which(name)
    if found is None:
        return None
    # Where a version manager stands in front, the name alone starts nothing.
    environment = {**os.environ, "PYENV_VERSION": name.removeprefix("python")}
    asked = subprocess.run(
        [found, "-c", "import sys; print(sys.executable)"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    return asked.stdout.strip() if asked.returncode == 0 else None


def _run(command: Sequence[str | Path]) -> str:
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise BenchError(f"{type(failure).__name__} while installing") from failure
    if done.returncode:
        raise BenchError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return done.stdout.strip()


PEERS = {
    # Its documentation recommends Python 3.13.
    "uproot": PeerPackage("uproot-science==0.10.*", ("python3.13", "python3.14", "python3.12", "")),
    "otree": PeerPackage("otree==6.*"),
}
