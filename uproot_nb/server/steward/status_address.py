"""StatusAddress: the participant server's state for researchers, as a page and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uproot_nb.server.status import status_page
from uproot_nb.server.steward.handlers import StewardHandler, StewardParts

__all__ = ["StatusAddress"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors {frames}"


class StatusAddress(StewardHandler):
    """What `describe` returns: JSON, if the address ends with ".json"."""

    def initialize(  # type: ignore[override]
        self, parts: StewardParts, describe: Callable[[], dict[str, Any]]
    ) -> None:
        """Take what describes the server."""
        super().initialize(parts)
        self._describe = describe

    async def get(self, ending: str) -> None:
        if not self.is_let_in():
            return
        if ending:
            await self.finish(self._describe())
        else:
            self.set_header("Content-Security-Policy", _POLICY.format(frames=self.frames))
            await self.finish(status_page(self._describe()))

    head = get
