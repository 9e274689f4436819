"""What a kernel may have unanswered is divided among its gateways, however many there are."""

from __future__ import annotations

from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server
from tests.running import serving, until
from uproot_nb import Page

__all__ = ["nats_server"]


class Hello(Page):
    """Says hello."""


def parts(gateway: LocalGateway) -> list[int]:
    return [session.pressure._parts for session in list(gateway.server.sessions)]


async def test_each_gateway_has_its_part_as_others_come_and_go(nats_server: NatsServer) -> None:
    with (
        LocalGateway(nats_server.port) as first,
        serving(Hello, bridge=nats_server.url, embedded=None),
    ):
        await until(lambda: parts(first) == [1])
        with LocalGateway(nats_server.port) as second:
            await until(lambda: parts(first) == parts(second) == [2])
        await until(lambda: parts(first) == [1])
