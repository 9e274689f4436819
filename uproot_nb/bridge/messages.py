"""The messages that the participant server and a kernel exchange, one frozen struct per kind."""

from __future__ import annotations

import msgspec

__all__ = [
    "Action", "AddPlayers", "Backlog", "CloseRoom", "CloseSession", "CloseSocket", "FromKernel",
    "FromServer", "Hello", "HttpReply", "HttpRequest", "Invoke", "Misuse", "OpenRoom",
    "OpenSession", "Push", "Refusal", "Reply", "RoomNews", "RoomShared", "RoomWaiting",
    "ScriptError", "ServeFiles", "SetState", "SocketClosed", "SocketOpened", "TakenOver",
    "VERSION", "Welcome",
]  # fmt: skip

VERSION = 4
"""Version of the bridge; a kernel and a server of different versions refuse each other."""


class BridgeMessage(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A message between the participant server and a kernel."""


# ---- from the kernel ----------------------------------------------------------------------


class Hello(BridgeMessage, frozen=True):
    """The kernel's first message, with the token of the discovery file.

    It names the session that the kernel will open and its file (`origin`), so that a copy is
    refused at once.
    """

    token: str
    version: int
    kernel: str
    session: str = ""
    origin: str = ""
    take_over: bool = False


class OpenSession(BridgeMessage, frozen=True):
    """The kernel serves a session from now on (again, after a restart).

    `session` is its unguessable key, `name` what people call it, `tokens` player name by token.
    """

    session: str
    name: str
    join_secret: str
    state: str
    tokens: dict[str, str]
    origin: str = ""


class AddPlayers(BridgeMessage, frozen=True):
    """Places were added to a session: player name by token."""

    session: str
    tokens: dict[str, str]


class SetState(BridgeMessage, frozen=True):
    """The session is "running", "paused" or "closed"; sent to every socket."""

    session: str
    state: str


class CloseSession(BridgeMessage, frozen=True):
    """The kernel no longer serves the session; its sockets are closed with 4404."""

    session: str


class Reply(BridgeMessage, frozen=True):
    """The outcome of an `Invoke`: a whole JSON text frame for the caller's socket."""

    call: int
    frame: bytes


class Push(BridgeMessage, frozen=True):
    """A notification: a whole JSON text frame for every open socket of *players*.

    `positions` are the pages of *players*, in the same order: a socket of another page, left open
    in a forgotten tab, gets nothing. Empty: whatever the page.
    """

    session: str
    seq: int
    players: list[str]
    frame: bytes
    positions: list[int] = []


class Backlog(BridgeMessage, frozen=True):
    """The pushes that a newly opened socket has missed, as (seq, frame) pairs, oldest first.

    It comes in parts; after the last one (`more` is false) the socket gets every `Push`.
    `action` is a frame without a seq to write after it: a reload, if the page cannot catch up.
    """

    socket: int
    seq: int
    frames: list[tuple[int, bytes]]
    more: bool = False
    action: bytes = b""


class Action(BridgeMessage, frozen=True):
    """Make browsers reload, redirect …: a JSON text frame without a seq, for open sockets."""

    session: str
    players: list[str]
    frame: bytes


class CloseSocket(BridgeMessage, frozen=True):
    """Close one socket with a 4xxx code and a reason."""

    socket: int
    code: int
    reason: str


class OpenRoom(BridgeMessage, frozen=True):
    """The session serves the room called `name` (again, after a restart).

    `since` is when it began to, in Unix seconds: of several sessions the latest has the room.
    """

    session: str
    name: str
    since: float = 0.0


class CloseRoom(BridgeMessage, frozen=True):
    """The session no longer serves the room called `name`."""

    session: str
    name: str


class RoomNews(BridgeMessage, frozen=True):
    """A whole JSON text frame for every browser that waits in the session's room."""

    session: str
    name: str
    frame: bytes


class ServeFiles(BridgeMessage, frozen=True):
    """Whoever knows `key` may read the files below `folder`, while the session is open."""

    session: str
    key: str
    folder: str


class HttpReply(BridgeMessage, frozen=True):
    """The answer to an `HttpRequest`."""

    request: int
    status: int
    headers: list[tuple[str, str]]
    body: bytes


# ---- from the server ----------------------------------------------------------------------


class Welcome(BridgeMessage, frozen=True):
    """The server let the kernel in; `url` is the participant root as browsers reach it.

    `notes` are for the researcher, such as that the port is another one than usual.
    """

    url: str
    version: int
    notes: list[str] = []


class Refusal(BridgeMessage, frozen=True):
    """The server refuses the kernel; it closes the stream after this.

    `origin` is the file from which another kernel serves the session, if that is the reason.
    """

    reason: str
    origin: str = ""


class RoomShared(BridgeMessage, frozen=True):
    """Another living session, called `other`, claims the room called `name` as well.

    `other_has_it`: the room leads into that one, because it claimed it later.
    """

    session: str
    name: str
    other: str
    other_has_it: bool


class TakenOver(BridgeMessage, frozen=True):
    """Another kernel serves the session now, from `origin`; no participants come here any more."""

    session: str
    origin: str


class HttpRequest(BridgeMessage, frozen=True):
    """A participant's browser asks for a page, posts its form, or joins.

    `action` is "page", "submit" or "join"; or, for the room that `room` names, "room" to see
    it and "enter" to go in; or "api" for the experiment's own api, with `method`, the `path` below
    its address and the `content` that was sent; or "app_api" for an app's `api` or `api2`, where
    `path` is "api2/app/rest". `player` is empty unless it is about a player's page. `form` and
    `query` are (name, value) pairs; `languages` is the Accept-Language header; `headers` are
    others that authors may use, by lower-case name. `files` were sent with the form: field name,
    file name without any folder, content type, path on this machine, size in bytes.
    They are removed once the request is answered.
    """

    request: int
    session: str
    player: str
    action: str
    form: list[tuple[str, str]]
    query: list[tuple[str, str]]
    languages: str
    files: list[tuple[str, str, str, str, int]] = []
    headers: dict[str, str] = {}
    room: str = ""
    method: str = ""
    path: str = ""
    content: bytes = b""


class Invoke(BridgeMessage, frozen=True):
    """A browser calls a live method. `args` and `kwargs` are JSON text, checked for form only.

    `call` is the server's number for it, `id` the browser's; `page` the position of its page.
    """

    call: int
    socket: int
    session: str
    player: str
    page: int
    id: str
    method: str
    args: bytes
    kwargs: bytes


class SocketOpened(BridgeMessage, frozen=True):
    """A browser is connected, also when a kernel returns; it has all pushes up to `since`."""

    socket: int
    session: str
    player: str
    page: int
    since: int


class SocketClosed(BridgeMessage, frozen=True):
    """A browser's socket closed."""

    socket: int
    session: str
    player: str


class Misuse(BridgeMessage, frozen=True):
    """The server refused something: `what` describes it, `count` times in this report."""

    session: str
    player: str
    what: str
    count: int


class ScriptError(BridgeMessage, frozen=True):
    """A page's own JavaScript failed in a participant's browser, `count` times in this report.

    `message` and `source` are the browser's texts, cut to a limit; `line` is 0 if unknown.
    `page` is the position of the page.
    """

    session: str
    player: str
    page: int
    message: str
    source: str
    line: int
    count: int


class RoomWaiting(BridgeMessage, frozen=True):
    """The number of browsers that wait in the session's room called `name`."""

    session: str
    name: str
    count: int


FromKernel = (
    Hello | OpenSession | AddPlayers | SetState | CloseSession | Reply | Push | Backlog | Action
    | CloseSocket | HttpReply | OpenRoom | CloseRoom | RoomNews | ServeFiles
)  # fmt: skip
FromServer = (
    Welcome | Refusal | HttpRequest | Invoke | SocketOpened | SocketClosed | Misuse | RoomWaiting
    | ScriptError | TakenOver | RoomShared
)  # fmt: skip
