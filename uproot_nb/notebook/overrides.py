"""Overrides: arguments by which `uproot-nb run` replaces those of a notebook's `serve(...)`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from uproot_nb.errors import UprootError

__all__ = ["PREFIX", "Overrides"]

PREFIX = "UPROOT_NB_RUN_"


@dataclass(frozen=True)
class Overrides:
    """Arguments of `serve` that come from the environment; None leaves the notebook's.

        Overrides(players=8).environment()             # {"UPROOT_NB_RUN_PLAYERS": "8"}
        Overrides.of(os.environ).apply(players=2)      # {"players": 8}

    `fresh` is the name of a session that the notebook does not name, so that its cells, run again
    in another kernel, find the same one. With `bridge`, no other participant server will do.
    """

    players: int | None = None
    name: str | None = None
    db: str | None = None
    code: str | None = None
    bridge: str | None = None
    public_url: str | None = None
    fresh: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Overrides:
        """Read them from UPROOT_NB_RUN_PLAYERS, …_NAME, …_DB, …_CODE and so on."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            text = environ.get(PREFIX + field.name.upper())
            if text:
                found[field.name] = _number(text) if field.name == "players" else text
        return cls(**found)

    def environment(self) -> dict[str, str]:
        """Return the variables that `of` reads."""
        values = asdict(self).items()
        return {PREFIX + name.upper(): str(value) for name, value in values if value is not None}

    def apply(self, **arguments: Any) -> dict[str, Any]:
        """Return the arguments with the overridden ones replaced."""
        replaced = {n: v for n, v in asdict(self).items() if n in arguments and v is not None}
        if "bridge" in replaced:
            replaced["embedded"] = False
        return arguments | replaced


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UprootError(f"{PREFIX}PLAYERS={text!r}: give a whole number of places.") from None
