"""A file's pieces are those of the version that was asked for, or there are none."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.bridge.nats.file_versions import PIECE_BYTES, FileVersions

DAY = 86_400.0


def tomorrow() -> float:
    """A clock by which every file was written long ago."""
    return time.time() + DAY


def write(path: Path, data: bytes, when: int = 0) -> str:
    """Write a file; return its path."""
    path.write_bytes(data)
    if when:
        os.utime(path, ns=(when, when))
    return str(path)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_the_pieces_are_the_file(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    files, path = FileVersions(), write(tmp_path / "a", data)
    found = files.look(path)
    count = -(-size // PIECE_BYTES)
    assert found.size == size
    assert b"".join(files.read(path, found.version, index) for index in range(count)) == data
    assert files.read(path, found.version, count) == b""
    assert files.read(path, found.version, -1) == b""


@given(before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_versions_are_equal_if_and_only_if_what_is_in_the_file_is(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes
) -> None:
    files, path = FileVersions(), tmp_path_factory.mktemp("files") / "a"
    first = files.look(write(path, before))
    second = files.look(write(path, after))
    assert (first.version == second.version) == (before == after)


def test_a_file_that_changes_between_two_pieces_gives_no_second_one(tmp_path: Path) -> None:
    files, path = FileVersions(), write(tmp_path / "a", b"a" * PIECE_BYTES + b"end")
    found = files.look(path)
    assert files.read(path, found.version, 0) == b"a" * PIECE_BYTES
    write(tmp_path / "a", b"b" * PIECE_BYTES + b"END")
    assert files.read(path, found.version, 1) == b""
    changed = files.look(path)
    assert changed.version != found.version
    assert files.read(path, found.version, 1) == b""
    assert files.read(path, changed.version, 1) == b"END"


def test_a_change_that_leaves_size_and_time_as_they_were_is_noticed(tmp_path: Path) -> None:
    when = time.time_ns()
    files, path = FileVersions(), write(tmp_path / "a", b"one", when)
    found = files.look(path)
    write(tmp_path / "a", b"two", when)
    assert files.read(path, found.version, 0) == b""
    again = files.look(path)
    assert files.read(path, again.version, 0) == b"two"


def test_a_file_that_was_written_long_ago_is_read_whole_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, path = FileVersions(tomorrow), write(tmp_path / "a", b"one")
    found = files.look(path)
    monkeypatch.setattr(files, "_read_whole", None)
    assert files.look(path) is found
    recent = FileVersions()
    recent.look(path)
    monkeypatch.setattr(recent, "_read_whole", lambda file: found)
    assert recent.look(path) is found


def test_another_kernel_sends_pieces_of_the_same_version(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"one")
    version = FileVersions().look(path).version
    assert FileVersions().read(path, version, 0) == b"one"


def test_a_file_that_is_gone_gives_nothing(tmp_path: Path) -> None:
    files, path = FileVersions(tomorrow), write(tmp_path / "a", b"one")
    found = files.look(path)
    os.unlink(path)
    assert files.read(path, found.version, 0) == b""
    with pytest.raises(OSError, match="a"):
        files.look(path)


def test_nobody_waits_for_a_long_file_once_it_is_closed(tmp_path: Path) -> None:
    files, path = FileVersions(), write(tmp_path / "a", b"one")
    files.close()
    with pytest.raises(OSError, match="no more"):
        files.look(path)
