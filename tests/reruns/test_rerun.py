"""replay and rerun: a recorded session once more, with its own code and with another."""
# ruff: noqa: ANN001, ANN201, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving, set_clock, until
from uproot_nb import (
    Between,
    GroupCreatingWait,
    IntegerField,
    Page,
    Random,
    Repeat,
    Rounds,
    Run,
    SynchronizingWait,
    UprootError,
    add_raw_entry,
    create_model,
    live,
    mark_dropout,
    move_to_page,
    notify,
    players,
    replay,
    rerun,
    researcher_chat,
    rng,
    room,
    send_to,
    send_to_one,
    spawn,
    uuid,
    watch_for_dropout,
)
from uproot_nb.flow.timeouts import EARLY
from uproot_nb.log.events import Event
from uproot_nb.market import InducedValues, MarketPage
from uproot_nb.market.traders import ZIC, market_bot
from uproot_nb.monitor.monitor import Monitor
from uproot_nb.reruns.comparison import alike, first_difference
from uproot_nb.reruns.recorded_time import RecordedLoop

RULE = {"factor": 2}
"""The payoff rule; a test changes it between recording and rerun."""


unanswered = pytest.mark.filterwarnings("ignore:Not answered")
"""Moves players past forms, of which `run.advance` warns."""


@pytest.fixture(autouse=True)
def two_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULE, "factor", 2)


def new_session(session):
    session.trades = []
    session.luck = rng().random()


def new_player(player):
    player.cash = 100
    player.draw = rng().randint(1, 10**9)


NAMES: dict[str, Any] = {"new_session": new_session, "new_player": new_player}


class Market(Page):
    """A market."""

    @live
    def buy(page, player, price: int):
        player.cash -= price * RULE["factor"]
        player.session.trades.append({"buyer": player.id, "price": price, "luck": rng().random()})
        notify(player, players(player.session), price, event="Trade")
        return player.cash

    @live
    async def think(page, player):
        await asyncio.sleep(0.02)
        player.thought = rng().random()

        async def later() -> None:
            await asyncio.sleep(0.01)
            player.later = 1

        spawn(later())
        return "done"


class Pair(GroupCreatingWait):
    """Two make a group."""

    group_size = 2


class Ask(Page):
    """A question."""

    fields = {"number": IntegerField(label="Number", min=0, max=9)}


class Sum(SynchronizingWait):
    """Who was quick waits."""

    def all_here(page, group):
        for player in group.players:
            player.payoff = RULE["factor"] * sum(p.number for p in group.players)


class Timed(Page):
    """A page with little time."""

    timeout = 0.1

    def timeout_reached(page, player):
        player.late = True


class Tell(Page):
    """The result."""


GAME = [Pair, Ask, Sum, Random(Tell, Timed)]


async def trade(run: Run) -> None:
    ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
    await ann.call("buy", 3)
    await bob.call("buy", 5)
    await asyncio.gather(ann.call("think"), bob.call("buy", 1))
    await until(lambda: run.players[0].get("later") == 1)
    with pytest.raises(Exception, match="price"):
        await bob.call("buy", "much")
    run.session.tax = 3
    await ann.disconnect()
    await until(lambda: not run.players[0].online)


@pytest.mark.long
async def test_the_same_code_makes_no_difference_to_live_calls() -> None:
    with serving(Market, names=NAMES) as run:
        await trade(run)
        again = rerun(run, [Market], namespace=NAMES)
        assert again.differences.empty, again
        assert again.first is None
        assert again.same
        assert again.repeated["call"] == 5
        assert "no difference" in repr(again)
        assert again.state["cash"].tolist() == run.state["cash"].tolist() == [94, 88]


def helped(player):
    researcher_chat(player)


