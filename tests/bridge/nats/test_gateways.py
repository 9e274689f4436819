"""Participants over gateways: one kernel, several gateways, and any of them may go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from tests.components.balancer import Balancer
from tests.components.gateway_process import GatewayProcess
from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server, own_nats_server
from tests.running import serving, until
from uproot_nb import Page, Player, Run, live, notify, players
from uproot_nb.bots.client import Client
from uproot_nb.bridge.channel import memory_pair
from uproot_nb.bridge.messages import VERSION, Hello, OpenSession, TakenOver
from uproot_nb.errors import SessionElsewhere
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.status import describe

__all__ = ["nats_server", "own_nats_server"]

pytestmark = pytest.mark.asyncio


class Count(Page):
    """Counts calls, and tells everybody."""

    @live
    async def add(page: type[Page], player: Player, number: int) -> int:
        session = player.session
        session.added = [*session.get("added", []), number]
        notify(player, players(session), number, event="Added")
        return number


@contextmanager
def gateways(nats: NatsServer, count: int, url: str) -> Iterator[list[GatewayProcess]]:
    """Start gateways whose participants come by *url*."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(GatewayProcess(nats.url, "--public-url", url)) for _ in range(count)
        ]


class Crowd:
    """Participants who call all the time, and note what they get."""

    def __init__(self, run: Run, url: str) -> None:
        self.clients = [Client(url + link.split("/", 3)[3]) for link in run.links["url"]]
        self.answers: list[int] = []
        self.notes: list[list[int]] = [[] for _ in self.clients]
        self._numbers = iter(range(1_000_000))
        self._stop = False

    async def open(self) -> None:
        await asyncio.gather(*(client.open() for client in self.clients))

    async def play(self, until_answers: int) -> None:
        """Let everybody call until there are so many answers."""
        await asyncio.gather(*(self._play(client, until_answers) for client in self.clients))

    async def _play(self, client: Client, until_answers: int) -> None:
        while len(self.answers) < until_answers:
            number = next(self._numbers)
            assert await client.call("add", number) == number
            self.answers.append(number)

    async def collect(self, count: int) -> list[list[int]]:
        """Return everybody's first *count* notes."""
        return await asyncio.gather(*(self._collect(c, count) for c in self.clients))

    async def _collect(self, client: Client, count: int) -> list[int]:
        return [(await client.next_note("Added", timeout=60)).data for _ in range(count)]

    async def close(self) -> None:
        await asyncio.gather(*(client.close() for client in self.clients))


def sockets_of(run: Run) -> dict[int, int]:
    """Return the number of sockets by gateway."""
    hub: Any = run._runtime.line._channel
    return {link.family: link.sockets for link in hub._links.values()}


def has_sockets(run: Run, count: int) -> bool:
    return sum(sockets_of(run).values()) == count


async def check(crowd: Crowd, run: Run) -> None:
    """Everything was done once, and everybody has seen all of it once, in one order."""
    added = list(run.session.added)
    assert sorted(added) == sorted(crowd.answers)
    for notes in await crowd.collect(len(added)):
        assert notes == added


async def play_through(
    run: Run, gateway: LocalGateway, interrupt: Callable[[], object], restore: Callable[[], object]
) -> None:
    """Let a crowd play on while the kernel and its gateway do not reach each other."""
    crowd = Crowd(run, gateway.server.url)
    await crowd.open()
    await crowd.play(10)
    interrupt()
    playing = asyncio.create_task(crowd.play(30))
    await until(lambda: gateway.states() == ["paused"])
    await until(lambda: not any(player.online for player in run.players))
    restore()
    await playing
    await check(crowd, run)
    await crowd.close()


async def test_participants_at_two_gateways_see_what_the_others_do(
    own_nats_server: NatsServer,
) -> None:
    async with Balancer() as balancer:
        with (
            gateways(own_nats_server, 2, balancer.url) as two,
            serving(Count, players=4, bridge=own_nats_server.url, embedded=None) as run,
        ):
            crowd = Crowd(run, run.url)
            assert run.url == balancer.url
            for number, client in enumerate(crowd.clients):
                balancer.ports = [two[number % 2].port]
                await client.open()
                await until(partial(has_sockets, run, number + 1))
            assert sorted(sockets_of(run).values()) == [2, 2]
            await crowd.play(100)
            await check(crowd, run)
            await crowd.close()


async def test_participants_of_a_gateway_that_is_killed_go_on_at_another(
    own_nats_server: NatsServer,
) -> None:
    async with Balancer() as balancer:
        with (
            gateways(own_nats_server, 2, balancer.url) as (first, second),
            serving(Count, players=6, bridge=own_nats_server.url, embedded=None) as run,
        ):
            balancer.ports = [first.port, second.port]
            crowd = Crowd(run, run.url)
            await crowd.open()
            playing = asyncio.create_task(crowd.play(300))
            await until(lambda: len(crowd.answers) > 50)
            first.kill()
            await until(lambda: len(crowd.answers) > 150)
            await playing
            await check(crowd, run)
            await until(lambda: list(sockets_of(run).values()) == [6])
            assert all(player.online for player in run.players)
            await crowd.close()


