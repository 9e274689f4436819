"""Parquet: what is written is what the cells say, however many rows make a group."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.analysis import parquet
from uproot_nb.analysis.json_cells import NOT_FINITE, Column, Columns
from uproot_nb.analysis.parquet import Parquet

TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
KINDS: Columns = {
    "bid": "integer", "price": "number", "is_in": "boolean", "note": "text", "any": "json",
}  # fmt: skip
CELLS: dict[str, Any] = {
    "bid": st.integers(-(2**63), 2**63 - 1).map(str),
    "price": st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(repr), st.sampled_from([*NOT_FINITE]),
        st.integers(-(2**70), 2**70).map(str),
        st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: f"{d:e}"),
    ),
    "is_in": st.sampled_from(["true", "false"]),
    "note": TEXTS.map(lambda text: orjson.dumps(text).decode()),
    "any": st.sampled_from(["null", "[1,2]", '{"a":null}', '"a"', "7", *NOT_FINITE]),
}  # fmt: skip
HELD: dict[str, Any] = {
    "bid": int, "price": float, "is_in": orjson.loads, "note": orjson.loads,
    "any": lambda cell: NOT_FINITE.get(cell, cell),
}  # fmt: skip
SPARSE = st.lists(
    st.sampled_from(list(KINDS)).flatmap(
        lambda name: st.tuples(st.just(name), st.none() | CELLS[name])
    ),
    min_size=1,
    max_size=30,
)


def held(name: str, cell: str | None) -> Any:
    return None if cell is None else HELD[name](cell)


@examples(150)
@given(SPARSE, st.sampled_from([1, 7, 100]), st.integers(1, 12))
def test_each_cell_is_in_its_column_and_nothing_anywhere_else(
    rows: list[tuple[str, str | None]], group: int, piece: int
) -> None:
    places = {name: place for place, name in enumerate(KINDS)}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(parquet, "_ROWS_A_GROUP", group)
        path = Path(folder) / "sparse.parquet"
        with Parquet(path, {"seq": "integer", **KINDS}) as file:
            for start in range(0, len(rows), piece):
                some = rows[start : start + piece]
                seqs = list(range(start, start + len(some)))
                head = file.made([Column(seqs, plain=True)])
                cells = [cell for _, cell in some]
                file.write_sparse(head, [places[name] for name, _ in some], cells)
        found = pyarrow.parquet.read_table(path).to_pylist()
    nothing = dict.fromkeys(KINDS)
    wanted = [
        {"seq": seq, **nothing, name: held(name, cell)} for seq, (name, cell) in enumerate(rows)
    ]
    assert list(map(repr, found)) == list(map(repr, wanted))


@pytest.mark.parametrize(
    "cell", ["1e999", "-1e999", "1e-400", f"0.{'0' * 400}1", f"{'1' * 400}.5", "9007199254740993.0"]
)
def test_numbers_beyond_a_float_are_rounded_as_python_does(tmp_path: Path, cell: str) -> None:
    with Parquet(tmp_path / "table.parquet", {"price": "number"}) as file:
        file.write([[cell]])
    found = pyarrow.parquet.read_table(tmp_path / "table.parquet")["price"].to_pylist()
    assert found == [float(cell)]


@pytest.mark.long
def test_long_values_make_groups_of_few_rows(tmp_path: Path) -> None:
    """So that not very many of them are in memory at once."""
    essay = f'"{"x" * 1_000_000}"'
    with Parquet(tmp_path / "table.parquet", {"essay": "text"}) as file:
        for _ in range(40):
            file.write_columns([Column([essay])])
    written = pyarrow.parquet.ParquetFile(tmp_path / "table.parquet")
    assert written.metadata.num_rows == 40
    assert written.metadata.num_row_groups > 1


def test_a_group_that_cannot_be_written_fails_the_table_and_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = threading.active_count()
    file = Parquet(tmp_path / "table.parquet", {"price": "number"})
    monkeypatch.setattr(file, "_write_group", full)
    with pytest.raises(OSError, match="No space"), file:
        file.write([["1.5"]])
    assert threading.active_count() == before
