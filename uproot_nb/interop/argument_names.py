"""Argument names: the framework's names of arguments, which apps may use beside ours."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["with_their_names"]

_MODELS = {
    "create_model": "sid", "get_storage": "mid", "add_entry": "mid pid entry_type",
    "add_raw_entry": "mid entry", "get_entries": "mid as_type subset",
    "filter_entries": "mid as_type", "get_latest_entry": "mid as_type",
    "get_field": "mid field_name", "model_exists": "mid", "identify": "storage",
}  # fmt: skip
_CHAT = {
    "add_player": "chat pid pseudonym", "add_message": "chat sender msgtext", "model": "chat",
    "has_messages": "chat", "is_adminchat": "chat", "on_message": "chat fun",
    "show_msg": "chat id time msg as_viewed_by", "notify": "mid msg_id pid player msgtext",
    "show_adminchat_msg": "chat id time msg as_viewed_by",
}  # fmt: skip

THEIRS: Mapping[str, Mapping[str, str]] = {
    "uproot.smithereens": {
        "append_to_csv": "outfile data", "create_groups": "session groups", "data_uri": "data",
        "identify": "storage", "read_csv": "infile", "spawn": "coro",
        "watch_for_dropout": "player fun tolerance",
    },
    "uproot.models": _MODELS, "uproot.chat": _CHAT,
    "uproot.jobs": {"spawn": "coro"}, "uproot.types": {"identify": "storage"},
}  # fmt: skip
"""The framework's names of the first arguments, by module and function, where ours differ."""


def with_their_names(module: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module offers, with functions that also take the framework's argument names.

    entries = um.get_entries(mid=session.board, as_type=Post)
    """
    theirs = THEIRS.get(module, {})
    return {
        name: _renamed(value, theirs[name].split()) if name in theirs else value
        for name, value in names.items()
    }


def _renamed(function: Callable[..., Any], theirs: Sequence[str]) -> Callable[..., Any]:
    """Return a function that takes its first arguments by these names, too."""
    ours = [name for name, _ in zip(inspect.signature(function).parameters, theirs, strict=False)]

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        first = list(args)
        for their, our in zip(theirs[len(args) :], ours[len(args) :], strict=True):
            name = their if their in named else our
            if name not in named:
                break
            first.append(named.pop(name))
        return function(*first, **named)

    return call
