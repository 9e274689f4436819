"""Push to a few players and to many, who are at four gateways; say what the kernel's thread used.

The gateways' ends are real streams over NATS, without browsers behind them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from uproot_nb import Page, Run, serve
from uproot_nb.bridge.messages import OpenSession, Push, SocketOpened
from uproot_nb.bridge.nats.broker import open_broker
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.bridge.nats.gateway import GatewayKernels

_GATEWAYS = 4
_PUSHES = 200


class Play(Page):
    """Everybody is here."""


class Gateway:
    """A gateway that has sockets of every fourth player, and lets pushes fall."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._channel: Any = None

    async def open(self, bridge: str) -> None:
        broker = await open_broker(BrokerAddress.parse(bridge))
        kernels = GatewayKernels(
            broker, 1 + self.number, self._accept, lambda hello: "", lambda: "http://lab/"
        )
        await kernels.start()

    def _accept(self, channel: Any, hello: Any) -> tuple[Callable[..., Any], Callable[[], None]]:
        self._channel = channel
        return self._receive, lambda: None

    def _receive(self, messages: list[Any]) -> None:
        for message in messages:
            if isinstance(message, OpenSession):
                names = list(message.tokens.values())[self.number :: _GATEWAYS]
                for n, name in enumerate(names, (1 + self.number) << 32):
                    self._channel.send(SocketOpened(n, message.session, name, 0, 0))


def main(bridge: str, few: str, many: str) -> None:
    """Print the processor microseconds of a push, by what is done and to how many."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    for number in range(_GATEWAYS):
        asyncio.run_coroutine_threadsafe(Gateway(number).open(bridge), loop).result()
    found = {}
    for count in (int(few), int(many)):
        run = serve([Play], players=count, name=f"n{count}", db=":memory:", bridge=bridge)
        run.advance(list(run.players))
        _wait_for_sockets(run, count)
        found[count] = {
            "publish": run._runtime.wait_for(_measured(run, _publish(run))),
            "notify": run._runtime.wait_for(_measured(run, partial(_notify, run))),
        }
        run.close()
    print(json.dumps(found))


def _wait_for_sockets(run: Run, count: int) -> None:
    channel: Any = run._runtime.line._channel
    while sum(link.sockets for link in channel._links.values()) < count:
        time.sleep(0.01)
    time.sleep(1.0)  # what follows from their coming is over


def _publish(run: Run) -> Callable[[int], None]:
    world = run._runtime.world
    names = list(world.state.players)
    positions = [0] * len(names)
    return lambda n: world.send(Push(world.key, n, names, b'{"op":"event"}', positions))


def _notify(run: Run, number: int) -> None:
    run._runtime.delivery.notify(None, run.players, number, "Post", Play)
    run._runtime.world.journal.commit()


async def _measured(run: Run, push: Callable[[int], None]) -> float:
    """Return the processor microseconds of the run's thread for one push."""
    push(1)
    await asyncio.sleep(0.1)
    used = 0.0
    for number in range(2, _PUSHES + 2):
        before = time.thread_time()
        push(number)
        for _ in range(5):  # until nats-py has written it
            await asyncio.sleep(0)
        used += time.thread_time() - before
        await asyncio.sleep(0.001)
    return used / _PUSHES * 1e6


if __name__ == "__main__":
    main(*sys.argv[1:4])
