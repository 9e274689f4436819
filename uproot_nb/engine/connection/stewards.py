"""Stewards: what a run needs to serve monitors' web pages and the REST API."""

from __future__ import annotations

from typing import Protocol

from uproot_nb.bridge.messages import (
    PartsWanted,
    StewardClosed,
    StewardMessage,
    StewardOpened,
    StewardRequest,
)

__all__ = ["FromSteward", "Stewards"]

FromSteward = StewardOpened | StewardMessage | StewardClosed | StewardRequest
"""What the participant server passes on from those who watch and steer."""


class Stewards(Protocol):
    """Takes what those who watch and steer send; it is called on the run's loop."""

    def receive(self, message: FromSteward) -> None:
        """Take a message of a monitor's web page, or a request to the API."""

    def note_wanted(self, message: PartsWanted) -> None:
        """Note that a program can take more of an answer, or has gone."""

    def forget(self) -> None:
        """Forget all: the participant server is gone, and will report who is there again."""
