"""Chunk: some markets of a grid, sent to a worker, simulated there, and sent back as tables."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cloudpickle

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.results import MARKET_TABLES, MarketTables, columns_of
from uproot_nb.market.simulations.stacking import CellStack
from uproot_nb.market.simulations.summary import MarketRow, failed_row, finished_row, summary_table

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Cell", "MarketSource", "Seed", "Tables", "check_tables", "pack", "simulate_chunk", "unpack",
]  # fmt: skip

Seed = int | str
Tables = dict[str, "pandas.DataFrame"]
"""Stacked tables by name; "markets" is always one of them. All have the column `cell`."""


class MarketSource(Protocol):
    """What `simulate_markets` needs of a design."""

    def simulate(self, seed: int | str) -> MarketTables:
        """Simulate one market; the same seed gives the same, in whatever process."""


@dataclass(frozen=True)
class Cell:
    """One market of a grid: its place there, its design's number, its seed."""

    place: int
    design: int
    seed: Seed


def pack(cells: Sequence[Cell], designs: Sequence[MarketSource], tables: Sequence[str]) -> bytes:
    """Return what a worker needs; classes and functions of a notebook go along by value.

    Raises:
        BadMarket: a design has something that cannot leave this process.
    """
    needed = {number: designs[number] for number in sorted({cell.design for cell in cells})}
    try:
        packed: bytes = cloudpickle.dumps((list(cells), needed, list(tables)))
    except Exception as error:  # authors' own __reduce__ may raise anything
        raise BadMarket(
            f"The design cannot be sent to another process: {type(error).__name__}: {error}",
            "Take out what is open or running, such as files, locks and generators, or "
            "make them when the market is simulated.",
        ) from error
    return packed


def simulate_chunk(packed: bytes) -> bytes:
    """Simulate what `pack` has packed, and return what `unpack` reads; it runs in a worker."""
    cells, designs, tables = pickle.loads(packed)
    return pickle.dumps(_simulated(cells, designs, tables), pickle.HIGHEST_PROTOCOL)


def unpack(answer: bytes) -> Tables:
    """Return the tables that a worker has sent."""
    found: Tables = pickle.loads(answer)
    return found


def _simulated(
    cells: Sequence[Cell], designs: Mapping[int, MarketSource], tables: Sequence[str]
) -> Tables:
    rows: list[MarketRow] = []
    stacks = {name: CellStack(name) for name in tables}
    for cell in cells:
        row, made = _market(cell, designs[cell.design], tables)
        rows.append(row)
        for name, part in made.items():
            stacks[name].add(cell.place, part)
    found = {name: stack.table() for name, stack in stacks.items()}
    return {
        "markets": summary_table(rows),
        **{name: table for name, table in found.items() if table is not None},
    }


def _market(
    cell: Cell, design: MarketSource, tables: Sequence[str]
) -> tuple[MarketRow, dict[str, Any]]:
    """Return a market's row, and of each table the columns, or the table itself."""
    try:
        made = design.simulate(cell.seed)
        row = finished_row(cell.place, made)
        columns = {name: columns_of(made, name) for name in tables}
        return row, {name: part or getattr(made, name) for name, part in columns.items()}
    except Exception as error:  # the border around authors' traders
        return failed_row(cell.place, error), {}


def check_tables(tables: Sequence[str]) -> None:
    """Refuse tables that a market does not have."""
    unknown = [name for name in tables if name not in MARKET_TABLES]
    if isinstance(tables, str) or unknown:
        wrong = tables if isinstance(tables, str) else unknown[0]
        raise BadMarket(
            f"tables={wrong!r} is not a list of a market's tables.",
            f'Choose among {", ".join(MARKET_TABLES)}: tables=["trades"].',
        )
