"""A hostile participant beside an honest one: whatever is sent, the session stays whole."""
# ruff: noqa: ANN001, ANN002, ANN003, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tornado.websocket import WebSocketClosedError

from tests.running import Browser, serving
from uproot_nb import Page, live, notify, open_log, players, rerun

BATCHES = [20, pytest.param(1200, marks=pytest.mark.slow)]
"""Batches of frames: about twenty seconds, and two minutes."""

KERNEL = """
import time
from tests.engine.test_hostile import Arena
from uproot_nb import serve

options = {"name": "arena", "db": "arena.sqlite3", "embedded": True, "port": 0, "namespace": {}}
# How often somebody may call has tests of its own; fast machines come near it here.
run = serve([Arena], players=3, server={"max_calls_per_second": 0}, **options)
print(*[run.link(player) for player in run.players], flush=True)
time.sleep(3600)
"""


class Arena(Page):
    """Takes anything."""

    @live
    def echo(page, player, x):
        return x

    @live
    def count(page, player):
        player.count = player.get("count", 0) + 1
        return player.count

    @live
    def store(page, player, x):
        player.x = x
        return x

    @live
    def anything(page, player, *args, **kwargs):
        return [len(args), sorted(kwargs)]

    @live
    def typed(
        page, player, n: int = 0, f: float = 0.0, s: str = "", d: dict[str, int] | None = None
    ):
        return [n, f, s, d]

    @live
    async def later(page, player, x=None):
        player.seen = x
        await asyncio.sleep(0)
        return x

    @live
    def push(page, player, x=None):
        notify(player, players(player.session), x, event="Pushed")

    @live
    def fails(page, player, x=None):
        raise RuntimeError(f"{x!r}")


STRANGE_NUMBERS = [
    "1e999", "-1e400", "1" * 400, "-" + "9" * 4301, "0." + "1" * 400, "1e-999", "-0", "-0.0",
    "NaN", "Infinity", "01", "1.", "9007199254740993", "18446744073709551616", "1E+308", "5e-324",
]  # fmt: skip
STRANGE_STRINGS = [
    r'"\ud83d"', r'"\udc00x"', r'"\u0000"', r'"\ud83d\ude00"', '"' + "x" * 5_000 + '"',
    '"\u2028"', '"__class__"', r'"\/"', '"', r'"\x"', '"\t"',
]  # fmt: skip
STRANGE_NESTS = ["[" * 60 + "]" * 60, "[" * 200 + "]" * 200, '{"a":' * 70 + "1" + "}" * 70]
NAMES = [
    "echo", "count", "store", "anything", "typed", "later", "push", "fails", "nope", "__init__",
    "", "é", "a" * 128, "a" * 200, "source",
]  # fmt: skip


def listed(items: list[str]) -> str:
    """Return a JSON array of JSON texts."""
    return f"[{','.join(items)}]"


def mapped(items: list[tuple[str, str]]) -> str:
    """Return a JSON object of JSON texts."""
    return f"{{{','.join(f'{key}:{value}' for key, value in items)}}}"


def texts(text: str) -> str:
    """Return a text as JSON, roughly: what needs an escape is left out."""
    return '"' + text.replace("\\", "").replace('"', "") + '"'


