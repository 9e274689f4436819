"""Treatments: balanced assignment to arms by block randomisation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, overload

from uproot_nb.errors import ArmsFull, LogBusy, UprootError, WrongRecipient
from uproot_nb.experiment.participation.treatment_arms import Arm
from uproot_nb.log.dealt_fields import BLOCK
from uproot_nb.session.entities import Entity, Group, Player, Session
from uproot_nb.session.model import identifier_of
from uproot_nb.session.quotas import BUSY_WAITS, FIELD, Counting, Quota, Unit
from uproot_nb.session.world import World, world_of

__all__ = ["balanced"]

Arms = Iterable[Any] | Mapping[Any, int]
Caps = Mapping[Any, int] | int | None


@overload
def balanced(
    of: Session | Group | Player, values: Arms, *, key: str = ..., within: Any = ...,
    block: int | None = ..., rng: Random | None = ..., count: Counting | None = ...,
    cap: Caps = ..., across: bool = ...,
) -> Any: ...  # fmt: skip
@overload
def balanced(
    of: Iterable[Player], values: Arms, *, key: str = ..., within: Any = ...,
    block: int | None = ..., rng: Random | None = ..., count: Counting | None = ...,
    cap: Caps = ..., across: bool = ...,
) -> list[Any]: ...  # fmt: skip
def balanced(
    of: Session | Group | Player | Iterable[Player],
    values: Arms,
    *,
    key: str = "treatment",
    within: Any = None,
    block: int | None = None,
    rng: Random | None = None,
    count: Counting | None = None,
    cap: Caps = None,
    across: bool = False,
) -> Any:
    """Draw a treatment by block randomisation: after each draw the arms differ by one at most.

        def new_player(player):
            player.treatment = balanced(player.session, ["control", "nudge"])
            player.price = balanced(player.session, {5: 2, 10: 1}, key="price")

    Each block has every arm once (or as often as its weight) in random order; a new one begins when
    it is used up. The rest of it is in the log, so that it continues after a restart. Its order
    follows from the session's seed.

    With *count* the player gets the arm with the fewest players for its weight, among those that
    are not full:

        def arrived(player):
            try:
                player.treatment = balanced(
                    player, ["control", "nudge"], count="completed", cap={"control": 50}
                )
            except ArmsFull:
                leave(player, "full")

    A player who has an arm keeps it, however often this runs. A group has one arm and counts once.

    Args:
        of: the session, or a group for balance within it; a player means the session. Several
            players get a list with one value each, fit for `players.assign("role", …)`.
        values: the arms, or a dict of arm and weight.
        key: distinguishes independent draws; the field `balanced_<key>` stores the block.
        within: balance separately within each of these, such as `within=player.gender`.
        block: draws in a block, a multiple of the weights' sum, which is the default. Longer blocks
            are harder to guess, and less strictly balanced.
        rng: decides instead of the session's seed.
        count: "arrived" counts all who were given the arm; "completed" counts those who have
            finished or still may, without those who have left by another exit or were marked as
            dropouts. Neither counts a place that was freed.
        cap: the largest number of players in an arm, as a dict or one number; it is never exceeded.
        across: counts the draws of that key in all sessions of the database, including those
            that other kernels serve now.

    With *across*, if another program is writing to the file at that moment, a hook's changes are
    undone and it begins again. After two seconds it fails.

    Raises:
        LogBusy: with *across*, another program has locked the file.
        UprootError: there are no arms, or a weight, a cap or the block's length is wrong.
        ArmsFull: every arm is full.
    """
    if count is not None or cap is not None or across:
        counting = count or "arrived"
        return _counted(of, values, key, within, block, rng, counting, cap, across)
    if isinstance(of, (Session, Group, Player)):
        owner: Entity = of.session if isinstance(of, Player) else of
        return _draw(owner, values, key, within, block, rng, 1)[0]
    everybody = _players(of)
    if not everybody:
        return []
    return _draw(everybody[0].session, values, key, within, block, rng, len(everybody))


def _counted(
    of: Any, values: Arms, key: str, within: Any, block: int | None, rng: Random | None,
    counting: Counting, cap: Caps, across: bool,
) -> Any:  # fmt: skip
    if counting not in ("arrived", "completed") or block is not None:
        raise UprootError(
            f'balanced(count={counting!r}, block={block!r}): count is "arrived" or '
            '"completed", and excludes block=.\nLeave one of them out.'
        )
    arms, several = _arms(values), not isinstance(of, (Session, Group, Player))
    those: list[Player | Group] = [*_players(of)] if several else [_meant(of)]
    if not those:
        return []
    _check_key(key)
    world = world_of(those[0])
    encoded = {world.codec.encode(arm): arm for arm, _ in arms}
    quota_arms = _with_caps(arms, list(encoded), cap)
    stratum = world.codec.encode(identifier_of(within))
    units = [Unit(stratum, one.subject) for one in those]

    def chance(number: int) -> Random:
        return rng or world.new_rng(f"counted/{key}/{stratum}/{number}")

    quota = Quota(f"{FIELD}{key}", counting, across)
    drawn = _when_free(world, lambda: world.quotas.draw(quota, quota_arms, units, chance))
    if drawn is None:
        raise ArmsFull(key)
    found = [encoded[text] for text in drawn]
    return found if several else found[0]


def _when_free(world: World, draw: Callable[[], list[str] | None]) -> list[str] | None:
    """Draw under the lock; a cell waits for a busy file without it, and a hook is run again."""
    is_hook = threading.get_ident() == world.lock.thread_of_steps
    for wait in () if is_hook else BUSY_WAITS:
        try:
            with world.lock:
                return draw()
        except LogBusy:
            time.sleep(wait)
    with world.lock:
        return draw()


def _meant(of: Session | Group | Player) -> Player | Group:
    """Return who is given an arm; for the session, the player whose code is running."""
    if not isinstance(of, Session):
        return of
    world = world_of(of)
    name = world.lock.cause.actor if world.lock.cause else ""
    if name not in world.state.players:
        raise UprootError(
            "balanced(session, count=…) was called without a player.\n"
            "Pass the player or group that gets the arm: balanced(player, …)."
        )
    return world.player(name)


def _with_caps(arms: list[tuple[Any, int]], texts: list[str], cap: Caps) -> list[Arm]:
    if len(texts) < len(arms):
        raise UprootError("balanced() was given an arm twice.\nGive a weight instead.")
    caps = cap if isinstance(cap, Mapping) else dict.fromkeys([arm for arm, _ in arms], cap)
    unknown = [arm for arm in caps if arm not in [known for known, _ in arms]]
    if unknown:
        raise UprootError(
            f"balanced(cap=…): {unknown[0]!r} is no arm.\nThe arms are {[a for a, _ in arms]!r}."
        )
    for arm, most in caps.items():
        is_whole = isinstance(most, int) and not isinstance(most, bool) and most >= 0
        if most is not None and not is_whole:
            raise UprootError(
                f"balanced(): the cap of {arm!r} is {most!r}, which is not a whole number from 0.\n"
                'Write cap={"control": 50}.'
            )
    return [
        Arm(text, weight, caps.get(arm)) for text, (arm, weight) in zip(texts, arms, strict=True)
    ]


def _check_key(key: Any) -> None:
    if not isinstance(key, str) or not key.isidentifier():
        raise UprootError(f"balanced(key={key!r}): a key is a name, such as 'treatment'.")


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
    _check_key(key)
    world = world_of(owner)
    with world.lock:
        stratum = world.codec.encode(identifier_of(within))
        plan = world.codec.encode([[arm for arm, _ in arms], deck])
        blocks = _blocks(owner, BLOCK + key)
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
                f"balanced(): the weight of {arm!r} is {weight!r}, not a whole number from 1."
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
