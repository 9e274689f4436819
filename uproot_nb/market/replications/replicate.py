"""replicate: simulate a published study anew, and put both figures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from uproot_nb.errors import BadMarket
from uproot_nb.market.replications.comparison import compared
from uproot_nb.market.replications.experiments import REPLICATIONS
from uproot_nb.market.replications.published import published_figures
from uproot_nb.market.replications.session_statistics import session_statistics
from uproot_nb.market.simulations.simulate import simulate_markets

if TYPE_CHECKING:
    import pandas

__all__ = ["replicate"]


def replicate(
    name: str,
    runs: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
    designs: str | Sequence[str] = (),
) -> pandas.DataFrame:
    """Simulate a published study anew, and return a row for each of its figures.

        replicate("gjerstad_dickhaut", runs=20)[["design", "published", "ours", "distance"]]

    Columns: where, design, periods, statistic; published and ours; sd (of our sessions) and runs;
    distance (ours - published, in standard errors of the difference; see `distance_between`);
    agrees (whether it is less than 3). Where one session alone is compared with one, there is no
    spread: distance is NaN and agrees None. Sessions have the seeds 0, 1, 2 …

    Args:
        name: one of REPLICATIONS.
        runs: the number of sessions of each design; by default that of the documentation.
        executor, progress: as for `simulate_markets`.
        designs: only these designs; a string is the name of one.

    Raises:
        BadMarket: there is no such replication, or no such design in it; or the published data
            that "schmidt_stoeckl_palan" is computed from are not there.
    """
    import pandas  # lazy: an experiment that makes no table does not need it

    if name not in REPLICATIONS:
        known = ", ".join(repr(one) for one in REPLICATIONS)
        raise BadMarket(f"There is no replication {name!r}.", f"Write one of {known}.")
    every = published_figures(name)
    wanted = _wanted(name, designs, list(dict.fromkeys(one.design for one in every)))
    figures = [one for one in every if one.design in wanted]
    compute = REPLICATIONS[name].computed
    if compute is not None:
        found = compute()
        rows = [compared(one, [found[one.statistic, one.design]], computed=True) for one in figures]
        return pandas.DataFrame(rows)
    made = {key: one for key, one in REPLICATIONS[name].designs().items() if key in wanted}
    seeds = range(REPLICATIONS[name].runs if runs is None else runs)
    tables = simulate_markets(
        made, seeds, executor=executor, progress=progress, tables=["periods", "trades"]
    )
    rows = [compared(one, session_statistics(tables, one)) for one in figures]
    return pandas.DataFrame(rows)


def _wanted(name: str, designs: str | Sequence[str], known: list[str]) -> list[str]:
    """Return the names of the designs that are asked for; all of them if none is."""
    named = [designs] if isinstance(designs, str) else list(designs)
    unknown = [one for one in named if one not in known]
    if unknown:
        raise BadMarket(
            f"The replication {name!r} has no design {', '.join(map(repr, unknown))}.",
            f"Write some of {', '.join(map(repr, known))}.",
        )
    return named or known
