"""Stores: where the tables of finished markets are, in memory or in a folder of Parquet files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from uproot_nb.errors import BadMarket, UprootError
from uproot_nb.market.simulations.chunk import Tables
from uproot_nb.market.simulations.fingerprint import hash_of, hash_of_market_code
from uproot_nb.market.simulations.grid import Grid
from uproot_nb.market.simulations.stacking import in_order, stack
from uproot_nb.market.simulations.summary import empty_table
from uproot_nb.version import VERSION

if TYPE_CHECKING:
    import pandas

__all__ = ["ChunkFolder", "ChunksInMemory", "Store", "result_of"]

_PLAN = "simulations.json"


class Store(Protocol):
    """Where the tables of finished markets are."""

    def done(self) -> set[int]:
        """Return which cells of the grid need not be simulated."""

    def add(self, tables: Tables, lost: bool = False) -> None:
        """Store the tables of a chunk; *lost* ones have only errors, and are tried again later."""

    def frames(self, name: str) -> list[pandas.DataFrame]:
        """Return the parts of a table, in any order."""


class ChunksInMemory:
    """The tables of finished chunks, until the end of the call."""

    def __init__(self) -> None:
        self._chunks: list[Tables] = []

    def done(self) -> set[int]:
        """Return which cells are done: none before the first chunk."""
        return {int(cell) for frame in self.frames("markets") for cell in frame["cell"]}

    def add(self, tables: Tables, lost: bool = False) -> None:
        """Keep the tables of a chunk."""
        self._chunks.append(tables)

    def frames(self, name: str) -> list[pandas.DataFrame]:
        """Return the parts of a table."""
        return [tables[name] for tables in self._chunks if name in tables]


class ChunkFolder:
    """A folder with one file per chunk and table, from which a later call goes on.

    `simulations.json` says what is simulated, and by which code. The file in `markets/` is written
    last: a chunk without one has not been finished.

    Raises:
        BadMarket: the folder belongs to another simulation.
        UprootError: pyarrow is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], grid: Grid, tables: Sequence[str]) -> None:
        _check_pyarrow()
        self._path, self._tables, self._grid = Path(path), ["markets", *tables], grid
        self._lost = ChunksInMemory()
        self._claim(_plan(grid, tables))

    def done(self) -> set[int]:
        """Return which cells are in the files."""
        return {int(cell) for path in self._files() for cell in _read(path, ["cell"])["cell"]}

    def add(self, tables: Tables, lost: bool = False) -> None:
        """Write the tables of a chunk, each file at once or not at all."""
        if lost:
            self._lost.add(tables)
            return
        name = f"{int(tables['markets']['cell'].min()):09d}.parquet"
        for table in reversed(self._tables):
            if table in tables:
                _write(self._path / table / name, tables[table].to_parquet)

    def frames(self, name: str) -> list[pandas.DataFrame]:
        """Return the parts of a table; of a cell that two calls have simulated, one."""
        found, seen = self._lost.frames(name), set[int]()
        for markets in self._files():
            path = self._path / name / markets.name
            cells = {int(cell) for cell in _read(markets, ["cell"])["cell"]} - seen
            seen |= cells
            if path.exists():
                frame = _read(path)
                found.append(frame[frame["cell"].isin(cells)])
        return found

    def _files(self) -> list[Path]:
        return sorted((self._path / "markets").glob("*.parquet"))

    def _claim(self, plan: Mapping[str, Any]) -> None:
        """Make the folder ours, or see that it is."""
        file = self._path / _PLAN
        if file.exists():
            _compare(file, plan)
        elif self._path.exists() and any(self._path.iterdir()):
            raise BadMarket(
                f"The folder {self._path} has other files.", "Give a folder that is new or empty."
            )
        for table in self._tables:
            (self._path / table).mkdir(parents=True, exist_ok=True)
        if not file.exists():
            text = json.dumps(plan, indent=1)
            _write(file, lambda path: path.write_text(text, "utf-8"))


def result_of(store: Store, grid: Grid, tables: Sequence[str]) -> Any:
    """Return what `simulate_markets` returns: the markets, or a dict of all tables."""
    markets = _whole(store, grid, "markets")
    if not tables:
        return markets
    return {"markets": markets, **{name: _whole(store, grid, name) for name in tables}}


def _whole(store: Store, grid: Grid, name: str) -> pandas.DataFrame:
    import pandas  # lazy: an experiment that makes no table does not need it

    frames = store.frames(name) or [empty_table(name)]
    frame = in_order(stack(frames))
    cells = frame.pop("cell")
    return pandas.concat([grid.columns(cells), frame], axis=1)


def _plan(grid: Grid, tables: Sequence[str]) -> dict[str, Any]:
    """Return what makes two calls the same simulation."""
    return {
        "markets": len(grid.cells),
        "tables": list(tables),
        "seeds": hash_of([cell.seed for cell in grid.cells]),
        "designs": {
            str(name): hash_of([settings, design])
            for name, settings, design in zip(grid.names, grid.settings, grid.designs, strict=True)
        },
        "uproot_nb": f"{VERSION} ({hash_of_market_code()})",
        "python": ".".join(map(str, sys.version_info[:2])),
    }


_DIFFERENCES = {
    "uproot_nb": "was begun with another version of uproot_nb",
    "python": "was begun with another version of Python",
    "designs": "has other designs, or their traders' code has changed",
    "seeds": "has other seeds",
    "tables": "has other tables",
    "markets": "has another number of markets",
}


def _compare(file: Path, plan: Mapping[str, Any]) -> None:
    try:
        known = json.loads(file.read_text("utf-8"))
        differences = [why for key, why in _DIFFERENCES.items() if known[key] != plan[key]]
    except (ValueError, KeyError, TypeError):
        differences = [f"has a {_PLAN} that cannot be read"]
    if differences:
        raise BadMarket(
            f"The simulation in {file.parent} {differences[0]}.",
            "Give another folder, or delete this one to begin anew.",
        )


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path, columns: list[str] | None = None) -> pandas.DataFrame:
    import pandas  # lazy: an experiment that makes no table does not need it

    try:
        return pandas.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:  # pyarrow's errors are these
        raise BadMarket(
            f"{path} cannot be read: {error}", "Delete it, and call again: its markets are missing."
        ) from error


def _check_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401  # lazy: it is an extra
    except ImportError:
        raise UprootError(
            "folder=… needs the package pyarrow, which is not installed.\n"
            'Install it: pip install "uproot_nb[parquet]"'
        ) from None
