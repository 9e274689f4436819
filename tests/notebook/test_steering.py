"""Steering: what a researcher does to players from a cell."""
# ruff: noqa: ANN001, ANN201, ANN202, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.running import Browser, serving, until, until_true
from tests.silence import without_warning
from uproot_nb import (
    BooleanField,
    DateField,
    DecimalField,
    FileField,
    IntegerField,
    Page,
    RadioField,
    StringField,
    SynchronizingWait,
    UprootError,
    mark_dropout,
    watch_for_dropout,
)
from uproot_nb.errors import ClosedRun


class First(Page):
    """First."""


class Second(Page):
    """Second."""


class Last(Page):
    """The last."""


class Meet(SynchronizingWait):
    """Wait."""

    synchronize = "session"


def interventions(run: Any, what: str) -> Any:
    """The events of one kind of intervention by hand."""
    events = run.events
    return events[
        (events["kind"] == "intervention")
        & (events["field"] == what)
        & (events["actor"] == "researcher")
    ]


def test_players_go_forth_and_back_and_stop_at_the_ends() -> None:
    """Those who cannot go further stay, and nothing is written for them."""
    with serving(First, Second) as run:
        ann, bob = run.players
        assert list(run.advance(run.players)) == [ann, bob]
        assert [ann.page, bob.page] == ["First", "First"]
        assert list(run.revert(ann)) == []
        run.advance(ann.name)
        assert ann.page == "Second"
        run.revert([ann])
        assert ann.page == "First"
        run.move_to_end(run.players)
        assert [ann.page, bob.page] == [None, None]
        assert list(run.advance(run.players)) == list(run.move_to_end(run.players)) == []
        run.revert(bob)
        assert bob.page == "Second"
        assert len(interventions(run, "advance")) == 3
        assert len(interventions(run, "revert")) == 2
        assert interventions(run, "advance")["value"].tolist()[0]["to"] == 0


async def test_an_open_browser_follows() -> None:
    """It reloads."""
    with serving(First, Second) as run:
        ann = await Browser.open(run)
        run.advance(run.players[0])
        assert (await ann.action())["action"] == "reload"
        assert "Second" in await ann.load()


async def test_a_message_reaches_who_is_online_as_text() -> None:
    """And names them."""
    with serving(First) as run:
        ann = await Browser.open(run)
        await until(lambda: run.players[0].online)
        assert list(run.message(run.players, "<b>Hello</b>")) == [run.players[0]]
        frame = await ann.action()
        assert (frame["action"], frame["text"]) == ("message", "<b>Hello</b>")


def test_fields_are_set_for_all_or_for_none() -> None:
    """Unstorable values and reserved names are refused before anything changes."""
    with serving(First) as run:
        run.set(run.players, cash=10, note="x")
        assert [player.cash for player in run.players] == [10, 10]
        for wrong in ({"cash": lambda: 1}, {"id": 3}, {"_x": 1}, {"page": "End"}, {}):
            with pytest.raises((UprootError, TypeError)):
                run.set(run.players, **{"other": 1, **wrong} if wrong else {})
        assert not any(hasattr(player, "other") for player in run.players)
        assert len(interventions(run, "set")) == 2


@pytest.mark.parametrize("what", ["advance", "revert", "move_to_end", "reload", "mark_dropout"])
def test_nobody_and_strangers_are_refused(what: str) -> None:
    """The message has the remedy; nothing is written."""
    with serving(First) as run:
        act = getattr(run, what)
        for wrong in ([], "nobody", [run.players[0], "nobody"], 3, None):
            with pytest.raises((UprootError, TypeError)):
                act(wrong)
        assert len(interventions(run, what)) == 0
        players = run.players
    with pytest.raises(ClosedRun):
        act(players)


def test_a_message_must_be_a_text_of_reasonable_length() -> None:
    """It returns those who are online."""
    with serving(First) as run:
        for wrong in ("", "  ", "x" * 2001, 5, None):
            with pytest.raises(UprootError):
                run.message(run.players, wrong)  # type: ignore[arg-type]
        assert list(run.message(run.players, "<b>Hello</b>")) == []
        values = interventions(run, "message")["value"].tolist()
        assert [value["text"] for value in values] == ["<b>Hello</b>"] * 2


def test_a_dropout_by_hand_runs_its_handler_and_frees_those_who_wait() -> None:
    """From any thread."""
    seen = []

    def gone(player):
        seen.append(player.name)

    with serving(Meet, Second, names={"gone": gone}) as run:
        ann, bob = run.players
        run.advance(ann)
        watch_for_dropout(bob, gone, tolerance=1000.0)
        thread = threading.Thread(target=run.mark_dropout, args=(bob,))
        thread.start()
        thread.join()
        assert bob.has_dropped_out
        until_true(lambda: seen == [bob.name] and ann.page == "Second")


def test_mark_dropout_from_a_cell_still_works_without_the_run() -> None:
    """The function of the same name leaves no intervention by hand."""
    with serving(First) as run:
        mark_dropout(run.players[0])
        assert run.players[0].has_dropped_out
        assert len(interventions(run, "mark_dropout")) == 0


