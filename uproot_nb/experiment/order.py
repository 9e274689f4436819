"""Order: the sequence of pages, with what is drawn, repeated or chosen for each player."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random as Generator
from typing import Any, ClassVar, NamedTuple

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page

__all__ = [
    "Between", "Bracket", "Operator", "Random", "RandomOrder", "Repeat", "Rounds", "Step",
    "check_order", "expand", "pages_of",
]  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One stop of a player's journey: a page, or a place where the order is decided.

    `page` is the page's key. `rounds` counts the rounds around it from 1, outermost first, and
    `block` names them; `number` is the round's number in its block, where nested rounds count too,
    if that is another than the innermost. `between` tells how many `Between` have chosen what
    begins here. At a place without a page, `again` says whether a `Repeat` went on (None while
    that is open), and `app` that the next app begins there.
    """

    page: str = ""
    rounds: tuple[int, ...] = ()
    block: str = ""
    number: int = 0
    between: int = 0
    again: bool | None = None
    app: bool = False

    @property
    def round(self) -> int:
        """What `player.round` is here; 0 outside of rounds."""
        return self.number or (self.rounds[-1] if self.rounds else 0)

    def dump(self) -> Any:
        """Return the step as the log keeps it: a plain key where there is no more to say."""
        if not self.page:
            return {"again": self.again, "app": True} if self.app else {"again": self.again}
        told: dict[str, Any] = {"page": self.page, "rounds": list(self.rounds), "block": self.block}
        told |= {"number": self.number, "between": self.between}
        kept = {name: value for name, value in told.items() if value}
        return self.page if len(kept) == 1 else kept

    @classmethod
    def load(cls, kept: Any) -> Step:
        """Return the step that `dump` wrote."""
        if isinstance(kept, str):
            return cls(kept)
        return cls(**{**kept, "rounds": tuple(kept.get("rounds", ()))})


class Operator:
    """What stands in a page order in the place of pages."""

    block: str | None = None

    def __init__(self, *entries: Any) -> None:
        if not entries:
            raise BadPage(_name(self), "it has no pages.", f"Write {_name(self)}(FirstPage, …).")
        self.entries = entries
        check_order(entries, f"{_name(self)}(…)")

    def __repr__(self) -> str:
        return f"{_name(self)}({', '.join(map(_shown, self.entries))})"


class Bracket(Operator):
    """Keeps pages together where others are shuffled or chosen.

    page_order = [Random(Bracket(IntroA, TaskA), Bracket(IntroB, TaskB))]
    """


class Random(Operator):
    """Shows its entries in an order that is drawn for each player."""


RandomOrder = Random


class Between(Operator):
    """Shows one of its entries, drawn for each player; `player.between_showed` lists which.

    page_order = [Between(Treatment, Bracket(ControlIntro, Control)), Results]
    """


class _Rounded(Operator):
    """What repeats its pages and counts the rounds in `player.round`."""

    kind: ClassVar[str] = "block"

    def __init__(self, *entries: Any, block: str | None = None) -> None:
        super().__init__(*entries)
        if block is not None and (not isinstance(block, str) or not block):
            raise BadPage(_name(self), f"block={block!r} is no name.", 'Write block="training".')
        self.block = block


class Rounds(_Rounded):
    """Shows its pages *n* times: `Rounds(Decide, Results, n=10)`; counts in `player.round`.

    Rounds of the same *block* count on where the last of them stopped.
    """

    def __init__(self, *entries: Any, n: int, block: str | None = None) -> None:
        super().__init__(*entries, block=block)
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise BadPage("Rounds", f"n={n!r} is no number of rounds.", "Write n=10, for example.")
        self.n = n


class Repeat(_Rounded):
    """Shows its pages again and again, as long as `player.add_round` is true after the last."""


def check_order(entries: Any, place: str = "page_order") -> None:
    """Look at every entry.

    Raises:
        BadPage: an entry is neither a page, a list nor an operator; names its place.
    """
    if not isinstance(entries, (list, tuple)):
        raise BadPage(
            place,
            f"it is {entries!r}, which is not a list of pages.",
            "Write page_order = [FirstPage, SecondPage].",
        )
    for number, entry in enumerate(entries):
        where = f"{place}[{number}]"
        if isinstance(entry, (list, tuple)):
            check_order(entry, where)
        elif not isinstance(entry, Operator) and not _is_page(entry):
            raise BadPage(
                where,
                f"{entry!r} is not a page.",
                "List classes that derive from Page: class Market(Page): ...",
            )


