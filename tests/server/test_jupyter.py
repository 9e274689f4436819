"""A Jupyter server of its own process, with the extension switched on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from uproot_nb.bridge.discovery import Discovery, find_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def jupyter(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A running `jupyter server`, and its runtime folder."""
    runtime = tmp_path / "runtime"
    environment = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_NO_CONFIG": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", "--port=0"]
    command += [f"--ServerApp.root_dir={tmp_path}", "--UprootNB.participant_port=0"]
    command += ["--ServerApp.jpserver_extensions={'uproot_nb': True}"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
    yield process, runtime
    process.kill()
    process.communicate()


def _wait_for(runtime: Path, process: subprocess.Popen[bytes]) -> Discovery:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = find_server(folder=runtime)
        if found is not None:
            return found
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate()[1].decode())


def test_jupyter_loads_the_extension_and_takes_it_down_again(
    jupyter: tuple[subprocess.Popen[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UPROOT_NB_BRIDGE_FILE", raising=False)
    process, runtime = jupyter
    found = _wait_for(runtime, process)
    assert found.pid == process.pid
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(found.url + "p/unknown/")
    assert missing.value.code == 503
    assert "One moment" in missing.value.read().decode()
    process.terminate()
    assert process.wait(30) == 0
    assert not list(runtime.glob("uproot_nb-*"))
    assert not Path(found.address.removeprefix("unix:")).exists()
