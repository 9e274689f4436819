"""Options: the arguments of `serve`, checked in the cell that calls it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from uproot_nb.errors import UprootError
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.log.codec import Codec
from uproot_nb.log.postgres.address import DatabaseAddress

__all__ = ["check_options", "remedy"]


def check_options(**options: Any) -> None:
    """Check every argument of `serve`.

    Raises:
        UprootError: names the argument, what it is, and what it may be.
    """
    for name, value in options.items():
        advice = remedy(name, value)
        if advice:
            raise UprootError(f"serve({name}={value!r}): {advice}.")


def remedy(name: str, value: Any) -> str:
    """Return what to give instead for an argument of `serve`; "" if the value is valid."""
    return _CHECKS[name](value)


def _players(value: Any) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return "" if good else "give a whole number of places, 0 or more"


def _name(value: Any) -> str:
    good = value is None or (isinstance(value, str) and re.fullmatch(r"[\w.-]{1,100}", value))
    return "" if good else "a session's name has 1 to 100 letters, digits, '_', '-' or '.'"


def _code(value: Any) -> str:
    good = value is None or value in ("live", "frozen")
    return "" if good else 'use code="live" or code="frozen"'


def _settings(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        return "give a dict of names and values, or None"
    for name, setting in value.items():
        try:
            Codec().encode(setting)
        except UprootError as error:
            return f"the setting {name!r} cannot be stored: {str(error).splitlines()[0]}"
    return ""


def _db(value: Any) -> str:
    good = value is None or isinstance(value, (str, os.PathLike, DatabaseAddress))
    return "" if good else "give a file's path, or an address as postgresql://…"


def _port(value: Any) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535
    return "" if good else "give a port from 0 (any free one) to 65535"


def _address(value: Any) -> str:
    good = isinstance(value, str) and re.fullmatch(r"[0-9A-Za-z.:%-]*", value)
    return "" if good else 'give an address of this machine, such as "127.0.0.1" or "0.0.0.0"'


def _public_url(value: Any) -> str:
    good = value == "" or (isinstance(value, str) and _is_web_address(value))
    return "" if good else 'give an address that begins with "http://" or "https://"'


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # as "http://[" is none
        return False


def _server(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, Mapping):
        return 'give a dict of settings, such as {"max_frame_bytes": 1_000_000}, or None'
    # lazy: only who brings a server of the run's own needs its parts
    from uproot_nb.server.settings import ServerSettings

    try:
        ServerSettings.of(value)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def _embedded(value: Any) -> str:
    return "" if value in (None, True, False) else "use True, False, or None to find out"


def _bridge(value: Any) -> str:
    good = value is None or isinstance(value, str)
    return "" if good else "give a broker's address (nats://…), or the discovery file's path"


def _language(value: Any) -> str:
    good = isinstance(value, str) and re.fullmatch(r"([A-Za-z]{2,3}([_-][A-Za-z0-9]+)*)?", value)
    return "" if good else 'give a language\'s code, such as "de", or ""'


def _simulate(value: Any) -> str:
    return "" if isinstance(value, bool) else "use True or False"


def _payment(value: Any) -> str:
    good = value is None or isinstance(value, Payment)
    return "" if good else 'give a rule, such as Payment(currency="EUR", fee=5)'


def _copy(value: Any) -> str:
    return "" if isinstance(value, bool) else "use True or False"


_CHECKS = {
    "players": _players, "name": _name, "code": _code, "settings": _settings, "db": _db,
    "port": _port, "address": _address, "public_url": _public_url, "embedded": _embedded,
    "bridge": _bridge, "language": _language, "simulate": _simulate, "server": _server,
    "copy": _copy, "take_over": _copy, "payment": _payment, "ask_for_help": _copy,
}  # fmt: skip
