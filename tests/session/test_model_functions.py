"""Models: typed, append-only tables, with queries that cost by their result."""
# ruff: noqa: ANN001, ANN201, PT018  (as authors write)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running import serving
from uproot_nb import (
    Entry,
    Page,
    Run,
    UprootError,
    add_entry,
    add_raw_entry,
    create_model,
    filter_entries,
    get_entries,
    get_field,
    get_latest_entry,
    model_exists,
)
from uproot_nb.experiment.identifiers import PlayerIdentifier


class Play(Page):
    """Play."""


class Offer(metaclass=Entry):
    player: PlayerIdentifier
    price: float
    side: str = "buy"


class Note(Entry):
    text: str


NAMES = {"Offer": Offer, "Note": Note, "__name__": __name__}


@pytest.fixture
def run(tmp_path):
    with serving(Play, names=dict(NAMES), db=str(tmp_path / "log.sqlite3")) as served:
        served.session.offers = create_model(served.session, tag="offers")
        yield served


def prices(found: list[Any]) -> list[float]:
    return [entry.price for _, _, entry in found]


def test_entries_come_back_typed_in_order_with_id_and_time(run: Run) -> None:
    ann = run.players[0]
    first = add_entry(run.session.offers, ann, Offer, price=3.0)
    add_entry(run.session.offers, ann, Offer, price=4.0, side="sell")
    (uuid, time, offer), second = get_entries(run.session.offers, Offer)
    assert (uuid, offer) == (first, Offer(player=~ann, price=3.0, side="buy"))
    assert second.time >= time > 0
    assert get_latest_entry(run.session.offers, Offer).entry.price == 4.0
    with pytest.raises(AttributeError):
        offer.price = 5.0


@pytest.mark.long
def test_filters_are_by_equality_predicate_and_id(run: Run) -> None:
    ids = [
        add_entry(run.session.offers, run.players[n % 2], Offer, price=float(n % 5))
        for n in range(50)
    ]
    assert prices(filter_entries(run.session.offers, Offer, price=2.0)) == [2.0] * 10
    both = filter_entries(run.session.offers, Offer, price=2.0, player=run.players[0])
    assert len(both) == 5
    high = filter_entries(run.session.offers, Offer, predicate=lambda o: o.price > 3)
    assert prices(high) == [4.0] * 10
    assert filter_entries(run.session.offers, Offer, id=ids[7])[0].id == ids[7]
    add_entry(run.session.offers, run.players[0], Offer, price=2.0)
    assert len(filter_entries(run.session.offers, Offer, price=2.0)) == 11


def test_types_are_separate_and_raw_entries_are_dicts(run: Run) -> None:
    add_entry(run.session.offers, run.players[0], Offer, price=1.0)
    add_entry(run.session.offers, run.players[0], Note, text="so")
    add_raw_entry(run.session.offers, {"event": "opened"})
    assert len(get_entries(run.session.offers)) == 3
    assert [note.text for _, _, note in get_entries(run.session.offers, Note)] == ["so"]


def test_a_model_is_there_after_a_restart(run: Run) -> None:
    for n in range(5):
        add_entry(run.session.offers, run.players[0], Offer, price=float(n))
    path = run.path
    run.close()
    with serving(Play, names=dict(NAMES), db=path) as again:
        assert prices(get_entries(again.session.offers, Offer)) == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert len(filter_entries(again.session.offers, Offer, price=3.0)) == 1
        add_entry(again.session.offers, again.players[0], Offer, price=9.0)
        assert get_latest_entry(again.session.offers, Offer).entry.price == 9.0


@pytest.mark.long
def test_one_small_event_for_each_entry(run: Run) -> None:
    for n in range(200):
        add_entry(run.session.offers, run.players[0], Offer, price=float(n))
    events = run.events
    appended = events[events["subject"] == f"model/{run.session.offers.name}"]
    sizes = [len(str(value)) for value in appended["value"]][-200:]
    assert len(sizes) == 200 and max(sizes) < 400


def test_fields_of_a_model_and_whether_it_exists(run: Run) -> None:
    run.session.offers.closed = False
    assert get_field(run.session.offers, "closed") is False
    assert model_exists(run.session.offers) and not model_exists(None)


@pytest.mark.long
@pytest.mark.parametrize(
    "wrong",
    [
        {"price": 1.0, "colour": "red"}, {"side": "buy"}, {"price": object()},
    ],
)  # fmt: skip
def test_an_invalid_entry_is_refused_and_not_stored(run: Run, wrong: Any) -> None:
    with pytest.raises((UprootError, TypeError)):
        add_entry(run.session.offers, run.players[0], Offer, **wrong)
    assert get_entries(run.session.offers, Offer) == []


def test_a_type_that_cannot_be_is_refused_where_it_is_written() -> None:
    with pytest.raises(UprootError):

        class Wrong(metaclass=Entry):
            id: int


def test_an_empty_model_has_no_latest_entry(run: Run) -> None:
    with pytest.raises(LookupError):
        get_latest_entry(run.session.offers, Offer)


@pytest.mark.long
def test_snapshots_of_a_growing_model_stay_small(tmp_path: Path) -> None:
    """However many entries there are; the run that goes on has all of them, and so has run.at."""
    options: dict[str, Any] = {"players": 1, "db": tmp_path / "log.sqlite3"}
    sizes, middle = [], 0
    with serving(Play, **options) as run:
        journal, player = run._runtime.world.journal, run.players[0]
        run.session.offers = create_model(run.session, tag="offers")
        run.session.strokes = []
        for block in range(4):
            with run.lock:
                for number in range(4_000):
                    add_entry(run.session.offers, player, Offer, price=number)
                    run.session.strokes.append([block, number])
            with run.lock:
                journal.commit()
                journal.take_snapshot()
            found = run._runtime.world.log.load_snapshot(run.name)
            assert found is not None
            sizes.append(len(found.state))
            if block == 1:
                middle = found.seq
    assert sizes[-1] < 100_000
    assert max(sizes[1:]) < 1.1 * min(sizes[1:])
    with serving(Play, names=dict(NAMES), **options) as run:
        entries = get_entries(run.session.offers, Offer)
        assert [entry.price for _, _, entry in entries] == list(range(4_000)) * 4
        assert list(run.session.strokes) == [[b, n] for b in range(4) for n in range(4_000)]
        past = run._past.state(seq=middle)
        assert len(past.value("session", "strokes")) == 8_000
        assert len(past.value(run.session.offers.subject, "entries")) == 8_000
