"""parse_query: the parameters behind an address, each as its JSON Schema says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from uproot_nb.errors import BadAction

__all__ = ["parse_query"]

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def parse_query(
    what: str, pairs: Iterable[tuple[str, str]], schemas: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the parameters' values by name, with their defaults; None where there is none.

    Raises:
        BadAction: one is unknown, stands there twice, or is not what its schema asks for.
    """
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name not in schemas:
            listed = f"It takes {', '.join(schemas)}." if schemas else "It takes no parameters."
            raise BadAction(what, f"it takes no {name[:80]!r}", listed)
        if name in found:
            raise BadAction(what, f"{name!r} was given twice", "Give it once.")
        found[name] = _value(what, name, text, schemas[name])
    return {name: schema.get("default") for name, schema in schemas.items()} | found


def _value(what: str, name: str, text: str, schema: Mapping[str, Any]) -> Any:
    value = _read(text, schema["type"])
    wrong = value is None
    wrong = wrong or ("enum" in schema and value not in schema["enum"])
    wrong = wrong or ("minimum" in schema and value < schema["minimum"])
    wrong = wrong or ("maximum" in schema and value > schema["maximum"])
    if wrong:
        raise BadAction(what, f"{name!r} is {text[:80]!r}", f"Give {_wanted(schema)}.")
    return value


def _read(text: str, kind: str) -> Any:
    if kind == "boolean":
        return _BOOLEANS.get(text)
    if kind == "integer":
        return int(text) if _WHOLE.fullmatch(text) else None
    return text


def _wanted(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if schema["type"] == "boolean":
        return "true or false"
    return f"a whole number from {schema['minimum']} to {schema['maximum']}"
