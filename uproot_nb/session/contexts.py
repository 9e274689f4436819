"""PlayerContext: what templates read as `player.context.x`."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import UprootError

__all__ = ["PlayerContext"]


class PlayerContext:
    """Gives templates computed values of a player.

        class Context(PlayerContext):
            @property
            def earnings(self):
                return self.player.points * C.EXCHANGE_RATE

    In a template: `{{ player.context.earnings }}`.
    """

    def __init__(self, player: Any) -> None:
        self.player = player

    def __getattr__(self, name: str) -> Any:
        # Only asked when there is no such attribute, or its property has raised AttributeError:
        # a template would take the one for the other, and say nothing of the mistake.
        computed = getattr(type(self), name, None)
        kind = type(self).__name__
        if computed is None or not hasattr(computed, "__get__"):
            raise AttributeError(f"{kind} has no {name!r}")
        try:
            return computed.__get__(self, type(self))
        except AttributeError as error:
            raise UprootError(f"{kind}.{name}: {error}") from error
