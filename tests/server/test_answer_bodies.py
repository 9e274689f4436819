"""Answers that a kernel sends part by part, as a browser gets them."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.worlds import Kernel, Limited, World, until
from uproot_nb.bridge.messages import HttpPart, HttpReply, HttpRequest, Misuse, PartsWanted
from uproot_nb.server.answer_bodies import WINDOW, AnswerBody

pytestmark = pytest.mark.asyncio

ANN = "/p/token-of-ann-0123456789/api/"
PART = b"x" * 65536


class Reader:
    """A browser that reads an answer as slowly as the test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @classmethod
    async def ask(cls, world: World, method: str = "GET") -> Reader:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
        writer.write(f"{method} {ANN} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        world._browsers.append(writer)
        return cls(reader, writer)

    async def head(self) -> str:
        async with asyncio.timeout(10):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def chunk(self) -> bytes | None:
        """Return the next part; b"" after the last, None if the connection ends before it."""
        async with asyncio.timeout(10):
            try:
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                return (await self._reader.readexactly(size + 2))[:-2]
            except (asyncio.IncompleteReadError, ConnectionError):
                return None


async def begin(world: World, kernel: Kernel) -> tuple[Reader, int]:
    """Ask, and let the kernel answer that there is more; return the number of the request."""
    reader = await Reader.ask(world)
    number = (await kernel.expect(HttpRequest)).request
    kernel.send(HttpReply(number, 200, [("Content-Type", "text/event-stream")], b"", more=True))
    return reader, number


async def serving(world: World) -> Kernel:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.answers = False
    return kernel


async def test_parts_reach_the_browser_as_they_come(world: World) -> None:
    kernel = await serving(world)
    reader, number = await begin(world, kernel)
    head = await reader.head()
    assert "text/event-stream" in head
    assert "X-Accel-Buffering: no" in head
    assert await kernel.expect(PartsWanted) == PartsWanted(number, WINDOW)
    kernel.send(HttpPart(number, b"one"))
    assert await reader.chunk() == b"one"
    assert await kernel.expect(PartsWanted) == PartsWanted(number, 1)
    kernel.send(HttpPart(number, b"two"))
    assert await reader.chunk() == b"two"
    kernel.send(HttpPart(number, b"", more=False))
    assert await reader.chunk() == b""
    assert not world.server.sessions.player("token-of-ann-0123456789").streams  # type: ignore[union-attr]


async def test_a_body_that_fails_is_not_ended_as_if_it_were_whole(world: World) -> None:
    kernel = await serving(world)
    reader, number = await begin(world, kernel)
    await reader.head()
    kernel.send(HttpPart(number, b"one"))
    kernel.send(HttpPart(number, b"", more=False, failed=True))
    assert await reader.chunk() == b"one"
    assert await reader.chunk() is None


async def test_a_kernel_that_dies_in_the_middle_breaks_the_answer_off(world: World) -> None:
    kernel = await serving(world)
    reader, number = await begin(world, kernel)
    await reader.head()
    kernel.send(HttpPart(number, b"one"))
    assert await reader.chunk() == b"one"
    await kernel.die()
    assert await reader.chunk() is None


async def test_a_browser_that_leaves_stops_the_kernel(world: World) -> None:
    kernel = await serving(world)
    reader, number = await begin(world, kernel)
    await reader.head()
    await kernel.expect(PartsWanted)
    reader.writer.close()
    assert await kernel.expect(PartsWanted) == PartsWanted(number, 0)
    kernel.send(HttpPart(number, b"late"))
    [link] = world.server.links
    await until(lambda: not link._bodies)


@pytest.mark.long
async def test_a_browser_that_stalls_is_cut_off(limited: Limited) -> None:
    world = await limited(idle_timeout=0.2)
    kernel = await serving(world)
    reader, number = await begin(world, kernel)
    await reader.head()
    sent = 0
    while (wanted := await kernel.expect(PartsWanted)).count:
        for _ in range(wanted.count):
            kernel.send(HttpPart(number, PART))
            sent += 1
    assert sent < 400  # what the sockets hold, not what the kernel has


async def test_a_player_gets_so_many_at_once(limited: Limited) -> None:
    world = await limited(max_streams_per_player=1)
    kernel = await serving(world)
    first, _ = await begin(world, kernel)
    await first.head()
    await kernel.expect(PartsWanted)
    second, number = await begin(world, kernel)
    assert "429" in await second.head()
    assert await kernel.expect(PartsWanted) == PartsWanted(number, 0)
    assert (await kernel.expect(Misuse)).what == "too many streams"
    first.writer.close()
    await kernel.expect(PartsWanted)
    third, _ = await begin(world, kernel)
    assert "200" in await third.head()


async def test_a_head_is_sent_without_a_body(world: World) -> None:
    kernel = await serving(world)
    reader = await Reader.ask(world, "HEAD")
    number = (await kernel.expect(HttpRequest)).request
    kernel.send(HttpReply(number, 200, [], b"", more=True))
    assert "200" in await reader.head()
    assert await kernel.expect(PartsWanted) == PartsWanted(number, 0)


async def test_an_answer_that_comes_too_late_is_stopped(limited: Limited) -> None:
    world = await limited(form_patience=0.05)
    kernel = await serving(world)
    reader = await Reader.ask(world)
    number = (await kernel.expect(HttpRequest)).request
    assert "503" in await reader.head()
    kernel.send(HttpReply(number, 200, [], b"", more=True))
    assert await kernel.expect(PartsWanted) == PartsWanted(number, 0)


async def test_no_further_part_is_wanted_before_one_is_taken() -> None:
    wanted: list[int] = []
    body = AnswerBody("key", wanted.append)
    parts = body.parts()
    for text in (b"a", b"b"):
        body.put(HttpPart(1, text))
    assert await anext(parts) == b"a"
    assert wanted == [WINDOW]
    assert await anext(parts) == b"b"
    assert wanted == [WINDOW, 1]
    body.put(HttpPart(1, b"", more=False))
    with pytest.raises(StopAsyncIteration):
        await anext(parts)
    body.close()
    assert wanted == [WINDOW, 1]
    assert not body.failed
