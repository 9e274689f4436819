"""Return addresses: the parameters of a recruiter's link when somebody comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from uproot_nb.experiment.entrance.labels import clean_label
from uproot_nb.experiment.recruiters import RECRUITERS, Recruiter
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import world_of

__all__ = ["MOST_RETURNS", "note_return", "returned_with", "way_back"]

MOST_RETURNS = 50
"""How often a player's parameters may change; later ones are ignored."""
LONGEST_VALUE = 2_000
"""Characters of a value that are stored."""

Pairs = Sequence[tuple[str, str]]


def returned_with(player: Player, query: Pairs) -> dict[str, str]:
    """Return the recruiter's parameters in an address that differ from those of the player.

    A worker who returns a HIT and accepts it again has another assignment, and a participant who
    opens a study of Prolific again another session. Empty for somebody who has not begun, for a
    preview, and where the address names another person.
    """
    state = player._state
    kind = RECRUITERS.get(state.recruiter)
    if kind is None or not query or state.arrived_at is None or state.freed:
        return {}
    given = dict(reversed(query))
    is_preview = kind.preview in query
    if is_preview or not _is_same_person(player, kind, given) or _is_used_up(player):
        return {}
    found = {name: _storable(given[name]) for name in kind.parameters if given.get(name)}
    return {name: value for name, value in found.items() if value != state.query.get(name)}


def note_return(player: Player, query: Pairs) -> None:
    """Log the recruiter's parameters with which somebody comes back; `player.query` has them.

    Call it once a person or a page's script has shown itself, and not for a link preview.
    """
    world = world_of(player)
    with world.lock:
        changed = returned_with(player, query)
        if changed:
            text = world.codec.encode({"query": changed})
            cause = Cause(player.name, "", "return", "")
            world.journal.fold_for(cause, "return", player.subject, "", text)


def way_back(player: Player, query: Pairs, address: str) -> str:
    """Return the address of a player's page, with the parameters that differ until logged."""
    changed = returned_with(player, query)
    return f"{address}?{urlencode(changed)}" if changed else address


def _is_same_person(player: Player, kind: type[Recruiter], given: Mapping[str, str]) -> bool:
    """Return whether an address names nobody, or the person who has the place."""
    named = {_folded(given[name]) for name in kind.label_from if given.get(name)}
    query = player._state.query
    known = {_folded(query[name]) for name in kind.label_from if query.get(name)}
    return named <= (known | {_folded(player.label or "")})


def _folded(label: str) -> str:
    return clean_label(label).casefold()


def _is_used_up(player: Player) -> bool:
    return len(player._state.past_queries) >= MOST_RETURNS


def _storable(text: str) -> str:
    return text[:LONGEST_VALUE].encode("utf-8", "replace").decode()