@pytest.mark.long
async def test_what_participants_and_the_researcher_write_to_each_other_comes_again() -> None:
    names = {"new_player": helped}
    with serving(Market, names=names) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.call("_uproot_chat_send", researcher_chat(run.players[0]).name, "Help")
        run.answer(run.players[0], "Yes.")
        Monitor(run._runtime, run, lambda message: None)._do(
            "answer", {"players": [run.players[1].name], "text": "Hello."}
        )
        researcher_chat(run.players[1], replies=False)
        await bob.settle()
        again = rerun(run, [Market], namespace=names)
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
        columns = ["player", "sender", "text"]
        assert again.chats[columns].values.tolist() == run.chats[columns].values.tolist()
        assert again.chats["text"].tolist() == ["Help", "Yes.", "Hello."]


@pytest.mark.long
async def test_another_rule_is_named_with_the_first_call_that_feels_it() -> None:
    with serving(Market, names=NAMES) as run:
        await trade(run)
        RULE["factor"] = 3
        again = rerun(run, [Market], namespace=NAMES)
        first = again.first
        assert first is not None
        assert not again.same
        assert (first.what, first.args, first.player) == ("Market.buy", [3], run.players[0].name)
        assert (first.field, first.recorded, first.now) == ("cash", 94, 91)
        assert again.differences["field"].tolist() == ["cash", "cash"]
        assert "Market.buy(3)" in again._repr_html_()


async def submitted(run: Run) -> None:
    ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
    await until(lambda: run.players[0].page == run.players[1].page == "Ask")
    for number, one in enumerate((ann, bob)):
        await one.load()
        await one.disconnect()
        await one.connect()
        await one.submit(number=str(4 + number))
        await one.fetch()
    await until(lambda: all(p.page in ("Tell", "Timed") for p in run.players))
    for one, player in zip((ann, bob), run.players, strict=True):
        if player.page == "Tell":
            await one.load()
            await one.submit()
            await one.load()
        await one.disconnect()
    await until(lambda: all(p.get("late") for p in run.players))


@pytest.mark.long
async def test_the_same_code_makes_no_difference_to_forms_waits_and_timeouts() -> None:
    with serving(*GAME, names=NAMES) as run:
        await submitted(run)
        again = rerun(run, GAME, namespace=NAMES)
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
        assert again.repeated["submit"] >= 2
        assert again.state["payoff"].tolist() == [18, 18]


@pytest.mark.long
async def test_another_rule_is_named_with_the_hook_that_feels_it() -> None:
    with serving(*GAME, names=NAMES) as run:
        await submitted(run)
        RULE["factor"] = 3
        again = rerun(run, GAME, namespace=NAMES)
        assert again.first is not None
        assert again.first.what == "Sum.all_here"
        assert (again.first.field, again.first.recorded, again.first.now) == ("payoff", 18, 27)
        assert set(again.differences["field"]) == {"payoff"}


class Drawn(Page):
    """Each hook draws, and the form is made for the player: the log keeps what it asks."""

    def before_once(page, player):
        player.early = rng().random()

    def fields(page, player):
        player.range = rng().randint(5, 9)
        return {"number": IntegerField(label="Number", min=0, max=player.range)}

    def templatevars(page, player):
        player.shown = rng().random()
        return {}


@pytest.mark.long
async def test_what_a_form_asks_is_kept_and_makes_no_difference_to_draws() -> None:
    names = {**NAMES, "codebook": {"player.early": "drawn early"}}
    with serving(Drawn, Tell, names=names) as run:
        for number in range(2):
            one = await Browser.open(run, number)
            await one.submit(number=str(number))
            await one.fetch()
            await one.disconnect()
        await until(lambda: all(p.page == "Tell" for p in run.players))
        kept = run.events.query("kind == 'code' and cause == 'Drawn.fields'")
        assert [set(value["fields"]) for value in kept["value"]] == [{"number"}]
        again = rerun(run, [Drawn, Tell], namespace=names)
        assert again.same, again.first
        drawn = ["early", "range", "shown", "number"]
        assert again.state[drawn].equals(run.state[drawn])


@pytest.mark.long
async def test_replay_gives_the_states_that_at_gives() -> None:
    with serving(Market, names=NAMES) as run:
        await trade(run)
        moments = list(replay(run))
        assert moments[-1].state.equals(run.state)
        for moment in moments:
            assert moment.state.equals(run.at(moment.seq))


