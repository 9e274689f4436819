"""Answers of an experiment's own api that are sent part by part."""
# ruff: noqa: ANN001, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uproot_nb import Page
from uproot_nb.bridge.messages import BridgeMessage, HttpPart, HttpReply, HttpRequest, PartsWanted
from uproot_nb.bridge.outgoing_body import PART_BYTES
from uproot_nb.testing import ExperimentFailed, Served, served

NUMBER = 10_000
"""The number of the request."""


class Poll(Page):
    """A poll."""


def streaming(parts: AsyncIterator[Any], **more: Any) -> Any:
    """Return a response with the attributes that Starlette's have."""
    return SimpleNamespace(
        status_code=200, headers={"content-type": "text/plain"}, body_iterator=parts, **more
    )


class Script:
    """A page's script that takes an answer as slowly as the test wants."""

    def __init__(self, session: Served) -> None:
        self._session = session
        self.reply: HttpReply | None = None
        self.parts: list[bytes] = []
        self.end: HttpPart | None = None

    def ask(self, path: str = "") -> None:
        player = self._session.run.players[0].name
        key = self._session.server.session
        self.send(HttpRequest(NUMBER, key, player, "api", [], [], "", method="GET", path=path))

    def take(self, count: int) -> None:
        """Take so many more parts."""
        self.send(PartsWanted(NUMBER, count))

    def leave(self) -> None:
        self.take(0)

    def send(self, message: BridgeMessage) -> None:
        runtime = self._session.run._runtime
        runtime.loop.call_soon_threadsafe(self._session.server.send, message)
        self._session.settle()

    def note(self, message: BridgeMessage) -> bool:
        """Take a message of the kernel's, if it is for this script."""
        match message:
            case HttpReply(request=10_000):
                self.reply = message
            case HttpPart(more=True):
                self.parts.append(message.body)
            case HttpPart():
                self.end = message
            case _:
                return False
        return True


@contextmanager
def asking(api: Any) -> Iterator[tuple[Served, Script]]:
    with served([Poll], players=1, names={"api": api}) as session:
        script = Script(session)
        carry_out = session.server._carry_out

        def listen(message: BridgeMessage) -> None:
            if not script.note(message):
                carry_out(message)

        with patch.object(session.server, "_carry_out", listen):
            yield session, script


def counting(session: Any) -> AsyncIterator[str]:
    async def parts() -> AsyncIterator[str]:
        try:
            for number in range(100):
                session.made = number
                yield str(number)
                await asyncio.sleep(60)
        finally:
            session.closed = True

    return parts()


def test_parts_are_sent_as_they_come_and_what_they_changed_is_committed() -> None:
    with asking(lambda request, session: streaming(counting(session))) as (served_, script):
        script.ask()
        assert script.reply is not None
        assert (script.reply.status, script.reply.more) == (200, True)
        script.take(5)
        assert script.parts == [b"0"]
        assert served_.run.events.query("field == 'made'")["cause"].tolist() == ["api"]
        served_.advance(60)
        assert script.parts == [b"0", b"1"]
        assert script.end is None


@pytest.mark.long
def test_no_part_is_made_before_the_browser_has_taken_those_before() -> None:
    with asking(lambda request, session: streaming(counting(session))) as (served_, script):
        script.ask()
        served_.advance(600)
        assert "made" not in served_.run.session.fields()
        script.take(1)
        served_.advance(600)
        assert served_.run.session.made == 0
        script.take(2)
        served_.advance(600)
        assert (served_.run.session.made, script.parts) == (2, [b"0", b"1", b"2"])


@pytest.mark.long
@pytest.mark.parametrize("waits", [True, False])
def test_a_browser_that_leaves_closes_the_generator_which_keeps_its_changes(waits: bool) -> None:
    with asking(lambda request, session: streaming(counting(session))) as (served_, script):
        script.ask()
        script.take(1 + waits)  # the generator waits for a minute, or for the browser
        script.leave()
        assert served_.run.session.closed
        assert served_.run.session.made == 0
        assert served_.run.events.query("field == 'closed'")["cause"].tolist() == ["api"]
        served_.advance(600)
        assert script.parts == [b"0"]
        assert served_.run.errors.empty


@pytest.mark.long
def test_what_fails_while_a_generator_is_closed_is_undone_and_reported() -> None:
    def api(request, session):
        async def parts():
            try:
                yield "a"
            finally:
                session.closed = True
                await asyncio.sleep(1)
                raise RuntimeError("author's mistake")

        return streaming(parts())

    with asking(api) as (served_, script):
        script.ask()
        script.take(1)
        script.leave()
        assert served_.run.session.closed
        with pytest.raises(ExperimentFailed, match="api: RuntimeError: author's mistake"):
            served_.advance(1)
        assert "closed" not in served_.run.session.fields()
        assert script.end is not None


def test_a_participant_server_that_goes_ends_the_answer() -> None:
    with asking(lambda request, session: streaming(counting(session))) as (served_, script):
        script.ask()
        script.take(2)
        loop = served_.run._runtime.loop
        loop.call_soon_threadsafe(served_.run._runtime.flow.streams.stop)
        served_.settle()
        assert served_.run.session.closed


