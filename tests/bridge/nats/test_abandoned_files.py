"""Files that a killed kernel had received from gateways are removed by the next kernel's start."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server
from tests.running import serving
from uproot_nb import Page

__all__ = ["nats_server"]

RECEIVE = """
import sys
from uproot_nb.bridge.nats.incoming_files import IncomingFiles
folder = IncomingFiles(print)._made_folder()
(folder / "photo").write_bytes(b"a face")
print(folder, flush=True)
sys.stdin.read()
"""


class Hello(Page):
    """Says hello."""


def receiving() -> tuple[subprocess.Popen[str], Path]:
    """Start a process that has received a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", RECEIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_next_kernel_removes_what_a_killed_one_had_and_nothing_of_a_living_one(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    killed, abandoned = receiving()
    living, used = receiving()
    try:
        killed.kill()
        killed.communicate()
        assert (abandoned / "photo").exists()
        with (
            LocalGateway(nats_server.port),
            serving(Hello, bridge=nats_server.url, embedded=None),
        ):
            assert not abandoned.exists()
            assert (used / "photo").exists()
    finally:
        living.kill()
        living.communicate()
