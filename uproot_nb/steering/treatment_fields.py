"""treatment_of: a player's treatment, from the player's or the group's field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uproot_nb.log.dealt_fields import keys_dealt
from uproot_nb.log.state import State

__all__ = ["treatment_fields", "treatment_of"]


def treatment_fields(state: State) -> list[str]:
    """Return the fields that may have a treatment: `treatment`, and those that `balanced` deals."""
    dealt = keys_dealt(state.fields.get("session", {}))
    return list(dict.fromkeys(["treatment", *dealt]))


def treatment_of(state: State, name: str, fields: Sequence[str]) -> Any:
    """Return the treatment of a player or the player's group; "" without one."""
    group = state.players[name].group
    subjects = [f"player/{name}", *([f"group/{group}"] if group else [])]
    for field in fields:
        for subject in subjects:
            if field in state.fields.get(subject, ()):
                return state.value(subject, field)
    return ""
