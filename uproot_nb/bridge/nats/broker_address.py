"""BrokerAddress: where the NATS servers are, and the credentials for them."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = ["BrokerAddress", "is_broker"]

_SCHEMES = ("nats", "tls", "ws", "wss")
_QUERY = ("ca", "creds", "nkey", "prefix", "token_file")
_ADVICE = (
    "give nats://host:4222, or several: nats://one:4222,two:4222; after a '?' there may be "
    "creds=FILE, nkey=FILE, ca=FILE, token_file=FILE and prefix=NAME"
)


def is_broker(text: str | None) -> bool:
    """Return whether *text* is the address of a broker, and not a discovery file's path."""
    return text is not None and text.startswith(tuple(f"{scheme}://" for scheme in _SCHEMES))


@dataclass(frozen=True)
class BrokerAddress:
    """One or several NATS servers of one cluster.

        BrokerAddress.parse("tls://one:4222,two:4222?creds=/etc/uproot_nb/gateway.creds")

    What admits us is never shown: `repr` and `shown` are without it.
    """

    servers: list[str] = field(repr=False)
    shown: str
    """The address without user, password and token."""
    prefix: str = "uproot_nb"
    """The first part of all subjects, so that several labs can share an account."""
    files: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> BrokerAddress:
        """Read an address.

        Raises:
            ValueError: it is none; the message says what to give.
        """
        scheme, found, rest = text.partition("://")
        hosts, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if not found or scheme not in _SCHEMES or not hosts or options.keys() - set(_QUERY):
            raise ValueError(_ADVICE)
        prefix = options.pop("prefix", "uproot_nb")
        if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", prefix, re.ASCII):
            raise ValueError("prefix= is a part of subjects: letters, digits, '_', '-' and '.'")
        servers = _servers(scheme, hosts.split(","))
        shown = ",".join(_without_secret(server) for server in servers)
        return cls(servers, shown, prefix, options)

    def options(self) -> dict[str, Any]:
        """Return the arguments of `nats.connect` that admit us.

        Raises:
            OSError: a file is missing or cannot be read.
        """
        found: dict[str, Any] = {}
        if "creds" in self.files:
            found["user_credentials"] = _readable(self.files["creds"])
        if "nkey" in self.files:
            found["nkeys_seed"] = _readable(self.files["nkey"])
        if "token_file" in self.files:
            with open(self.files["token_file"], encoding="utf-8") as file:
                found["token"] = file.read().strip()
        if "ca" in self.files or any(server.startswith(("tls", "wss")) for server in self.servers):
            found["tls"] = ssl.create_default_context(cafile=self.files.get("ca"))
        return found


def _servers(scheme: str, hosts: list[str]) -> list[str]:
    """Return an address for each host; user and password of the first are all the others', too."""
    admitted, at, _ = hosts[0].rpartition("@")
    servers = [
        f"{scheme}://{host}" if "@" in host else f"{scheme}://{admitted}{at}{host}"
        for host in hosts
    ]
    if not all(_has_host(server) for server in servers):
        raise ValueError(_ADVICE)
    return servers


def _has_host(server: str) -> bool:
    parts = urlsplit(server)
    return bool(parts.hostname) and (parts.port is None or parts.port > 0)


def _without_secret(server: str) -> str:
    scheme, _, rest = server.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _readable(path: str) -> str:
    with open(path, "rb"):
        return os.fspath(path)
