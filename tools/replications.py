"""Replications: simulate all published studies anew, and write the documentation's tables.

    python tools/replications.py            # writes tables from the figures measured before
    python tools/replications.py --measure  # simulates first: five minutes of a processor

The measured figures are in `tests/market/replications/measured.csv`, the tables in
`docs/replications.md`, below the line that begins them. A study whose published data are not there
keeps the figures that it had.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas

from uproot_nb.errors import BadMarket
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
        try:
            made = [replicate(name).assign(replication=name)]
        except BadMarket as missing:
            print(f"{name} is as before. {missing}", flush=True)
            continue
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
        runs = rows["runs"].iloc[0]
        how = f"{runs} sessions of each design" if runs > 1 else "computed, not simulated"
        yield f'`replicate("{name}")`: {how}. {agreement(rows["agrees"])}'
        for (where, statistic), part in rows.groupby(["where", "statistic"], sort=False):
            yield from ("", f"**{statistic}** ({where})", "")
            yield from _by_day(part) if part["periods"].nunique() > 3 else _one_by_one(part)


def agreement(agrees: pandas.Series) -> str:
    """Return a sentence about how many figures agree, and for how many it is not known."""
    found = agrees.map(_VERDICTS.get).value_counts()
    unknown = int(agrees.isna().sum())
    sentence = f"{found.get('agrees', 0)} of {len(agrees)} figures agree."
    return f"{sentence} Of {unknown} it is not known." if unknown else sentence


_VERDICTS = {True: "agrees", False: "differs"}
"""What a row's `agrees` says; nothing where there is no distance."""


def _one_by_one(rows: pandas.DataFrame) -> Iterator[str]:
    yield "| design | periods | published | ours | spread | distance | |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows.itertuples():
        verdict = _VERDICTS.get(row.agrees, "not known")
        yield (
            f"| {row.design} | {row.periods} | {row.published:g} | {row.ours:.4g} | {row.sd:.3g} "
            f"| {_apart(row.distance)} | {verdict} |"
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
    text = f"{row['published']:.4g} → {row['ours']:.4g} ({_apart(row['distance'])})"
    return f"**{text}**" if _VERDICTS.get(row["agrees"]) == "differs" else text


def _apart(distance: float) -> str:
    return "–" if math.isnan(distance) else f"{distance:+.1f}"


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