@pytest.mark.long
async def test_replay_waits_as_participants_did_and_so_many_times_as_fast() -> None:
    with serving(Market, names=NAMES) as run:
        await trade(run)
        now, waits = [0.0], []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            now[0] += seconds

        moments = list(replay(run, speed=10, clock=lambda: now[0], sleep=sleep))
        assert sum(waits) == pytest.approx((moments[-1].time - moments[0].time) / 10)


@pytest.mark.long
async def test_replay_gives_a_state_every_so_many_seconds() -> None:
    with serving(Market, names=NAMES) as run:
        await trade(run)
        times = [moment.time for moment in replay(run, every=0.01)]
        steps = [b - a for a, b in pairwise(times[:-1])]
        assert steps == pytest.approx([0.01] * len(steps), abs=1e-5)
        with pytest.raises(UprootError, match="above 0"):
            replay(run, every=0)


class Desk(Page):
    """A page with a model, and a watch for those who leave."""

    @live
    def note(page, player, text: str):
        player.session.notes = [*player.session.get("notes", []), uuid()]
        add_raw_entry(player.session.diary, {"text": text})
        print("noted", text)
        return rng().random()


def left(player):
    player.gone = True


def desk_session(session):
    session.diary = create_model(session, tag="diary")


def desk_player(player):
    player.draw = rng().random()
    watch_for_dropout(player, left, tolerance=0.05)


DESK: dict[str, Any] = {"new_session": desk_session, "new_player": desk_player, "left": left}


def patient_player(player):
    """Whose time is not up before a cell says so, however busy the machine is."""
    player.draw = rng().random()
    watch_for_dropout(player, left, tolerance=2.0)


@pytest.mark.long
async def test_rooms_moves_pauses_models_and_dropouts_come_again() -> None:
    names = {**DESK, "new_player": patient_player}
    with serving(Desk, Tell, names=names, players=1) as run:
        await Browser(run.join_link).fetch(body={"_uproot_visit": "visit-0123456789-abcdef"})
        lab = run.room(room("lab", labels=["p1", "p2"]))
        visitor = Browser(f"{lab.url}")
        shown = await visitor.fetch("?label=p1")
        visit = re.search(r'name="_uproot_visit" value="([^"]+)"', shown.body.decode())
        assert visit is not None
        await visitor.fetch(body={"label": "p1", "_uproot_visit": visit[1]})
        assert len(run.players) == 2
        ann = await Browser.open(run, 0)
        await ann.call("note", "one")
        run.pause()
        waiting = await ann.ask("note", "two")
        run.resume()
        await ann.answer(waiting)
        move_to_page(run.players[1], Tell)
        mark_dropout(run.players[1])
        await ann.disconnect()
        await until(lambda: all(p.get("gone") for p in run.players))
        again = rerun(run, [Desk, Tell], namespace=names)
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
        assert again.repeated["room"] == 1


@pytest.mark.long
@unanswered
async def test_what_a_researcher_steers_comes_again() -> None:
    """By a cell or the monitor; bots that a cell lets in; more places."""
    with serving(Ask, Tell, Desk, names=DESK, players=3) as run:
        ann, bob, _ = run.players
        for browser in (await Browser.open(run, 0), await Browser.open(run, 1)):
            await browser.load()
        run.advance(ann)
        run.advance([ann, bob])
        run.revert(ann)
        monitor = Monitor(run._runtime, run, lambda message: None)
        assert "error" not in monitor._do("advance", {"players": [bob.name]})
        run.bots(2).wait(30.0)  # one takes the place that is free, one a new one
        run.move_to_end(ann)
        run._runtime.add_places(5)
        again = rerun(run, [Ask, Tell, Desk], namespace=DESK)
        assert again.same, f"{again!r}\n{again.differences}"
        assert again.state["page"].tolist() == run.state["page"].tolist()
        assert "left out" not in again.repeated


