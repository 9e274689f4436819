"""Overview: how many are where, who is stuck, and who waits for whom."""
# ruff: noqa: ANN001, ANN201, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Browser, serving, until
from uproot_nb import GroupCreatingWait, IntegerField, Page, SynchronizingWait, mark_dropout
from uproot_nb.engine.stays import ENOUGH, UNKNOWN_SECONDS
from uproot_nb.steering.overview import Overview
from uproot_nb.steering.waiting_sentences import duration


class Contribute(Page):
    """How much?"""

    fields = {"amount": IntegerField(label="Amount", min=0)}


class Meet(SynchronizingWait):
    """All of a session meet."""

    synchronize = "session"


class Trio(GroupCreatingWait):
    """Three make a group."""

    group_size = 3


class Choosy(SynchronizingWait):
    """Wait for the first player only."""

    synchronize = "session"

    def wait_for(page, player):
        return [player.session.players[0]]


class Thanks(Page):
    """Thank you."""


def seen(run: Any) -> Overview:
    overview = Overview(run._runtime)
    with run.lock:
        overview.refresh()
    return overview


def sentences(run: Any) -> list[str]:
    overview = seen(run)
    with run.lock:
        return [line.sentence for line in overview.lines()]


@pytest.mark.long
async def test_who_waits_for_whom_is_said_by_label_and_page() -> None:
    with serving(Contribute, Meet, Thanks, players=3) as run:
        a, b, c = run.players
        with run.lock:
            run._runtime.world.state.players[c.name].label = "PC-04"
        for place in range(3):
            await Browser.open(run, place)
        run.advance([a, b], defaults=False)
        await until(lambda: a._state.has_arrived and a.page == b.page == "Meet")
        await until(lambda: b._state.has_arrived)
        assert sentences(run) == [
            "1 on Contribute",
            "2 on Meet; 2 wait for PC-04, who is on Contribute",
        ]
        assert seen(run).waits_for == dict.fromkeys([a.name, b.name], "PC-04, who is on Contribute")
        mark_dropout(c)
        await until(lambda: a.page == "Thanks")
        assert sentences(run)[-1] == "2 on Thanks"


async def test_many_who_are_missing_are_named_with_their_number() -> None:
    with serving(Contribute, Meet, players=9) as run:
        await Browser.open(run, 0)
        await Browser.open(run, 1)
        run.advance(run.players[0], defaults=False)
        await until(lambda: run.players[0]._state.has_arrived)
        said = seen(run).waits_for[run.players[0].name]
        first = f"{run.players[1].name} (on Contribute)"
        assert said.startswith(first)
        assert said.endswith(" and 3 more")


async def test_who_is_waited_for_is_named_in_the_natural_order_of_labels() -> None:
    """PC-2 before PC-10; those without a label follow, and are the first to be only counted."""
    labels = [None, None, "PC-10", "pc-9", "PC-2", "7", "PC-1b"]
    with serving(Contribute, Meet, players=len(labels)) as run:
        with run.lock:
            for player, label in zip(run.players, labels, strict=True):
                run._runtime.world.state.players[player.name].label = label
        waiting = run.players[0]
        await Browser.open(run, 0)
        run.advance(waiting, defaults=False)
        await until(lambda: waiting._state.has_arrived)
        assert seen(run).waits_for == {waiting.name: "7, PC-1b, PC-2, pc-9, PC-10 and 1 more"}


@pytest.mark.long
async def test_a_group_to_be_made_and_an_authors_choice_have_reasons_of_their_own() -> None:
    with serving(Trio, Thanks, players=3) as run:
        await Browser.open(run, 0)
        await until(lambda: run.players[0]._state.has_arrived)
        await until(lambda: sentences(run) == [
            "1 on Trio; 1 waits for 2 more, to make a group of 3"
        ])  # fmt: skip
        await Browser.open(run, 1)
        await until(lambda: sentences(run) == [
            "2 on Trio; 2 wait for 1 more, to make a group of 3"
        ])  # fmt: skip
    with serving(Contribute, Choosy) as run:
        a, b = run.players
        await Browser.open(run, 1)
        run.advance(b, defaults=False)
        await until(lambda: b._state.has_arrived)
        await until(lambda: seen(run).waits_for == {b.name: f"{a.name}, who is not on a page"})


async def test_a_sentence_follows_what_changes_without_a_new_look_at_everything() -> None:
    """The overview remembers sentences; those that may have changed are made anew."""
    with serving(Contribute, Thanks, Meet, players=2) as run:
        a, b = run.players
        for place in (0, 1):
            await Browser.open(run, place)
        run.advance(a, defaults=False)
        run.advance(a, defaults=False)
        await until(lambda: a._state.has_arrived and a.page == "Meet")
        overview = Overview(run._runtime)
        with run.lock:
            assert overview.refresh() >= {a.name}
            assert overview.waits_for[a.name] == f"{b.name}, who is on Contribute"
            assert overview.refresh() == set()
        run.advance(b, defaults=False)
        with run.lock:
            assert overview.refresh() == {a.name}
            assert overview.waits_for[a.name] == f"{b.name}, who is on Thanks"


async def test_who_is_on_a_page_for_longer_than_usual_is_stuck() -> None:
    """Without completed stays, that is after five minutes; a pause does not count."""
    with serving(Contribute, Thanks) as run:
        ann = await Browser.open(run, 0)
        await ann.settle()
        stays = run._runtime.stays
        name = run.players[0].name
        assert seen(run).stuck == set()
        with run.lock:
            stays.here["Contribute"][name] -= UNKNOWN_SECONDS + 1
        assert seen(run).stuck == {name}
        assert sentences(run) == ["1 on Contribute, for more than 5 min"]
        with run.lock:
            stays._past["Contribute"].extend([200.0] * ENOUGH) if stays._past.get(
                "Contribute"
            ) else stays._past.__setitem__("Contribute", [200.0] * ENOUGH)
            stays._limits.clear()
        assert seen(run).stuck == set()  # three times 200 s are usual here


@pytest.mark.parametrize(
    ("seconds", "words"), [(4.4, "4 s"), (99, "99 s"), (120, "2 min"), (7200, "2.0 h")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
