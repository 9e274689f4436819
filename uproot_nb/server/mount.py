"""mounted: participants' routes below Jupyter's own address, for hosts with a single port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import RequestHandler

from uproot_nb.server.handlers import routes

if TYPE_CHECKING:  # only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["MOUNT", "mounted"]

MOUNT = "uproot_nb/participant/"
"""Where participants find the server, below Jupyter's base URL."""


def mounted(
    server: ParticipantServer,
) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """Return the sandboxed routes, open to people who have no login."""
    return [
        (pattern, _open_to_all(handler), arguments)
        for pattern, handler, arguments in routes(server, MOUNT, sandboxed=True)
    ]


def _open_to_all(handler: type[RequestHandler]) -> type[RequestHandler]:
    methods = {}
    for name in handler.SUPPORTED_METHODS:
        method = getattr(handler, name.lower())
        if method != RequestHandler._unimplemented_method:
            methods[name.lower()] = allow_unauthenticated(method)
    return type(handler.__name__, (handler,), methods)