@pytest.mark.long
@unanswered
@pytest.mark.parametrize(
    "order",
    [[Rounds(Tell, Ask, n=2)], [Between(Ask, Tell), Rounds(Ask, n=2)], [Repeat(Ask, Tell), Desk]],
)
async def test_a_move_tells_the_round_by_itself(order: list[Any]) -> None:
    with serving(*order, names=DESK, players=2) as run:
        await asyncio.gather(Browser.open(run, 0), Browser.open(run, 1))
        for _ in range(2):
            run.advance(run.players)
            await until(lambda: all(map(run._runtime.flow.moves.has_arrived, run.players)))
        again = rerun(run, order, namespace=DESK)
        assert again.same, f"{again!r}\n{again.differences}"


def gone(player):
    player.is_away = True


@pytest.mark.long
async def test_whom_a_cell_watches_drops_out_again() -> None:
    with serving(Ask, Tell, names={"gone": gone}, players=2) as run:
        for player in run.players:
            watch_for_dropout(player, gone, tolerance=0.02)
        await (await Browser.open(run, 0)).disconnect()
        await until(lambda: run.players[0].get("is_away"))
        again = rerun(run, [Ask, Tell], namespace={"gone": gone})
        assert again.same, f"{again!r}\n{again.differences}"
        assert again.repeated["watch"] == 2


async def test_an_hour_in_which_nobody_comes_costs_a_rerun_no_timers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a run looks after periodically, by clocks of its own, is not repeated."""
    with serving(Market, Tell, names=NAMES, players=1) as run:
        gone_by = [0.0]
        set_clock(run, lambda: time.time() + gone_by[0])
        ann = await Browser.open(run)
        await ann.call("buy", 3)
        gone_by[0] = 3600.0
        await ann.call("buy", 4)
        set_timers: list[float] = []
        set_timer = RecordedLoop.call_at

        def noted(loop: RecordedLoop, when: float, *what: Any, **how: Any) -> asyncio.TimerHandle:
            set_timers.append(when)
            return set_timer(loop, when, *what, **how)

        monkeypatch.setattr(RecordedLoop, "call_at", noted)
        again = rerun(run, [Market, Tell], namespace=NAMES)
        assert again.same, f"{again!r}\n{again.differences}"
        assert again.repeated["call"] == 2
        assert len(set_timers) < 20


class Trading(MarketPage):
    """A market that ends by the clock, and a fee that a live method takes."""

    seconds = 10

    def open_market(page, market, traders):
        names = [trader.name for trader in traders]
        market.induce(
            InducedValues.symmetric(
                names[::2], names[1::2], highest=120, lowest=20, step=10, units=2
            )
        )

    @live
    def pay(page, player, units: int):
        player.fee = units * RULE["factor"]
        return player.fee


@pytest.mark.long
@pytest.mark.slow
async def test_a_timed_market_of_bots_makes_no_difference_but_another_payoff_rule_does() -> None:
    with serving(Trading, Tell, names={}, players=4, seed=5) as run:
        ann = await Browser.open(run, 0)
        assert await ann.call("pay", 4) == 8
        await ann.disconnect()
        bots = run.bots([market_bot(ZIC(), pace=0.01) for _ in range(4)], seed=3)
        assert await asyncio.to_thread(bots.wait, 60), bots.status.to_string()
        again = rerun(run, [Trading, Tell], namespace={})
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
        assert again.repeated["call"] > 4
        RULE["factor"] = 3
        first = rerun(run, [Trading, Tell], namespace={}).first
        assert first is not None
        assert (first.what, first.args, first.player) == ("Trading.pay", [4], run.players[0].name)
        assert (first.field, first.recorded, first.now) == ("fee", 8, 12)


@pytest.mark.long
async def test_what_came_a_moment_too_late_is_too_late_again() -> None:
    """And a moment before the end in time; of another end, today's clock decides."""

    class Market(MarketPage):
        """Trade."""

        seconds = 60

    with serving(Market, Tell, names={}, players=2) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        end = run.players[0]._state.deadline
        clock = [end - EARLY - 1e-6]
        set_clock(run, lambda: clock[0])
        await ann.call("send_order", "market", "buy", 5)
        clock[0] = end - EARLY + 1e-6
        with pytest.raises(Rejected, match="closed"):
            await ann.call("send_order", "market", "buy", 6)
        clock[0] = end + 1
        with pytest.raises(Rejected, match="closed"):
            await bob.call("send_order", "market", "sell", 6)
        again = rerun(run, [Market, Tell], namespace={})
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
        Market.seconds = 90
        calls = rerun(run, [Market, Tell], namespace={}).calls
        orders = calls[calls["method"] == "send_order"]
        assert orders["outcome"].tolist() == ["ok"] * 3


