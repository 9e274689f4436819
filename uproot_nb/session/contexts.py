"""PlayerContext: computed values that templates read as `player.context.x`."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.session.entities import Player

__all__ = ["PlayerContext"]


class PlayerContext:
    """Computed values of a player, for templates.

        class Context(PlayerContext):
            @property
            def earnings(self):
                return self.player.points * C.EXCHANGE_RATE

    In a template: `{{ player.context.earnings }}`.
    """

    def __init__(self, player: Player) -> None:
        self.player = player

    def __getattr__(self, name: str) -> Any:
        # Called if there is no such attribute, or if its property has raised AttributeError, which
        # a template would mistake for a missing attribute and hide.
        computed = getattr(type(self), name, None)
        kind = type(self).__name__
        if computed is None or not hasattr(computed, "__get__"):
            raise AttributeError(f"{kind} has no {name!r}")
        try:
            return computed.__get__(self, type(self))
        except AttributeError as error:
            raise UprootError(f"{kind}.{name}: {error}") from error
