"""The rate of a player's calls is one, however many gateways the player goes through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server
from tests.running import serving, until
from uproot_nb import Page, Player, live
from uproot_nb.bots.client import Client
from uproot_nb.bridge.messages import HttpRequest, Invoke, RoomWaiting
from uproot_nb.bridge.nats.charges import Charges
from uproot_nb.server.limits import Limits

__all__ = ["nats_server"]


def invoke(player: str, size: int = 2) -> Invoke:
    return Invoke(1, 1, "market", player, 0, "c", "m", b"x" * size, b"")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 70_000))))
def test_all_calls_are_charged_but_for_the_last_few(calls: list[tuple[str, int]]) -> None:
    charges, charged, made = Charges(), {"a": 0, "b": 0}, {"a": 0, "b": 0}
    for player, size in calls:
        made[player] += 1 + size // 4096
        charge = charges.note(invoke(player, size))
        if charge is not None:
            assert charge.player == player
            assert charge.calls >= 50
            charged[player] += charge.calls
    for player in "ab":
        assert 0 <= made[player] - charged[player] < 50


def test_strangers_and_news_are_not_charged() -> None:
    charges = Charges()
    joins = HttpRequest(1, "market", "", "join", [], [], "")
    for message in (joins, RoomWaiting("market", "lab", 1, [])):
        assert [charges.note(message) for _ in range(200)] == [None] * 200


class Calling(Page):
    """Calls."""

    @live
    async def add(page: type[Page], player: Player) -> int:
        return 1


@pytest.mark.asyncio
async def test_calls_at_one_gateway_count_at_the_other(nats_server: NatsServer) -> None:
    limits = Limits(max_calls_per_second=0.01, burst_seconds=40_000)
    with (
        LocalGateway(nats_server.port, limits=limits) as first,
        LocalGateway(nats_server.port, limits=limits) as second,
        serving(Calling, bridge=nats_server.url, embedded=None) as run,
    ):
        await until(lambda: first.states() and second.states())
        link = run.link(run.players[0])
        client = Client(first.server.url + link.removeprefix(run.url))
        await client.open()
        for _ in range(120):
            assert await client.call("add") == 1
        (session,) = second.server.sessions
        name = run.players[0].name
        bucket = session.players[name].bucket
        assert bucket is not None
        await until(lambda: bucket._level < 301)
        assert bucket._level > 400 - 150
        others = session.players[run.players[1].name].bucket
        assert others is not None
        assert others._level == 400
        await client.close()