def test_how_a_market_shows_a_trade_may_differ_from_version_to_version() -> None:
    """What an order has come to, and what is stored, may not."""

    def log(traded: int, seq: int, *shown: Event) -> list[Event]:
        result = {"market": "market", "order": 1, "resting": 0, "traded": traded, "seq": seq}
        value = {"page": "a", "id": "a-1", "args": [5], "kwargs": {}, "outcome": "ok"}
        text = json.dumps({**value, "result": result})
        where = "ann", "Trading", "a-1", ""
        return [Event(1, 1.0, "lab", "call", "player/ann", "send_order", text, *where), *shown]

    text = '{"recipients":["bob"],"data":{"before":2,"seq":5,"changes":[]}}'
    push = Event(2, 1.0, "lab", "notify", "", "UprootMarket", text, "ann", "Trading", "a-1", "")
    with serving(Tell, names={}, players=1) as run:
        codec = run._runtime.world.codec
    recorded = log(1, 5, push)
    assert first_difference(recorded, log(1, 3), lambda event: event.seq, codec) is None
    found = first_difference(recorded, log(2, 3), lambda event: event.seq, codec)
    assert found is not None
    assert found.field == "result"


def test_only_times_by_the_clock_may_be_a_little_different() -> None:
    def one(ends: object, at: object = 0) -> str:
        return f'{{"ends":{ends},"at":[{at},{ends}]}}'

    assert alike(one(1764000000.25), one(1764000001.5))
    assert alike("1764000000.25", "1764000001.5")
    assert not alike(one(1764000000.25), one(1764000060.25))
    assert not alike(one(1764000000.25), one(1764000000))
    assert not alike(one(1764000000), one(1764000001))
    assert not alike(one(1764000000.25, 1), one(1764000000.25, 2))
    assert not alike('"1764000000.25"', '"1764000000.5"')
    assert not alike("17640000000.25", "17640000000.5")
    assert not alike(None, "1764000000.25")
    assert alike(None, None)


def test_a_payoff_that_was_stored_as_a_plain_number_is_the_same_as_a_decimal() -> None:
    assert alike("14", '{"$decimal":"14"}')
    assert alike('[0.5,"x"]', '[{"$decimal":"0.5"},"x"]')
    assert not alike("14", '{"$decimal":"15"}')
    assert not alike('"14"', '{"$decimal":"14"}')


@unanswered
async def test_what_a_cell_did_is_told_as_the_cells() -> None:
    """A cell is no function, and the researcher no player."""
    with serving(Ask, Tell, names={}, players=1) as run:
        run.advance(run.players[0])
        run.advance(run.players[0])
        first = rerun(run, [Ask], namespace={}).first
        assert first is not None
        assert "script: page of player/" in str(first)
        assert "()" not in str(first)
        assert "player/researcher" not in str(first)


@pytest.mark.parametrize("told", ["log.sqlite3", Path("log.sqlite3"), 7, None])
def test_what_is_no_session_is_refused_with_what_to_give_instead(told: Any) -> None:
    with pytest.raises(UprootError, match="open_log"):
        rerun(told, [Market], namespace={})
    with pytest.raises(UprootError, match="open_log"):
        replay(told)


