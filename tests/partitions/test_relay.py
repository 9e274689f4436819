"""Relays and namespaces: what passes on a line that is cut, and after it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from hosts.networks import PEOPLE, Namespaces, Network, NoNamespaces, Relays
from hosts.relay import free_port

_ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listens", flush=True)
while True:
    line, _ = server.accept()
    while data := line.recv(100):
        line.sendall(data)
"""
_SILENCE = 0.3
"""Seconds after which nothing is expected to come any more; an answer takes a millisecond."""


def _namespaces(hosts: list[str]) -> Network:
    try:
        return Namespaces(hosts)
    except NoNamespaces as reason:
        pytest.skip(f"no network namespaces here: {reason}")


@pytest.fixture(params=[_namespaces, Relays], ids=["namespaces", "relays"])
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    with closing(request.param(["database", "kernel"])) as made:
        yield made


@pytest.fixture
def line(network: Network) -> Iterator[socket.socket]:
    """A connection from this process to an echo on the database's host."""
    port = network.port("database", free_port())
    command = [sys.executable, "-c", _ECHO, network.listens_at("database"), str(port)]
    with subprocess.Popen(
        [*network.inside("database"), *command], stdout=subprocess.PIPE, text=True
    ) as echo:
        assert echo.stdout is not None
        assert echo.stdout.readline() == "listens\n"
        with socket.create_connection(network.place(PEOPLE, "database", port), 10) as opened:
            yield opened
        echo.kill()


def ask(line: socket.socket, data: bytes, seconds: float = 30.0) -> bytes:
    """Send something, and return what comes back; nothing if nothing comes."""
    line.settimeout(seconds)
    line.sendall(data)
    try:
        return line.recv(100)
    except TimeoutError:
        return b""


def test_a_line_that_is_cut_loses_nothing_and_tells_nobody(
    network: Network, line: socket.socket
) -> None:
    assert ask(line, b"1") == b"1"
    network.cut(PEOPLE, "database")
    assert ask(line, b"2", _SILENCE) == b""
    network.mend(PEOPLE, "database")
    line.settimeout(30)
    assert line.recv(100) == b"2"


@pytest.mark.parametrize("sender", [PEOPLE, "database"])
def test_a_line_can_be_cut_in_one_direction(
    network: Network, line: socket.socket, sender: str
) -> None:
    receiver = "database" if sender == PEOPLE else PEOPLE
    network.cut(sender, receiver, only_from=True)
    assert ask(line, b"1", _SILENCE) == b""
    network.mend(sender, receiver, only_from=True)
    line.settimeout(30)
    assert line.recv(100) == b"1"


def test_what_was_cut_twice_is_mended_twice(network: Network, line: socket.socket) -> None:
    network.cut(PEOPLE, "database")
    network.cut("database", PEOPLE, only_from=True)
    network.mend(PEOPLE, "database")
    assert ask(line, b"1", _SILENCE) == b""
    network.mend("database", PEOPLE, only_from=True)
    line.settimeout(30)
    assert line.recv(100) == b"1"


def test_other_lines_of_a_host_pass(network: Network, line: socket.socket) -> None:
    network.cut("kernel", "database")
    assert ask(line, b"1") == b"1"
    network.mend("kernel", "database")
