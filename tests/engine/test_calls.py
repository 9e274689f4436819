"""Live methods as browsers call them: checked, in order, once, and answered."""
# ruff: noqa: ANN001, ANN003, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import datetime
import enum
import sqlite3
import sys
import threading
import uuid
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy
import pandas
import pydantic
import pytest

from tests.running import Browser, Rejected, serving, together, until
from uproot_nb import Page, Refused, Run, create_group, live, move_to_page, rerun
from uproot_nb.bridge.messages import Invoke
from uproot_nb.session.steps import Cause
from uproot_nb.templating.texts import CALL_TEXTS

CALM = "Something went wrong"


class Inherited(Page):
    """Not served itself."""

    @live
    def from_above(page, player):
        return "inherited"

    def plain_above(page, player):
        player.session.entered = True


class Desk(Inherited):
    """A page with all kinds of methods."""

    def show(page, player):
        return True

    @live
    def echo(page, player, x):
        return x

    @live
    def typed(page, player, price: float, count: int = 1, *, note: str = ""):
        player.session.entered = True
        return [price, count, note]

    @live
    def options(page, player, **options):
        return options

    @live
    def fail(page, player, kind: str):
        kinds: dict[str, type[BaseException]] = {
            "ValueError": ValueError, "Refused": Refused, "KeyError": KeyError,
            "SystemExit": SystemExit, "ZeroDivisionError": ZeroDivisionError,
        }  # fmt: skip
        raise kinds[kind]("the text of it")

    @live
    async def fail_later(page, player, kind: str):
        await asyncio.sleep(0)
        Desk.fail(player, kind)

    def unmarked(page, player):
        player.session.entered = True

    def _private(page, player):
        player.session.entered = True


class Ordered(Page):
    """Writes down in which order calls begin and end."""

    @live
    def at_once(page, player, x):
        player.session.log.append(["at_once", player.id, x])

    @live
    async def slow(page, player, x):
        player.session.log.append(["begin", player.id, x])
        await GATES[player.session.name].wait()
        player.session.log.append(["end", player.id, x])
        return x

    @live(exclusive="session")
    async def alone(page, player, x):
        player.session.log.append(["begin", player.id, x])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        player.session.log.append(["end", player.id, x])

    @live(exclusive="group")
    async def alone_in_group(page, player, x):
        player.session.log.append(["begin", player.id, x])
        await GATES[player.session.name].wait()
        player.session.log.append(["end", player.id, x])

    @live(exclusive="session")
    def alone_and_sync(page, player, x):
        player.session.log.append(["sync", player.id, x])

    @live
    def open_gate(page, player):
        GATES[player.session.name].set()


GATES: dict[str, asyncio.Event] = {}


def new_session(session):
    session.log = []
    GATES[session.name] = asyncio.Event()


NAMES = {"new_session": new_session}


# ---- arguments and names ----


async def test_arguments_reach_the_method_as_its_annotations_want_them() -> None:
    """Lax mode: text that is a number becomes one; keyword arguments come from their own object."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        assert await ann.call("typed", "12.5", note="n") == [12.5, 1, "n"]
        assert await ann.call("typed", 3, count="7") == [3.0, 7, ""]


@pytest.mark.parametrize(
    ("args", "kwargs", "parameter"),
    [
        (["dear"], {}, "price"), ([], {}, "price"), ([1, 1.5], {}, "count"), ([1, 2, 3], {}, "4"),
        ([1], {"price": 2}, "price"), ([1], {"colour": 1}, "colour"), ([1], {"note": 5}, "note"),
        ([None], {}, "price"), ([[1]], {}, "price"), ([1], {"player": "x"}, "player"),
    ],
)  # fmt: skip
async def test_a_bad_argument_is_named_and_the_method_is_not_entered(
    args: list[Any], kwargs: dict[str, Any], parameter: str
) -> None:
    """The caller reads which parameter and why; nothing has run."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected) as refusal:
            await ann.call("typed", *args, **kwargs)
        assert refusal.value.kind == "BadArguments"
        named = refusal.value.message.partition(":")[0]
        assert named == parameter or parameter.isdigit()
        assert run.session.get("entered") is None
        assert await ann.call("echo", 1) == 1


@pytest.mark.parametrize("name", ["player", "page"])
async def test_any_keyword_cannot_name_what_the_engine_fills_in(name: str) -> None:
    """A method that takes any keyword still gets its own page and player."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected) as refusal:
            await ann.call("options", **{name: 1})
        assert refusal.value.kind == "BadArguments"
        assert run.errors["type"].tolist() == ["BadArguments"]
        assert run.errors["traceback"].isna().all()
        assert await ann.call("options", colour="red") == {"colour": "red"}


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "unmarked", "_private", "__init__", "__class__", "__dict__", "show", "plain_above", "mro",
        "source", "template", "live_methods", "Desk", "echo.__call__", "ECHO", "a\0b", "'; drop",
        "🎈",
    ],
)  # fmt: skip
async def test_only_live_methods_can_be_called(name: str) -> None:
    """Unmarked, private and inherited attributes, hooks and nonsense: refused, nothing run."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected) as refusal:
            await ann.call(name)
        assert refusal.value.kind == "NotLive"
        assert "Desk" not in refusal.value.message
        assert run.session.get("entered") is None
        assert await ann.call("echo", 1) == 1
        calls = run.events.query("kind == 'call'")
        assert calls["value"].map(lambda call: call["outcome"]).tolist() == ["refused", "ok"]


