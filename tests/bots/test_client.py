"""Client: a participant without a browser, on real pages and connections."""
# ruff: noqa: ANN001, ANN201, ANN202, C408, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.driving.wire import Wire
from tests.running import serving, until
from uproot_nb import (
    BooleanField,
    FileField,
    IntegerField,
    Page,
    Refused,
    Run,
    SynchronizingWait,
    live,
    move_to_page,
    notify,
    players,
    redirect,
)
from uproot_nb.bots.client import Client
from uproot_nb.bots.notes import Note
from uproot_nb.bots.polled_socket import PolledSocket
from uproot_nb.bots.questions import Attachment
from uproot_nb.bots.refusals import CallRefused, FormRefused, NoPage, PageLeft, SessionEnded


class Offer(Page):
    """# Your offer"""

    fields = dict(amount=IntegerField(label="Amount", min=0, max=10), sure=BooleanField())
    allow_back = True

    def validate(page, player, data):
        if not data["sure"]:
            return {"sure": "Be sure."}


class Market(Page):
    """Bid."""

    def jsvars(page, player):
        return {"number": player.id}

    @live
    def bid(page, player, price: int):
        if price > 100:
            raise Refused("That is too much.")
        player.bids = player.get("bids", 0) + 1
        notify(player, players(player.session), price, event="Bid")
        return {"bids": player.bids}

    @live
    async def stay(page, player):
        await asyncio.Event().wait()

    @live
    def leave(page, player):
        redirect(player, "https://example.org/survey")


class Meet(SynchronizingWait):
    """Wait."""

    synchronize = "session"


class Thanks(Page):
    """Thank you."""


@pytest.fixture(params=["websocket", "polling"], autouse=True)
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test pass by WebSockets, and where those are blocked."""
    by_polling = partial(Client, polling=request.param == "polling")
    monkeypatch.setitem(globals(), "Client", by_polling)


def client_of(run: Run, number: int = 0) -> Client:
    player = run.players[number]
    return Client(run.link(player), player.name)


@contextmanager
def wired(run: Run) -> Iterator[tuple[Wire, Client]]:
    """The first player's client, behind a network that the test can cut."""
    link = run.link(run.players[0])
    wire = Wire(link)
    try:
        yield wire, Client(wire.reroute(link), "ann")
    finally:
        wire.close()


# ---- pages ----


@pytest.mark.long
async def test_a_form_is_read_refused_corrected_and_followed_to_the_next_page() -> None:
    """The participant's sentences come by field."""
    with serving(Offer, Thanks) as run:
        async with client_of(run) as ann:
            assert (ann.page, ann.waits, ann.at_end) == ("Offer", False, False)
            assert (ann.form["amount"].min, ann.form["amount"].max) == ("0", "10")
            with pytest.raises(FormRefused, match=r"Be sure\.") as refusal:
                await ann.submit(amount=3)
            assert refusal.value.errors == {"sure": ["Be sure."]}
            assert ann.errors == {"sure": ["Be sure."]}
            with pytest.raises(LookupError, match="amonut"):
                await ann.submit(amonut=3)
            assert await ann.submit(sure=True) == "Thanks"  # what was sent before still stands
            assert await ann.submit() == ""
            assert ann.at_end
            assert ann.submissions == 3
        assert run.players[0].amount == 3


async def test_a_polled_connection_is_over_when_the_server_has_heard_the_goodbye() -> None:
    """Else a loop that ends with it would end before; the server would wait for the next poll."""
    sent: list[asyncio.Future[Any]] = []
    heard: list[str | None] = []

    class Http:
        def fetch(self, *_: Any, **__: Any) -> asyncio.Future[Any]:
            sent.append(asyncio.get_running_loop().create_future())
            return sent[-1]

        def close(self) -> None:
            pass

    socket = PolledSocket(Http(), "http://localhost/poll", "link", heard.append)  # type: ignore[arg-type]
    socket.close()
    socket.close()
    await asyncio.sleep(0)
    assert (len(sent), heard) == (1, [])
    sent[0].set_result(None)
    await asyncio.sleep(0)
    assert heard == [None]


@pytest.mark.long
async def test_back_leads_to_the_page_before() -> None:
    """If the page lets one."""
    with serving(Thanks, Offer) as run:
        async with client_of(run) as ann:
            await ann.submit()
            assert ann.form.can_go_back
            assert await ann.go_back() == "Thanks"


async def test_a_join_link_gives_a_place_of_its_own() -> None:
    """To each who comes by it."""
    with serving(Thanks, players=1) as run:
        async with Client(run.join_link) as ann, Client(run.join_link) as bob:
            assert ann.link != bob.link
        assert len(run.players) == 2


