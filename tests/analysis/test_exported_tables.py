"""ExportedTable: every table is there under its own name, and a filter means the same in all."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.lives import Live, Offer
from uproot_nb import add_entry, add_raw_entry, create_group, create_model
from uproot_nb.analysis.exported_tables import file_names
from uproot_nb.analysis.recording import Tables
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.market import Market

Asked = set[tuple[str, str]]


def exported(live: Live, folder: Path, **options: Any) -> Path:
    live.world.journal.commit()
    return Tables(live.worlds.log, "market").export(folder / "out", **options)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def trading(live: Live, name: str) -> None:
    session = live.world.session
    ann, bob = (player.name for player in session.players[:2])
    values = InducedValues({ann: [90]}, {bob: [20]})
    market = Market.in_session(session, name=name, values=values)
    market.limit(bob, "sell", 45)
    market.limit(ann, "buy", 50)


@given(st.lists(st.text(max_size=5) | st.sampled_from(["a b", "a_b", "A_B", "a_b_2", "é", "É"])))
def test_no_two_files_have_names_that_meet_on_any_system(texts: list[str]) -> None:
    names = file_names(texts)
    assert len({name.casefold() for name in names}) == len(texts)
    assert names == file_names(texts)
    assert not any(set(name) & set('/\\:*?"<>|\n') for name in names)


@pytest.mark.long
def test_models_and_markets_whose_names_meet_are_all_there(tmp_path: Path) -> None:
    with Live() as live:
        ann = live.world.session.players[0]
        for number, tag in enumerate(("a b", "a_b", "A_B")):
            add_entry(create_model(live.world.session, tag), ann, Offer, price=number, time=tag)
        for name in ("bonds", "bonds!"):
            trading(live, name)
        folder = exported(live, tmp_path)
    told = json.loads((folder / "codebook.json").read_text("utf-8"))
    for file, price in (("a_b", "0"), ("a_b_2", "1"), ("A_B_3", "2")):
        assert [row["price"] for row in rows(folder, f"models/{file}")] == [price]
        assert told[f"models/{file}"]["time_"]["field"] == "time"
    assert len(rows(folder, "markets/bonds/trades")) == 1
    assert len(rows(folder, "markets/bonds_2/trades")) == 1


@pytest.mark.long
def test_a_tag_stands_for_all_models_that_have_it(tmp_path: Path) -> None:
    with Live() as live:
        ann = live.world.session.players[0]
        for price in (1, 2):
            model = create_model(live.world.session, "offers")
            add_entry(model, ann, Offer, price=price, time="noon")
        folder = exported(live, tmp_path)
        assert len(Tables(live.worlds.log, "market").frame("offers")) == 2
        assert len(Tables(live.worlds.log, "market").frame(model)) == 1
    assert [row["price"] for row in rows(folder, "models/offers")] == ["1", "2"]


def test_a_field_is_in_one_column_whatever_other_rows_have(tmp_path: Path) -> None:
    """It gives way to our column, and to a field that is called like what it would be called."""
    with Live() as live:
        ann, bob = live.world.session.players[:2]
        ann.player, bob.player, bob.player_ = 1, 2, 3
        model = create_model(live.world.session, "notes")
        add_raw_entry(model, {"time": "noon"})
        add_raw_entry(model, {"time": "one", "time_": "two"})
        folder = exported(live, tmp_path)
        frame = Tables(live.worlds.log, "market").frame("notes")
    players = rows(folder, "latest/players")
    assert [(row["player__"], row["player_"]) for row in players[:2]] == [("1", ""), ("2", "3")]
    notes = rows(folder, "models/notes")
    assert [(row["time__"], row["time_"]) for row in notes] == [("noon", ""), ("one", "two")]
    assert frame["time__"].tolist() == ["noon", "one"]


def everything_there(live: Live) -> None:
    session = live.world.session
    ann, bob = session.players[:2]
    ann.bid, ann.page_, session.note = 1, "x", "hello"
    create_group(session, [ann, bob]).pot = 9
    session.offers = create_model(session, "offers")
    session.offers.is_open = True
    add_entry(session.offers, ann, Offer, price=2, time="noon")
    trading(live, "bonds")


@pytest.mark.long
def test_a_filter_is_asked_for_authors_fields_only(tmp_path: Path) -> None:
    asked: Asked = set()

    def keeps(kind: str, name: str) -> bool:
        asked.add((kind, name))
        return True

    with Live() as live:
        everything_there(live)
        exported(live, tmp_path, filters=keeps)
    assert {kind for kind, _ in asked} == {"player", "group", "session", "model"}
    assert {name for kind, name in asked if kind == "player"} == {"bid", "page_"}
    assert {name for kind, name in asked if kind == "group"} == {"pot"}
    assert {("model", "price"), ("model", "time"), ("model", "is_open")} <= asked
    ours = {"seq", "timestamp", "id", "position", "entries", "types", "tag", "spread", "command"}
    assert not ours & {name for _, name in asked}


@pytest.mark.long
@pytest.mark.parametrize("filtered", ["price", "is_open", "pot", "note", "bid"])
def test_what_a_filter_leaves_out_is_in_no_file(tmp_path: Path, filtered: str) -> None:
    with Live() as live:
        everything_there(live)
        folder = exported(live, tmp_path, filters=lambda kind, name: name != filtered)
    told = json.loads((folder / "codebook.json").read_text("utf-8"))
    for table, columns in told.items():
        assert table.startswith("markets/") or filtered not in columns, table
        if table.startswith("ultralong/"):
            assert filtered not in {row["field"] for row in rows(folder, table)}


@pytest.mark.long
def test_what_is_ours_is_whole_whatever_the_filter_keeps(tmp_path: Path) -> None:
    with Live() as live:
        everything_there(live)
        whole = exported(live, tmp_path)
        before = json.loads((whole / "codebook.json").read_text("utf-8"))
        folder = exported(
            live, tmp_path, filters=lambda kind, name: (kind, name) == ("player", "bid")
        )
    told = json.loads((folder / "codebook.json").read_text("utf-8"))
    for table in ("page_times", "calls", "presence", *(t for t in told if "markets/" in t)):
        assert told[table] == before[table]
    assert list(told["latest/players"]) == [
        "player", "session", "id", "label", "bot", "page", "position", "online", "group",
        "member_id", "ended_as", "query", "bid",
    ]  # fmt: skip
    assert list(told["latest/groups"]) == ["group", "session", "id", "members"]
    assert list(told["models/offers"]) == [
        "session", "model", "type", "id", "time", "timestamp", "label", "bot", "group", "block",
        "round",
    ]  # fmt: skip
    assert len(rows(folder, "latest/groups")) == 1
    assert told["models/bonds-1"] == before["models/bonds-1"]


@pytest.mark.long
def test_an_entry_may_have_fields_that_are_called_like_a_models_own(tmp_path: Path) -> None:
    with Live() as live:
        add_raw_entry(create_model(live.world.session, "notes"), {"tag": "a", "types": "b"})
        folder = exported(live, tmp_path)
    [row] = rows(folder, "models/notes")
    assert (row["tag"], row["types"]) == ("a", "b")


@pytest.mark.long
def test_our_columns_have_meanings_and_fields_of_the_same_name_have_none(tmp_path: Path) -> None:
    with Live() as live:
        everything_there(live)
        ann = live.world.session.players[0]
        ann.value, ann.seconds, ann.error, live.world.session.round = 1, 2, "no", 3
        folder = exported(live, tmp_path)
    told = json.loads((folder / "codebook.json").read_text("utf-8"))
    for name in ("value", "seconds", "error"):
        for table in ("latest/players", "sparse/players"):
            assert (told[table][name]["meaning"], told[table][name]["unit"]) == ("", "")
    assert told["latest/session"]["round"]["meaning"] == ""
    fields = {
        "bid",
        "page_",
        "pot",
        "note",
        "is_open",
        "offers",
        "value",
        "seconds",
        "error",
        "round",
    }
    for table, columns in told.items():
        for name, about in columns.items():
            author = (
                name in fields or "field" in about or table in ("models/offers", "sparse/models")
            )
            assert about["meaning"] or (author and "ultralong" not in table), (table, name)
    book = told["markets/bonds/book"]
    assert book["bid"] == {
        "meaning": "the best bid; missing while there is none", "type": "number", "unit": "money",
    }  # fmt: skip
    assert (book["time"]["unit"], book["timestamp"]["unit"]) == ("Unix seconds", "UTC")
    assert "markets/" in (folder / "README.txt").read_text("utf-8")