NUMBERS = st.integers(-(10**30), 10**30).map(str) | st.sampled_from(STRANGE_NUMBERS)
STRINGS = st.text(max_size=20).map(texts) | st.sampled_from(STRANGE_STRINGS)
VALUES = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["null", "true", "false", "", "nul"]),
    lambda inner: (
        st.lists(inner, max_size=4).map(listed)
        | st.lists(st.tuples(STRINGS, inner), max_size=4).map(mapped)
    ),
    max_leaves=6,
) | st.sampled_from(STRANGE_NESTS)
METHODS = st.sampled_from(NAMES).map(texts) | STRINGS
LOADS = st.sampled_from("abcd") | st.integers(0, 10**9).map(str)
IDS = st.builds(lambda load, n: f'"{load}-{n}"', LOADS, st.integers(0, 30))
IDS |= STRINGS | NUMBERS
CALLS = st.builds(
    lambda call_id, method, args, kwargs: (
        f'{{"op":"invoke","id":{call_id},"method":{method},"args":{args},"kwargs":{kwargs}}}'
    ),
    IDS, METHODS,
    st.lists(VALUES, max_size=3).map(listed) | VALUES,
    st.just("{}") | st.lists(st.tuples(STRINGS, VALUES), max_size=2).map(mapped) | VALUES,
)  # fmt: skip
OTHERS = st.one_of(
    st.builds(lambda seq: f'{{"op":"ack","seq":{seq}}}', NUMBERS),
    st.just('{"op":"ping"}'),
    st.builds(
        lambda message, source, line: (
            f'{{"op":"script_error","message":{message},"source":{source},"line":{line}}}'
        ),
        STRINGS, STRINGS, NUMBERS,
    ),
    st.builds(
        lambda what, data: f'{{"op":"report","what":{what},"data":{data}}}',
        STRINGS | st.sampled_from(['"focus"', '"idle"', '"client"']), VALUES,
    ),
    VALUES,
)  # fmt: skip
READ_BY_SOME = ["1e999", "-1e400", "1" * 400, "-" + "9" * 4301, "7", '"a"', '{"a":[1]}', "[[]]"]
WELL_FORMED = st.builds(
    lambda load, method, value: (
        f'{{"op":"invoke","id":"g{load}-1","method":"{method}","args":[{value}],"kwargs":{{}}}}'
    ),
    st.integers(0, 10**9), st.sampled_from([*NAMES[:10], "é"]), st.sampled_from(READ_BY_SOME),
)  # fmt: skip
REFUSED = [
    f'{{"op":"invoke","id":"r-{n}","method":"{name}","args":[7,7,7],"kwargs":{{}}}}'
    for n, name in enumerate(["nope", "count", "store"])
]
FRAMES = st.lists(WELL_FORMED | CALLS | CALLS | CALLS | OTHERS, min_size=1, max_size=12)


@pytest.fixture
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str], Any]]:
    """A live kernel in a process of its own: its folder, the players' links, the process."""
    folder = tmp_path_factory.mktemp("arena")
    here = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", KERNEL],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield folder, process.stdout.readline().split(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def is_malformed(frame: str) -> bool:
    """Tell whether a server may well close the socket for this frame."""
    try:
        call = json.loads(frame, parse_int=str)
        return not (0 < len(call["id"]) <= 64 and 0 < len(call["method"]) <= 128)
    except (ValueError, LookupError, TypeError, RecursionError):
        return True


async def attack(link: str, frames: list[str]) -> None:
    """Send frames from a page of one's own, whatever becomes of its socket."""
    browser = Browser(link)
    await browser.load()
    await browser.connect(0)
    for frame in sorted(frames, key=is_malformed):  # which would end the socket
        with suppress(WebSocketClosedError):
            await browser.send(frame)
    with suppress(AssertionError, ValueError, WebSocketClosedError):
        await browser.pong()
    assert browser._socket is not None
    browser._socket.close()


async def honest(link: str, told: list[int]) -> None:
    """Call as a good page does, and get each answer."""
    browser = Browser(link)
    await browser.load()
    await browser.connect()
    told.append(await browser.call("count"))
    text = f"answer {len(told)} ü🎈"
    assert await browser.call("echo", text) == text
    await browser.disconnect()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("examples", BATCHES)
def test_whatever_a_participant_sends_the_session_stays_whole(
    arena: tuple[Path, list[str], Any], tmp_path: Path, examples: int
) -> None:
    """The others are answered all the time; the log can be read, exported, rerun and resumed."""
    folder, links, process = arena
    told: list[int] = []

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FRAMES)
    def soak(frames: list[str]) -> None:
        async def both() -> None:
            await asyncio.gather(attack(links[0], frames), honest(links[1], told))

        asyncio.run(both())

    asyncio.run(attack(links[0], REFUSED))
    soak()
    assert told == list(range(1, len(told) + 1))
    process.kill()
    process.wait()
    log = open_log(folder / "arena.sqlite3", "arena")
    assert {"ok", "refused"} <= set(log.calls["outcome"])
    assert (log.calls["outcome"] == "refused").sum() >= len(REFUSED)
    assert log.errors["count"].sum() >= len(log.errors)
    for form in ("csv", "parquet", "jsonl"):
        assert log.export(tmp_path / f"{form}.zip", format=form).stat().st_size > 0
    assert log.state["count"].max() >= len(told)
    again = rerun(log, [Arena], namespace={})
    assert again.same, again
    with serving(Arena, players=3, name="arena", db=folder / "arena.sqlite3") as run:
        asyncio.run(honest(run.link(run.players[1]), told))
        assert told[-1] == len(told)
