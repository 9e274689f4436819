"""Output: what authors' code prints in the background is never lost."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import io
import sys
import threading
from typing import Any

import pytest

from tests.running import Browser, serving, until
from uproot_nb import Page, live, spawn
from uproot_nb.engine.output import Output
from uproot_nb.session.steps import Cause


class Market(Page):
    """Prints."""

    @live
    def speak(page, player, text: str, end: str = "\n"):
        print(text, end=end)

    @live
    def complain(page, player, text: str):
        print(text, file=sys.stderr)

    @live
    async def speak_later(page, player, text: str):
        await asyncio.sleep(0)
        print(text)
        await asyncio.sleep(0)
        sys.stdout.writelines([text, " again\n"])

    @live(thread=True)
    def speak_in_thread(page, player, text: str):
        print(text)

    @live
    async def speak_to_thread(page, player, text: str):
        await asyncio.to_thread(print, text)

    @live
    async def speak_in_task(page, player, text: str):
        async def task() -> None:
            print(text)

        await asyncio.gather(task())

    @live
    async def speak_in_background(page, player, text: str):
        async def background() -> None:
            print(text)
            player.spoken = True

        spawn(background())

    def templatevars(page, player):
        print("making the page")
        return {}


def kept(run: Any, stream: str = "stdout") -> str:
    """Return all that the run's log has of a stream."""
    output = run.events.query("kind == 'output'")
    return "".join(v["text"] for v in output["value"] if v["stream"] == stream)


@pytest.mark.parametrize(
    "method", ["speak", "speak_later", "speak_in_thread", "speak_to_thread", "speak_in_task"]
)
async def test_what_a_method_prints_reaches_the_log_and_stdout(
    method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the method as its cause, whichever way it runs."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        await ann.call(method, "hello ü")
        assert "hello ü" in capsys.readouterr().out
        await until(lambda: "hello ü\n" in kept(run))
        said = run.events.query("kind == 'output'").iloc[-1]
        assert said["cause"] == f"Market.{method}"
        assert said["actor"] == run.players[0].name
        assert said["code"] == Market.source.hash


async def test_stderr_hooks_and_background_tasks_are_logged_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each with its own cause."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        await ann.call("complain", "to stderr")
        await ann.call("speak_in_background", "in the background")
        await until(lambda: run.players[0].get("spoken"))
        assert "to stderr" in kept(run, "stderr")
        causes = run.events.query("kind == 'output'")["cause"].tolist()
        assert causes[:2] == ["Market.templatevars", "Market.complain"]
        assert "background" in causes[2]
        captured = capsys.readouterr()
        assert "to stderr" in captured.err
        assert "in the background" in captured.out


async def test_text_without_a_newline_is_logged_for_the_method_that_printed_it() -> None:
    """Two methods that print parts of a line do not mix, and closing loses nothing."""
    with serving(Market) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.call("speak", "from ann", end="")
        await bob.call("speak", "from bob", end="")
        run.close()
        output = run.events.query("kind == 'output' and cause == 'Market.speak'")
        said = {row["actor"]: row["value"]["text"] for _, row in output.iterrows()}
        assert said == {run.players[0].name: "from ann", run.players[1].name: "from bob"}


async def test_what_cells_print_is_not_taken_for_the_experiments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only output of authors' code in the background is logged."""
    with serving(Market) as run:
        print("from a cell")
        thread = threading.Thread(target=print, args=("from a cell's thread",))
        thread.start()
        thread.join()
        assert kept(run) == ""
        assert capsys.readouterr().out == "from a cell\nfrom a cell's thread\n"


async def test_output_that_is_not_unicode_is_logged_with_escapes() -> None:
    """And everybody goes on."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        sys.stdout.reconfigure(errors="replace")
        run.spawn(print_strange())
        await until(lambda: "strange" in kept(run))
        await ann.call("speak", "next")
        assert "next" in kept(run)


async def print_strange() -> None:
    """Print what UTF-8 cannot encode."""
    print("strange \ud800 text")


# ---- the parts alone ----


def test_text_is_aimed_at_the_cell_before_it_is_written() -> None:
    """A kernel that can direct a thread's output to a cell does so first."""
    told: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            told.append(f"write {text!r}")
            return len(text)

    cause = Cause("ann", "Market", "Market.speak", "")
    output = Output(
        lambda: cause,
        lambda stream, text, by: told.append(f"keep {text!r} by {by.cause}"),
        lambda by: told.append(f"aim {by.page}"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", Stream())
        output.start()
        print("hello", end="")
        print()
        print("the rest", end="")
        output.finish()
        output.stop()
    assert told[-1] == "keep 'the rest' by Market.speak"
    assert told[:2] == ["aim Market", "write 'hello'"]
    assert "keep 'hello\\n' by Market.speak" in told


def test_a_stream_that_somebody_put_before_ours_stays_where_it_is() -> None:
    """Only the listening ends."""
    heard: list[str] = []
    output = Output(
        lambda: Cause("", "", "x", ""),
        lambda stream, text, by: heard.append(text),
        lambda by: None,
    )
    with pytest.MonkeyPatch.context() as patch:
        below, above = io.StringIO(), io.StringIO()
        patch.setattr(sys, "stdout", below)
        output.start()
        ours = sys.stdout
        sys.stdout = above
        output.stop()
        output.stop()
        assert sys.stdout is above
        ours.write("late\n")
    assert below.getvalue() == "late\n"
    assert heard == []


class Chatty(Page):
    """Prints a lot."""

    @live
    def lines(page, player, count: int):
        for number in range(count):
            print("line", number)

    @live
    def no_newline(page, player, count: int):
        for _ in range(count):
            print("x" * 100, end="")


@pytest.mark.long
async def test_many_lines_of_one_call_are_few_events_and_few_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them in the log and on the screen, in order; the first hundred lines alone."""
    shown: list[str] = []

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            shown.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stdout", Screen())
    with serving(Chatty) as run:
        ann = await Browser.open(run)
        await ann.call("lines", 20_000)
        expected = "".join(f"line {number}\n" for number in range(20_000))
        await until(lambda: "".join(shown) == expected)
        run.close()
        assert kept(run) == expected
        assert (run.events["kind"] == "output").sum() < 130
        assert len(shown) < 2_000


@pytest.mark.long
async def test_text_without_a_newline_does_not_gather_without_end() -> None:
    """It is logged in pieces, and the log takes so much of one call and no more."""
    with serving(Chatty) as run:
        ann = await Browser.open(run)
        await ann.call("no_newline", 50_000)
        run.close()
        texts = [v["text"] for v in run.events.query("kind == 'output'")["value"]]
        assert max(map(len, texts)) < 70_000
        assert 2_000_000 < sum(map(len, texts)) < 2_200_000
        assert "not logged" in texts[-1]
