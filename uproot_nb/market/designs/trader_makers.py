"""Trader makers: functions and classes that make new robot traders for each market."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from numbers import Integral
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.traders.trader import Trader

__all__ = [
    "TraderMaker", "Traders", "made_traders", "makers_of", "needs_arguments", "places_of_people",
]  # fmt: skip

TraderMaker = Trader | Callable[[], Trader] | Callable[[Random], Trader]
"""A function or class that makes a trader, with or without random numbers; or a trader to copy."""

Traders = TraderMaker | Mapping[str, TraderMaker]
"""A maker for all traders, or one for each by name."""


def makers_of(traders: Traders | None, names: Iterable[str]) -> dict[str, TraderMaker]:
    """Return what makes each of the named traders.

    Raises:
        BadMarket: there are no traders, they do not fit the names, or something makes none.
    """
    named = sorted(set(names))
    if traders is None:
        raise BadMarket(
            "The design has no robot traders.", "Name them: Design(values, ZIC), for example."
        )
    if not isinstance(traders, Mapping):
        makers = dict.fromkeys(named, traders)
    elif set(named) != set(traders):
        odd = ", ".join(sorted(set(named) ^ set(traders)))
        raise BadMarket(f"Units and traders do not fit: {odd}.", _what_to_do(named, traders))
    else:
        makers = {name: traders[name] for name in named}
    for name, maker in makers.items():
        if not (callable(maker) or _is_trader(maker)):
            raise BadMarket(
                f"{name}: {maker!r} does not make traders.",
                "Give a class or function that makes traders, such as ZIC.",
            )
    return makers


def _what_to_do(named: Iterable[str], traders: Mapping[str, TraderMaker]) -> str:
    """Return what to do where units have no trader, or a trader has no units."""
    missing = [name for name in named if name not in traders]
    if not missing:
        return "Give each trader units."
    return (
        f"Name one for each seat: traders={{{missing[0]!r}: ZIC, …}}. It does not play where an "
        f"agent takes its place, MarketEnv(design, {missing[0]!r}), or a person, "
        "design.bots(people=1)."
    )


def made_traders(makers: Mapping[str, TraderMaker], seed: int | str) -> dict[str, Trader]:
    """Return new traders; the random numbers of each follow from the seed and its name."""
    return {name: _made(maker, f"{seed}/{name}") for name, maker in makers.items()}


def places_of_people(people: Any, places: int) -> set[int]:
    """Return the places of a session that people have: so many of the first, or those named.

    Raises:
        BadMarket: the session does not have them.
    """
    found, right = set[int](), not isinstance(people, bool)
    try:
        if isinstance(people, Integral):
            found, right = set(range(int(people))), right and 0 <= int(people) <= places
        else:
            found = {operator.index(place) for place in people}
            right = all(0 <= place < places for place in found)
    except TypeError:
        right = False
    if not right:
        raise BadMarket(
            f"people={people!r} are not places of this session, which are 0 to {places - 1}.",
            f"Write how many of the first places people have, 0 to {places}, or a list of places.",
        )
    return found


def needs_arguments(function: Callable[..., Any]) -> int:
    """Return how many arguments a function cannot be called without."""
    try:
        return _known(function)
    except TypeError:  # it has no hash, whatever it says
        return _counted(function)


def _counted(function: Callable[..., Any]) -> int:
    return sum(
        one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        for one in inspect.signature(function).parameters.values()
    )


_known = lru_cache(maxsize=256)(_counted)
"""A signature takes as long as ten quotes, and each market asks for those of all its traders."""


def _made(maker: TraderMaker, seed: str) -> Trader:
    if _is_trader(maker):
        return copy.deepcopy(maker)  # type: ignore[return-value]
    make: Callable[..., Trader] = maker  # type: ignore[assignment]
    return make(Random(seed)) if needs_arguments(make) else make()


def _is_trader(maker: TraderMaker) -> bool:
    return hasattr(maker, "quote") and not isinstance(maker, type)
