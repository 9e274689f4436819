"""Round tables: they agree with all others, whatever people do in their rounds."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.rounds.histories import FIELDS, ORDERS, STEPS, History
from tests.examples import examples
from uproot_nb.analysis.recording import Tables
from uproot_nb.analysis.rounds.journey_rounds import RoundKey
from uproot_nb.analysis.rounds.round_pieces import in_order, wide_names

Row = dict[str, Any]
Where = tuple[str, str | None, int | None]
SIMPLE, TRAINED, NESTED, BY_CODE = ORDERS
ADDRESS = {"round", "round_nested", "block"}


def tables(history: History) -> Tables:
    return Tables(history.log, "m")


def lines(folder: Path, name: str) -> list[Row]:
    path = folder / f"{name}.jsonl"
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def replayed(folder: Path) -> tuple[dict[Where, Row], dict[str, Row], set[str]]:
    """Replay ultralong: by player and round, and by player, the values; what changed outside."""
    in_rounds: dict[Where, Row] = {}
    latest: dict[str, Row] = {}
    outside: set[str] = set()
    for row in lines(folder, "ultralong/players"):
        name, now = row["field"], latest.setdefault(row["player"], {})
        if row["change"] == "append":
            now[name] = now[name] + row["value"]["values"]
        elif row["change"] == "del":
            del now[name]
        else:
            now[name] = row.get("value")
        if "round" in row and name != "round":
            there = in_rounds.setdefault((row["player"], row.get("block"), row["round"]), {})
            there[name] = now.get(name)
        elif name != "round":
            outside.add(name)
    return in_rounds, latest, outside


def set_values(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


@examples(60)
@given(st.sampled_from([SIMPLE, TRAINED, BY_CODE]), STEPS)
def test_the_tables_of_an_export_agree(order: Any, steps: Any) -> None:
    history = History(order).go(steps)
    with tempfile.TemporaryDirectory() as made:
        folder = tables(history).export(Path(made) / "out", "jsonl", filters=False)
        in_rounds, latest, outside = replayed(folder)
        rows = lines(folder, "rounds/players")
        people = {row["player"]: row for row in lines(folder, "latest/players")}
        for player, values in latest.items():
            assert set_values(values).items() <= people[player].items()
        _check_rounds(rows, in_rounds, latest, outside, people)
        assert _last_in_sparse(folder) == {k: v for k, v in in_rounds.items() if v}
        if rows:
            _check_wide(folder, rows, latest, outside, people)


def _check_rounds(
    rows: list[Row],
    in_rounds: dict[Where, Row],
    latest: dict[str, Row],
    outside: set[str],
    people: dict[str, Row],
) -> None:
    varying = {name for values in in_rounds.values() for name in values} - ADDRESS
    found = {(row["player"], row.get("block"), row["round"]): row for row in rows}
    assert len(found) == len(rows)
    assert in_rounds.keys() <= found.keys()
    for where, row in found.items():
        person, values = people[where[0]], in_rounds.get(where, {})
        for name in ("session", "id", "label", "bot"):
            assert row[name] == person[name]
        fixed = {n: v for n, v in latest.get(where[0], {}).items() if n in outside - varying}
        expected = {n: v for n, v in (fixed | values).items() if n not in ADDRESS}
        ours = {"session", "player", "id", "label", "bot", "group", "block", "round", "nested"}
        assert {n: v for n, v in row.items() if n not in ours | {"round_"}} == set_values(expected)


def _last_in_sparse(folder: Path) -> dict[Where, Row]:
    """Return by player and round what sparse says last of each field."""
    ours = {"session", "seq", "time", "timestamp", "player", "label", "bot", "group", "block",
            "round"}  # fmt: skip
    long = {row["seq"]: row for row in lines(folder, "ultralong/players")}
    found: dict[Where, Row] = {}
    for row in lines(folder, "sparse/players"):
        change = long[row["seq"]]
        shared = ours & change.keys()
        assert {n: row.get(n) for n in shared} == {n: change[n] for n in shared}
        if "round" in row and change["field"] != "round":
            there = found.setdefault((row["player"], row.get("block"), row["round"]), {})
            there[change["field"]] = next((v for n, v in row.items() if n not in ours), None)
    return found


def _check_wide(
    folder: Path,
    rows: list[Row],
    latest: dict[str, Row],
    outside: set[str],
    people: dict[str, Row],
) -> None:
    codebook = json.loads((folder / "codebook.json").read_text("utf-8"))
    columns = codebook["wide/players"]
    wide = lines(folder, "wide/players")
    assert [row["player"] for row in wide] == list(people)
    for row in wide:
        person = people[row["player"]]
        ours = {n: row.get(n) for n in ("session", "id", "label", "bot", "group", "ended_as")}
        assert ours == {name: person.get(name) for name in ours}
        here = [one for one in rows if one["player"] == row["player"]]
        told = {
            (about["field"], about["round"]): row[column]
            for column, about in columns.items()
            if "round" in about and column in row
        }
        varying = {about["field"] for about in columns.values() if "round" in about}
        assert told == {
            (name, f"{one.get('block', '')} {one['round']}".strip()): one[name]
            for one in here
            for name in varying & one.keys()
        }
        final = set_values(latest.get(row["player"], {}))
        plain = [c for c, about in columns.items() if "round" not in about and c in FIELDS]
        assert set(plain) == outside & set(FIELDS)
        assert {c: row.get(c) for c in plain} == {c: final.get(c) for c in plain}


@examples(40)
@given(st.sampled_from(ORDERS), STEPS)
def test_the_frames_are_the_tables_of_the_export(order: Any, steps: Any) -> None:
    history = History(order).go(steps)
    with tempfile.TemporaryDirectory() as made:
        folder = tables(history).export(Path(made) / "out", "jsonl", filters=False)
        for name, frame in (("rounds", tables(history).rounds), ("wide", tables(history).wide)):
            rows = lines(folder, f"{name}/players")
            if name == "rounds" or rows:
                found = json.loads(frame.to_json(orient="records"))
                assert [set_values(row) for row in found] == rows


def decided(order: Any, *steps: Any) -> Tables:
    return tables(History(order).go(steps))


def test_who_goes_back_changes_the_row_of_that_round() -> None:
    found = decided(
        SIMPLE, ("enter", 0, 1), ("set", 0, "bid", 1), ("enter", 0, 2), ("set", 0, "bid", 2),
        ("enter", 0, 1), ("set", 0, "bid", 3), ("enter", 0, 2),
    ).rounds  # fmt: skip
    assert found[["round", "bid"]].to_numpy().tolist() == [[1, 3], [2, 2]]


def test_what_is_set_before_and_after_the_rounds_belongs_to_none() -> None:
    found = decided(
        SIMPLE, ("set", 0, "arm", "A"), ("enter", 0, 1), ("set", 0, "bid", 1), ("enter", 0, 4),
        ("set", 0, "age", 30),
    )  # fmt: skip
    assert found.rounds[["round", "arm", "bid", "age"]].to_numpy().tolist() == [[1, "A", 1, 30]]
    wide = found.wide
    assert list(wide.columns[-3:]) == ["arm", "age", "bid_1"]
    assert wide["bid_1"].tolist() == [1, pd.NA, pd.NA]
    assert wide["player"].tolist() == ["ann", "bob", "cleo"]


def test_nothing_is_carried_over_from_round_to_round_and_a_deleted_value_is_missing() -> None:
    found = decided(
        SIMPLE, ("enter", 0, 1), ("set", 0, "bid", 1), ("enter", 0, 2), ("enter", 0, 3),
        ("set", 0, "bid", 3), ("del", 0, "bid"),
    ).rounds  # fmt: skip
    assert found["bid"].tolist() == [1, pd.NA, pd.NA]


def test_training_and_later_rounds_have_rows_and_columns_of_their_own() -> None:
    steps = [s for n in (0, 2, 7) for s in (("enter", 0, n), ("set", 0, "bid", n))]
    found = decided(TRAINED, *steps, ("set", 0, "once", 1))
    assert found.rounds[["block", "round", "bid"]].to_numpy(na_value=None).tolist() == [
        ["training", 1, 0], [None, 1, 2], ["2", 1, 7],
    ]  # fmt: skip
    assert list(found.wide.columns[-4:]) == ["bid_training_1", "bid_1", "bid_2_1", "once_1"]


def test_a_row_has_the_last_group_of_its_round() -> None:
    found = decided(
        SIMPLE, ("enter", 0, 1), ("group", "g1", [0, 1]), ("enter", 0, 2), ("group", "g2", [0, 2]),
        ("group", "g2", []),
    ).rounds  # fmt: skip
    assert found["group"].tolist() == ["g1", "g2"]


def test_a_group_that_was_left_is_not_that_of_the_next_round() -> None:
    found = decided(
        SIMPLE, ("enter", 0, 1), ("group", "g1", [0, 1]), ("group", "g1", []), ("enter", 0, 2),
    ).rounds  # fmt: skip
    assert found["group"].tolist()[0] == "g1"
    assert found["group"].isna().tolist() == [False, True]


def test_sparse_says_what_a_list_was_at_the_end_of_a_round(tmp_path: Path) -> None:
    found = decided(SIMPLE, ("enter", 0, 3), ("append", 0, 1), ("enter", 0, 4), ("append", 0, 2))
    folder = found.export(tmp_path / "out", "jsonl")
    rows = [
        (row.get("round"), row["bids"]) for row in lines(folder, "sparse/players") if "bids" in row
    ]
    assert rows == [(3, []), (3, [1]), (None, [1, 2])]


def test_nested_rounds_are_told_apart() -> None:
    steps = [s for n in (0, 1, 2, 3, 4) for s in (("enter", 0, n), ("set", 0, "bid", n))]
    found = decided(NESTED, *steps)
    assert found.rounds["nested"].tolist() == [pd.NA, "1.1", "1.2", pd.NA, "2.1"]
    assert list(found.wide.columns[-5:]) == ["bid_1", "bid_1_1", "bid_1_2", "bid_2", "bid_2_1"]


def test_without_rounds_there_is_no_row_and_no_file(tmp_path: Path) -> None:
    found = decided(SIMPLE, ("set", 0, "bid", 1))
    assert len(found.rounds) == 0
    assert list(found.rounds.columns[:3]) == ["session", "player", "id"]
    folder = found.export(tmp_path / "out")
    assert not (folder / "rounds").exists()
    assert not (folder / "wide").exists()


def test_a_field_of_an_author_gives_way_to_a_column_of_a_round() -> None:
    found = decided(
        SIMPLE, ("set", 0, "bid_1", "mine"), ("enter", 0, 1), ("set", 0, "bid", 1),
    ).wide  # fmt: skip
    assert (found["bid_1"][0], found["bid_1_"][0]) == ("mine", 1)


KEYS = st.builds(
    RoundKey, st.sampled_from(["", "a", "1"]), st.integers(1, 2),
    st.lists(st.integers(1, 2), min_size=1, max_size=2).map(tuple), st.integers(1, 2),
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["bid", "bid_1", "bid_1_1"]), st.lists(KEYS, unique=True)),
    st.sets(st.sampled_from(["bid_1", "bid_1_", "round"])),
)
def test_no_two_columns_of_rounds_have_one_name(fields: Any, taken: Any) -> None:
    names = wide_names(fields, taken)
    assert len(set(names.values())) == len(names) == sum(map(len, fields.values()))
    assert not taken & set(names.values())
    for rounds in fields.values():
        assert sorted(in_order(rounds)) == sorted(rounds)


def test_a_filter_leaves_a_field_out_of_both_tables(tmp_path: Path) -> None:
    found = decided(SIMPLE, ("enter", 0, 1), ("set", 0, "bid", 1), ("set", 0, "age", 2))
    folder = found.export(tmp_path / "out", "jsonl", filters=lambda _, name: name != "bid")
    [row], wide = lines(folder, "rounds/players"), lines(folder, "wide/players")
    assert row["age"] == wide[0]["age_1"] == 2
    assert "bid" not in (folder / "codebook.json").read_text("utf-8")
    assert "label" in row


def test_a_scrubbed_table_of_rounds_has_no_label(tmp_path: Path) -> None:
    found = decided(SIMPLE, ("enter", 0, 1), ("set", 0, "bid", 1))
    folder = found.export(tmp_path / "out", "jsonl", scrub=True)
    for name in ("rounds/players", "wide/players", "ultralong/players", "sparse/players"):
        assert lines(folder, name)
        assert not any("label" in row for row in lines(folder, name))