async def test_a_gateway_that_starts_later_learns_which_sessions_there_are(
    nats_server: NatsServer,
) -> None:
    with serving(Count, bridge=nats_server.url, embedded=None, public_url="http://lab/") as run:
        run.pause()
        run.room("lab")
        with LocalGateway(nats_server.port) as gateway:
            await until(lambda: gateway.states() == ["paused"])
            await until(lambda: [room.name for room in gateway.server.rooms] == ["lab"])
            run.resume()
            await until(lambda: gateway.states() == ["running"])
            async with Client(gateway.server.url + run.link(run.players[0])[len(run.url) :]) as ann:
                assert await ann.call("add", 1) == 1


async def test_participants_of_a_gateway_that_is_cut_off_read_paused_and_catch_up(
    nats_server: NatsServer,
) -> None:
    with (
        LocalGateway(nats_server.port) as first,
        LocalGateway(nats_server.port) as second,
        serving(Count, players=2, bridge=nats_server.url, embedded=None) as run,
    ):
        paths = [link.split("/", 3)[3] for link in run.links["url"]]
        async with (
            Client(first.server.url + paths[0]) as ann,
            Client(second.server.url + paths[1]) as bob,
        ):
            assert await ann.call("add", 1) == 1
            first.cut_off()
            late = asyncio.create_task(ann.call("add", 2))
            await until(lambda: first.states() == ["paused"])
            await until(lambda: not run.players[0].online)
            for number in (3, 4, 5):
                await bob.call("add", number)
            assert not late.done()
            first.join_again()
            assert await late == 2
            await until(lambda: run.players[0].online)
            assert list(run.session.added) == [1, 3, 4, 5, 2]
            for client in (ann, bob):
                notes = [(await client.next_note("Added", timeout=60)).data for _ in range(5)]
                assert notes == [1, 3, 4, 5, 2]


async def test_a_broker_that_restarts_loses_nobody_anything(own_nats_server: NatsServer) -> None:
    broker = own_nats_server
    with (
        LocalGateway(broker.port) as gateway,
        serving(Count, players=4, bridge=broker.url, embedded=None) as run,
    ):
        crowd = Crowd(run, gateway.server.url)
        await crowd.open()
        for answers in (100, 200, 300):
            playing = asyncio.create_task(crowd.play(answers))
            await until(lambda: len(crowd.answers) > answers - 80)  # noqa: B023
            broker.kill()
            broker.start()
            await playing
        await check(crowd, run)
        await crowd.close()


async def test_a_broker_that_stands_still_pauses_everybody_until_it_goes_on(
    own_nats_server: NatsServer,
) -> None:
    broker = own_nats_server
    with (
        LocalGateway(broker.port) as gateway,
        serving(Count, players=2, bridge=broker.url, embedded=None) as run,
    ):
        await play_through(run, gateway, broker.stop, broker.go_on)


async def test_a_gateway_serves_only_the_sessions_that_it_is_meant_for(
    nats_server: NatsServer,
) -> None:
    options = {"bridge": nats_server.url, "embedded": None, "public_url": "http://lab/"}
    with (
        LocalGateway(nats_server.port, sessions=("pilot-*",)) as some,
        LocalGateway(nats_server.port) as every,
        serving(Count, name="pilot-1", **options),
        serving(Count, name="main", **options),
    ):
        await until(lambda: {one.name for one in every.server.sessions} == {"pilot-1", "main"})
        await until(lambda: [one.name for one in some.server.sessions] == ["pilot-1"])


class Second(Page):
    """The page after the first."""