# ---- forms that are passed by ------------------------------------------------------------------


class Contribute(Page):
    """Contribute."""

    fields = {
        "contribution": IntegerField(label="How much?", min=0, max=10, default=lambda: 4),
        "price": DecimalField(label="At what price?", default=3),
        "again": BooleanField(label="Again?"),
        "word": StringField(label="A word", optional=True),
        "side": RadioField(label="Side", choices=[(1, "left"), (2, "right")]),
        "born": DateField(label="Born", default=dt.date(2000, 1, 2)),
        "file": FileField(label="A file", optional=True),
        "iban": StringField(label="Secret"),
    }
    stealth_fields = ["iban"]

    def handle_stealth_fields(page, player, data):
        return None


class Sums(SynchronizingWait):
    """Sums up, and fails for everybody if somebody's answer is missing."""

    synchronize = "session"

    def all_here(page, session):
        session.total = sum(session.players.each("contribution"))


class Asks(Page):
    """Its fields come from a hook."""

    def fields(page, player):
        return {"age": IntegerField(label="Age")}


ANSWERED = {
    "contribution": 4, "price": Decimal(3), "again": False, "word": "", "side": 2,
    "born": dt.date(2000, 1, 2),
}  # fmt: skip


async def test_who_is_put_past_a_form_without_an_answer_is_named() -> None:
    with serving(Contribute, Last) as run:
        ann, bob = run.players
        await Browser.open(run, 0)
        with without_warning():
            run.advance(bob)  # to the form, which is no answer that is passed by
        with pytest.warns(UserWarning, match="Not answered") as said:
            run.advance(run.players)
        [text] = [str(one.message) for one in said]
        assert f"Contribute: contribution ({ann.name}, {bob.name})" in text
        assert "Contribute: side" in text
        assert "iban" not in text
        assert "file" not in text
        assert "run.revert(players)" in text
        assert "defaults=True" in text
        assert ann.get("contribution") is None
        assert said[0].filename == __file__


async def test_answers_in_their_place_let_the_others_go_on() -> None:
    """They are what the form would have stored, and the session's hook finds them."""
    with serving(Contribute, Sums, Last) as run:
        ann, bob = run.players
        await Browser.open(run, 0)
        run.advance(bob)
        bob.contribution = 9
        with without_warning():
            assert len(run.advance(run.players, defaults={"side": 2})) == 2
        await until(lambda: ann.page == bob.page == "Last")
        assert {name: ann.get(name) for name in ANSWERED} == ANSWERED
        assert type(ann.price) is Decimal
        assert bob.contribution == 9
        assert run.session.total == 13
        assert len(run.errors) == 0
        assert interventions(run, "set")["value"].iloc[0]["fields"]["contribution"] == 4


@pytest.mark.parametrize(
    ("defaults", "word"),
    [
        (True, r"Contribute: side \(.*\) has no default.\nGive a value: defaults={'side': …}"),
        ({"contribution": 2}, "side .* has no default"),
        ({"side": 3}, "3 is not a valid answer to Contribute.side"),
        ({"side": 1, "contribution": 11}, "11 is not a valid answer to Contribute.contribution"),
        ({"sides": 1}, "has a field 'sides'.\nTheir fields are: contribution, price"),
    ],
)
async def test_what_is_no_answer_moves_nobody(defaults: Any, word: str) -> None:
    with serving(Contribute, Last) as run:
        await Browser.open(run, 0)
        with pytest.raises(UprootError, match=word):
            run.advance(run.players, defaults=defaults)
        assert run.players[0].page == "Contribute"
        assert run.players[0].get("price") is None
        assert len(interventions(run, "advance")) == 0


async def test_no_answers_are_asked_for_with_false_and_fields_of_a_hook_are_known_once_shown() -> (
    None
):
    with serving(Asks, Last) as run:
        await Browser.open(run, 0)
        with pytest.warns(UserWarning, match=r"Asks: age"):
            run.advance(run.players[0])
        run.revert(run.players[0])
        with without_warning():
            run.advance(run.players[0], defaults=False)
        run.revert(run.players[0])
        await until(lambda: run.players[0].page == "Asks")
        run.advance(run.players[0], defaults={"age": 30})
        assert run.players[0].age == 30


async def test_back_leads_past_a_wait_page_that_is_over() -> None:
    """All are there: whoever was put on it would go straight forward again."""

    class Together(SynchronizingWait):
        synchronize = "session"

    with serving(Asks, Together, Last, players=1) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(age="30")
        await ann.load()
        await until(lambda: run.players[0].page == "Last")
        assert list(run.revert(run.players[0])) == [run.players[0]]
        await until(lambda: run.players[0].page == "Asks")


async def test_back_leads_past_a_page_that_is_never_shown() -> None:
    class Skipped(Page):
        show = False

    with serving(Asks, Skipped, Last, players=1) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(age="30")
        await ann.load()
        await until(lambda: run.players[0].page == "Last")
        assert list(run.revert(run.players[0])) == [run.players[0]]
        await until(lambda: run.players[0].page == "Asks")
