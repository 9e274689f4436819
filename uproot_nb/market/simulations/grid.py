"""Grid: designs times seeds, and the columns by which their markets are told apart."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.columns import COLUMNS
from uproot_nb.market.designs.design import Design
from uproot_nb.market.simulations.chunk import Cell, MarketSource, Seed
from uproot_nb.market.simulations.summary import SUMMARY

if TYPE_CHECKING:
    import pandas

__all__ = ["Designs", "Grid", "StudyGrid"]

Designs = (
    "Mapping[str, MarketSource] | Sequence[MarketSource | Mapping[str, Any]] | pandas.DataFrame"
)

_TAKEN = frozenset({"design", "seed", *SUMMARY})


class Grid:
    """All markets to simulate, in order: the first design with each seed, then the second.

    grid = Grid({"narrow": Design(values, ZIC)}, range(100))
    grid.cells[0]
    """

    def __init__(
        self,
        designs: Any,
        seeds: Iterable[Seed],
        make: Callable[..., MarketSource] | None = None,
        tables: Sequence[str] = (),
    ) -> None:
        self.names, self.settings, self.designs = _read(designs, make or Design)
        _check_settings(self.settings, tables)
        self.seeds = _seeds(seeds)
        self.cells = self._cells()

    def _cells(self) -> list[Cell]:
        _refuse_studies(self.names, self.designs)
        pairs = product(range(len(self.designs)), self.seeds)
        return [Cell(place, design, seed) for place, (design, seed) in enumerate(pairs)]

    def columns(self, cells: pandas.Series[int]) -> pandas.DataFrame:
        """Return what tells markets apart, for their places in the grid: design, settings, seed."""
        import pandas  # lazy: an experiment that makes no table does not need it

        frame = pandas.DataFrame({"design": self.names, **self._setting_columns()})
        made = frame.take((cells // len(self.seeds)).to_numpy()).reset_index(drop=True)
        made["seed"] = (
            pandas.Series(self.seeds).take((cells % len(self.seeds)).to_numpy()).to_numpy()
        )
        return made

    def _setting_columns(self) -> dict[str, list[Any]]:
        names = dict.fromkeys(name for row in self.settings for name in row)
        columns = {name: [_shown(row.get(name)) for row in self.settings] for name in names}
        return {name: made for name, made in columns.items() if _NOT_SHOWN not in made}


class StudyGrid(Grid):
    """The markets of a study: a session of each arm for each seed, a market for each group.

    Sessions are named after arm and seed, and their names are their seeds: so those of different
    arms share no random numbers. Two sessions with the same name are refused.
    """

    def __init__(self, study: Design, seeds: Iterable[Seed], tables: Sequence[str] = ()) -> None:
        self.arms = study.each_arm()
        super().__init__(self.arms, seeds, None, tables)

    def _cells(self) -> list[Cell]:
        self._markets = [
            (number, arm, f"{arm} {seed}", group)
            for number, arm in enumerate(self.arms)
            for seed in self.seeds
            for group in range(1, self.arms[arm].groups + 1)
        ]
        named: dict[str, str] = {}
        for _, arm, session, _ in self._markets:
            if named.setdefault(session, arm) != arm:
                raise BadMarket(
                    f"The arms {named[session]!r} and {arm!r} both have a session {session!r}.",
                    "Name arms or seeds otherwise: a session's name is its arm's and its seed.",
                )
        return [
            Cell(place, number, self.arms[arm].market_seed(session, group))
            for place, (number, arm, session, group) in enumerate(self._markets)
        ]

    def columns(self, cells: pandas.Series[int]) -> pandas.DataFrame:
        """Return the columns arm, session and, if a session has several, group."""
        import pandas  # lazy: an experiment that makes no table does not need it

        made = [self._markets[cell] for cell in cells]
        frame = pandas.DataFrame(made, columns=["number", "arm", "session", "group"])
        several = any(arm.groups > 1 for arm in self.arms.values())
        return frame[["arm", "session", "group"] if several else ["arm", "session"]]


_NOT_SHOWN = object()
"""What stands for a setting that a column cannot show."""


def _shown(value: Any) -> Any:
    """Return a setting as its column shows it; a class or function by its name."""
    if value is None or isinstance(value, (str, bool, numbers.Number)):
        return value
    return getattr(value, "__name__", _NOT_SHOWN)


def _read(
    designs: Any, make: Callable[..., MarketSource]
) -> tuple[list[Any], list[dict[str, Any]], list[MarketSource]]:
    """Return names, settings and designs; settings are empty where a design itself was given."""
    if hasattr(designs, "to_dict") and hasattr(designs, "columns"):  # a DataFrame of pandas
        designs = designs.to_dict("records")
    if isinstance(designs, Mapping):
        names: list[Any] = [str(name) for name in designs]
        given = list(designs.values())
    elif isinstance(designs, Iterable) and not isinstance(designs, str):
        given = list(designs)
        names = list(range(len(given)))
    else:
        given = []
    if not given:
        raise BadMarket(
            f"There is no design in {type(designs).__name__}.",
            'Give a dict of designs, such as {"narrow": Design(…)}, or a list of settings.',
        )
    settings = [dict(one) if isinstance(one, Mapping) else {} for one in given]
    made = [
        make(**one) if isinstance(one, Mapping) else _checked(name, one)
        for name, one in zip(names, given, strict=True)
    ]
    return names, settings, made


def _checked(name: Any, design: Any) -> MarketSource:
    if not callable(getattr(design, "simulate", None)):
        raise BadMarket(
            f"{name!r} is {type(design).__name__}, not a design.",
            "Give Design(values, traders), or settings as a dict.",
        )
    return design  # type: ignore[no-any-return]


def _refuse_studies(names: Iterable[Any], designs: Iterable[MarketSource]) -> None:
    """Refuse designs of several markets, where each is to be one."""
    for name, design in zip(names, designs, strict=True):
        if isinstance(design, Design) and (design.arms or design.groups > 1):
            raise BadMarket(
                f"{name!r} has several arms or groups.",
                "Give the design itself, for a study: simulate_markets(design, seeds).",
            )


def _check_settings(settings: Iterable[Mapping[str, Any]], tables: Iterable[str]) -> None:
    columns = _TAKEN.union(*(COLUMNS[name] for name in tables))
    taken = sorted(columns & {name for one in settings for name in one})
    if taken:
        raise BadMarket(
            f"A setting has the name of a column of the result: {taken[0]}.",
            f"Call it {taken[0]}_ or the like.",
        )


def _seeds(seeds: Any) -> list[Seed]:
    if isinstance(seeds, (int, str)) or not isinstance(seeds, Iterable):
        raise BadMarket(f"seeds={seeds!r} are no seeds.", "Write seeds=range(100), or a list.")
    found = [_seed(seed) for seed in seeds]
    if len(set(map(str, found))) < len(found) or not found:  # 1 and "1" are the same in a text
        what = "the same seed twice" if found else "no seed"
        raise BadMarket(f"There is {what}: {found[:9]!r}.", "Give each seed once.")
    return found


def _seed(seed: Any) -> Seed:
    if isinstance(seed, str):
        return seed
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool):
        return int(seed)
    raise BadMarket(f"{seed!r} is not a seed.", "Seeds are whole numbers or texts.")