@pytest.mark.long
async def test_files_are_uploaded() -> None:
    """As a browser sends them."""

    class Photo(Page):
        """Your photo."""

        fields = dict(photo=FileField())

        async def handle_stealth_fields(page, player, data):
            player.photo_was = (data["photo"].filename, await data["photo"].read())

    with serving(Photo, Thanks) as run:
        async with client_of(run) as ann:
            await ann.submit(photo=Attachment('a"b.png', b"\r\n--x\x00", "image/png"))
        assert run.players[0].photo_was == ('a"b.png', b"\r\n--x\x00")


@pytest.mark.long
async def test_wait_pages_go_on_by_themselves_however_late_one_asks() -> None:
    """`proceeded` compares with the page of the last step, so that no move is missed."""
    with serving(Thanks, Meet, Market) as run:
        async with client_of(run, 0) as ann, client_of(run, 1) as bob:
            assert await ann.submit() == "Meet"
            assert ann.waits
            with pytest.raises(TimeoutError):
                await ann.proceeded(timeout=0.01)
            assert await bob.submit() == "Market"  # the last who comes need not wait
            await until(lambda: ann.page == "Market")
            assert await ann.proceeded(timeout=10) == "Market"


@pytest.mark.long
async def test_a_page_whose_time_is_up_is_sent_as_it_is() -> None:
    """What stands in its form counts; the next page follows."""

    class Quick(Page):
        """Quick."""

        fields = dict(number=IntegerField(default=7))
        timeout = 1.0

    with serving(Quick, Thanks) as run:
        async with client_of(run) as ann:
            assert ann.deadline is not None
            assert await ann.proceeded(timeout=10) == "Thanks"
        assert run.players[0].number == 7


@pytest.mark.long
async def test_being_told_to_send_a_form_does_not_undo_the_step_of_having_sent_it() -> None:
    with serving(Thanks, Meet, Market, players=2) as run:
        async with client_of(run) as ann:
            sending = asyncio.create_task(ann.submit())
            await asyncio.sleep(0)
            ann._act({"action": "submit", "page": 0})
            assert await sending == "Meet"
            await until(lambda: not ann._turn.locked())
            with pytest.raises(TimeoutError):
                await ann.proceeded(timeout=0.01)


@pytest.mark.long
async def test_the_researcher_moves_messages_and_sends_away() -> None:
    """A redirection to elsewhere is an end."""
    with serving(Market, Thanks) as run:
        async with client_of(run) as ann:
            await until(lambda: ann.connected and run.players[0].online)
            run.message(run.players, "Hello")
            await until(lambda: ann.messages == ["Hello"])
            await ann.call("leave")
            await until(lambda: ann.at_end)
            assert ann.redirected == "https://example.org/survey"


async def test_pages_that_fail_and_links_that_lead_nowhere_say_so() -> None:
    """The traceback of the page is in run.errors."""

    class Broken(Page):
        """Broken."""

        def before_once(page, player):
            raise KeyError("author's mistake")

    with serving(Broken) as run:
        with pytest.raises(NoPage, match=r"run\.errors"):
            async with client_of(run):
                pass
        with pytest.raises(NoPage, match="404"):
            async with Client(f"{run.url}p/stranger/"):
                pass
        assert run.errors["type"].tolist() == ["KeyError"]


# ---- live ----


@pytest.mark.long
async def test_calls_are_answered_refused_and_pushed_to_everybody() -> None:
    """With the sentence that participants read."""
    with serving(Market) as run:
        async with client_of(run, 0) as ann, client_of(run, 1) as bob:
            assert ann.vars == {"number": 0}
            assert await ann.call("bid", 42) == {"bids": 1}
            assert await ann.call("bid", price=43) == {"bids": 2}
            with pytest.raises(CallRefused, match=r"^That is too much\.$") as refusal:
                await ann.call("bid", 101)
            assert refusal.value.error == "Refused"
            with pytest.raises(CallRefused, match="price"):
                await ann.call("bid", "much")
            assert [(await bob.next_note("Bid", timeout=10)).data for _ in range(2)] == [42, 43]
            assert (ann.calls, bob.calls) == (4, 0)


async def test_unread_notes_wait_and_a_name_picks_among_them() -> None:
    """The others stay in their order."""
    with serving(Market) as run:
        async with client_of(run) as ann:
            for event, data in [("A", 1), ("B", 2), ("A", 3)]:
                notify(run.players[0], run.players, data, event=event)
            assert (await ann.next_note("B", timeout=10)).data == 2
            assert (await ann.next_note(timeout=10)).data == 1
            assert (await ann.next_note("A", timeout=10)).data == 3
            with pytest.raises(TimeoutError):
                await ann.next_note(timeout=0.01)


