"""Charges: a player's calls at one gateway count at the others, too."""

from __future__ import annotations

from collections import Counter

from uproot_nb.bridge.messages import (
    BridgeMessage,
    Charge,
    HttpRequest,
    Invoke,
    PageReport,
    SocketOpened,
)

__all__ = ["Charges"]

_AT_LEAST = 50
"""Calls that are charged together, so that those who call little cost no messages."""
_BYTES_A_CALL = 4096


class Charges:
    """Counts each player's calls and requests at one gateway.

    charges = Charges()
    charge = charges.note(message)     # now and then what the other gateways are to be sent
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, message: BridgeMessage) -> Charge | None:
        """Count *message*; return what is to be charged elsewhere, if it is enough."""
        if not isinstance(message, Invoke | HttpRequest | PageReport | SocketOpened):
            return None
        player = message.player
        if not player:
            return None
        self._counts[player] += _cost_of(message)
        if self._counts[player] < _AT_LEAST:
            return None
        return Charge(message.session, player, self._counts.pop(player))


def _cost_of(message: BridgeMessage) -> int:
    """Return how many calls a message counts as, which is what its gateway has counted."""
    if isinstance(message, Invoke):
        return 1 + (len(message.args) + len(message.kwargs)) // _BYTES_A_CALL
    return 1
