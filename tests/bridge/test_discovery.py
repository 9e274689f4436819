"""How a kernel finds the server, and what it passes over."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from uproot_nb.bridge.discovery import VARIABLE, Discovery, find_server, publish, withdraw
from uproot_nb.errors import BridgeRefused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

DEAD = 2**22 + 1  # above what Linux hands out


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def alive(tmp_path: Path) -> Iterator[Discovery]:
    """A server that lives."""
    place = tmp_path / "uproot_nb-a"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(place / "kernels"))
        opened.listen()
        yield Discovery(f"unix:{place / 'kernels'}", "t", "http://h/", os.getpid())


def test_the_file_is_its_owners_alone(alive: Discovery, tmp_path: Path) -> None:
    path = publish(alive, tmp_path / "runtime")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_server(folder=tmp_path / "runtime") == alive
    assert list(path.parent.iterdir()) == [path]


def test_the_argument_comes_before_the_environment_before_the_newest(
    alive: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, inherited, newest = (msgspec.structs.replace(alive, token=token) for token in "123")
    paths = [publish(one, tmp_path / str(at)) for at, one in enumerate((named, inherited, newest))]
    monkeypatch.setenv(VARIABLE, str(paths[1]))
    assert find_server(str(paths[0]), tmp_path / "2") == named
    assert find_server(None, tmp_path / "2") == inherited
    monkeypatch.delenv(VARIABLE)
    assert find_server(None, tmp_path / "2") == newest


def test_the_newest_living_server_is_found(alive: Discovery, tmp_path: Path) -> None:
    folder = tmp_path / "runtime"
    old = publish(msgspec.structs.replace(alive, token="old"), folder)
    os.utime(old, (1, 1))
    publish(alive, folder)
    newest = publish(Discovery("unix:/nowhere", "t", "", DEAD), folder)
    os.utime(newest, (2**31, 2**31))
    assert find_server(folder=folder) == alive


def test_what_a_dead_server_left_is_swept(tmp_path: Path) -> None:
    place, folder = tmp_path / "uproot_nb-b", tmp_path / "runtime"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(place / "kernels"))
    path = publish(Discovery(f"unix:{place / 'kernels'}", "t", "", DEAD), folder)
    assert find_server(folder=folder) is None
    assert not path.exists()
    assert not place.exists()


def test_a_number_that_passed_to_another_process_does_not_make_a_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "left"))
    publish(Discovery(f"unix:{tmp_path / 'left'}", "t", "", os.getpid()), tmp_path)
    assert find_server(folder=tmp_path) is None


def test_a_living_process_without_its_socket_is_passed_over_but_kept(tmp_path: Path) -> None:
    path = publish(Discovery(f"unix:{tmp_path / 'none'}", "t", "", os.getpid()), tmp_path)
    assert find_server(folder=tmp_path) is None
    assert path.exists()


def test_an_environment_that_is_out_of_date_does_not_hide_a_living_server(
    alive: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone.json"))
    publish(alive, tmp_path / "runtime")
    assert find_server(folder=tmp_path / "runtime") == alive


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"address":1}'])
def test_a_file_that_is_no_discovery_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "uproot_nb-1-x.json").write_text(text)
    assert find_server(folder=tmp_path) is None


@pytest.mark.parametrize("address", ["tcp:127.0.0.1:1", "tcp:x:99999999", "tcp:", "odd:1", ""])
def test_an_address_where_nobody_answers_is_passed_over(address: str, tmp_path: Path) -> None:
    publish(Discovery(address, "t", "", os.getpid()), tmp_path)
    assert find_server(folder=tmp_path) is None


def test_a_living_tcp_server_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        found = Discovery(f"tcp:127.0.0.1:{opened.getsockname()[1]}", "t", "", os.getpid())
        publish(found, tmp_path)
        assert find_server(folder=tmp_path) == found


def test_an_argument_that_names_no_server_says_so(tmp_path: Path) -> None:
    with pytest.raises(BridgeRefused, match="no running server"):
        find_server(str(tmp_path / "none.json"))


def test_nobody_is_found_where_there_is_no_folder(tmp_path: Path) -> None:
    assert find_server(folder=tmp_path / "none") is None


def test_withdrawing_takes_file_and_environment_back(
    alive: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(alive, tmp_path / "runtime")
    monkeypatch.setenv(VARIABLE, str(path))
    withdraw(path)
    withdraw(path)
    assert not path.exists()
    assert VARIABLE not in os.environ


def test_withdrawing_leaves_anothers_word_in_the_environment(
    alive: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(alive, tmp_path / "runtime")
    monkeypatch.setenv(VARIABLE, "another")
    withdraw(path)
    assert os.environ[VARIABLE] == "another"
