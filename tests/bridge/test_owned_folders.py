"""A private folder outlives its process until the next one looks; a living one's is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from uproot_nb.bridge.owned_folders import OwnedFolder, remove_abandoned
from uproot_nb.server.form_reader import Uploads

PREFIX = "uproot_nb-received-"
MAKE = """
import sys
from uproot_nb.bridge.owned_folders import OwnedFolder
folder = OwnedFolder(sys.argv[1])
(folder.path / "photo").write_bytes(b"a face")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary folders, for this process and those that it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def made_by_another(prefix: str = PREFIX) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that makes a folder and then waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE, prefix],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(
    folders: Path,
) -> None:
    process, path = made_by_another()
    try:
        assert remove_abandoned(PREFIX) == 0
        assert (path / "photo").exists()
    finally:
        kill(process)
    assert (path / "photo").exists()
    assert remove_abandoned(PREFIX) == 1
    assert not path.exists()


def test_a_folder_is_private_and_goes_with_all_that_is_in_it(folders: Path) -> None:
    folder = OwnedFolder(PREFIX)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "photo").write_bytes(b"a face")
    assert remove_abandoned(PREFIX) == 0
    folder.remove()
    folder.remove()
    assert list(folders.iterdir()) == []


def test_nothing_else_is_removed(folders: Path) -> None:
    other, file = folders / "another-folder", folders / f"{PREFIX}file"
    other.mkdir()
    (other / "mine").write_bytes(b"x")
    file.write_bytes(b"x")
    (folders / f"{PREFIX}link").symlink_to(other)
    assert remove_abandoned(PREFIX) == 0
    assert file.exists()
    assert (other / "mine").exists()


def test_a_folder_in_use_a_moment_ago_can_be_left(folders: Path) -> None:
    path = folders / f"{PREFIX}old"
    path.mkdir()
    assert remove_abandoned(PREFIX, unused_for=600) == 0
    os.utime(path, (0, 0))
    assert remove_abandoned(PREFIX, unused_for=600) == 1


@pytest.mark.long
def test_whoever_looks_while_others_make_folders_removes_none_of_them(folders: Path) -> None:
    def make(_: int) -> OwnedFolder:
        return OwnedFolder(PREFIX)

    with ThreadPoolExecutor(8) as threads:
        made = threads.map(make, range(100))
        removed = list(threads.map(lambda _: remove_abandoned(PREFIX), range(100)))
        alive = list(made)
    assert all(folder.path.exists() for folder in alive)
    assert len(list(folders.iterdir())) == len(alive)
    assert sum(removed) < 100
    for folder in alive:
        folder.remove()


def test_a_server_removes_what_a_killed_server_was_sent(folders: Path) -> None:
    process, path = made_by_another("uproot_nb-uploads-")
    kill(process)
    Uploads().remove_abandoned()
    assert path.exists(), "a kernel may still read there"
    os.utime(path, (0, 0))
    Uploads().remove_abandoned()
    assert not path.exists()
