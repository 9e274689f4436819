"""label_order: the order of a lab's labels, PC-2 before PC-10."""

from __future__ import annotations

import re
from typing import Any

from uproot_nb.log.state import PlayerState

__all__ = ["label_order"]

_NUMBER = re.compile(r"(\d+)")


def label_order(player: PlayerState) -> tuple[Any, ...]:
    """Return a key that sorts players by their labels; those without one follow, by their ids."""
    parts = _NUMBER.split(player.label or "")
    natural = [int(part) if at % 2 else part.casefold() for at, part in enumerate(parts)]
    return (not player.label, natural, player.id)
