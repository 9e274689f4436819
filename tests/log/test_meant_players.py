"""Meant players: a researcher names them in whatever way is at hand, and everywhere the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pandas
import pytest

from tests.monitor.rest.asking import Asking
from tests.notebook.attached.elsewhere import elsewhere
from tests.running import Browser, serving, until
from uproot_nb import Page, Payment, Run, UprootError
from uproot_nb.errors import AmbiguousLabel, UnknownPlayer, WrongRecipient
from uproot_nb.log.meant_players import Holder, meant_players


class Task(Page):
    """A task."""

    timeout = 300


class Thanks(Page):
    """Thank you."""


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Task, Thanks, players=4, payment=Payment(currency="EUR", fee=3)) as made:
        label(made, "PC-1", "PC-2", "same", "same")
        yield made


def label(run: Run, *labels: str) -> None:
    """Give players labels, as a room does."""
    with run.lock:
        for player, one in zip(run.players, labels, strict=True):
            run._runtime.world.state.players[player.name].label = one


WAYS: dict[str, Callable[[Run], Any]] = {
    "a player": lambda run: run.players[1],
    "a name": lambda run: run.players[1].name,
    "a label": lambda run: "PC-2",
    "in other letters": lambda run: " pc-2",
    "an identifier": lambda run: ~run.players[1],
    "a list": lambda run: [run.players[1]],
    "labels": lambda run: ["PC-2", run.players[1].name],
    "a table": lambda run: run.state[1:2],
    "a row": lambda run: run.state.iloc[1],
    "a column": lambda run: run.payments["player"][1:2],
    "an index": lambda run: run.state.index[1:2],
    "a series by player": lambda run: run.state["label"][1:2],
    "a table of payments": lambda run: run.payments[1:2],
    "a row of payments": lambda run: run.payments.iloc[1],
    "a row as a tuple": lambda run: list(run.state.itertuples())[1],
    "a row as a dict": lambda run: run.payments.to_dict("records")[1],
    "rows": lambda run: list(run.state.itertuples())[1:2],
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_means_the_same_player_in_each_method(run: Run, way: str) -> None:
    who, meant = WAYS[way](run), run.players[1]
    assert list(run.set(who, cash=1)) == [meant]
    assert list(run.message(who, "Hello")) == []
    assert list(run.advance(who, defaults=False)) == [meant]
    assert run.link(who) == run.link(meant)
    assert list(run.mark_paid(who, amount=1)) == [meant]
    assert list(run.mark_unpaid(who)) == [meant]
    assert list(run.free(who)) == [meant]
    assert meant.cash == 1


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_each_way_means_the_same_player_from_elsewhere(way: str) -> None:
    with elsewhere(Task, Thanks, players=4, payment=Payment(currency="EUR")) as there:
        label(there.run, "PC-1", "PC-2", "same", "same")
        attached = there.attach()
        who = WAYS[way](there.run if "label" in way or "letters" in way else attached)
        assert attached.set(who, cash=1).startswith("set: 1 of")
        assert there.run.players[1].cash == 1
        assert all(player.get("cash") is None for player in there.run.players if player.id != 1)


def test_a_label_that_several_have_is_refused_with_their_names(run: Run) -> None:
    names = [player.name for player in run.players[2:]]
    for act in (run.advance, run.link, run.reload, run.erase, run.view):
        with pytest.raises(
            AmbiguousLabel, match="Several players have the label 'same'"
        ) as refused:
            act("same")
        assert all(name in str(refused.value) for name in names)
    status, answer = Asking(run).do("reload", players=["same"])
    assert (status, answer["error"]) == (422, str(refused.value))
    run.free(run.players[2])
    assert list(run.reload("same")) == [run.players[3]], "who has the seat now"


def test_a_name_comes_before_a_label_and_nobody_is_found_by_a_part(run: Run) -> None:
    label(run, run.players[1].name, "PC-10", "Ann", "ann")
    assert list(run.reload(run.players[1].name)) == [run.players[1]]
    assert list(run.reload("ann")) == [run.players[3]]
    for unknown in ("PC-1", "ANN", ""):
        with pytest.raises(UnknownPlayer):
            run.reload(unknown)


@pytest.mark.parametrize("who", [None, 3, {"name": "ann"}, pandas.DataFrame({"x": [1]}), b"PC-1"])
def test_what_names_nobody_is_refused(run: Run, who: Any) -> None:
    with pytest.raises((UprootError, UnknownPlayer, WrongRecipient)):
        run.reload(who)


def test_a_steward_reads_a_player_by_label_and_a_viewer_finds_no_label(run: Run) -> None:
    asking = Asking(run)
    assert asking.get("players/PC-2")[1]["name"] == run.players[1].name
    assert asking.get("players/PC-2", "viewer")[0] == 404


def test_a_seat_that_nobody_has_any_more_is_that_of_the_last_one() -> None:
    places = [Holder("a", "PC-1", True), Holder("b", "PC-1", True)]
    assert meant_players("PC-1", places) == ["b"]


async def test_messages_call_players_by_label_and_name(run: Run) -> None:
    ann = await Browser.open(run, 0)
    name = run.players[0].name
    await until(lambda: run.players[0].online)
    with pytest.raises(UprootError, match=rf"players are online: PC-1 \({name}\)"):
        run.erase("PC-1")
    await ann.disconnect()
    run.free("PC-1")
    with pytest.raises(UprootError, match=rf"There is no amount for PC-1 \({name}\)"):
        await asyncio.to_thread(run.mark_paid, "PC-1")
