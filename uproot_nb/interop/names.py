"""Names: what apps find in the modules of the framework, made of our own."""

from __future__ import annotations

import decimal
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from uproot_nb.experiment import fields, identifiers, order, pages
from uproot_nb.experiment.csv_files import append_to_csv
from uproot_nb.experiment.embedding import data_uri, safe
from uproot_nb.experiment.entries import Entry
from uproot_nb.experiment.live import live
from uproot_nb.experiment.query import Condition, F, FieldReference
from uproot_nb.experiment.randomness import rng, uuid
from uproot_nb.flow.dropouts import TOLERANCE, watch_for_dropout
from uproot_nb.interop import admin_chat, chat_views, dialect, subscriptions, tokens
from uproot_nb.interop.argument_names import with_their_names
from uproot_nb.interop.openers import OPENERS
from uproot_nb.realtime import author_functions as realtime
from uproot_nb.realtime import chat
from uproot_nb.session import model_functions as models
from uproot_nb.session.contexts import PlayerContext
from uproot_nb.session.entities import Entity, Group, Player, Session
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.model import Model
from uproot_nb.templating.formatting import to

__all__ = ["CALLBACK_NAMES", "EARLIER", "LAZY", "NAMES"]

CALLBACK_NAMES: Mapping[str, tuple[str, ...]] = {
    "new_session": ("session",), "new_player": ("player",), "language": ("player",),
    "digest": ("session",), "pipeline": ("session",), "page_order": ("player",),
    "api": ("request", "session"),
}  # fmt: skip
"""An app's functions and their parameters, which the framework passes by name."""


def _of(module: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names}


_PAGES = _of(pages, "Page", "NoshowPage", "GroupCreatingWait", "SynchronizingWait")
_IDENTIFIERS = _of(
    identifiers, "PlayerIdentifier", "SessionIdentifier", "GroupIdentifier", "ModelIdentifier"
)
_KINDS = {
    "PlayerType": Player, "SessionType": Session, "GroupType": Group, "ModelType": Model,
    "AdminType": Entity, "Storage": Entity,
}  # fmt: skip
_REFERENCES = _of(dialect, "identify", "materialize")
_CHECKS = _of(dialect, "ensure", "ensure_not_none", "return_or_raise", "valid_token")
_TOKENS = _of(tokens, "ALPHANUMERIC", "token", "token_unchecked", "tokens")
_ANNOTATIONS = dict.fromkeys(
    (
        "Identifier", "MaybeAwaitable", "PageCallable", "PageContext", "PageDataCallable",
        "PageFields", "PageLike", "PageRequestCallable", "PageValidationErrors", "Sessionname",
        "Username", "Value",
    ),
    Any,
)  # fmt: skip
"""Names in annotations of apps, which annotations alone use."""
_DRAWS = {"rng": rng, "uuid": uuid}
_TYPING = {"Any": Any, "cast": typing.cast}

EARLIER: Mapping[str, Any] = {
    "Random": order.Random,
    **_of(
        realtime, "other_in_group", "other_in_session", "others_in_group", "others_in_session",
        "players",
    ),
}  # fmt: skip
"""What `uproot.smithereens` offered in earlier versions; apps that were written then use it."""

_SMITHEREENS = {
    **_PAGES, **_IDENTIFIERS, **_KINDS, **OPENERS, **_REFERENCES, **_DRAWS, **_TYPING, **EARLIER,
    **_of(order, "RandomOrder", "Bracket", "Rounds", "Repeat", "Between"),
    **_of(
        dialect, "add_to_group", "combine", "create_group", "create_groups", "fmtnum",
        "get_setting", "mark_dropout", "move_to_end", "move_to_page", "notify", "send_to",
        "send_to_one",
    ),
    "transition_to_page": dialect.move_to_page, "transition_to_end": dialect.move_to_end,
    **_of(realtime, "reload", "spawn"),
    "watch_for_dropout": watch_for_dropout, "PlayerContext": PlayerContext, "_": F, "live": live,
    "cu": decimal.Decimal, "safe": safe, "data_uri": data_uri, "read_csv": dialect.read_csv,
    "append_to_csv": append_to_csv, "to": to,
}  # fmt: skip

