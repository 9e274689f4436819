"""Round pieces: what happened in one round until somebody left it, and the rows made from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from uproot_nb.analysis.rounds.journey_rounds import RoundKey

__all__ = ["RoundPiece", "in_order", "rows_of", "wide_names"]


class RoundPiece(NamedTuple):
    """A player's stay in a round: the group, and the fields that were changed with their values.

    Values are JSON, None for a deleted one. A row of a table of rounds is one, too.
    """

    player: str
    key: RoundKey
    group: str
    texts: Mapping[str, str | None]


def rows_of(pieces: Iterable[RoundPiece]) -> dict[str, list[RoundPiece]]:
    """Return one row for each player and round; who came back to a round has one, too."""
    found: dict[str, dict[RoundKey, RoundPiece]] = {}
    for piece in pieces:
        rounds = found.setdefault(piece.player, {})
        before = rounds.get(piece.key)
        if before is not None:
            texts, group = {**before.texts, **piece.texts}, piece.group or before.group
            piece = piece._replace(texts=texts, group=group)
        rounds[piece.key] = piece
    return {player: list(rounds.values()) for player, rounds in found.items()}


def in_order(keys: Iterable[RoundKey]) -> list[RoundKey]:
    """Return rounds block by block, in the order of the blocks' first appearance."""
    keys = list(keys)
    blocks = list(dict.fromkeys((key.block, key.part) for key in keys))
    place = {block: number for number, block in enumerate(blocks)}
    return sorted(keys, key=lambda key: (place[key.block, key.part], key.nested, key.number))


def wide_names(
    fields: Mapping[str, Iterable[RoundKey]], taken: Iterable[str]
) -> dict[tuple[str, RoundKey], str]:
    """Return a column's name for each field and round, such as "bid_2" or "bid_training_2".

    A field's columns have the shortest endings that tell its rounds apart. A name that is *taken*
    gets a `_` appended.
    """
    used, found = set(taken), {}
    for field, rounds in fields.items():
        keys = in_order(rounds)
        for key, ending in zip(keys, _endings(keys), strict=True):
            name = f"{field}_{ending}"
            while name in used:
                name += "_"
            used.add(name)
            found[field, key] = name
    return found


def _endings(keys: Sequence[RoundKey]) -> Sequence[str]:
    endings: Sequence[str] = ()
    for endings in _longer_endings(keys):
        if len(set(endings)) == len(keys):
            break
    return endings


def _longer_endings(keys: Sequence[RoundKey]) -> Iterator[Sequence[str]]:
    numbers = [str(key.number) for key in keys]
    yield numbers
    yield [_joined(key.name, number) for key, number in zip(keys, numbers, strict=True)]
    yield [_joined(key.name, *map(str, key.nested)) for key in keys]


def _joined(*parts: str) -> str:
    return "_".join(part for part in parts if part)
