"""Order: the sequence of pages, with random, repeated and chosen parts for each player."""

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
    """One step of a player's journey: a page, or a place where the journey is decided.

    Attributes:
        page: the page's key; "" where the journey is decided.
        rounds: the numbers of the rounds around the page, from 1, outermost first.
        block: the name of these rounds.
        number: the round's number in its block, counting nested rounds, if it is not the innermost.
        between: how many `Between` have chosen the entry that begins here.
        again: whether a `Repeat` went on here; None while that is open.
        app: whether the next app begins here.
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
        """The value of `player.round` here; 0 outside rounds."""
        return self.number or (self.rounds[-1] if self.rounds else 0)

    def dump(self) -> Any:
        """Return the step as stored in the log: a plain key if it has only that."""
        if not self.page:
            return {"again": self.again, "app": True} if self.app else {"again": self.again}
        parts: dict[str, Any] = {"page": self.page, "rounds": list(self.rounds)}
        parts |= {"block": self.block, "number": self.number, "between": self.between}
        stored = {name: value for name, value in parts.items() if value}
        return self.page if len(stored) == 1 else stored

    @classmethod
    def load(cls, stored: Any) -> Step:
        """Return the step that `dump` has stored."""
        if isinstance(stored, str):
            return cls(stored)
        return cls(**{**stored, "rounds": tuple(stored.get("rounds", ()))})


class Operator:
    """An entry of a page order that contains others: Random, Rounds, Between, …"""

    block: str | None = None

    def __init__(self, *entries: Any) -> None:
        if not entries:
            raise BadPage(_name(self), "it has no pages.", f"Write {_name(self)}(FirstPage, …).")
        self.entries = entries
        check_order(entries, f"{_name(self)}(…)")

    def __repr__(self) -> str:
        return f"{_name(self)}({', '.join(map(_shown, self.entries))})"


class Bracket(Operator):
    """Holds pages together where entries are shuffled or chosen.

    page_order = [RandomOrder(Bracket(IntroA, TaskA), Bracket(IntroB, TaskB))]
    """


class RandomOrder(Operator):
    """Shows its entries in random order, drawn for each player.

    page_order = [RandomOrder(TaskA, TaskB), Results]
    """


Random = RandomOrder
"""The framework's first name for it, which apps use; notebooks have `random.Random` for numbers."""


class Between(Operator):
    """Shows one of its entries, drawn for each player and listed in `player.between_showed`.

    page_order = [Between(Treatment, Bracket(ControlIntro, Control)), Results]
    """


class _Rounded(Operator):
    """Repeats its pages and counts the rounds in `player.round`."""

    kind: ClassVar[str] = "block"

    def __init__(self, *entries: Any, block: str | None = None) -> None:
        super().__init__(*entries)
        if block is not None and (not isinstance(block, str) or not block):
            raise BadPage(_name(self), f"block={block!r} is not a name.", 'Write block="training".')
        self.block = block


class Rounds(_Rounded):
    """Shows its pages *n* times and counts in `player.round`: `Rounds(Decide, Results, n=10)`.

    Later rounds with the same *block* continue its count.
    """

    def __init__(self, *entries: Any, n: int, block: str | None = None) -> None:
        super().__init__(*entries, block=block)
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise BadPage(
                "Rounds", f"n={n!r} is not a number of rounds.", "Write n=10, for example."
            )
        self.n = n


class Repeat(_Rounded):
    """Shows its pages again as long as `player.add_round` is true after the last of them."""


def check_order(entries: Any, place: str = "page_order") -> None:
    """Check every entry.

    Raises:
        BadPage: an entry is not a page, a list or an operator.
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
    """Yield every page that an order may show; a page may come more than once."""
    for entry in entries.entries if isinstance(entries, Operator) else entries:
        if isinstance(entry, (list, tuple, Operator)):
            yield from pages_of(entry)
        else:
            yield entry


def expand(
    parts: Sequence[Callable[[], Sequence[Any]]], rng: Generator, decided: Sequence[bool] = ()
) -> list[Step]:
    """Return a player's steps, as far as they are decided.

    If the journey is open, the last step has no page: what follows is decided there.

    Args:
        parts: functions that return the orders of the apps; each is called when it is reached.
        rng: the source of all draws; the same state gives the same steps.
        decided: the decisions so far, one for each step without a page.
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
    """A decision is open; the order goes on when the player gets there."""


class _Around(NamedTuple):
    """The rounds around an entry, outermost first, with their block and the number in it."""

    rounds: tuple[int, ...] = ()
    block: str = ""
    number: int = 0


class _Expansion:
    """Walks an order once and collects the steps."""

    def __init__(self, rng: Generator, decided: list[bool]) -> None:
        self.steps: list[Step] = []
        self._rng, self._decided = rng, decided
        self._counts: Counter[str] = Counter()
        """The number of rounds of each block, with nested ones."""
        self._outermost: Counter[str] = Counter()
        """The number of those that are not nested."""
        self._chosen = 0
        """How many `Between` have chosen the next entry."""

    def decide(self, app: bool = False) -> bool:
        """Step over a decision, or stop if it is open."""
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
            case RandomOrder():
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
        count = self._counts[block] if block and self._counts[block] != number else 0
        self.sequence(entry.entries, _Around((*around.rounds, number), block, count))

    def _between(self, entry: Between, around: _Around) -> None:
        before, steps = self._chosen, len(self.steps)
        self._chosen += 1
        self._entry(self._rng.choice(entry.entries), around)
        if len(self.steps) == steps:
            self._chosen = before  # the chosen entry has no pages


def _is_page(entry: Any) -> bool:
    return isinstance(entry, type) and issubclass(entry, Page) and entry.may_be_listed()


def _name(operator: Operator) -> str:
    return type(operator).__name__


def _shown(entry: Any) -> str:
    return entry.__name__ if isinstance(entry, type) else repr(entry)
