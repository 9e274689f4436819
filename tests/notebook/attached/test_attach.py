"""attach: a run that is served elsewhere, with all its tables and interventions."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.notebook.attached.elsewhere import another_server, elsewhere
from tests.running import Browser, set_clock
from uproot_nb import AttachedRun, F, Page, Payment, Run, SynchronizingWait, UprootError, room
from uproot_nb import attach as attach_to
from uproot_nb.errors import AttachFailed, UnknownField
from uproot_nb.notebook.attached.client import ApiClient, _opener
from uproot_nb.notebook.attached.place import place_of
from uproot_nb.notebook.steering import Steering
from uproot_nb.steering.actions import NAMES
from uproot_nb.study.study_tables import StudyTables


class Task(Page):
    """A task with a time."""

    timeout = 300

    def before_once(page, player):
        player.cash = Decimal("2.50")
        player.bids = [1, 2]


class Meet(SynchronizingWait):
    """All meet."""

    synchronize = "session"


class Thanks(Page):
    """Thank you."""


TABLES = (
    "state", "groups", "session_state", "events", "calls", "notifications", "chats", "page_times",
    "presence", "errors", "rounds", "wide", "funnel", "payments", "consents",
)  # fmt: skip


@pytest.mark.long
def test_every_table_is_that_of_the_run() -> None:
    with elsewhere(Task, Thanks, payment=Payment(currency="EUR", fee=5)) as there:
        run, attached = there.run, there.attach()
        asyncio.run(visit(run))
        run.answer(run.players[0], "Hello")
        for name in TABLES:
            mine, theirs = getattr(attached, name), getattr(run, name)
            if "value" in mine.columns:
                mine, theirs = mine.drop(columns="value"), theirs.drop(columns="value")
            pandas.testing.assert_frame_equal(mine, theirs)
        run._refresh()
        logged = list(run._runtime.world.log.read("market"))
        assert list(attached._log.read("market")) == logged
        assert attached.at(seq=3).equals(run.at(seq=3))


async def visit(run: Run, player: int = 0) -> None:
    browser = await Browser.open(run, player)
    await browser.disconnect()


@pytest.mark.long
def test_an_export_made_here_is_the_one_made_there(tmp_path: Path) -> None:
    with elsewhere(Task, Thanks) as there:
        asyncio.run(visit(there.run))
        attached = there.attach()
        for name, one in (("here", attached), ("there", there.run)):
            one.export(tmp_path / name, progress=False)
        for path in (tmp_path / "there" / "latest").iterdir():
            assert (tmp_path / "here" / "latest" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.long
def test_players_are_read_with_their_fields_and_not_written() -> None:
    with elsewhere(Task, Thanks) as there:
        asyncio.run(visit(there.run))
        attached = there.attach()
        ann, bob = attached.players
        assert (ann.name, ann.id, ann.page) == (there.run.players[0].name, 0, "Task")
        assert (ann.cash, ann.bids, ann.get("nothing", 7)) == (Decimal("2.50"), [1, 2], 7)
        assert ann.ended_as == "still in"
        assert attached.players.get(bob.name) == bob
        assert attached.players.filter(F.name == ann.name) == [ann]
        ann.bids.append(3)
        assert attached.players[0].bids == [1, 2]
        with pytest.raises(UnknownField, match="nothing"):
            _ = ann.nothing
        with pytest.raises(UprootError, match=r"run\.set\(player, cash="):
            ann.cash = 3
        there.run.players[0].cash = 4
        assert (ann.cash, attached.players[0].cash) == (Decimal("2.50"), 4)


def test_each_action_has_a_method_of_its_own_and_those_of_a_run_keep_their_arguments() -> None:
    for name in NAMES:
        method = {"close": "close_session", "lower_hand": "lower_hand"}.get(name, name)
        assert callable(getattr(AttachedRun, method)), name
    for name, method in inspect.getmembers(Steering, inspect.isfunction):
        if not name.startswith("_"):
            mine = inspect.signature(getattr(AttachedRun, name)).parameters
            assert list(mine) == list(inspect.signature(method).parameters), name
    public = {name for name in vars(StudyTables) if not name.startswith("_")}
    assert public <= set(dir(AttachedRun))


@pytest.mark.long
async def test_players_are_steered_from_elsewhere() -> None:
    """A stuck one is moved, time is extended, a thread answered, a room opened."""
    with elsewhere(Meet, Task, Thanks, rooms=[room("lab", open=False)]) as there:
        set_clock(there.run, lambda: 1_800_000_000.0)
        ann = await Browser.open(there.run)
        attached = await asyncio.to_thread(there.attach)

        def steer() -> None:
            stuck = attached.players[0]
            assert stuck.page == "Meet"
            assert attached.overview["waiting"].tolist() == [1]
            assert attached.advance(stuck) == "advance: 1 of 1 players."
            assert attached.players[0].page == "Task"

        await asyncio.to_thread(steer)
        await ann.load()

        def help_on() -> None:
            name = attached.players[0].name
            before = there.run.players[0]._state.deadline
            assert before is not None
            assert attached.extend(name, 60) == "extend: 1 of 1 players."
            assert there.run.players[0]._state.deadline == before + 60
            attached.answer(attached.players[:1], "Press Next.")
            assert attached.chats["text"].tolist() == ["Press Next."]
            assert attached.open_room("lab") == "The room 'lab' is open."
            assert attached.rooms["open"].tolist() == [True]
            attached.set(attached.players, cash=3)
            assert attached.state["cash"].tolist() == [3, 3]
            attached.pause()
            assert attached.facts["state"] == "paused"
            attached.freeze()
            assert attached.frozen
            attached.thaw()
            assert not attached.frozen

        await asyncio.to_thread(help_on)
        done = there.run.events.query("cause == 'monitor' and kind == 'intervention'")["field"]
        assert [*dict.fromkeys(done)] == [
            "advance",
            "extend",
            "answer",
            "set",
            "paused",
            "freeze",
            "thaw",
        ]


@pytest.mark.long
def test_who_was_paid_by_a_file_is_marked_with_its_amounts(tmp_path: Path) -> None:
    with elsewhere(Task, payment=Payment(currency="EUR", fee=5), players=3) as there:
        run, attached = there.run, there.attach()
        for number in range(3):
            asyncio.run(visit(run, number))
        run.move_to_end(run.players)
        for player, points in zip(run.players, ("1.50", "1.50", "2"), strict=True):
            player.payoff = points
        file = attached.payment_file("csv", tmp_path / "bonuses.csv")
        assert len(file.players) == 3
        attached.mark_paid(file)
        assert run.payments["paid"].tolist() == [True] * 3
        assert run.payments["amount"].tolist() == list(file.amounts.values())
        with pytest.raises(AttachFailed, match="has been marked as paid"):
            attached.mark_paid(run.players[0].name, 5)
        attached.mark_unpaid(attached.payments.iloc[:1])
        assert attached.payments["paid"].tolist() == [False, True, True]


@pytest.mark.long
def test_a_steward_gets_links_that_are_not_shown_and_a_viewer_gets_none() -> None:
    with elsewhere(Task) as there:
        attached, run = there.attach(), there.run
        assert list(attached.links["url"]) == list(run.links["url"])
        token = run._runtime.world.token(run.players[0].name)
        assert token not in repr(attached.links) + repr(attached)
        assert attached.link(attached.players[1]) == run.link(run.players[1])
        assert attached.join_link == run.join_link
        viewer = there.attach("viewer")
        for look in (
            lambda: viewer.links, lambda: viewer.join_link, lambda: viewer.link(run.players[0])
        ):  # fmt: skip
            with pytest.raises(UprootError, match="A viewer gets no links"):
                look()


@pytest.mark.long
def test_a_viewer_has_the_tables_and_steers_nothing() -> None:
    with elsewhere(Task, settings={"key": "PASSWORD"}) as there:
        there.run.players[0].note = f"see {there.run.link(there.run.players[1])}"
        viewer = there.attach("viewer")
        assert viewer.state["page"].tolist() == there.run.state["page"].tolist()
        assert viewer.players[0].note == "see …"
        with pytest.raises(AttachFailed, match="Viewers cannot steer") as refused:
            viewer.pause()
        assert refused.value.status == 403
        assert "PASSWORD" not in str(list(viewer._log.read("market")))


@pytest.mark.long
def test_a_viewers_export_has_the_tables_and_no_fingerprint(tmp_path: Path) -> None:
    """What a viewer gets has neither code nor settings: its hash would be that of nothing."""
    with elsewhere(Task, Thanks) as there:
        asyncio.run(visit(there.run))
        code = {"notebook": "a.ipynb", "source": '{"cells": []}', "hash": "0"}
        with there.run.lock:
            world = there.run._runtime.world
            world.journal.fold("code", "session", "", world.codec.encode(code))
        steward, viewer = there.attach(), there.attach("viewer")
        assert steward.fingerprint() == there.run.fingerprint()
        with pytest.raises(UprootError, match="A viewer gets no code and no settings"):
            viewer.fingerprint()
        viewer.export(tmp_path / "seen", progress=False)
        assert json.loads((tmp_path / "seen" / "fingerprints.json").read_text()) == []
        assert "a viewer's" in (tmp_path / "seen" / "README.txt").read_text()
        assert (tmp_path / "seen" / "latest" / "players.csv").exists()


def test_a_wrong_token_and_an_address_without_a_server_are_told_without_the_token() -> None:
    with elsewhere(Task) as there:
        with pytest.raises(AttachFailed) as refused:
            attach_to(there.url, "wrong-token-of-somebody")
        assert refused.value.status == 401
        with pytest.raises(AttachFailed, match="gave no complete answer") as lost:
            attach_to("http://127.0.0.1:9/", "wrong-token-of-somebody")
        for error in (refused.value, lost.value):
            assert "wrong-token" not in str(error) + repr(error)
        with pytest.raises(AttachFailed, match="There is no session 'other'") as unknown:
            there.attach(session="other")
        assert there.tokens.token("steward") not in str(unknown.value)


@pytest.mark.parametrize("link", ["url", "join_link", "personal", "room"])
def test_a_participants_link_is_refused_without_asking_anybody(link: str) -> None:
    with elsewhere(Task) as there:
        run = there.run
        links = {"personal": run.link(run.players[0]), "room": run.room("lab").url}
        url = links.get(link) or getattr(run, link)
        expected = "There is no monitor at" if link == "url" else "a participant's link"
        with pytest.raises(UprootError, match=expected) as refused:
            attach_to(url, there.tokens.token("steward"))
        assert "uproot-nb run --monitor" in str(refused.value)
        assert url.rstrip("/").rpartition("/")[2] not in str(refused.value) or link == "url"


@pytest.mark.parametrize(
    "end", ["monitor", "monitor/", "monitor/market", "monitor/market/", "api/v1/"]
)
def test_the_address_of_a_page_attaches_with_and_without_its_slash(end: str) -> None:
    with elsewhere(Task) as there:
        assert attach_to(there.url + end, there.tokens.token("viewer")).name == "market"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, "<!doctype html><p>Welcome", "answers with a web page"),
        (200, "{}", "answers with something else"), (200, "[1]", "answers with something else"),
        (404, "<p>Not found", "answers 404 Not Found"), (302, "", "answers 302 Found"),
        (403, '{"message": "Forbidden", "reason": null}', "answers 403 Forbidden"),
    ],
)  # fmt: skip
def test_another_server_is_told_from_one_of_ours(status: int, body: str, says: str) -> None:
    with another_server(status, body) as url, pytest.raises(AttachFailed) as refused:
        attach_to(f"{url}some/page.html", "a-token")
    sentence = str(refused.value)
    assert sentence.startswith("There is no monitor at")
    assert says in sentence
    assert "Give the address that" in sentence


def test_a_certificate_that_is_not_trusted_is_named_as_such() -> None:
    served = another_server(200, "[]", https=True)
    with served as url, pytest.raises(AttachFailed, match=r"certificate of .* is not trusted here"):
        attach_to(url, "a-token")


def test_https_where_there_is_none_says_so() -> None:
    with another_server(200, "[]") as url, pytest.raises(AttachFailed, match="speak proper HTTPS"):
        attach_to(url.replace("http:", "https:"), "a-token")


def test_what_is_no_json_is_refused_here() -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        for value in ({1, 2}, float("nan"), Decimal(1)):
            with pytest.raises(UprootError, match="cannot be sent"):
                attached.set(attached.players, cash=value)
        with pytest.raises(UprootError, match="is not a player"):
            attached.reload(3)
        with pytest.raises(AttachFailed, match="There is no player 'nobody'"):
            attached.reload("nobody")


def test_a_server_that_is_restarted_is_found_again_and_nothing_is_missed() -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        there.run.players[0].cash = 1
        there.start_again()
        there.run.players[0].cash = 2
        assert attached.players[0].cash == 2
        assert list(attached.events["seq"]) == list(there.run.events["seq"])


def test_a_server_that_is_away_is_an_error_and_what_is_known_stays() -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        there.stop()
        with pytest.raises(AttachFailed, match="gave no complete answer"):
            _ = attached.state
        attached.close()
        assert len(attached.state) == 2
        assert "closed" in repr(attached)


def test_events_that_are_cut_off_are_stored_as_far_as_they_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        seq = attached._replica.state.seq
        for number in range(10):
            there.run.players[0].cash = number
        there.run._refresh()
        lines = attached._client.lines

        def torn(*path: str, **query: Any) -> Any:
            for number, line in enumerate(lines(*path, **query)):
                if number == 4:
                    raise AttachFailed("The connection was cut.")
                yield line

        with monkeypatch.context() as patched:
            patched.setattr(attached._client, "lines", torn)
            with pytest.raises(AttachFailed, match="was cut"):
                _ = attached.state
        assert attached._replica.state.seq == seq + 4
        assert attached.players[0].cash == 9
        assert list(attached.events["seq"]) == list(there.run.events["seq"])


def test_an_answer_that_ends_early_between_two_events_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        there.run.players[0].cash = 1
        there.run._refresh()
        with monkeypatch.context() as patched:
            patched.setattr(attached._client, "lines", lambda *path, **query: iter(()))
            with pytest.raises(AttachFailed, match="the answer was cut off"):
                _ = attached.events
        assert attached.players[0].cash == 1


@pytest.mark.parametrize("line", [b"{}\n", b"no json\n", b'{"seq": 1}\n'])
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        with pytest.raises(AttachFailed, match="unreadable event"):
            attached._replica.take([line])
        lines = list(attached._client.lines("sessions", "market", "events"))
        with pytest.raises(AttachFailed, match="instead of"):
            attached._replica.take(lines)


@pytest.mark.long
def test_another_session_of_the_same_name_begins_anew() -> None:
    """As of a run in memory whose kernel was restarted."""
    with elsewhere(Task) as first:
        attached = first.attach()
        with elsewhere(Task, players=5) as second:
            attached._client = second.attach()._client
            assert len(attached.players) == 5
            assert list(attached.events["seq"]) == list(second.run.events["seq"])


@pytest.mark.long
def test_what_is_erased_there_is_gone_from_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with elsewhere(Task) as there:
        there.run.players[0].note = "KNOWN-ONLY-TO-ANN"
        attached = there.attach()
        assert attached.players[0].note == "KNOWN-ONLY-TO-ANN"
        there.run.erase(there.run.players[0])
        assert list(attached.events["seq"]) == list(there.run.events["seq"])
        for path in tmp_path.rglob("*"):
            assert path.is_dir() or b"KNOWN-ONLY-TO-ANN" not in path.read_bytes()
        assert "note" not in attached.state.columns


def test_the_copy_is_deleted_when_nobody_needs_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with elsewhere(Task) as there:
        with there.attach() as attached:
            assert len(list(tmp_path.iterdir())) == 1
        attached._replica.close()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_run_is_ended_by_its_name_and_closing_a_look_ends_nothing() -> None:
    with elsewhere(Task) as there:
        attached = there.attach()
        attached.close()
        assert not there.run.closed
        again = there.attach()
        with pytest.raises(AttachFailed, match="Confirm by its name"):
            again.close_session("yes")
        assert "is being closed" in again.close_session("market")
        there.run._runtime._thread.join(40)
        assert there.run.closed


@pytest.mark.parametrize(
    ("url", "root", "session"),
    [
        ("http://127.0.0.1:8610/", "http://127.0.0.1:8610/api/v1/", None),
        ("http://127.0.0.1:8610", "http://127.0.0.1:8610/api/v1/", None),
        ("http://h:1/monitor/#token=abc", "http://h:1/api/v1/", None),
        ("http://h:1/monitor/my%20pilot/#token=abc", "http://h:1/api/v1/", "my pilot"),
        ("https://h/watch/monitor/pilot/?token=abc", "https://h/watch/api/v1/", "pilot"),
        ("https://h/user/ann/lab/tree/x.ipynb?token=abc", "https://h/user/ann/api/v1/", None),
        ("https://h/uproot_nb/monitor/pilot/", "https://h/uproot_nb/api/v1/", "pilot"),
        ("http://h:1/api/v1/sessions/pilot/players", "http://h:1/api/v1/", "pilot"),
        ("http://ann:secret@h:1/", "http://h:1/api/v1/", None),
    ],
)
def test_addresses_are_read_as_people_copy_them(url: str, root: str, session: str | None) -> None:
    place = place_of(url, None if "token" in url else "abc")
    assert (place.roots[0], place.token, place.session) == (root, "abc", session)
    assert "abc" not in repr(place)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8610", "ftp://h/", "http://", "http://h:x/", None])
def test_what_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(UprootError, match="not given the address of a server"):
        place_of(url, "abc")


@pytest.mark.parametrize("token", [None, "", "two words", "línea", "a\r\nb"])
def test_without_a_token_nothing_is_asked(token: str | None) -> None:
    with pytest.raises(UprootError, match="token"):
        place_of("http://h/", token)


def test_a_redirect_is_not_followed_with_the_token() -> None:
    """Jupyter without its login, say, or somebody on the way."""
    with elsewhere(Task) as there:
        client = there.attach()._client
        client.root = there.url
        with pytest.raises(AttachFailed) as refused:
            client.get("monitor")
        assert refused.value.status in (302, 401)


@pytest.mark.long
def test_two_looks_at_once_get_the_same() -> None:
    with elsewhere(Task) as there:
        attached = there.attach()

        async def look() -> list[Any]:
            for number in range(40):
                there.run.players[0].cash = number
            looks = [asyncio.to_thread(lambda: len(attached.events)) for _ in range(6)]
            return await asyncio.gather(*looks)

        there.run._refresh()
        assert max(asyncio.run(look())) == len(there.run.events)


@pytest.mark.long
def test_hands_are_up_until_somebody_lowers_them() -> None:
    with elsewhere(Task, ask_for_help=True, players=3) as there:
        attached = there.attach()
        for player in (there.run.players[2], there.run.players[0]):
            asyncio.run(raise_hand(there.run, player.id))
        assert [one.id for one in attached.hands] == [2, 0]
        assert attached.lower_hand(attached.hands[0]) == "lower hand: 1 of 1 players."
        attached.answer(attached.hands, "I am coming.")
        assert len(attached.hands) == 0


async def raise_hand(run: Run, player: int) -> None:
    browser = await Browser.open(run, player)
    await browser.call("_uproot_hand", True)
    await browser.disconnect()


ANSWERS = [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n{\"seq\":",
    b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"seq\": 1",
    b"HTTP/1.1 200 OK\r\n\r\n{\"seq\": 1",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x00\x01\x02",
    b"",
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_cut_off_or_no_http_is_an_error_of_ours(answer: bytes) -> None:
    """Not half an answer, and no error of some library's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = ApiClient.__new__(ApiClient)
        place = place_of(f"http://127.0.0.1:{listening.getsockname()[1]}/", "abc")
        client._place, client.root, client._opener = place, place.roots[0], _opener(is_here=True)

        def serve_one() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        for ask in (lambda: list(client.lines("x")), lambda: client.get("x")):
            serving_one = threading.Thread(target=serve_one)
            serving_one.start()
            with pytest.raises(AttachFailed, match="gave no complete answer"):
                ask()
            serving_one.join()