class Pay(Page):
    """An account number that is not to be kept."""

    fields = {"age": IntegerField(label="Age", min=1, max=99), "pin": IntegerField(label="PIN")}
    stealth_fields = ["pin"]

    def handle_stealth_fields(page, player, pin):
        player.paid = True


@pytest.mark.long
async def test_a_form_with_stealth_fields_is_not_kept_and_taken_as_it_came_out() -> None:
    with serving(Pay, Tell, names={}, players=1) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(age="30", pin="4711")
        await until(lambda: run.players[0].page == "Tell")
        assert not any("4711" in str(text) for text in run.events["value"].array.texts)
        again = rerun(run, [Pay, Tell], namespace={})
        assert again.repeated["not kept"] == 1
        assert again.state["age"].tolist() == [30]
        assert again.same, again


class Turns(Page):
    """Its calls take turns in many steps, and each sees what the others have done."""

    @live
    async def work(page, player, steps: int):
        seen = []
        for _ in range(steps):
            seen.append(player.session.total)
            player.session.total += 1 + player.id
            await asyncio.sleep(0)
        player.seen = seen
        player.luck = rng().random()
        return seen

    @live
    async def two_at_once(page, player):
        async def one(name: str) -> None:
            for _ in range(3):
                player.session.total += 1
                await asyncio.sleep(0)
                setattr(player, name, player.session.total)

        await asyncio.gather(one("left"), one("right"))

    @live
    async def look(page, player):
        before = player.session.total
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        player.looked = [before, player.session.total]

    @live
    def touch(page, player):
        player.session.total += 100
        return player.session.total


def start_total(session):
    session.total = 0


@pytest.mark.long
async def test_calls_that_took_turns_take_them_again_in_the_same_order() -> None:
    """Whatever the steps of different players saw of each other, they see again."""
    names = {"new_session": start_total}
    with serving(Turns, players=4, names=names) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        ann, bob, cem, dan = browsers
        for _ in range(5):
            asked = []
            with run.lock:  # so that all of them come at once
                for browser, method, *args in (
                    (ann, "work", 12), (bob, "work", 9), (cem, "two_at_once"), (dan, "look"),
                    (ann, "touch"), (bob, "look"), (cem, "touch"), (dan, "work", 5),
                ):  # fmt: skip
                    asked.append((browser, await browser.ask(method, *args)))
            for browser, call_id in asked:
                await browser.answer(call_id)
        again = rerun(run, [Turns], namespace=names)
        assert again.same, again
        assert sum("resumed" in text for text in run.events["value"].array.texts) > 0


@pytest.mark.long
async def test_what_a_cell_has_sent_is_sent_again() -> None:
    """Pushes of cells are compared like those of live methods."""
    with serving(Turns, names={"new_session": start_total}) as run:
        ann = await Browser.open(run)
        await ann.call("touch")
        send_to(run.players, {"price": 3}, event="News")
        send_to_one(run.players[0], "hello")
        again = rerun(run, [Turns], namespace={"new_session": start_total})
        assert again.same, again
        assert len(again.notifications) == 2


@pytest.mark.long
async def test_the_recording_decides_who_dropped_out_and_not_how_late_its_timer_was() -> None:
    """A watch that today's code sets otherwise goes by the recorded clock."""
    names = {**DESK, "new_player": patient_player}
    with serving(Desk, names=names, players=1) as run:
        run._runtime.dropouts.is_recorded = lambda player: True  # its timer never gets its turn
        ann = await Browser.open(run, 0)
        await ann.call("note", "one")
        await ann.disconnect()
        await until(lambda: not run.players[0].online)
        now = run._runtime.world.journal.clock()
        run._runtime.world.journal.clock = lambda: now + 60.0
        run.players[0].late = True
        again = rerun(run, [Desk], namespace=names)
        assert again.same, f"{again!r}\n{again.differences}"
        otherwise = rerun(run, [Desk], namespace=DESK)
        assert "gone" in list(otherwise.differences["field"])