@pytest.mark.long
def test_a_pause_holds_the_next_part() -> None:
    with asking(lambda request, session: streaming(counting(session))) as (served_, script):
        script.ask()
        script.take(5)
        served_.run.pause()
        served_.advance(300)
        assert len(script.parts) <= 2  # one was being made
        held = len(script.parts)
        served_.run.resume()
        served_.advance(60)
        assert len(script.parts) > held


def test_a_generator_that_fails_undoes_its_last_part_alone() -> None:
    def api(request, session):
        async def parts():
            session.first = 1
            yield "a"
            session.second = 2
            raise RuntimeError("author's mistake")

        return streaming(parts())

    with asking(api) as (served_, script):
        script.ask()
        with pytest.raises(ExperimentFailed, match="author's mistake"):
            script.take(5)
        assert served_.run.session.first == 1
        assert "second" not in served_.run.session.fields()
        assert script.end == HttpPart(NUMBER, b"", more=False, failed=True)


def test_a_generator_that_does_not_let_itself_be_closed_is_reported() -> None:
    def api(request, session):
        async def parts():
            with suppress(GeneratorExit):
                yield "a"
            yield "b"

        return streaming(parts())

    with asking(api) as (_, script):
        script.ask()
        script.take(1)
        with pytest.raises(ExperimentFailed, match="GeneratorExit"):
            script.leave()
        assert script.end is not None


def test_an_endless_generator_that_yields_nothing_lets_others_have_their_turn() -> None:
    def api(request, session):
        async def parts():
            while True:
                yield b""

        return streaming(parts())

    with asking(api) as (served_, script):
        runtime = served_.run._runtime
        player = served_.run.players[0].name
        request = HttpRequest(
            NUMBER, served_.server.session, player, "api", [], [], "", method="GET"
        )

        async def others() -> bool:
            served_.server.send(request)
            while script.reply is None:
                await asyncio.sleep(0)
            served_.server.send(PartsWanted(NUMBER, 1))
            for _ in range(50):
                await asyncio.sleep(0)
            served_.server.send(PartsWanted(NUMBER, 0))
            return script.reply is not None

        assert runtime.wait_for(others())
        served_.settle()
        assert script.end is not None


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 3 * PART_BYTES), max_size=4),
    st.lists(st.integers(1, 3), min_size=1, max_size=8),
)
def test_whatever_the_parts_and_the_pace_the_bytes_arrive_in_order(
    sizes: list[int], pace: list[int]
) -> None:
    made = [bytes([number]) * size for number, size in enumerate(sizes)]

    def api(request, session):
        async def parts():
            for part in made:
                yield part

        return streaming(parts())

    with asking(api) as (_, script):
        script.ask()
        wanted = 0
        for count in pace:
            script.take(count)
            wanted += count
            assert len(script.parts) <= wanted
        script.take(20)
        assert b"".join(script.parts) == b"".join(made)
        assert all(0 < len(part) <= PART_BYTES for part in script.parts)
        assert script.end == HttpPart(NUMBER, b"", more=False)


def test_a_file_is_read_part_by_part(tmp_path: Path) -> None:
    path = tmp_path / "recording.bin"
    path.write_bytes(bytes(range(256)) * 1024)
    response = SimpleNamespace(status_code=200, headers={}, path=path)
    with asking(lambda request, session: response) as (_, script):
        script.ask()
        script.take(1)
        assert len(script.parts) == 1
        script.take(100)
        assert b"".join(script.parts) == path.read_bytes()
        assert len(script.parts) == 4


def test_a_file_that_is_not_there_is_the_researchers(tmp_path: Path) -> None:
    response = SimpleNamespace(status_code=200, headers={}, path=tmp_path / "gone")
    with asking(lambda request, session: response) as (_, script):
        with pytest.raises(ExperimentFailed, match="gone"):
            script.ask()
        assert script.reply is not None
        assert (script.reply.status, script.reply.more) == (500, False)


@pytest.mark.parametrize("in_parts", [True, False])
def test_a_background_task_runs_after_the_answer(in_parts: bool) -> None:
    def api(request, session):
        async def task():
            session.told = request.player.id

        if in_parts:
            return streaming(counting_to(1), background=task)
        return SimpleNamespace(status_code=200, headers={}, body=b"x", background=task)

    with asking(api) as (served_, script):
        script.ask()
        assert ("told" in served_.run.session.fields()) is not in_parts
        script.take(5)
        assert served_.run.session.told == 0


async def counting_to(last: int) -> AsyncIterator[str]:
    for number in range(last):
        yield str(number)


def test_a_background_task_that_fails_is_the_researchers() -> None:
    def api(request, session):
        async def task():
            session.told = 1
            raise RuntimeError("author's mistake")

        return streaming(counting_to(0), background=task)

    with asking(api) as (served_, script):
        script.ask()
        with pytest.raises(ExperimentFailed, match="author's mistake"):
            script.take(1)
        assert "told" not in served_.run.session.fields()