async def test_a_push_to_many_names_them_again_only_if_they_are_others(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("hub", "gateway_link"):
        monkeypatch.setattr(f"uproot_nb.bridge.nats.{module}.MANY", 2)
    with (
        LocalGateway(nats_server.port) as first,
        LocalGateway(nats_server.port) as second,
        serving(Count, Second, players=3, bridge=nats_server.url, embedded=None) as run,
    ):
        paths = [link.split("/", 3)[3] for link in run.links["url"]]
        async with (
            Client(first.server.url + paths[0]) as ann,
            Client(second.server.url + paths[1]) as bob,
            Client(second.server.url + paths[2]) as cat,
        ):
            everybody: tuple[Client, ...] = (ann, bob, cat)
            await until(lambda: sorted(sockets_of(run).values()) == [1, 2])
            for number in (1, 2, 3):
                await ann.call("add", number)
            assert await notes_of(everybody, 3) == [[1, 2, 3]] * 3
            assert audiences(first) == audiences(second) == [(1, 3)]
            await cat.submit()
            await ann.call("add", 4)
            await bob.call("add", 5)
            assert await notes_of((ann, bob), 2) == [[4, 5]] * 2
            assert audiences(first) == audiences(second) == [(2, 2)]
            with LocalGateway(nats_server.port) as late:
                async with Client(late.server.url + paths[1]) as bobs_other_tab:
                    await until(lambda: len(sockets_of(run)) == 3)
                    await ann.call("add", 6)
                    assert await notes_of((ann, bob, bobs_other_tab), 1) == [[6]] * 3


def audiences(gateway: LocalGateway) -> list[tuple[int, int]]:
    """Return the number and size of the last audience that each kernel has sent."""
    found = [each for link in gateway.server.links for each in link._audiences.values()]
    return [(number, len(players)) for number, players in found]


async def notes_of(clients: tuple[Client, ...], count: int) -> list[list[int]]:
    """Return the next notes of each client."""
    return [
        [(await client.next_note("Added", timeout=60)).data for _ in range(count)]
        for client in clients
    ]


async def test_a_broker_that_is_away_for_long_pauses_everybody_and_the_run_comes_back(
    own_nats_server: NatsServer,
) -> None:
    broker = own_nats_server
    with (
        LocalGateway(broker.port) as gateway,
        serving(Count, players=2, bridge=broker.url, embedded=None) as run,
    ):
        crowd = Crowd(run, gateway.server.url)
        await crowd.open()
        await crowd.play(10)
        first = run._runtime.line._channel
        broker.kill()
        playing = asyncio.create_task(crowd.play(30))
        await until(lambda: gateway.states() == ["paused"])
        await until(lambda: run._runtime.line._channel is None)
        assert not any(player.online for player in run.players)
        broker.start()
        await playing
        await check(crowd, run)
        assert run._runtime.line._channel is not first
        await crowd.close()


@pytest.mark.slow
async def test_a_kernel_that_is_cut_off_comes_back_to_its_participants(
    nats_server: NatsServer,
) -> None:
    cable = LocalGateway(nats_server.port, sessions=("nothing",))
    with (
        cable,
        LocalGateway(nats_server.port) as gateway,
        serving(Count, players=2, bridge=cable.bridge, embedded=None) as run,
    ):
        await play_through(run, gateway, cable.cut_off, cable.join_again)


async def test_a_session_that_is_served_from_elsewhere_is_refused_over_nats(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ParticipantServer, "find_rival", lambda self, hello: "/other.sqlite3")
    with (
        LocalGateway(nats_server.port),
        pytest.raises(SessionElsewhere, match=r"/other\.sqlite3"),
        serving(Count, bridge=nats_server.url, embedded=None),
    ):
        pass


async def test_of_two_writers_of_a_database_the_later_one_is_served(
    nats_server: NatsServer,
) -> None:
    with LocalGateway(nats_server.port) as gateway:
        heard: list[Any] = []
        server = gateway.server
        opening = OpenSession("key", "market", "secret", "running", {"token": "ann"}, "db")

        async def take_turns() -> None:
            for epoch in (2, 1):
                _, far = memory_pair(
                    heard.extend, lambda: None,
                    lambda channel, name, epoch=epoch: server.attach(channel, name, epoch),
                )  # fmt: skip
                far._receive([opening])
            assert server.find_rival(Hello("", VERSION, "", "key", "db", epoch=1)) == "db"
            assert server.find_rival(Hello("", VERSION, "", "key", "db", epoch=2)) == ""

        gateway.do(take_turns())
        await until(lambda: heard == [TakenOver("key", "db")])


async def test_every_gateways_status_shows_who_is_connected_at_all_of_them(
    nats_server: NatsServer,
) -> None:
    with (
        LocalGateway(nats_server.port) as first,
        LocalGateway(nats_server.port) as second,
        serving(Count, players=3, bridge=nats_server.url, embedded=None) as run,
    ):
        paths = [link.split("/", 3)[3] for link in run.links["url"]]
        async with (
            Client(second.server.url + paths[0]),  # the same participant in two tabs
            Client(second.server.url + paths[1]),
        ):
            async with Client(first.server.url + paths[0]):
                await until(lambda: shown(first) == shown(second) == (2, 3, 2))
                with LocalGateway(nats_server.port) as late:
                    await until(lambda: shown(late) == shown(first) == (2, 3, 3))
            await until(lambda: shown(first) == shown(second) == (2, 2, 2))
            second.cut_off()
            await until(lambda: shown(first) == (0, 0, 1))
            await until(lambda: shown(second) == (2, 2, 1))  # what it knows itself
            second.join_again()
            await until(lambda: shown(first) == shown(second) == (2, 2, 2))


def shown(gateway: LocalGateway) -> tuple[int, int, int] | None:
    """Return how many participants, sockets and gateways a gateway's status shows."""
    sessions = describe(gateway.server)["sessions"]
    names = ("participants", "sockets", "gateways")
    return tuple(sessions[0][name] for name in names) if sessions else None
