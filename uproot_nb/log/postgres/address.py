"""DatabaseAddress: where a PostgreSQL database is, shown without its password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from uproot_nb.errors import BadAddress

__all__ = ["DatabaseAddress", "Place", "is_database"]

SCHEMA = "uproot_nb"
_SCHEMES = ("postgresql://", "postgres://")
_SECRET = frozenset({"password", "sslpassword"})
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PORTS = re.compile(r"(:[0-9]*)?")


@dataclass(frozen=True, repr=False)
class DatabaseAddress:
    """A database's address: what is shown of it, and what only the driver gets.

        DatabaseAddress.of("postgresql://lab:secret@db.example.org/experiments?schema=autumn")

    As text, and where it is stored, it is without its passwords.

    Attributes:
        shown: the address without its passwords.
        schema: the schema that has the tables; the parameter `schema`, "uproot_nb" by default.
        conninfo: the address as libpq reads it, with its passwords.
    """

    shown: str
    schema: str
    conninfo: str

    def __repr__(self) -> str:
        return f"DatabaseAddress({self.shown!r})"

    def __str__(self) -> str:
        return self.shown

    def __reduce__(self) -> tuple[Any, ...]:
        return DatabaseAddress.of, (self.shown,)

    @classmethod
    def of(cls, text: Place) -> DatabaseAddress:
        """Read an address.

        Raises:
            BadAddress: it is none; no part of it is shown that may be a password.
        """
        if isinstance(text, DatabaseAddress):
            return text
        scheme, _, rest = str(text).partition("://")
        before, _, query = rest.partition("?")
        authority, slash, name = before.partition("/")
        user, at, hosts = authority.rpartition("@")
        _check(user, hosts, f"{name}?{query}")
        options = parse_qsl(query, keep_blank_values=True)
        schema = dict(options).get("schema", SCHEMA)
        if not _SCHEMA_NAME.fullmatch(schema):
            raise BadAddress("Its schema may have only small letters, digits and underscores")
        options = [(key, value) for key, value in options if key != "schema"]
        public = [(key, value) for key, value in options if key not in _SECRET]
        if schema != SCHEMA:
            public.append(("schema", schema))
        where = f"{hosts}{slash}{name}"
        return cls(
            f"{scheme}://{user.partition(':')[0]}{at}{where}{_query(public)}",
            schema,
            f"{scheme}://{user}{at}{where}{_query(options)}",
        )


Place: TypeAlias = str | os.PathLike[str] | DatabaseAddress
"""Where a log is: a file, the address of a database, or ":memory:"."""


def is_database(place: object) -> bool:
    """Return whether a place is the address of a database, and no file."""
    return isinstance(place, DatabaseAddress) or (
        isinstance(place, str) and place.startswith(_SCHEMES)
    )


def _check(user: str, hosts: str, behind: str) -> None:
    """Refuse what libpq would read otherwise than its writer, and show in its messages."""
    if "@" in user or "@" in behind:
        raise BadAddress("It has more than one @, or one after a slash or question mark")
    for host in hosts.split(","):
        ports = host.rpartition("]")[2] if "]" in host else f":{host.partition(':')[2]}"
        if not _PORTS.fullmatch(ports):
            raise BadAddress("There is no port after the host's colon")


def _query(options: list[tuple[str, str]]) -> str:
    return f"?{urlencode(options, quote_via=quote, safe='/,:')}" if options else ""
