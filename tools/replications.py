"""Replications: simulate all published studies anew, and write the documentation's tables.

    python tools/replications.py            # writes tables from the figures measured before
    python tools/replications.py --measure  # simulates first: half an hour of a processor

The measured figures are in `tests/market/replications/measured.csv`, the tables in
`docs/replications.md`, below the line that begins them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas

from uproot_nb.market.replications import REPLICATIONS, replicate

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "tests" / "market" / "replications" / "measured.csv"
PAGE = ROOT / "docs" / "replications.md"
BEGIN = "# The figures\n"
"""Below this line of the page nothing is written by hand."""


def measure(names: list[str]) -> None:
    """Simulate these studies with all their sessions, and store what comes of them."""
    order = {name: place for place, name in enumerate(REPLICATIONS)}
    for name in names:
        made = [replicate(name).assign(replication=name)]
        if MEASURED.exists():
            before = read_measured()
            made.insert(0, before[before["replication"] != name])
        whole = pandas.concat(made)
        whole = whole.sort_values("replication", key=lambda c: c.map(order), kind="stable")
        whole.to_csv(MEASURED, index=False)
        print(name, "is measured", flush=True)


def read_measured() -> pandas.DataFrame:
    """Return the measured figures, a row as `replicate` has it."""
    return pandas.read_csv(MEASURED, dtype={"periods": str})


def tables(measured: pandas.DataFrame) -> Iterator[str]:
    """Yield the lines of the documentation's tables."""
    for name, replication in REPLICATIONS.items():
        rows = measured[measured["replication"] == name]
        if rows.empty:
            continue
        yield from ("", f"### {replication.title}", "")
        differ = rows[~rows["agrees"]]
        runs = rows["runs"].iloc[0]
        how = f"{runs} sessions of each design" if runs > 1 else "computed, not simulated"
        agree = f"{len(rows) - len(differ)} of {len(rows)} figures agree."
        yield f'`replicate("{name}")`: {how}. {agree}'
        for (where, statistic), part in rows.groupby(["where", "statistic"], sort=False):
            yield from ("", f"**{statistic}** ({where})", "")
            yield from _by_day(part) if part["periods"].nunique() > 3 else _one_by_one(part)


def _one_by_one(rows: pandas.DataFrame) -> Iterator[str]:
    yield "| design | periods | published | ours | spread | distance | |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows.itertuples():
        verdict = "agrees" if row.agrees else "differs"
        yield (
            f"| {row.design} | {row.periods} | {row.published:g} | {row.ours:.4g} | {row.sd:.3g} "
            f"| {row.distance:+.1f} | {verdict} |"
        )


def _by_day(rows: pandas.DataFrame) -> Iterator[str]:
    """Yield a line for each design and a column for each period: published, ours, distance."""
    for days, part in rows.groupby(rows["periods"].astype(int) > 10):
        names = [str(one) for one in dict.fromkeys(part["periods"])]
        if days:
            yield ""
        yield "| design | " + " | ".join(f"period {name}" for name in names) + " |"
        yield "|---" * (len(names) + 1) + "|"
        for design, line in part.groupby("design", sort=False):
            cells = line.set_index("periods")
            yield f"| {design} | " + " | ".join(_cell(cells, name) for name in names) + " |"


def _cell(days: pandas.DataFrame, name: str) -> str:
    if name not in days.index:
        return ""
    row = days.loc[name]
    text = f"{row['published']:.4g} → {row['ours']:.4g} ({row['distance']:+.1f})"
    return text if row["agrees"] else f"**{text}**"


def page(text: str, measured: pandas.DataFrame) -> str:
    """Return the page with its tables made anew."""
    head, _, _ = text.partition(f"#{BEGIN}")
    return f"{head}#{BEGIN}" + "\n".join(tables(measured)) + "\n"


def main() -> None:
    """Measure if asked to, and write the page."""
    if "--measure" in sys.argv:
        names = [name for name in sys.argv[1:] if name in REPLICATIONS]
        measure(names or list(REPLICATIONS))
    PAGE.write_text(page(PAGE.read_text("utf-8"), read_measured()), "utf-8")


if __name__ == "__main__":
    main()
