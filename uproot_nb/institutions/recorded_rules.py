"""Recorded rules: an institution's settings, as a session's log has them for later versions.

What differed from the default is "given", all else "usual", so that a period goes on with the
defaults with which it began. Earlier versions stored the institution's `repr`, when all defaults
were those of version 0.1.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from uproot_nb.market.orderbook.amounts import plain

__all__ = ["plain_rules", "rules_as_begun", "rules_text"]

_CLASS, _GIVEN, _USUAL, _MONEY = "class", "given", "usual", "money"

_Rules = TypeVar("_Rules")


class _OtherRules(Exception):
    """The recorded rules are not those of today's page."""


def plain_rules(rules: Any) -> dict[str, Any]:
    """Return the settings of an institution, a frozen dataclass, as JSON has them.

    plain_rules(SealedBidAuction("second", tick=Decimal("0.5")))["given"]
    # {"pricing": "second", "tick": {"money": "0.5"}}
    """
    return _plain_settings(rules)


def rules_as_begun(stored: Any, now: _Rules) -> _Rules | None:
    """Return the rules with which a period began; None if those of today's page are others.

    Settings that this version has added, and those that the page leaves out, are no difference.

    Args:
        stored: what `plain_rules` has returned, or the `repr` that earlier versions stored.
    """
    if stored == repr(now):
        return now
    try:
        begun: _Rules = _as_begun(_of_text(stored) if isinstance(stored, str) else stored, now)
    except _OtherRules:
        return None
    return begun


def rules_text(stored: Any) -> str:
    """Return recorded rules as Python writes them."""
    if not isinstance(stored, Mapping):
        return stored if isinstance(stored, str) else repr(stored)
    settings = {**stored.get(_USUAL, {}), **stored.get(_GIVEN, {})}
    written = (f"{name}={_value_text(value)}" for name, value in settings.items())
    return f"{stored.get(_CLASS)}({', '.join(written)})"


def _value_text(stored: Any) -> str:
    if isinstance(stored, Mapping):
        return repr(Decimal(stored[_MONEY])) if _MONEY in stored else rules_text(stored)
    return repr(_value(stored, None))


# ---- written ----


def _plain_settings(owner: Any) -> dict[str, Any]:
    given: dict[str, Any] = {}
    usual: dict[str, Any] = {}
    for field in _settings(owner):
        value = _plain_value(getattr(owner, field.name))
        (usual if _is_default(field, value) else given)[field.name] = value
    return {_CLASS: type(owner).__name__, _GIVEN: given, _USUAL: usual}


def _plain_value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        return {_MONEY: plain(value)}
    if isinstance(value, (tuple, list)):
        return [_plain_value(one) for one in value]
    return _plain_settings(value) if _has_settings(value) else repr(value)


def _has_settings(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _settings(owner: Any) -> list[Field[Any]]:
    return [field for field in fields(owner) if field.init]


def _is_default(field: Field[Any], value: Any) -> bool:
    """Return whether a plain value is the field's default in this version."""
    if field.default_factory is not MISSING:
        return bool(value == _plain_value(field.default_factory()))
    return field.default is not MISSING and bool(value == _plain_value(field.default))


# ---- read ----


def _as_begun(stored: Any, now: Any) -> Any:
    """Return a value of today's page as it was recorded.

    Raises:
        _OtherRules: the author has written another one.
    """
    if not _has_settings(now):
        if stored != _plain_value(now):
            raise _OtherRules
        return now
    if not isinstance(stored, Mapping) or stored.get(_CLASS) != type(now).__name__:
        raise _OtherRules
    settings = _settings(now)
    if not {*stored[_GIVEN], *stored[_USUAL]} <= {field.name for field in settings}:
        raise _OtherRules  # this version lacks a rule
    return replace(now, **{one.name: _setting(stored, one, now) for one in settings})


def _setting(stored: Mapping[str, Any], field: Field[Any], owner: Any) -> Any:
    """Return one setting as it was recorded."""
    name, now = field.name, getattr(owner, field.name)
    is_left_out = _is_default(field, _plain_value(now))
    if name in stored[_USUAL] and is_left_out:
        return _value(stored[_USUAL][name], now)  # the default of the version that recorded it
    recorded = {**stored[_USUAL], **stored[_GIVEN]}
    if name in recorded:
        return _as_begun(recorded[name], now)
    if not is_left_out:
        raise _OtherRules  # versions without this setting did as its default does
    return now


def _value(stored: Any, now: Any) -> Any:
    """Return a recorded value; *now* is today's, which shows the classes in it."""
    if stored == _plain_value(now):
        return now
    if isinstance(stored, list):
        return tuple(_value(one, None) for one in stored)
    if isinstance(stored, Mapping):
        return Decimal(stored[_MONEY]) if _MONEY in stored else _instance(stored, now)
    if isinstance(stored, str) and not isinstance(now, str | None):
        raise _OtherRules  # the `repr` of what is no plain value
    return stored


def _instance(stored: Mapping[str, Any], now: Any) -> Any:
    settings = {**stored[_USUAL], **stored[_GIVEN]}
    known = {field.name for field in _settings(now)} if _has_settings(now) else set()
    if stored[_CLASS] != type(now).__name__ or not settings.keys() <= known:
        raise _OtherRules
    return type(now)(**{name: _value(one, getattr(now, name)) for name, one in settings.items()})


# ---- as earlier versions have written it ----


def _of_text(text: str) -> Any:
    """Return the rules that `repr` wrote; all count as given, as it does not say which were.

    Raises:
        _OtherRules: it is no call with plain values.
    """
    try:
        return _of_node(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):
        raise _OtherRules from None


def _of_node(node: ast.expr) -> Any:
    if isinstance(node, (ast.Tuple, ast.List)):
        return [_of_node(one) for one in node.elts]
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return ast.literal_eval(node)
    if node.func.id == Decimal.__name__:
        return {_MONEY: plain(Decimal(ast.literal_eval(node.args[0])))}
    settings = {str(one.arg): _of_node(one.value) for one in node.keywords}
    return {_CLASS: node.func.id, _GIVEN: settings, _USUAL: {}}