@pytest.mark.long
async def test_hostile_names_are_stored_in_a_database_unchanged(tmp_path: Path) -> None:
    """What a browser sends as a name is only ever text, also for SQLite."""
    options = {"db": tmp_path / "log.sqlite3"}
    names = ["a\0b", "'; drop table events; --", "🎈", "\x7f", "a\\u0000b", "\u2028"]
    with serving(Desk, **options) as run:
        ann = await Browser.open(run)
        for name in names:
            with pytest.raises(Rejected, match="NotLive"):
                await ann.call(name)
    with serving(Desk, **options) as run:
        calls = run.events.query("kind == 'call'")
        assert calls["field"].tolist() == names


async def test_a_live_method_of_a_parent_page_is_live() -> None:
    """Marked methods are inherited as such."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        assert await ann.call("from_above") == "inherited"


HOSTILE_TEXT = '{"op":"invoke","id":"x-1","method":"echo","args":%s,"kwargs":{}}'


@pytest.mark.long
@pytest.mark.parametrize("text", [r'["\ud800"]', r'["\udc00x"]', r'[{"\ud800":1}]'])
async def test_arguments_that_are_not_unicode_are_refused_and_do_no_harm_to_the_log(
    text: str, tmp_path: Path
) -> None:
    """Half an emoji ends its call alone; the session goes on, and can be resumed."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(Desk, **options) as run:
        ann = await Browser.open(run)
        await ann.send(HOSTILE_TEXT % text)
        assert (await ann.frame(lambda frame: frame["op"] == "error"))["id"] == "x-1"
        assert await ann.call("echo", 5) == 5
    with serving(Desk, **options) as run:
        ann = await Browser.open(run)
        assert await ann.call("echo", 6) == 6
        assert (run.events["kind"] == "call").sum() == 2


@pytest.mark.long
@pytest.mark.parametrize("text", ["[1e999]", "[-1e999]", '[{"a":[1e400]}]'])
async def test_numbers_beyond_all_bounds_are_refused_and_do_no_harm_to_the_log(
    text: str, tmp_path: Path
) -> None:
    """The call is answered, again from the log, and the session can be resumed."""
    options = {"db": tmp_path / "log.sqlite3"}
    for _ in range(2):
        with serving(Desk, **options) as run:
            ann = await Browser.open(run)
            await ann.send(HOSTILE_TEXT % text)
            with pytest.raises(Rejected, match="BadArguments"):
                await ann.answer("x-1")
            assert await ann.call("echo", 5) == 5
            outcomes = [call["outcome"] for call in run.events.query("kind == 'call'")["value"]]
            assert outcomes[0] == "refused"


class Forward(Page):
    """Annotated with a class that no cell has defined."""

    @live
    def promised(page, player, x: NotDefinedYet):  # noqa: F821
        return x

    @live
    def echo(page, player, x):
        return x


class Strict(pydantic.BaseModel):
    """A model whose check has a bug."""

    price: float

    @pydantic.field_validator("price")
    @classmethod
    def check(cls, value: float) -> float:
        raise KeyError("a bug in the author's check")


class Modelled(Page):
    """Takes a model."""

    @live
    def offer(page, player, offer: Strict):
        return offer.price

    @live
    def echo(page, player, x):
        return x


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "method", "argument"),
    [(Forward, "promised", 1), (Modelled, "offer", {"price": 1})],
)
async def test_a_mistake_in_the_annotations_disturbs_nobody_else(
    page: type[Page], method: str, argument: Any
) -> None:
    """The caller gets the calm sentence, the researcher the traceback, the others their answers."""
    forward = pytest.warns(UserWarning, match="NotDefinedYet")
    with forward if page is Forward else nullcontext(), serving(page) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        with run.lock:  # so that all arrive in one batch
            asked = await ann.ask(method, argument)
            others = [await bob.ask("echo", n) for n in range(3)]
        with pytest.raises(Rejected, match=CALM):
            await ann.answer(asked)
        assert [await bob.answer(other) for other in others] == [0, 1, 2]
        assert await ann.call("echo", "on we go") == "on we go"
        assert len(run.errors) == 1


# ---- outcomes ----


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Offer:
    price: Decimal
    by: str


class Quote(pydantic.BaseModel):
    bid: float
    ask: float | None = None


