"""join_jupyter: the monitor and the API behind Jupyter's own login."""

from __future__ import annotations

from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError, RequestHandler, authenticated

from uproot_nb.bridge.messages import Role
from uproot_nb.server.steward.handlers import (
    MonitorFile,
    MonitorSocket,
    RelayHandler,
    StewardHandler,
)

__all__ = ["join_jupyter"]

RESOURCE = "uproot_nb"
"""What Jupyter's authorizer is asked about: who may write it steers, who may read it looks."""


class _JupyterAccess(JupyterHandler):
    """Lets in whom Jupyter knows; by default everybody who is logged in steers."""

    frames = "'self'"

    @property
    def is_encrypted(self) -> bool:
        """Whether the browser came by https, according to the headers of a trusted proxy."""
        return self.request.protocol == "https"

    async def prepare(self, *, _redirect_to_login: bool = True) -> None:
        is_page = _redirect_to_login and not isinstance(self, (RelayHandler, MonitorFile))
        await super().prepare(_redirect_to_login=is_page)
        if self._finished:
            return
        role = await self._find_role()
        if role is None:
            raise HTTPError(403)
        assert isinstance(self, StewardHandler)
        self.role = role
        self.send_strict_headers()

    async def _find_role(self) -> Role | None:
        user = self.current_user
        if user is None:
            return None
        ask = self.authorizer.is_authorized
        if await ensure_async(ask(self, user, "write", RESOURCE)):
            return "steward"
        return "viewer" if await ensure_async(ask(self, user, "read", RESOURCE)) else None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if isinstance(self, RelayHandler):
            StewardHandler.write_error(self, status_code, **kwargs)
        else:
            super().write_error(status_code, **kwargs)


class _JupyterSocketAccess(WebSocketMixin, _JupyterAccess):
    """The same for a WebSocket, which no other site's page may open."""


def join_jupyter(handler: type[StewardHandler]) -> type[RequestHandler]:
    """Return *handler* for people who are logged in to Jupyter."""
    is_socket = issubclass(handler, MonitorSocket)
    access = _JupyterSocketAccess if is_socket else _JupyterAccess
    guard = ws_authenticated if is_socket else authenticated
    methods = {}
    for name in handler.SUPPORTED_METHODS:
        method = getattr(handler, name.lower())
        if method != RequestHandler._unimplemented_method:
            methods[name.lower()] = guard(method)
    return type(f"Jupyter{handler.__name__}", (access, handler), methods)
