"""Chat: messages between participants, and with your code, in a widget on their pages."""

from __future__ import annotations

import inspect
import itertools
import threading
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from markupsafe import Markup

from uproot_nb.errors import Refused, UnknownModel, UprootError, WrongRecipient
from uproot_nb.experiment.entries import Entry
from uproot_nb.experiment.identifiers import (
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.experiment.live import live
from uproot_nb.log.chat_rows import name_of_chat
from uproot_nb.session.entities import Player, Session
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.functions import name_of_function
from uproot_nb.session.model import Model, Stamped, identifier_of
from uproot_nb.session.model_functions import (
    create_model,
    find_model,
    get_entries,
    model_exists,
)
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World, world_of

__all__ = [
    "HOST", "LIVE_METHODS", "MEMBERS", "Message", "PUSHED_REPLIES", "REPLIES", "RESEARCHER",
    "TEXTS", "add_message", "add_player", "chat_functions", "create", "exists", "free_pseudonym",
    "messages", "notify", "on_message", "players", "pseudonym_of", "unopened_chat",
]  # fmt: skip

MEMBERS, LISTENER = "members", "on_message"
HOST, REPLIES = "host", "replies"
"""Fields of some chats: whose messages have no sender, and whether members may write."""
PUSHED = "_uproot_chat"
"""The event with which a message reaches the widgets."""
PUSHED_REPLIES = "_uproot_chat_replies"
"""The event that opens or closes the widgets' inputs."""
SENT = "_uproot_chat_send"
"""The method that a widget calls to send one."""

LONGEST = 2_000
LONGEST_PSEUDONYM = 60
MOST_A_SECOND = 5
SHOWN = 500
"""How many of the latest messages a widget shows at first."""

NO_MEMBER = "You are not a member of this chat."
EMPTY = "Please write something first."
TOO_LONG = "This message is too long: at most 2,000 characters."
TOO_FAST = "You are writing too fast. Please wait a moment."
NOT_SENT = "Your message was not sent. Please try again."
CLOSED = "You can only read this chat at the moment."
_ANSWERS = (NO_MEMBER, EMPTY, TOO_LONG, TOO_FAST, NOT_SENT, CLOSED)
RESEARCHER = "Researcher"
TEXTS = (
    "Chat",
    RESEARCHER,
    "Messages",
    "Write a message",
    "Send",
    "You",
    "No messages yet.",
    *_ANSWERS,
)
"""The widget's texts, translated by the catalogues."""

_PSEUDONYMS = (
    "Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa",
    "Lambda", "Mu", "Nu", "Xi", "Omicron", "Pi", "Rho", "Sigma", "Tau", "Upsilon", "Phi", "Chi",
    "Psi", "Omega",
)  # fmt: skip

Chat = Model | ModelIdentifier
Sender = Player | PlayerIdentifier | str | None
Listener = Callable[[Model, Player | None, str], Any]


class Message(metaclass=Entry):
    """One message; `sender` is a player's identifier, or a name used by your code."""

    sender: PlayerIdentifier | str | None
    text: str


# ---- what authors call ---------------------------------------------------------------------


def create(session: Session | SessionIdentifier, tag: str = "chat") -> Model:
    """Create a chat: `session.chat = chat.create(session)`, shown by `{{ chat(session.chat) }}`.

    A chat is a model: store it in any field; exports have a table of its messages.
    """
    made = create_model(session, tag)
    made._set(MEMBERS, {})
    return made


def add_player(chat: Chat, player: Player | PlayerIdentifier, pseudonym: str | None = None) -> None:
    """Let a player read and write in a chat, under a pseudonym.

        chat.add_player(session.chat, player, pseudonym=f"Player {player.id}")

    Args:
        pseudonym: the name that the others see; by default one that is free in this chat. A
            member's old pseudonym is replaced.

    Raises:
        UprootError: the pseudonym is not a name, or another member has it.
    """
    found = _chat(chat, player)
    with found._world.lock:
        name = world_of(found).find_player(player).name
        members = found._read(MEMBERS)
        if pseudonym is None:
            pseudonym = members.get(name) or _new_pseudonym(found, members)
        _check_pseudonym(pseudonym)
        if _is_taken(pseudonym, name, members):
            raise UprootError(
                f"Another member of {found.subject} is called {pseudonym!r} already.\n"
                'Give each a different name, as in pseudonym=f"Player {player.id + 1}", or none.'
            )
        if members.get(name) != pseudonym:
            members[name] = pseudonym


def players(chat: Chat) -> Bunch[Player]:
    """Return the members of a chat, in the order in which they were added."""
    found = _chat(chat)
    with found._world.lock:
        members = [found._world.player(name) for name in found._read(MEMBERS)]
        return Bunch(members, found.name)


def pseudonym_of(chat: Chat, player: Player | PlayerIdentifier) -> str | None:
    """Return the name by which a member is known in a chat; None for somebody else."""
    found = _chat(chat, player)
    names: Mapping[str, str] = found._read(MEMBERS)
    return names.get(world_of(found).find_player(player).name)


def messages(chat: Chat) -> list[Stamped]:
    """Return every message, oldest first, as (id, time, message).

    for _, time, message in chat.messages(session.chat):
        print(message.sender, message.text)
    """
    return get_entries(_chat(chat), Message)


def exists(chat: Chat | None) -> bool:
    """Return whether there is such a chat."""
    return model_exists(chat) and MEMBERS in _names(find_model(chat))


def add_message(chat: Chat, sender: Sender, text: str) -> UUID:
    """Write a message from your code, and return its id; all members see it.

        chat.add_message(session.chat, "Assistant", "Hello! How can I help?")

    Args:
        sender: a name to show, a member, or None for nobody.
    """
    found = _chat(chat, sender)
    if not isinstance(text, str) or not text.strip():
        raise UprootError(f"{text!r} cannot be a message.\nGive some text.")
    with found._world.lock:
        if isinstance(sender, (Player, PlayerIdentifier)):
            name = world_of(found).find_player(sender).name
            if name not in found._read(MEMBERS):
                raise UprootError(
                    f"player/{name} is not a member of {found.subject}.\n"
                    "Call chat.add_player(chat, player) first, or give a name as the sender."
                )
        elif sender is not None and not isinstance(sender, str):
            raise WrongRecipient(sender)
        return _post(found, sender, text, None)


def on_message(chat: Chat, function: Listener) -> None:
    """Call `function(chat, player, message)` whenever a message is sent; sync or async.

        async def answer(chat, player, message):
            if player is not None:      # None: written by your code
                add_message(chat, "Bot", f"You said: {message}")

        chat.on_message(player.chat, answer)

    After a restart it is still called if it is a top-level function of the notebook or app; if a
    cell redefines it, the new function is called. Its errors are shown to the researcher, never to
    participants.

    Raises:
        UprootError: it cannot be called.
    """
    found = _chat(chat)
    if not callable(function):
        raise UprootError(
            f"on_message() was given {function!r}, which cannot be called.\n"
            "Give a function that takes the chat, the player and the message."
        )
    with found._world.lock:
        name = name_of_function(function)
        found._models.listeners[name] = function
        found._set(LISTENER, name)


async def notify(
    chat: Chat, message: UUID, sender: Any, player: Any, text: str, recipients: Any = None
) -> None:
    """Call the listener for a message of an app of `uproot`; `add_message` has shown it already."""
    found = _chat(chat)
    if world_of(found).in_app:
        _call_author(found, player, text)


# ---- chats and members ---------------------------------------------------------------------


def _chat(chat: Any, near: Any = None) -> Model:
    found = find_model(chat, near)
    if MEMBERS not in _names(found):
        raise UnknownModel(~found, "that is not a chat.", "Make one with chat.create(session).")
    return found


def _names(model: Model) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = model._world.state.fields.get(model.subject, {})
    return fields


def _check_pseudonym(pseudonym: Any) -> None:
    is_text = isinstance(pseudonym, str) and pseudonym.isprintable() and pseudonym.strip()
    if not is_text or len(pseudonym) > LONGEST_PSEUDONYM:
        raise UprootError(
            f"{pseudonym!a} cannot be a pseudonym.\n"
            f"Give a name of up to {LONGEST_PSEUDONYM} characters."
        )


def _is_taken(pseudonym: str, name: str, members: Mapping[str, str]) -> bool:
    """Return whether another member has a pseudonym that looks the same."""
    own = _comparable(pseudonym)
    return any(own == _comparable(other) for member, other in members.items() if member != name)


def _comparable(pseudonym: str) -> str:
    """Return a pseudonym without case, spaces and variants of letters, for comparison."""
    return "".join(unicodedata.normalize("NFKC", pseudonym).casefold().split())


def free_pseudonym(chat: Chat, player: Player | PlayerIdentifier, pseudonym: str) -> str:
    """Return a pseudonym, numbered if another member has it already."""
    found = _chat(chat, player)
    name, members = world_of(found).find_player(player).name, found._read(MEMBERS)
    _check_pseudonym(pseudonym)
    names = itertools.chain([pseudonym], (f"{pseudonym} {n}" for n in itertools.count(2)))
    return next(one for one in names if not _is_taken(one, name, members))


def _new_pseudonym(chat: Model, members: Mapping[str, str]) -> str:
    taken = set(members.values())
    draw = world_of(chat).new_rng(f"{chat.subject}/pseudonym {len(members)}")
    for number in range(1, len(members) + 2):
        end = f" {number}" if number > 1 else ""
        free = [name + end for name in _PSEUDONYMS if name + end not in taken]
        if free:
            return draw.choice(free)
    raise AssertionError("there are more names than members")


# ---- sending -------------------------------------------------------------------------------


@live
def chat_send(page: Any, player: Player, chat: str, text: str) -> None:
    """Receive a message that a participant has written in a widget."""
    found = world_of(player).models.get(chat)
    if found is None or player.name not in (found.get(MEMBERS) or ()):
        raise Refused(NO_MEMBER)
    if not found.get(REPLIES, True):
        raise Refused(CLOSED)
    written = text.strip()
    if not written:
        raise Refused(EMPTY)
    if len(written) > LONGEST:
        raise Refused(TOO_LONG)
    if _sent_lately(found, player) >= MOST_A_SECOND:
        raise Refused(TOO_FAST)
    _post(found, ~player, written, player)


LIVE_METHODS = {SENT: chat_send}
"""Live methods of every page."""


def _sent_lately(chat: Model, player: Player) -> int:
    since = chat._world.journal.clock() - 1.0
    sent = 0
    for record in reversed(chat._records()):
        if record["time"] <= since:
            break
        sent += chat._stamped(record, Message).entry.sender == ~player
    return sent


def _post(chat: Model, sender: Sender, text: str, player: Player | None) -> UUID:
    """Log a message, push it to the members, and call the author's function."""
    world, message = world_of(chat), Message(identifier_of(sender), text)
    identifier = chat._add(message, "chat")
    if world.is_served:
        shown = _shown(chat, Stamped(identifier, world.journal.clock(), message))
        if chat.get(HOST) and message.sender is None:
            shown["host"] = True  # a page without the chat shows it as a notice
        members = list(chat._read(MEMBERS))
        world.delivery.notify(None, members, {"chat": chat.name, **shown}, PUSHED, ...)
    if player is not None or not world.in_app:
        _call_author(chat, player, text)
    return identifier


def _shown(chat: Model, stamped: Stamped) -> dict[str, Any]:
    """Return a message for the widget, without identifiers."""
    members: dict[str, str] = chat._read(MEMBERS)
    sender = stamped.entry.sender
    by_member = isinstance(sender, PlayerIdentifier)
    return {
        "id": str(stamped.id), "time": stamped.time, "text": stamped.entry.text,
        "from": _number(members, sender.name) if by_member else None,
        "name": members.get(sender.name, "") if by_member else sender or "",
    }  # fmt: skip


def _number(members: Mapping[str, str], name: str) -> int | None:
    """Return a member's number, by which widgets recognise their own messages."""
    return list(members).index(name) if name in members else None


# ---- the author's function -----------------------------------------------------------------


def _call_author(chat: Model, player: Player | None, text: str) -> None:
    world, remembered = world_of(chat), chat.get(LISTENER)
    if not remembered or not world.is_served:
        return
    runtime = world.runtime
    name = remembered.partition(":")[2]
    if player is None and world.lock.cause is not None and world.lock.cause.cause == f"task {name}":
        return  # the function wrote this itself
    function = runtime.find_function(remembered) or world.models.listeners.get(remembered)
    if function is None:
        text = f"{chat.subject} has a message for {name}(), which is not defined (any more).\n"
        remedy = "Define it again, or call chat.on_message(chat, function) with another."
        runtime.reports.warn(text + remedy, Cause("", "", f"on_message of {chat.subject}", ""))
        return
    task: Any = _call_listener(function, chat, player, text)
    task.__qualname__ = name
    on_loop = threading.get_ident() == world.lock.thread_of_steps
    (runtime.tasks.spawn if on_loop else runtime.tasks.spawn_from_cell)(task)


async def _call_listener(function: Listener, chat: Model, player: Player | None, text: str) -> None:
    result = function(chat, player, text)
    if inspect.isawaitable(result):
        await result


# ---- the widget ----------------------------------------------------------------------------


def chat_functions(world: World, player: Player) -> dict[str, Callable[..., Markup]]:
    """Return the template function `chat(id)`, which shows chats to a player.

    `uproot_researcher_chat()` shows the chat with the researcher, unless the page has done so.
    """
    from jinja2 import pass_context  # lazy: only needed to show pages
    from jinja2.runtime import Context  # lazy: as above

    placed: set[str] = set()

    @pass_context
    def chat(context: Context, id: Chat) -> Markup:
        found = _chat(id, player)
        placed.add(found.name)
        template = context.environment.get_template("uproot_nb/Chat.html")
        translate = context.resolve("_")
        boot = _boot(found, player, translate)
        return Markup(template.render(boot=boot, name=found.name, longest=LONGEST, _=translate))

    @pass_context
    def uproot_researcher_chat(context: Context) -> Markup:
        found = world.models.get(name_of_chat(player.name))
        return Markup() if found is None or found.name in placed else chat(context, found)

    return {"chat": chat, "uproot_researcher_chat": uproot_researcher_chat}


def unopened_chat(context: Any, name: str) -> Markup:
    """Return the widget of a chat with the researcher that nobody has opened yet."""
    template = context.environment.get_template("uproot_nb/Chat.html")
    translate = context.resolve("_")
    boot = {
        "chat": name, "me": 0, "messages": [], "texts": _texts(translate),
        "host": translate(RESEARCHER), "replies": True, "ended": False,
    }  # fmt: skip
    return Markup(template.render(boot=boot, name=name, longest=LONGEST, _=translate))


def _texts(translate: Callable[[str], str]) -> dict[str, str]:
    return {text: translate(text) for text in ("You", *_ANSWERS)}


def _boot(chat: Model, player: Player, translate: Callable[[str], str]) -> dict[str, Any]:
    """Return what a widget needs at first."""
    with chat._world.lock:
        number = _number(chat._read(MEMBERS), player.name)
        rows = chat._at(chat._places(Message)[-SHOWN:], Message) if number is not None else []
        host = chat.get(HOST)
        return {
            "chat": chat.name, "me": number, "messages": [_shown(chat, row) for row in rows],
            "texts": _texts(translate),
            "host": translate(host) if host else "",
            "replies": bool(chat.get(REPLIES, True)) and player.page is not None,
            "ended": player.page is None,  # and takes no calls
        }  # fmt: skip
