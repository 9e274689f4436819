"""Treatments: balanced assignment to arms by block randomisation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, overload

from uproot_nb.errors import UprootError, WrongRecipient
from uproot_nb.session.entities import Entity, Group, Player, Session
from uproot_nb.session.model import identifier_of
from uproot_nb.session.world import world_of

__all__ = ["balanced"]

Arms = Iterable[Any] | Mapping[Any, int]


@overload
def balanced(
    of: Session | Group | Player, values: Arms, *, key: str = ..., within: Any = ...,
    block: int | None = ..., rng: Random | None = ...,
) -> Any: ...  # fmt: skip
@overload
def balanced(
    of: Iterable[Player], values: Arms, *, key: str = ..., within: Any = ...,
    block: int | None = ..., rng: Random | None = ...,
) -> list[Any]: ...  # fmt: skip
def balanced(
    of: Session | Group | Player | Iterable[Player],
    values: Arms,
    *,
    key: str = "treatment",
    within: Any = None,
    block: int | None = None,
    rng: Random | None = None,
) -> Any:
    """Draw a treatment by block randomisation: after each draw the arms differ by one at most.

        def new_player(player):
            player.treatment = balanced(player.session, ["control", "nudge"])
            player.price = balanced(player.session, {5: 2, 10: 1}, key="price")

    Each block has every arm once (or as often as its weight) in random order; a new one begins when
    it is used up. What is left of it is in the log, so that a restart goes on with it. Its order
    follows from the session's seed.

    Args:
        of: the session, or a group for balance within it; a player stands for the session. Several
            players get a list with one value each, fit for `players.assign("role", …)`.
        values: the arms, or a dict of arm and weight.
        key: tells apart what is drawn independently; the field `balanced_<key>` keeps the block.
        within: balance separately within each of these, such as `within=player.gender`.
        block: draws in a block, a multiple of the weights' sum, which is the default. Longer blocks
            are harder to guess, and less strictly balanced.
        rng: puts new blocks in order instead of the session's seed.

    Raises:
        UprootError: there are no arms, or a weight or the block's length is wrong.
    """
    if isinstance(of, (Session, Group, Player)):
        owner: Entity = of.session if isinstance(of, Player) else of
        return _draw(owner, values, key, within, block, rng, 1)[0]
    everybody = _players(of)
    if not everybody:
        return []
    return _draw(everybody[0].session, values, key, within, block, rng, len(everybody))


def _players(of: Any) -> list[Player]:
    if isinstance(of, (str, bytes, Mapping)) or not isinstance(of, Iterable):
        raise WrongRecipient(of)
    found = list(of)
    for player in found:
        if not isinstance(player, Player):
            raise WrongRecipient(player)
    return found


def _draw(
    owner: Entity, values: Arms, key: str, within: Any, block: int | None, rng: Random | None,
    number: int,
) -> list[Any]:  # fmt: skip
    arms = _arms(values)
    deck = _deck(arms, block)
    if not isinstance(key, str) or not key.isidentifier():
        raise UprootError(f"balanced(key={key!r}): a key is a name, such as 'treatment'.")
    world = world_of(owner)
    with world.lock:
        stratum = world.codec.encode(identifier_of(within))
        plan = world.codec.encode([[arm for arm, _ in arms], deck])
        blocks = _blocks(owner, f"balanced_{key}")
        begun = blocks.get(stratum)
        left, count = ([*begun["left"]], begun["count"]) if begun else ([], 0)
        if begun and begun["plan"] != plan:
            left = []  # the arms were changed in a cell: a new block begins
        drawn = []
        for _ in range(number):
            if not left:
                count += 1
                left = deck.copy()
                shuffler = rng or world.new_rng(f"{owner.subject}/{key}/{stratum}/{count}")
                shuffler.shuffle(left)
            drawn.append(arms[left.pop()][0])
        blocks[stratum] = {"plan": plan, "count": count, "left": left}
        return drawn


def _blocks(owner: Entity, name: str) -> Any:
    found = owner.get(name)
    if found is None:
        owner._set(name, {})
        found = owner.get(name)
    if not isinstance(found, dict):
        raise UprootError(
            f"{owner.subject}.{name} is {found!r}, but balanced() keeps its block there.\n"
            "Give that field another name, or balanced() another key."
        )
    return found


def _arms(values: Any) -> list[tuple[Any, int]]:
    """Return each arm with its weight."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UprootError(
            f"balanced() takes a list of arms, not {values!r}.\n"
            'Write balanced(session, ["control", "nudge"]).'
        )
    arms = list(values.items()) if isinstance(values, Mapping) else [(arm, 1) for arm in values]
    if not arms:
        raise UprootError("balanced() was given no arms.\nGive at least one.")
    for arm, weight in arms:
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 1:
            raise UprootError(
                f"balanced(): the weight of {arm!r} is {weight!r}, which is no whole number from 1."
                '\nFor twice as many in A as in B, write {"A": 2, "B": 1}.'
            )
    return arms


def _deck(arms: list[tuple[Any, int]], block: int | None) -> list[int]:
    """Return one block: the number of each arm as often as it is due."""
    deck = [number for number, (_, weight) in enumerate(arms) for _ in range(weight)]
    if block is None:
        return deck
    is_whole = isinstance(block, int) and not isinstance(block, bool)
    if not is_whole or block < len(deck) or block % len(deck):
        raise UprootError(
            f"balanced(block={block!r}): a block is a multiple of {len(deck)} draws.\n"
            f"Write block={2 * len(deck)}, for example, or leave it out."
        )
    return deck * (block // len(deck))