_OURS: Mapping[str, Mapping[str, Any]] = {
    "uproot": {
        **_PAGES, **_of(dialect, "find_online", "who_online"),
        "find_online_delta": dialect.find_online,
        "PlayerIdentifier": identifiers.PlayerIdentifier,
    },
    "uproot.smithereens": _SMITHEREENS,
    "uproot.fields": {
        **_of(
            fields, "BICField", "BooleanField", "BoundedChoiceField", "DateField", "DecimalField",
            "DecimalRangeField", "EmailField", "Field", "FileField", "FloatField",
            "FloatRangeField", "IBANField", "IntegerField", "LikertField", "RadioField",
            "SelectField", "StringField", "TextAreaField",
        ),
        "LikertFieldClassic": fields.LikertField, "Decimal": decimal.Decimal, "Any": Any,
        "Callable": Callable,
    },
    "uproot.models": {
        **_IDENTIFIERS, **_REFERENCES, "Entry": Entry, "uuid": uuid, "UUID": UUID,
        **_TYPING, "Callable": Callable,
        **_of(
            models, "add_entry", "add_raw_entry", "get_entries", "filter_entries",
            "get_latest_entry", "get_field", "get_storage", "model_exists",
        ),
        "create_model": dialect.create_model, "StoredEntry": tuple, "T": TypeVar("T"),
        "entry_matches": dialect.entry_matches,
    },
    "uproot.types": {
        **_PAGES, **_IDENTIFIERS, **_KINDS, **_REFERENCES, **_DRAWS, **_CHECKS, **_TYPING,
        **_TOKENS, **_ANNOTATIONS,
        **_of(dialect, "as_identifier", "ensure_awaitable", "noop", "vertical"),
        "InternalPage": pages.NoshowPage, "FrozenDottedDict": dialect.FrozenDottedDict,
        "Bunch": Bunch, "StorageBunch": Bunch, "FieldReferent": FieldReference,
        "Comparison": Condition,
        "SmoothOperator": order.Operator, "sha256": dialect.sha256,
        "BoundedPulse": subscriptions.Pulse,
    },
    "uproot.storage": {**OPENERS, "Storage": Entity},
    "uproot.chat": _of(
        chat, "Message", "add_message", "exists", "messages", "notify", "on_message",
        "players",
    )
    | {"create": dialect.create_chat, "add_player": dialect.add_chat_player}
    | {"model": models.get_storage, "MAX_MESSAGE_LENGTH": chat.LONGEST}
    | _of(chat_views, "anonymize", "has_messages", "show_msg")
    | _of(
        admin_chat, "adminchat_can_reply", "adminchat_event", "adminchat_for_player",
        "adminchat_reply_state", "ensure_adminchat", "is_adminchat", "notify_adminchat",
        "set_adminchat_replies", "show_adminchat_msg",
    )
    | {"create_adminchat": admin_chat.ensure_adminchat},
    "uproot.queries": {
        "FieldReferent": FieldReference, "Comparison": Condition, "resolve": dialect.resolve,
    },
    "uproot.constraints": {
        **_CHECKS, "TOKEN_CHARS": tokens.TOKEN_CHARS, "T": TypeVar("T"),
    },
    "uproot.jobs": {
        "spawn": realtime.spawn, "DEFAULT_DROPOUT_TOLERANCE": TOLERANCE,
        **_of(
            subscriptions, "subscribe_to_adminchat", "subscribe_to_attendance",
            "subscribe_to_fieldchange",
        ),
    },
    "uproot.read": {},
    "uproot.pages": {"page2path": dialect.page2path},
}  # fmt: skip

NAMES: Mapping[str, Mapping[str, Any]] = {
    module: with_their_names(module, names) for module, names in _OURS.items()
}
"""What each of the framework's modules offers."""

LAZY: Mapping[str, Mapping[str, str]] = {
    "uproot.fields": dict.fromkeys(
        (
            "BICValidator", "BoundedChoiceValidator", "EMAIL_PATTERN", "EmailValidator",
            "IBANValidator", "Number", "NumberField", "RangeField", "RequiredField", "TextField",
            "type_coercer",
        ),
        "uproot_nb.interop.field_bases",
    ),
    "uproot.read": dict.fromkeys(
        ("Database", "Snapshot", "field_values", "read"),
        "uproot_nb.analysis.framework.database",
    ),
}  # fmt: skip
"""Names that need WTForms or pandas, and our modules: they are loaded when an app asks for them."""
