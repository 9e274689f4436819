"""HealthPage: whether a server is alive, for load balancers and service managers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from uproot_nb.server.base_handler import ParticipantHandler, Parts

__all__ = ["Condition", "Health", "HealthPage", "HealthParts"]

Condition = Literal["starting", "standby", "serving", "cut off"]
"""What a server does; a gateway is "cut off" while it has no broker."""


def _serving() -> Condition:
    return "serving"


class Health:
    """Says what a server does; whoever starts one may know better.

    server.health.condition = lambda: "standby"
    """

    def __init__(self) -> None:
        self.condition: Callable[[], Condition] = _serving


@dataclass(frozen=True)
class HealthParts(Parts):
    """The parts that `HealthPage` uses."""

    health: Health


class HealthPage(ParticipantHandler[HealthParts]):
    """Answers everybody, with nothing that a participant could not see."""

    route = "healthz"

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish({"status": self.parts.health.condition()})
