"""Who may connect when many want to."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.worlds import Limited, World, until
from uproot_nb.bridge.messages import Misuse
from uproot_nb.server import connections as module
from uproot_nb.server.connections import Connections, Seat, most_connections
from uproot_nb.server.networks import Proxies, network_of


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _waiting(places: Connections, network: str, ended: list[Seat]) -> Seat:
    """Take a fresh place that waits for its request."""
    seat = places.take(network)
    assert seat is not None
    seat.close = lambda: ended.append(seat)
    seat.wait()
    return seat


# ---- places -------------------------------------------------------------------------------


def test_strangers_leave_a_quarter_to_players() -> None:
    places = Connections(100, per_network=100)
    for number in range(80):
        seat = places.take(f"192.0.2.{number}")
        assert seat is not None
        if not seat.stay():
            seat.release()
    assert (places.strangers, places.total) == (75, 75)
    players = [places.take("192.0.2.200") for _ in range(30)]
    assert sum(seat is not None for seat in players) == 25


def test_one_networks_strangers_leave_half_to_others() -> None:
    places = Connections(4000)
    stayed = [seat.stay() for _ in range(2000) if (seat := places.take("192.0.2.1")) is not None]
    assert sum(stayed) == 1500
    other = places.take("192.0.2.2")
    assert other is not None
    assert other.stay()


def test_a_lab_of_two_hundred_behind_one_address_fits_into_the_usual_1024_files() -> None:
    places = Connections(1024 - 256)
    for _ in range(200):
        waits, loads = places.take("192.0.2.1"), places.take("192.0.2.1")
        assert waits is not None
        assert loads is not None
        assert waits.stay()
        loads.release()


def test_players_of_one_network_are_no_strangers() -> None:
    places = Connections(4000)
    for _ in range(3900):
        seat = places.take("192.0.2.1")
        assert seat is not None
        seat.know()
    assert (places.total, places.strangers) == (3900, 0)


def test_a_request_that_does_not_come_makes_room_the_oldest_first() -> None:
    clock, ended = Clock(), []
    places = Connections(3, clock=clock)
    seats: list[Any] = []
    for _ in range(3):
        clock.now += 1.0
        seats.append(_waiting(places, "192.0.2.1", ended))
    seats[0].serve()
    assert places.take("192.0.2.2") is not None
    assert ended == [seats[1]]
    assert places.take("192.0.2.2") is None  # the third has only just come
    clock.now += 1.0
    assert places.take("192.0.2.2") is not None
    assert ended == [seats[1], seats[2]]


def test_of_a_network_that_has_too_many_its_own_make_room() -> None:
    clock, ended = Clock(), []
    places = Connections(1000, per_network=2, clock=clock)
    other = _waiting(places, "192.0.2.9", ended)
    first = _waiting(places, "192.0.2.1", ended)
    _waiting(places, "192.0.2.1", ended)
    assert places.take("192.0.2.1") is None
    clock.now += 1.0
    assert places.take("192.0.2.1") is not None
    assert ended == [first]
    assert other.kind is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["take", "stay", "know", "wait", "serve", "release"]),
            st.integers(0, 30),
        ),
        max_size=150,
    )
)
def test_whatever_happens_places_are_counted_right(acts: list[tuple[str, int]]) -> None:
    clock = Clock()
    places, seats = Connections(20, per_network=6, clock=clock), []
    for act, number in acts:
        clock.now += 0.5
        if act == "take" or not seats:
            seat = places.take(f"192.0.2.{number % 3}")
            if seat is not None:
                seat.close = lambda: None
                seats.append(seat)
        else:
            getattr(seats[number % len(seats)], act)()
        held = [seat for seat in seats if seat.kind is not None]
        assert places.total == len(held) <= 20
        assert places.strangers == sum(seat.kind.name == "STRANGER" for seat in held) <= 15
    for seat in seats:
        seat.release()
    assert (places.total, dict(places._in_network), dict(places._waiting_in)) == (0, {}, {})
    assert not places._waiting


@pytest.mark.parametrize(
    ("files", "most"), [(1024, 768), (100_000, 4000), (600, 344), (200, 100), (4256, 4000)]
)
def test_there_are_no_more_connections_than_files(
    monkeypatch: pytest.MonkeyPatch, files: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (files, files))
    assert most_connections(4000) == most
    monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY,) * 2)
    assert most_connections(4000) == 4000
    assert module.sys.platform != "win32"


# ---- the server -----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_half_open_requests_make_room_for_players(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await limited(max_connections=6)
    kernel = await world.kernel()
    await kernel.serve()
    held = [await asyncio.open_connection("127.0.0.1", world.server.port) for _ in range(5)]
    for _, writer in held:
        writer.write(b"GET / HTTP/1.1\r\nX-A: ")
    await until(lambda: len(world.server.connections._waiting) == 5)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.0)
    assert await (await world.play()).nothing_more()
    assert await held[0][0].read() == b""
    for _, writer in held:
        writer.close()


@pytest.mark.asyncio
async def test_a_connection_gives_its_place_back(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await until(lambda: world.server.connections.total == 1)
    assert (await world.fetch("p/token-of-ann-0123456789/")).code == 200
    ann.connection.close()
    await until(lambda: world.server.connections.total == 0)
    assert not world.server.connections.seats


class _Exhausted:
    """A listening socket of a process that may open no more files."""

    def __init__(self, real: socket.socket) -> None:
        self.real, self.asked, self.empty = real, 0, False

    def accept(self) -> Any:
        self.asked += 1
        if self.empty:
            return self.real.accept()
        raise OSError(errno.EMFILE, "Too many open files")

    def fileno(self) -> int:
        return self.real.fileno()


@pytest.mark.long
@pytest.mark.asyncio
async def test_without_open_files_the_server_rests_and_goes_on_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("uproot_nb.server.listening._REST_SECONDS", 0.05)
    kernel = await world.kernel()
    await kernel.serve()
    http = world.server._http
    assert http is not None
    (accepting,) = [handler.__self__ for handler in http._handlers.values()]  # type: ignore[attr-defined]
    accepting._loop.remove_handler(accepting._socket)
    exhausted = _Exhausted(accepting._socket)
    accepting._socket = exhausted
    accepting._start()
    asking = asyncio.ensure_future(world.fetch("p/token-of-ann-0123456789/"))
    told = await kernel.expect(Misuse)
    assert told.what.startswith("no open files: Too many open files; participants wait.")
    await until(lambda: exhausted.asked >= 3)
    assert exhausted.asked < 100
    exhausted.empty = True
    assert (await asking).code == 200
    shown = [record for record in caplog.records if "No connection" in record.getMessage()]
    assert len(shown) == 1
    assert shown[0].exc_info is None


# ---- addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "forwarded", "client"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "nonsense, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", ",", "127.0.0.1"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_trusted_proxies_say_where_others_are(
    address: str, forwarded: str, client: str
) -> None:
    assert Proxies(["127.0.0.1", "10.0.0.0/8"]).client(address, forwarded) == client
    assert Proxies().client(address, forwarded) == address


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(ValueError, match="'nginx' is not an address"):
        Proxies(["nginx"])


@given(st.text(max_size=200))
def test_whatever_is_forwarded_some_address_results(forwarded: str) -> None:
    assert network_of(Proxies(["0.0.0.0/0"]).client("192.0.2.1", forwarded))


@pytest.mark.asyncio
async def test_by_default_nobody_may_speak_for_others(limited: Limited) -> None:
    world = await limited(max_joins_per_second=0.0001, join_burst=2.0)
    kernel = await world.kernel()
    await kernel.serve()
    path = "join/market/join-secret-0123456789/"
    codes = [
        (await world.fetch(path, "", headers={"X-Forwarded-For": f"192.0.2.{number}"})).code
        for number in range(3)
    ]
    assert codes == [200, 200, 429]
    told = await kernel.expect(Misuse)
    assert told.what.startswith("too many joins: 127.0.0.1 has asked for 2 places at once")
    world.server.site.proxies = Proxies(["127.0.0.1"])
    assert (await world.fetch(path, "", headers={"X-Forwarded-For": "192.0.2.9"})).code == 200