@pytest.mark.long
async def test_notifications_end_when_the_page_is_left() -> None:
    """So that a bot goes on with the next page; a call that has no answer says the same."""
    with serving(Market, Thanks) as run:
        async with client_of(run) as ann:
            heard: list[Note] = []

            async def listen() -> None:
                async for note in ann.notifications():
                    heard.append(note)

            listening = asyncio.create_task(listen())
            staying = asyncio.create_task(ann.call("stay"))
            notify(run.players[0], run.players, 5, event="Bid")
            await until(lambda: len(heard) == 1)
            move_to_page(run.players[0], Thanks)
            await asyncio.wait_for(listening, 10)
            with pytest.raises(PageLeft, match="Market was left before 'stay'"):
                await asyncio.wait_for(staying, 10)
            assert ann.page == "Thanks"


async def test_calls_wait_while_the_run_is_paused() -> None:
    """As browsers' do."""
    with serving(Market) as run:
        async with client_of(run) as ann:
            await until(lambda: ann.connected)
            run.pause()
            await until(lambda: ann.state == "paused")
            call = asyncio.create_task(ann.call("bid", 1))
            await until(lambda: len(ann._calls) == 1)
            run.resume()
            assert await asyncio.wait_for(call, 10) == {"bids": 1}


async def test_the_end_of_the_session_ends_everything_that_is_awaited() -> None:
    """And nothing can be done any more."""
    with serving(Market) as run:
        async with client_of(run) as ann:
            await until(lambda: ann.connected)
            note = asyncio.create_task(ann.next_note())
            call = asyncio.create_task(ann.call("stay"))
            await until(lambda: len(ann._calls) == 1)
            await asyncio.to_thread(run.close)
            with pytest.raises(SessionEnded):
                await asyncio.wait_for(call, 10)
            with pytest.raises(SessionEnded):
                await asyncio.wait_for(note, 10)
            with pytest.raises(SessionEnded):
                await ann.submit()


# ---- a network that fails ----


@pytest.mark.long
async def test_a_cut_line_is_made_again_and_nothing_is_lost_or_done_twice() -> None:
    """A call that was made meanwhile, and a push that was missed."""
    with serving(Market) as run, wired(run) as (wire, ann):
        async with ann:
            assert await ann.call("bid", 1) == {"bids": 1}
            wire.cut()
            await until(lambda: not ann.connected)
            call = asyncio.create_task(ann.call("bid", 2))
            notify(run.players[0], run.players, "missed", event="News")
            wire.mend()
            assert await asyncio.wait_for(call, 20) == {"bids": 2}
            assert (await ann.next_note("News", timeout=10)).data == "missed"
            bids = [(await ann.next_note("Bid", timeout=10)).data for _ in range(2)]
            assert bids == [1, 2]


@pytest.mark.long
async def test_a_call_whose_answer_was_lost_is_not_run_again() -> None:
    """The server remembers it."""
    with serving(Market) as run, wired(run) as (wire, ann):
        async with ann:
            assert await ann.call("bid", 1) == {"bids": 1}
            # By polling, the request with the call may be answered after the call.
            await until(lambda: not getattr(ann._line._socket, "_unsent", ()))
            wire.deafen()
            call = asyncio.create_task(ann.call("bid", 2))
            await until(lambda: run.players[0].get("bids") == 2)
            wire.cut()
            wire.mend()
            assert await asyncio.wait_for(call, 20) == {"bids": 2}
        assert run.players[0].bids == 2


@pytest.mark.long
async def test_a_form_that_is_sent_while_the_network_is_gone_arrives_once() -> None:
    """Whoever presses Next again does the same."""
    with serving(Offer, Thanks) as run, wired(run) as (wire, ann):
        async with ann:
            wire.cut()
            sent = asyncio.create_task(ann.submit(amount=4, sure=True))
            await until(lambda: not ann.connected)
            wire.mend()
            assert await asyncio.wait_for(sent, 20) == "Thanks"
        assert run.events.query("kind == 'submit'")["field"].tolist() == ["Offer"]


def test_a_link_must_be_opened_before_it_is_used() -> None:
    """Nothing happens when a client is only made."""
    client: Any = Client("http://127.0.0.1:1/p/x/")
    assert (client.page, client.at_end, client.connected) == ("", False, False)