def pages_of(entries: Any) -> Iterator[type[Page]]:
    """Yield every page that an order may show, some more than once."""
    for entry in entries.entries if isinstance(entries, Operator) else entries:
        if isinstance(entry, (list, tuple, Operator)):
            yield from pages_of(entry)
        else:
            yield entry


def expand(
    parts: Sequence[Callable[[], Sequence[Any]]], rng: Generator, decided: Sequence[bool] = ()
) -> list[Step]:
    """Return a player's steps, as far as they can be told.

    The last is a step without a page if the order goes on only once something is decided there.

    Args:
        parts: return the orders of the apps, one after the other; asked when they are reached.
        rng: draws; the same state gives the same steps.
        decided: what was decided so far, at each step without a page.
    """
    expansion = _Expansion(rng, list(decided))
    try:
        for number, part in enumerate(parts):
            if number:
                expansion.decide(app=True)
            expansion.sequence(part(), _Around())
    except _Undecided:
        pass
    return expansion.steps


class _Undecided(Exception):
    """The order goes on only when a player is there."""


class _Around(NamedTuple):
    """The rounds around an entry, outermost first, their block, and the round's number in it."""

    rounds: tuple[int, ...] = ()
    block: str = ""
    number: int = 0


class _Expansion:
    """Walks an order once and collects the steps."""

    def __init__(self, rng: Generator, decided: list[bool]) -> None:
        self.steps: list[Step] = []
        self._rng, self._decided = rng, decided
        self._counts: Counter[str] = Counter()
        """How many rounds each block had, nested ones included."""
        self._outermost: Counter[str] = Counter()
        """How many of them were not nested."""
        self._chosen = 0
        """How many `Between` have just chosen what comes next."""

    def decide(self, app: bool = False) -> bool:
        """Pass a place where something is decided, or stop there."""
        if not self._decided:
            self.steps.append(Step(app=app))
            raise _Undecided
        decision = self._decided.pop(0)
        self.steps.append(Step(again=decision, app=app))
        return decision

    def sequence(self, entries: Sequence[Any], around: _Around) -> None:
        for entry in entries:
            self._entry(entry, around)

    def _entry(self, entry: Any, around: _Around) -> None:
        match entry:
            case Rounds():
                for number in range(1, entry.n + 1):
                    self._round(entry, number, around)
            case Repeat():
                number = 1
                self._round(entry, number, around)
                while self.decide():
                    number += 1
                    self._round(entry, number, around)
            case Random():
                shuffled = list(entry.entries)
                self._rng.shuffle(shuffled)
                self.sequence(shuffled, around)
            case Between():
                self._between(entry, around)
            case Operator():
                self.sequence(entry.entries, around)
            case list() | tuple():
                self.sequence(entry, around)
            case _:
                self.steps.append(Step(entry.key, *around, self._chosen))
                self._chosen = 0

    def _round(self, entry: _Rounded, number: int, around: _Around) -> None:
        block = entry.block or around.block
        if entry.block:
            self._outermost[block] += 1
            number = self._outermost[block]
        self._counts[block] += 1
        told = self._counts[block] if block and self._counts[block] != number else 0
        self.sequence(entry.entries, _Around((*around.rounds, number), block, told))

    def _between(self, entry: Between, around: _Around) -> None:
        before, steps = self._chosen, len(self.steps)
        self._chosen += 1
        self._entry(self._rng.choice(entry.entries), around)
        if len(self.steps) == steps:
            self._chosen = before  # what was chosen shows nothing


def _is_page(entry: Any) -> bool:
    return isinstance(entry, type) and issubclass(entry, Page) and entry.may_be_listed()


def _name(operator: Operator) -> str:
    return type(operator).__name__


def _shown(entry: Any) -> str:
    return entry.__name__ if isinstance(entry, type) else repr(entry)
