"""The units for systemd are accepted by its own checker, hardened, and start what there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.proxies import DEPLOY
from uproot_nb.cli import _parser

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = "30"
"""Of 100, by `systemd-analyze security`: 20 is "OK", and most services have more than 90."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


def prepared(unit: Path, folder: Path) -> Path:
    """Return a copy of a unit whose program and account are there."""
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text("utf-8"),
                  flags=re.MULTILINE).replace("User=uproot_nb", "User=daemon")  # fmt: skip
    made = folder / unit.name
    made.write_text(text, "utf-8")
    return made


def command(unit: Path) -> list[str]:
    found = re.search(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return shlex.split(found[1].replace("%i", "8600"))


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    file = prepared(unit, tmp_path)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in checked.stderr.splitlines() if unit.name in line]
    assert not ours
    assert checked.returncode == 0, checked.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_unit_is_little_exposed(unit: Path, tmp_path: Path) -> None:
    file = prepared(unit, tmp_path)
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout[-600:] + checked.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_command_takes_the_units_options(unit: Path) -> None:
    program, *arguments = command(unit)
    assert program.endswith("/bin/uproot-nb")
    options = _parser().parse_args(arguments)
    assert options.metrics is not None
