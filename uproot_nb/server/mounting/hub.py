"""HubServer: what a Jupyter server knows about the JupyterHub that has started it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HubServer"]


@dataclass(frozen=True)
class HubServer:
    """One person's Jupyter server behind a JupyterHub.

    HubServer.of(os.environ, "/user/ann/")     # None where no Hub has started this server
    """

    prefix: str
    """Its path at the Hub: "/user/NAME/", or "/user/NAME/SERVER/" of a named server."""
    public_url: str
    """Its address for browsers, where the Hub's administrator has set one; else ""."""

    @classmethod
    def of(cls, environ: Mapping[str, str], base_url: str) -> HubServer | None:
        """Return the Hub's server, or None if this is none.

        Args:
            base_url: the path of this server. What somebody starts by hand at a Hub, as in a
                terminal there, inherits the environment, but not the path.
        """
        prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
        if not prefix or _with_slashes(prefix) != _with_slashes(base_url):
            return None
        return cls(prefix, environ.get("JUPYTERHUB_PUBLIC_URL", ""))


def _with_slashes(path: str) -> str:
    return f"/{path.strip('/')}/".replace("//", "/")
