"""PlayerContext: what templates read as `player.context.x`."""

from __future__ import annotations

from typing import Any

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
