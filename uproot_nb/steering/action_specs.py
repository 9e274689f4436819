"""ActionSpec: an action that a steward can take, as monitors and the REST API describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from uproot_nb.engine.message_texts import LONGEST_MESSAGE
from uproot_nb.errors import BadAction

__all__ = ["NAMES", "ActionSpec"]

Schema = Mapping[str, Any]
"""A fragment of JSON Schema."""


@dataclass(frozen=True)
class ActionSpec:
    """An action: one sentence, whether it names players, and its other arguments.

    NAMES["extend"].arguments     # {"seconds": {"type": "number", …}}
    """

    sentence: str
    players: bool = True
    """Whether it is done to players; then `players` is required, a list of names."""
    arguments: Mapping[str, Schema] = field(default_factory=dict)
    """The JSON Schema of each argument beside `players`."""
    required: tuple[str, ...] = ()
    """The arguments that cannot be left out, beside `players`."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the object with all arguments."""
        players = {"players": PLAYERS} if self.players else {}
        return {
            "type": "object",
            "properties": {**players, **self.arguments},
            "required": [*players, *self.required],
            "additionalProperties": False,
        }

    def check(self, what: str, arguments: Mapping[str, Any]) -> None:
        """Check that the arguments are those of the action, each of its type.

        Raises:
            BadAction: says which is wrong, and what the action takes.
        """
        schema = self.schema()
        known, required = schema["properties"], schema["required"]
        for name, value in arguments.items():
            if name not in known:
                raise BadAction(what, f"it takes no {name!r}", _listed(known))
            if not _fits(value, known[name]):
                shown = repr(value)[:80]
                raise BadAction(what, f"{name!r} is {shown}", f"Give {_wanted(known[name])}.")
        for name in required:
            if name not in arguments:
                raise BadAction(what, f"{name!r} is missing", f"Give {_wanted(known[name])}.")


def _listed(known: Mapping[str, Schema]) -> str:
    return f"It takes {', '.join(known)}." if known else "It takes no arguments."


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float),
    "array": (list, tuple), "object": (Mapping,),
}  # fmt: skip


def _fits(value: Any, schema: Schema) -> bool:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if isinstance(value, bool) and "boolean" not in kinds:
        return False
    if not any(isinstance(value, _KINDS[kind]) for kind in kinds):
        return False
    items = schema.get("items")
    return items is None or all(_fits(one, items) for one in value)


def _wanted(schema: Schema) -> str:
    return str(schema["description"])


PLAYERS: Schema = {
    "type": "array", "items": {"type": "string"}, "minItems": 1,
    "description": "the players' names or labels, as a list",
}  # fmt: skip
_TEXT: Schema = {
    "type": "string", "minLength": 1, "maxLength": LONGEST_MESSAGE, "description": "the text",
}  # fmt: skip
_VALUES: Schema = {
    "type": "object", "additionalProperties": True, "description": "values by field",
}  # fmt: skip
_EXIT: Schema = {
    "type": "string", "minLength": 1, "description": "the name of an exit, such as 'screened'",
}  # fmt: skip
_ROOM: Schema = {"type": "string", "minLength": 1, "description": "the room's name"}
_SECONDS: Schema = {
    "type": "number", "exclusiveMinimum": 0, "description": "a number of seconds, more than 0",
}  # fmt: skip
_SIZE: Schema = {
    "type": "integer", "minimum": 1, "description": "how many players are in a group",
}  # fmt: skip
_AMOUNT: Schema = {
    "type": ["string", "number"], "description": "what each was paid, such as '12.50'",
}  # fmt: skip
_DEFAULTS: Schema = {
    "type": "boolean", "description": "true for the fields' defaults in the place of answers",
}  # fmt: skip
_CONFIRM: Schema = {"type": "string", "description": "the session's name, to confirm"}

NAMES: Mapping[str, ActionSpec] = {
    "pause": ActionSpec("Let calls, forms, waits and clocks stand still.", players=False),
    "resume": ActionSpec("Let everything go on after a pause.", players=False),
    "advance": ActionSpec(
        "Put players on the next page.", arguments={"values": _VALUES, "defaults": _DEFAULTS}
    ),
    "revert": ActionSpec("Put players back on the page before."),
    "move_to_end": ActionSpec("Put players past their last page.", arguments={"exit": _EXIT}),
    "leave": ActionSpec(
        "End players' participation by an exit.", arguments={"exit": _EXIT}, required=("exit",)
    ),
    "reload": ActionSpec("Let players' browsers load their page again."),
    "message": ActionSpec(
        "Show players a text on whatever page they are.",
        arguments={"text": _TEXT}, required=("text",),
    ),
    "answer": ActionSpec(
        "Write to players in their threads with the researcher.",
        arguments={"text": _TEXT}, required=("text",),
    ),
    "set": ActionSpec(
        "Give players' fields new values.", arguments={"values": _VALUES}, required=("values",)
    ),
    "mark_dropout": ActionSpec("Count players as dropouts; nobody waits for them any more."),
    "extend": ActionSpec(
        "Give players more time on a page with a timeout.",
        arguments={"seconds": _SECONDS}, required=("seconds",),
    ),
    "regroup": ActionSpec(
        "Put players into one new group, or into groups of a size.", arguments={"size": _SIZE}
    ),
    "lower_hand": ActionSpec("Lower the hands that players have raised."),
    "free": ActionSpec("Give players' places to others."),
    "mark_paid": ActionSpec("Log that players were paid.", arguments={"amount": _AMOUNT}),
    "mark_unpaid": ActionSpec("Log that players were not paid after all."),
    "open_room": ActionSpec(
        "Let those who wait in a room come in.", False, {"room": _ROOM}, ("room",)
    ),
    "close_room": ActionSpec("Let a room's newcomers wait.", False, {"room": _ROOM}, ("room",)),
    "freeze": ActionSpec("Let no page be redefined from now on.", players=False),
    "thaw": ActionSpec("Let pages be redefined again.", players=False),
    "interrupt": ActionSpec("End the code that runs just now and holds everybody up.", False),
    "close": ActionSpec(
        "End the run; participants see that the session has ended.",
        False, {"confirm": _CONFIRM}, ("confirm",),
    ),
}  # fmt: skip
"""Every action, by its name."""
