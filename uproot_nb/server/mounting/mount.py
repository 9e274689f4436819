"""Mount: participants' pages below Jupyter's own address, and where browsers find that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.utils import url_path_join
from tornado.web import RequestHandler

from uproot_nb.server.mounting.addresses import MOUNT, browser_origin, is_loopback, mount_url
from uproot_nb.server.participants import Routes
from uproot_nb.server.site import Site

__all__ = ["Mount", "open_to_all"]

_UNKNOWN = (
    "No browser has opened this Jupyter server yet, so the address that participants need is not "
    "known: links begin with {url} until somebody opens JupyterLab. Administrators of a Hub set "
    "it by c.JupyterHub.public_url, others by c.UprootNB.public_url."
)


class Mount:
    """Lets links lead to the mount, at the address by which browsers reach Jupyter.

    In this order: the configured public URL, the Hub's, Jupyter's `custom_display_url`. Without any
    of them it is learned from requests of people who are logged in to Jupyter; what strangers send
    changes nothing. An address that leads to the machine itself replaces no other one.

    Args:
        app: the Jupyter server.
        hub_url: this server's public address at a JupyterHub, or "".
        on_move: takes the new root of participants' links.
    """

    def __init__(self, app: Any, site: Site, hub_url: str, on_move: Callable[[str], None]) -> None:
        self._app, self._site, self._on_move = app, site, on_move
        self._learned = ""
        self._log_request: Callable[[RequestHandler], None] | None = None
        if hub_url:
            site.mount_at(url_path_join(hub_url, MOUNT))
        else:
            site.mount_at(mount_url(app.public_url, app.base_url, app.default_url))
        self._learns = not (site.public_url or hub_url or app.custom_display_url)

    @property
    def notes(self) -> list[str]:
        """A sentence for researchers, while the address is not known."""
        unknown = self._learns and not self._learned
        return [_UNKNOWN.format(url=self._site.url)] if unknown else []

    def open(self) -> None:
        """Learn from requests, if the address is not known."""
        if self._learns:
            settings = self._app.web_app.settings
            self._log_request = settings.get("log_function")
            settings["log_function"] = self._after_request

    def close(self) -> None:
        """Learn no more. Idempotent."""
        if self._app.web_app.settings.get("log_function") == self._after_request:
            self._app.web_app.settings["log_function"] = self._log_request

    def _after_request(self, handler: RequestHandler) -> None:
        if self._log_request is not None:
            self._log_request(handler)
        # `current_user` itself would ask for a login that this request may not have needed.
        if vars(handler).get("_jupyter_current_user") is not None and handler.get_status() < 400:
            self._learn(browser_origin(handler.request, self._app.trust_xheaders))

    def _learn(self, origin: str) -> None:
        if not origin or origin == self._learned:
            return
        if self._learned and is_loopback(origin):
            return
        self._learned = origin
        self._site.mount_at(url_path_join(origin, self._app.base_url, MOUNT))
        self._on_move(self._site.url)


def open_to_all(routes: Routes) -> Routes:
    """Return *routes* with handlers that need no login to Jupyter."""
    return [(pattern, _without_login(handler), parts) for pattern, handler, parts in routes]


def _without_login(handler: type[RequestHandler]) -> type[RequestHandler]:
    methods = {}
    for name in handler.SUPPORTED_METHODS:
        method = getattr(handler, name.lower())
        if method != RequestHandler._unimplemented_method:
            methods[name.lower()] = allow_unauthenticated(method)
    return type(handler.__name__, (handler,), methods)
