"""ServerSettings: the settings of a participant server without a Jupyter configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from uproot_nb.server.frame_policy import check_ancestors
from uproot_nb.server.limits import Limits
from uproot_nb.server.networks import Proxies
from uproot_nb.server.site import check_path

__all__ = ["ServerSettings"]

_LISTS = ("trusted_proxies", "frame_ancestors")
_TEXTS = ("base_path",)
_MAY_BE_NOTHING = frozenset({
    "max_calls_per_second", "max_connections_per_network", "max_joins_per_second",
    "max_requests_per_second",
})  # fmt: skip
_LEAST = {"max_frame_bytes": 1024, "max_unsent_bytes": 65536}


@dataclass(frozen=True)
class ServerSettings:
    """Limits, trusted proxies, frame ancestors and base path, by the names of `UprootNB`'s traits.

        settings = ServerSettings.of({"max_frame_bytes": 1 << 20, "trusted_proxies": ["10.0.0.2"]})
        ParticipantServer(settings.limits, trusted_proxies=settings.trusted_proxies)

    Raises:
        ValueError: there is no such setting, or it cannot have this value; the message says which.
    """

    limits: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    base_path: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ServerSettings:
        """Read Python values."""
        known = [limit.name for limit in fields(Limits)]
        for name in given:
            if name not in known and name not in (*_LISTS, *_TEXTS):
                raise ValueError(
                    f"there is no setting {name!r}; there are "
                    f"{', '.join([*known, *_LISTS, *_TEXTS])}"
                )
        numbers: dict[str, Any] = {
            name: _number(name, value) for name, value in given.items() if name in known
        }
        if "max_upload_bytes" in numbers:  # a form's one file may be as large as the form
            numbers.setdefault("max_file_bytes", numbers["max_upload_bytes"])
        lists = {name: _list(name, given[name]) for name in _LISTS if name in given}
        Proxies(lists.get("trusted_proxies", ()))
        check_ancestors(lists.get("frame_ancestors", ()))
        path = check_path(_text("base_path", given.get("base_path", "")))
        return cls(replace(Limits(), **numbers), **lists, base_path=path)

    @classmethod
    def parse(cls, assignments: list[str]) -> ServerSettings:
        """Read "NAME=VALUE" of a command line; commas separate the items of a list."""
        given: dict[str, Any] = {}
        for assignment in assignments:
            name, sign, value = assignment.partition("=")
            if not sign:
                raise ValueError(f"{assignment!r} has no '=': give NAME=VALUE")
            name = name.strip()
            given[name] = _parse(name, value)
        return cls.of(given)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `ParticipantServer`."""
        return {
            "limits": self.limits,
            "trusted_proxies": self.trusted_proxies,
            "frame_ancestors": self.frame_ancestors,
            "base_path": self.base_path,
        }


def _number(name: str, value: Any) -> int | float:
    standard = asdict(Limits())[name]
    least = 0 if name in _MAY_BE_NOTHING else _LEAST.get(name, 1 if type(standard) is int else 0)
    kinds = (int,) if type(standard) is int else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value < 1 << 53:
        kind = "a whole number" if type(standard) is int else "a number"
        raise ValueError(f"{name}={value!r}: give {kind}, at least {least} (now {standard})")
    number: int | float = value
    return number


def _list(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name}={value!r}: give a list of texts")
    return tuple(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}={value!r}: give a text")
    return value


def _parse(name: str, value: str) -> Any:
    if name in _TEXTS:
        return value.strip()
    return _parts(value) if name in _LISTS else _parse_number(value)


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _parse_number(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value.replace("_", ""))
        except ValueError:
            continue
    return value