RESULTS: dict[str, tuple[Any, Any]] = {
    "none": (None, None),
    "bool": (True, True),
    "text": ("ü</script>\u2028", "ü</script>\u2028"),
    "decimal": (Decimal("12.50"), 12.5),
    "whole decimal": (Decimal("12"), 12),
    "uuid": (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    "moment": (datetime.datetime(2025, 1, 2, 3, 4, 5), "2025-01-02T03:04:05"),
    "day": (datetime.date(2025, 1, 2), "2025-01-02"),
    "enum": (Colour.RED, "red"),
    "dataclass": (Offer(Decimal("1.5"), "ann"), {"price": 1.5, "by": "ann"}),
    "model": (Quote(bid=1.0), {"bid": 1.0, "ask": None}),
    "tuple": ((1, (2,)), [1, [2]]),
    "set": ({3}, [3]),
    "numpy float": (numpy.float64(1.5), 1.5),
    "numpy float32": (numpy.float32(1.5), 1.5),
    "numpy int": (numpy.int64(7), 7),
    "numpy bool": (numpy.bool_(True), True),
    "array": (numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "timestamp": (pandas.Timestamp("2025-01-02"), "2025-01-02T00:00:00"),
    "missing": (pandas.NA, None),
    "not a number": (float("nan"), None),
    "keys": ({1: "a", "b": {None: 2}}, {"1": "a", "b": {"null": 2}}),
    "nested": ({"offers": [Offer(Decimal(2), "bob")]}, {"offers": [{"price": 2, "by": "bob"}]}),
}


class Results(Page):
    """Returns a value of every kind."""

    @live
    def sync(page, player, kind: str):
        return RESULTS[kind][0]

    @live
    async def later(page, player, kind: str):
        await asyncio.sleep(0)
        return RESULTS[kind][0]

    @live
    def tracked(page, player):
        player.book = {"bids": [1, {"price": 2}]}
        return player.book

    @live
    def unsendable(page, player):
        player.reached = True
        return object()

    @live
    def too_large(page, player):
        return 2**70


@pytest.mark.long
async def test_results_of_every_kind_resolve_as_json() -> None:
    """Whatever a method may return reaches the script as the JSON one would expect."""
    with serving(Results) as run:
        ann = await Browser.open(run)
        for kind, (_, expected) in RESULTS.items():
            assert await ann.call("sync", kind) == expected, kind
            assert await ann.call("later", kind) == expected, kind
        assert await ann.call("tracked") == {"bids": [1, {"price": 2}]}


@pytest.mark.parametrize("method", ["unsendable", "too_large"])
async def test_a_result_that_cannot_be_sent_is_the_authors_mistake(method: str) -> None:
    """The participant reads the calm sentence, the researcher what could not be sent."""
    with serving(Results) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected, match=CALM):
            await ann.call(method)
        assert run.errors["field"].tolist() == ["Unsendable"]
        assert await ann.call("sync", "bool") is True


@pytest.mark.parametrize("method", ["fail", "fail_later"])
async def test_an_error_for_the_participant_is_sent_with_type_and_message(
    method: str,
) -> None:
    """Refused reaches the caller as it is and is no trouble for the researcher."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected) as rejection:
            await ann.call(method, "Refused")
        assert (rejection.value.kind, rejection.value.message) == ("Refused", "the text of it")
        assert run.errors.query("field != 'Warning'").empty


@pytest.mark.parametrize("method", ["fail", "fail_later"])
@pytest.mark.parametrize("kind", ["KeyError", "ZeroDivisionError", "SystemExit", "ValueError"])
async def test_any_other_error_is_calm_for_the_participant_and_whole_for_the_researcher(
    method: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No type, text or path reaches the browser; run.errors and stderr have the traceback."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected) as rejection:
            await ann.call(method, kind)
        assert rejection.value.kind == "Error"
        assert rejection.value.message.startswith(CALM)
        error = run.errors.iloc[0]
        assert kind in error["value"]["traceback"]
        assert error["subject"] == f"player/{run.players[0].name}"
        assert error["cause"] == f"Desk.{method}"
        assert "test_calls.py" in error["value"]["traceback"]
        assert "the text of it" in error["value"]["traceback"]
        shown = capsys.readouterr().err
        assert f"Desk.{method}" in shown
        assert "the text of it" in shown
        assert await ann.call("echo", 1) == 1


class Slips(Page):
    """Raises by accident what an author might also raise on purpose."""

    @live
    def index(page, player):
        return [].index(3)

    @live
    def model(page, player):
        return Quote(bid="dear")

    @live
    async def convert(page, player):
        return int("dear")

    @live
    def sized(page, player, amount: int, name: Annotated[str, pydantic.Field(max_length=3)] = ""):
        return amount

    @live
    def dated(page, player, day: datetime.date, kind: Literal["buy", "sell"] = "buy"):
        return kind

    @live
    def positive(page, player, price: Annotated[float, pydantic.Field(gt=0)]):
        return price


@pytest.mark.parametrize("method", ["index", "model", "convert"])
async def test_an_accidental_value_error_is_the_authors_fault(method: str) -> None:
    """The participant reads the calm sentence, and the researcher all of it."""
    with serving(Slips) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected) as rejection:
            await ann.call(method)
        assert rejection.value.kind == "Error"
        assert rejection.value.message.startswith(CALM)
        assert len(run.errors) == 1
        assert "test_calls.py" in run.errors["traceback"][0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "args", "sentence"),
    [
        ("sized", ["dear"], "amount: Please enter a whole number."),
        ("sized", [1.5], "amount: Please enter a whole number."),
        ("sized", [], "amount: This is missing."),
        ("sized", [1, "long"], "name: This text is too long."),
        ("sized", [1, 2], "name: Please enter text."),
        ("sized", [1, "a", 3], "argument 3: This is one value too many."),
        ("dated", ["soon"], "day: Please enter a date."),
        ("dated", ["2026-01-02", "hold"], "kind: Please choose one of the options."),
        ("positive", [-1], "price: This number is too small."),
        ("positive", ["x"], "price: Please enter a number."),
    ],
)  # fmt: skip
async def test_a_participant_reads_a_plain_sentence_about_an_argument(
    method: str, args: list[Any], sentence: str
) -> None:
    """None of pydantic's words; the script gets the parts, to translate them."""
    with serving(Slips) as run:
        ann = await Browser.open(run)
        for _ in range(2):  # the second time it is answered from the log
            await ann.ask(method, *args, call_id="a-1")
            frame = await ann.frame(lambda frame: frame.get("id") == "a-1")
            assert frame["message"] == sentence
            assert f"{frame['parameter']}: {frame['reason']}" == sentence
            assert frame["reason"] in CALL_TEXTS
        assert method in run.errors["message"][0]
        assert frame["reason"] not in run.errors["message"][0]


class Unspeakable(Exception):
    """An exception whose `__str__` fails."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Awkward(Page):
    """Fails in ways that are hard to report."""

    @live
    def surrogate_value_error(page, player):
        raise ValueError("\ud800")

    @live
    def surrogate_error(page, player):
        raise KeyError("\ud800")

    @live
    def unspeakable(page, player):
        raise Unspeakable

    @live
    async def surrogate_value_error_later(page, player):
        raise ValueError("\ud800")

    @live
    async def unspeakable_later(page, player):
        raise Unspeakable

    @live
    async def cancelled(page, player):
        task = asyncio.create_task(asyncio.sleep(3600))
        task.cancel()
        await task

    @live
    async def cancels_itself(page, player):
        asyncio.current_task().cancel()
        await asyncio.sleep(3600)

    @live(thread=True)
    def stop_iteration(page, player):
        return next(iter([]))

    @live
    def stop_iteration_at_once(page, player):
        return next(iter([]))

    @live
    async def stop_iteration_later(page, player):
        return next(iter([]))

    @live(exclusive="session")
    def exit_alone(page, player):
        sys.exit("bye")

    @live(thread=True)
    def exit_in_thread(page, player):
        sys.exit("bye")

    @live
    def print_surrogate(page, player):
        print("\ud800 printed")
        return "printed"

    @live
    def deep(page, player):
        return Awkward.deep(player)

    @live
    def interrupted(page, player):
        raise KeyboardInterrupt

    @live
    def echo(page, player, x):
        return x


@pytest.mark.long
@pytest.mark.parametrize(
    "method",
    [
        "surrogate_value_error", "surrogate_error", "unspeakable", "surrogate_value_error_later",
        "unspeakable_later", "cancelled", "cancels_itself", "stop_iteration", "deep",
        "stop_iteration_at_once", "stop_iteration_later", "exit_alone", "exit_in_thread",
        "interrupted",
    ],
)  # fmt: skip
async def test_however_a_method_fails_the_caller_is_answered_and_all_goes_on(method: str) -> None:
    """Each call gets an outcome, and the next calls of everybody run."""
    with serving(Awkward) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        with pytest.raises(Rejected):
            await ann.call(method)
        assert await ann.call("echo", 1) == 1
        assert await bob.call("echo", 2) == 2


async def test_printing_what_is_not_text_does_not_fail_the_call(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Output is logged as well as possible, and never makes a call fail."""
    sys.stdout.reconfigure(errors="backslashreplace")
    with serving(Awkward) as run:
        ann = await Browser.open(run)
        assert await ann.call("print_surrogate") == "printed"
        assert await ann.call("echo", 1) == 1


# ---- order ----


async def test_calls_of_one_player_run_one_at_a_time_and_in_order() -> None:
    """A call that waits holds up the player's next ones, of whatever kind, and nobody else's."""
    with serving(Ordered, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        asked = [await ann.ask("slow", 1), await ann.ask("at_once", 2), await ann.ask("slow", 3)]
        await until(lambda: ["begin", 0, 1] in run.session.log)
        for x in range(9):  # meanwhile ann's other calls arrive
            await bob.call("at_once", x)
        assert run.session.log == [["begin", 0, 1], *(["at_once", 1, x] for x in range(9))]
        await bob.call("open_gate")
        assert [await ann.answer(one) for one in asked] == [1, None, 3]
        assert [entry for entry in run.session.log if entry[1] == 0] == [
            ["begin", 0, 1], ["end", 0, 1], ["at_once", 0, 2], ["begin", 0, 3], ["end", 0, 3],
        ]  # fmt: skip


@pytest.mark.long
async def test_calls_of_different_players_interleave_only_at_await() -> None:
    """Between two awaits the change of one is whole before the other's begins."""

    class Steps(Page):
        """Adds in two moves."""

        @live
        async def add(page, player):
            for _ in range(50):
                before = player.session.total
                player.session.total = before + 1
                await asyncio.sleep(0)

    with serving(Steps, players=4, names={"new_session": start_total}) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        await together(*[browser.call("add") for browser in browsers])
        assert run.session.total == 200


def start_total(session):
    session.total = 0


@pytest.mark.long
async def test_exclusive_calls_of_a_session_never_overlap_not_even_at_await() -> None:
    """Begin and end of one stand next to each other, whoever calls."""
    with serving(Ordered, names=NAMES, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        calls = [b.call("alone", x) for x in range(5) for b in browsers]
        assert await together(*[calls[n] for n in range(4)]) == [None] * 4
        for at in range(4, len(calls), 4):
            assert await together(*calls[at : at + 4]) == [None] * 4
        log = [list(entry) for entry in run.session.log]
        assert len(log) == 40
        for begin, end in zip(log[::2], log[1::2], strict=True):
            assert begin == ["begin", *end[1:]]
            assert end[0] == "end"


async def test_an_exclusive_call_waits_until_the_one_before_it_is_over() -> None:
    """The second call begins when the first is over, though both belong to different players."""
    with serving(Ordered, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        create_group(run.session, run.players)
        first = await ann.ask("alone_in_group", 1)
        await until(lambda: len(run.session.log) == 1)
        second = await bob.ask("alone_in_group", 2)
        await bob.pong()
        run.spawn(open_soon(run.session.name))
        await ann.answer(first)
        await bob.answer(second)
        assert [entry[:2] for entry in run.session.log] == [
            ["begin", 0], ["end", 0], ["begin", 1], ["end", 1],
        ]  # fmt: skip


async def open_soon(name: str) -> None:
    """Open a gate of the run's loop."""
    GATES[name].set()


@pytest.mark.long
async def test_exclusive_calls_of_different_groups_overlap() -> None:
    """exclusive="group" serialises within a group; another group is not held up."""
    with serving(Ordered, names=NAMES, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        create_group(run.session, run.players[:2])
        create_group(run.session, run.players[2:])
        asked = [await b.ask("alone_in_group", 0) for b in browsers]
        await until(lambda: len(run.session.log) >= 2)
        begun = {entry[1] // 2 for entry in run.session.log}
        assert begun == {0, 1}
        assert len(run.session.log) == 2
        run.spawn(open_soon(run.session.name))
        await together(*[b.answer(a) for b, a in zip(browsers, asked, strict=True)])
        for group in (0, 1):
            log = [entry for entry in run.session.log if entry[1] // 2 == group]
            assert [entry[0] for entry in log] == ["begin", "end", "begin", "end"]


@pytest.mark.long
async def test_a_thread_method_holds_nobody_up() -> None:
    """While it runs, cells and other players go on; its result and its changes arrive."""
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Page):
        """Works off the loop."""

        @live(thread=True)
        def compute(page, player, x: int):
            entered.set()
            assert go_on.wait(10)
            player.result = x * 2
            return [player.result, threading.current_thread().name]

        @live
        def echo(page, player, x):
            return x

    with serving(Slow) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        asked = await ann.ask("compute", 21)
        await until(entered.is_set)
        assert await bob.call("echo", 1) == 1
        run.session.touched = True
        go_on.set()
        result, thread = await ann.answer(asked)
        assert result == 42 == run.players[0].result
        assert not thread.startswith("uproot_nb")
        change = run.events.query("field == 'result'").iloc[0]
        assert change["cause"] == "Slow.compute"
        assert change["actor"] == run.players[0].name


# ---- once ----


class Counter(Page):
    """Counts how often it was called."""

    @live
    def add(page, player, by: int = 1):
        player.count = player.get("count", 0) + by
        return player.count

    @live
    async def add_and_wait(page, player):
        player.count = player.get("count", 0) + 1
        await GATES[player.session.name].wait()
        return player.count

    @live
    def open_gate(page, player):
        GATES[player.session.name].set()

    @live
    def refuse(page, player):
        player.count = player.get("count", 0) + 1
        raise Refused("no")

    @live
    def large(page, player):
        player.count = player.get("count", 0) + 1
        return "x" * 5000

    @live
    def to_next(page, player):
        player.count = player.get("count", 0) + 1
        move_to_page(player, 1)
        return player.count


class Second(Page):
    """The page after it."""

    @live
    def add(page, player, by: int = 1):
        player.count = player.get("count", 0) + by
        return player.count


async def test_a_repeated_id_gets_the_first_outcome_and_runs_nothing() -> None:
    """Results, refusals and large results alike."""
    with serving(Counter) as run:
        ann = await Browser.open(run)
        first = await ann.call("add", call_id="a-1")
        assert await ann.call("add", call_id="a-1") == first == 1
        assert await ann.call("add", 10, call_id="a-1") == 1
        for _ in range(2):
            with pytest.raises(Rejected, match="Refused: no"):
                await ann.call("refuse", call_id="a-2")
        assert await ann.call("large", call_id="a-3") == await ann.call("large", call_id="a-3")
        assert run.players[0].count == 3


async def test_ids_without_a_number_are_known_again_too() -> None:
    """An id is any text."""
    with serving(Counter) as run:
        ann = await Browser.open(run)
        for call_id in ("x", "a-b", "-", "é", "7", "a-07", "a-1e5", "a--1"):
            before = run.players[0].get("count", 0)
            assert await ann.call("add", call_id=call_id) == before + 1
            assert await ann.call("add", call_id=call_id) == before + 1


async def test_the_same_id_of_another_player_is_another_call() -> None:
    """Ids belong to their player."""
    with serving(Counter) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert await ann.call("add", 1, call_id="a-1") == 1
        assert await bob.call("add", 5, call_id="a-1") == 5


async def test_an_id_repeated_in_flight_over_a_new_connection_runs_once() -> None:
    """The call cut off by a lost connection goes on; the new connection gets its outcome."""
    with serving(Counter, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.ask("add_and_wait", call_id="a-1")
        await until(lambda: run.players[0].get("count") == 1)
        await ann.reconnect()
        await ann.ask("add_and_wait", call_id="a-1")
        await ann.ask("add_and_wait", call_id="a-1")
        await bob.call("open_gate")
        assert await ann.answer("a-1") == 1
        assert await ann.answer("a-1") == 1
        assert run.players[0].count == 1


async def test_a_call_whose_reply_was_lost_is_answered_after_the_reconnect() -> None:
    """The browser asks again; the method does not run again."""
    with serving(Counter) as run:
        ann = await Browser.open(run)
        await ann.ask("add", call_id="a-1")
        await until(lambda: run.players[0].get("count") == 1)
        await ann.reconnect()
        assert await ann.call("add", call_id="a-1") == 1
        assert run.players[0].count == 1


@pytest.mark.long
async def test_a_repeated_id_is_answered_from_the_log_by_the_next_run(tmp_path: Path) -> None:
    """Also after the kernel was restarted, the first outcome stands."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(Counter, **options) as run:
        ann = await Browser.open(run)
        await ann.call("add", 5, call_id="a-1")
        with pytest.raises(Rejected):
            await ann.call("refuse", call_id="a-2")
        with pytest.raises(Rejected):
            await ann.call("nothing", call_id="a-3")
    with serving(Counter, **options) as run:
        again = await Browser.open(run)
        assert await again.call("add", 5, call_id="a-1") == 5
        with pytest.raises(Rejected, match="Refused: no"):
            await again.call("refuse", call_id="a-2")
        with pytest.raises(Rejected, match="NotLive"):
            await again.call("nothing", call_id="a-3")
        assert run.players[0].count == 6
        assert await again.call("add", call_id="a-4") == 7


async def test_a_call_that_moved_its_player_is_not_run_again_on_the_next_page() -> None:
    """The repeated id gets the outcome; the next page's method of that name is not entered."""
    with serving(Counter, Second) as run:
        ann = await Browser.open(run)
        assert await ann.call("to_next", call_id="a-1") == 1
        assert await ann.call("to_next", call_id="a-1") == 1
        assert run.players[0].count == 1


async def test_a_call_is_not_run_again_when_its_player_was_put_on_the_same_page_meanwhile() -> None:
    """The researcher sets a player back; the browser, which lost the reply, asks again."""
    with serving(Counter, Second) as run:
        ann = await Browser.open(run)
        await ann.call("add", call_id="a-1")
        await ann.disconnect()
        move_to_page(run.players[0], Counter)
        await ann.connect()
        await ann.ask("add", call_id="a-1")
        await ann.frame(lambda frame: frame.get("id") == "a-1")
        assert run.players[0].count == 1


async def test_a_stale_page_cannot_call() -> None:
    """A tab that still shows a page its player has left is refused, in either direction."""
    with serving(Counter, Second) as run:
        ann = await Browser.open(run)
        old = await Browser.open(run)
        await ann.submit()
        await ann.load()
        await ann.reconnect()
        assert run.players[0].page == "Second"
        with pytest.raises(Rejected) as refusal:
            await old.call("add")
        assert refusal.value.kind == "StalePage"
        assert run.players[0].get("count") is None
        assert await ann.call("add") == 1
        move_to_page(run.players[0], 0)
        with pytest.raises(Rejected, match="StalePage"):
            await ann.call("add")


async def test_a_call_that_waited_in_line_is_stale_once_the_one_before_has_left_the_page() -> None:
    """What counts is the page at the moment at which the call would run."""
    with serving(Counter, Second) as run:
        ann = await Browser.open(run)
        asked = [await ann.ask("to_next"), await ann.ask("add")]
        assert await ann.answer(asked[0]) == 1
        with pytest.raises(Rejected, match="StalePage"):
            await ann.answer(asked[1])
        assert run.players[0].count == 1


# ---- cut off ----


async def in_child(player):
    """Change something in a task of its own, then wait."""
    player.count = player.get("count", 0) + 1
    await asyncio.sleep(3600)


class CutOff(Page):
    """Methods that are cut off after their first effects were committed."""

    @live
    async def plain(page, player):
        await in_child(player)

    @live
    async def second_step(page, player):
        await asyncio.sleep(0)
        await in_child(player)

    @live
    async def gathered(page, player):
        await asyncio.gather(in_child(player), asyncio.sleep(3600))

    @live
    async def child_task(page, player):
        await asyncio.create_task(in_child(player))

    @live
    async def grouped(page, player):
        async with asyncio.TaskGroup() as group:
            group.create_task(in_child(player))

    @live
    async def timed(page, player):
        async with asyncio.timeout(3600):
            await in_child(player)

    @live(exclusive="session")
    async def alone(page, player):
        await in_child(player)

    @live(thread=True)
    def threaded(page, player):
        player.count = player.get("count", 0) + 1
        assert STOP.wait(20)


STOP = threading.Event()
CUT_OFF = [
    "plain", "second_step", "gathered", "child_task", "grouped", "timed", "alone", "threaded",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("method", CUT_OFF)
async def test_a_call_cut_off_after_its_first_effects_is_never_run_twice(
    method: str, tmp_path: Path
) -> None:
    """A kernel dies after part of a call was committed: its repetition gets 'Interrupted'."""
    first, copy = tmp_path / "first.sqlite3", tmp_path / "copy.sqlite3"
    STOP.clear()
    with serving(CutOff, db=first) as run:
        ann = await Browser.open(run)
        await ann.ask(method, call_id="a-1")
        await until(lambda: "count" in run.events["field"].tolist())
        source, target = sqlite3.connect(first), sqlite3.connect(copy)
        source.backup(target)  # what another process finds if this one dies now
        source.close()
        target.close()
        STOP.set()
    with serving(CutOff, db=copy) as run:
        again = await Browser.open(run)
        with pytest.raises(Rejected) as rejection:
            await again.call(method, call_id="a-1")
        assert rejection.value.kind == "Interrupted"
        assert run.players[0].count == 1


@pytest.mark.long
async def test_a_call_that_had_changed_nothing_may_run_after_the_restart(tmp_path: Path) -> None:
    """Nothing of it is in the log, so its repetition is the first run."""

    class Patient(Page):
        """Waits first."""

        @live
        async def wait_first(page, player):
            if not WAITED:
                WAITED.append(True)
                await asyncio.sleep(3600)
            player.count = player.get("count", 0) + 1
            return player.count

    options = {"db": tmp_path / "log.sqlite3"}
    WAITED.clear()
    with serving(Patient, **options) as run:
        ann = await Browser.open(run)
        await ann.ask("wait_first", call_id="a-1")
        await until(lambda: WAITED)
    with serving(Patient, **options) as run:
        again = await Browser.open(run)
        assert await again.call("wait_first", call_id="a-1") == 1


WAITED: list[bool] = []


async def test_reading_the_past_within_a_call_commits_no_half_of_it() -> None:
    """player.history() in the middle of a method does not cut the method's transaction in two."""
    batches: list[list[str]] = []

    class Historian(Page):
        """Looks back between two changes."""

        @live
        def look(page, player):
            player.a = 1
            seen = len(player.history("a"))
            player.b = 2
            return seen

    with serving(Historian) as run:
        ann = await Browser.open(run)
        log = run._runtime.world.log
        append = log.append

        def noting(events: Any) -> None:
            batches.append([event.field or event.kind for event in events])
            append(events)

        log.append = noting  # type: ignore[method-assign]
        assert await ann.call("look") == 1
        assert ["a", "b", "look"] in [[f for f in b if f in "a b look"] for b in batches]


# ---- pausing ----


async def test_calls_wait_while_the_run_is_paused_and_go_on_in_order() -> None:
    """Participants read it; nothing is refused, nothing is lost."""
    with serving(Counter) as run:
        ann = await Browser.open(run)
        await ann.settle()
        run.pause()
        while await ann.status() != "paused":
            pass
        asked = [await ann.ask("add", n) for n in (1, 10, 100)]
        await ann.pong()
        assert run.players[0].get("count") is None
        run.resume()
        assert [await ann.answer(one) for one in asked] == [1, 11, 111]
        assert await ann.status() == "running"


# ---- what must not get into the log ----

UNREADABLE = ["1" * 400, "1" * 4301, "1e999", "-1e400", "NaN", r'"\ud83d"']


async def send_raw(run: Run, player: int, call_id: str, method: str, argument: str) -> None:
    """Let the kernel receive a call as it came from a browser, whatever the server thinks of it."""
    name = run.players[player].name
    position = run._runtime.world.state.players[name].position
    runtime = run._runtime
    invoke = Invoke(
        1, 1, runtime.world.key, name, position, call_id, method, f"[{argument}]".encode(), b"{}"
    )
    runtime.loop.call_soon_threadsafe(runtime.inbox.receive, [invoke])


@pytest.mark.long
@pytest.mark.parametrize("argument", UNREADABLE)
@pytest.mark.parametrize("method", ["nope", "echo"])
@pytest.mark.sample(3)
async def test_arguments_that_cannot_be_read_never_get_into_the_log(
    argument: str, method: str, tmp_path: Path
) -> None:
    """Unknown methods too: tables, exports, repeated calls, restarts and reruns go on working."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(Desk, **options) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await send_raw(run, 0, "evil-5", method, argument)
        await send_raw(
            run, 0, "evil-1", method, "1"
        )  # a lower number: looked for as a repeated one
        assert await bob.call("echo", 1) == 1
        assert await ann.call("echo", 2) == 2
        assert run.calls["outcome"].tolist() == ["refused", "ok", "ok"]
        assert len(run.export(tmp_path / "all.zip").read_bytes()) > 0
        assert rerun(run, [Desk], namespace={}).same
    with serving(Desk, **options) as run:
        assert len(run.calls) == 3


async def test_the_log_has_a_short_head_of_a_refused_call() -> None:
    """Large arguments and names of a call that never ran are not written to the disk."""
    with serving(Desk) as run:
        ann = await Browser.open(run)
        for method, args, kwargs in (
            ("nope", ["x" * 50_000], {}), ("typed", [], {"k" * 50_000: 1}), ("typed", ["dear"], {}),
        ):  # fmt: skip
            with pytest.raises(Rejected):
                await ann.call(method, *args, **kwargs)
        rows = run.events.query("kind == 'call'")["value"].array.texts
        assert max(map(len, rows)) < 1000
        assert run.calls["args"].tolist() == [None, None, ["dear"]]


POISON = (
    '{"id":"evil-5","page":0,"args":[%s],"kwargs":{},"outcome":"refused","error":"NotLive",'
    '"message":"This action is not available on this page.","ms":0.1}'
)


NESTED = ["[" * depth + "]" * depth for depth in (1500, 30_000)]


@pytest.mark.long
@pytest.mark.parametrize(
    "argument", [*UNREADABLE, *NESTED], ids=lambda text: text[:9] + str(len(text))
)
@pytest.mark.sample(3)
async def test_a_log_that_holds_an_unreadable_call_opens_and_can_be_read(
    argument: str, tmp_path: Path
) -> None:
    """An early version wrote such rows; nothing about the session is lost by them."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(Desk, **options) as run:
        ann = await Browser.open(run)
        await ann.call("echo", 1)
        name = run.players[0].name
        with run.lock:
            cause = Cause(name, "Desk", "Desk.nope", "")
            run._runtime.world.journal.write_for(
                cause, "call", f"player/{name}", "nope", POISON % argument
            )
        run._runtime.world.journal.take_snapshot = lambda: None  # as after a kill
    with serving(Desk, **options) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected, match="NotLive"):
            await ann.call("nope", call_id="evil-5")
        with pytest.raises(Rejected):
            await ann.call("echo", call_id="evil-1")
        assert await ann.call("echo", 2) == 2
        assert run.calls["outcome"].tolist() == ["ok", "refused", "ok"]
        assert [value["id"] for value in run.events.query("field == 'nope'")["value"]] == ["evil-5"]
        for form in ("csv", "parquet", "jsonl"):
            assert len(run.export(tmp_path / f"{form}.zip", format=form).read_bytes()) > 0
        assert rerun(run, [Desk], namespace={}).same


async def test_a_message_that_fails_delays_no_other_and_leaves_the_connection_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fault of ours is reported; the caller is answered, and those in the same batch as well."""
    with serving(Desk) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        calls, name = run._runtime.calls, run.players[0].name
        receive = calls.receive

        def failing(invoke: Any) -> None:
            if invoke.player == name:
                raise ZeroDivisionError("a fault of ours")
            receive(invoke)

        monkeypatch.setattr(calls, "receive", failing)
        with run.lock:
            asked = [await ann.ask("echo", 1), await bob.ask("echo", 2)]
        with pytest.raises(Rejected, match=CALM):
            await ann.answer(asked[0])
        assert await bob.answer(asked[1]) == 2
        assert run.errors["type"].tolist() == ["ZeroDivisionError"]
        assert await bob.pong() == []


@pytest.mark.long
@pytest.mark.parametrize("method", ["add", "large"])
async def test_an_old_call_that_is_repeated_costs_a_few_rows_hit_or_miss(
    method: str, tmp_path: Path
) -> None:
    """Of however many calls, by an index in the rows; large results are no exception."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(Counter, **options) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        first = await ann.call(method, call_id="a-1")
        for number in range(2, 130):
            await ann.call("add", call_id=f"a-{number}")
            await bob.call("add")
    with serving(Counter, **options) as run:
        ann = await Browser.open(run)
        rows = 0
        read = run._runtime.world.log.read

        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal rows
            for event in read(*args, **kwargs):
                rows += 1
                yield event

        run._runtime.world.log.read = counted  # type: ignore[method-assign]
        for _ in range(50):
            assert await ann.call(method, call_id="a-1") == first
            with pytest.raises(Rejected):
                await ann.call("add", call_id="a-0")
        assert rows < 100 * 30
        assert run.players[0].count == 129


@pytest.mark.long
async def test_a_call_repeated_after_many_page_loads_and_a_restart_runs_once(
    tmp_path: Path,
) -> None:
    """A tab that slept while its player loaded the page again and again."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(Counter, **options) as run:
        ann = await Browser.open(run)
        for load in range(300):
            await ann.call("add", call_id=f"load{load}-1")
    for _ in range(2):
        with serving(Counter, **options) as run:
            ann = await Browser.open(run)
            with suppress(Rejected):
                await ann.call("add", call_id="load0-1")
            assert run.players[0].count == 300
