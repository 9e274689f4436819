"""The messages that the participant server and a kernel exchange, one frozen struct per kind."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "Action", "AddPlayers", "AnswerStored", "AppFileAsked", "AppFileFound", "AppPiece",
    "AppPieceWanted", "Audience", "AudiencePush",
    "BEGIN", "Backlog", "COOKIE", "Charge", "CloseRoom", "CloseSession", "CloseSocket",
    "CommitTimes", "FAMILY_BITS", "FilePiece", "FileWanted", "FromKernel",
    "FromServer", "Gateways", "Hello", "HttpPart", "HttpReply", "HttpRequest", "Invoke", "Misuse",
    "NO_ANSWER", "OpenRoom", "OpenSession", "PageReport", "PartsWanted", "Presence", "Push",
    "Refusal", "Reply", "Role", "RoomNews",
    "RoomShared", "RoomWaiting", "ScriptError", "ServeFiles", "SetState", "SiteMoved",
    "SocketClosed", "SocketOpened", "StewardClosed", "StewardMessage", "StewardNews",
    "StewardOpened", "StewardRequest", "TakenOver", "VERSION", "Welcome",
]  # fmt: skip

VERSION = 8
"""Version of the bridge; a kernel and a server of different versions refuse each other."""

FAMILY_BITS = 32
"""A gateway's numbers of sockets, calls and requests have more bits; the upper ones name it."""

NO_ANSWER = 0
"""The status of an `HttpReply` by which a kernel gives a request back."""

COOKIE = "uproot-cookie"
"""The name among a request's headers of what names the browser at a room or join link."""
BEGIN = "_uproot_begin"
"""The field of a form that is no page's: somebody begins at a personal link."""


Role = Literal["steward", "viewer"]
"""What somebody may do outside the notebook: a steward steers; a viewer looks, and gets no link by
which one could become a participant."""


class BridgeMessage(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A message between the participant server and a kernel."""


# ---- from the kernel ----------------------------------------------------------------------


class Hello(BridgeMessage, frozen=True):
    """The kernel's first message, with the token of the discovery file.

    It names the session that the kernel will open and its file (`origin`), so that a copy is
    refused at once. Of two writers of one database the one with the higher `epoch` is served.
    """

    token: str
    version: int
    kernel: str
    session: str = ""
    origin: str = ""
    take_over: bool = False
    epoch: int = 0


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


class CommitTimes(BridgeMessage, frozen=True):
    """How long the session's commits took since its kernel began, for those who watch the server.

    `counts` and `seconds` are those of `bridge.durations.Durations`, `seq` is the last event that
    is committed, and `uncommitted` events wait.
    """

    session: str
    counts: list[int]
    seconds: float
    seq: int
    uncommitted: int


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


class Audience(BridgeMessage, frozen=True):
    """Many players to whom the same is pushed again and again; the last audience is forgotten."""

    session: str
    number: int
    players: list[str]
    positions: list[int]


class AudiencePush(BridgeMessage, frozen=True):
    """A `Push` to the session's last `Audience`, which has this number."""

    session: str
    seq: int
    audience: int
    frame: bytes


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
    """Close one socket, a participant's or a monitor's, with a 4xxx code and a reason."""

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
    """Whoever knows `key` may read the files below `folder`, while the session is open.

    A server on another machine is sent no folder, and asks for each file by `AppFileAsked`.
    """

    session: str
    key: str
    folder: str


class AppFileFound(BridgeMessage, frozen=True):
    """The answer to an `AppFileAsked`. `version` follows from what is in the file; "" if none is.

    `name` is its name without any folder, `size` is in bytes, `modified` in whole Unix seconds.
    """

    request: int
    version: str = ""
    name: str = ""
    size: int = 0
    modified: int = 0


class AppPiece(BridgeMessage, frozen=True):
    """The bytes that an `AppPieceWanted` asks for; none if that version is not there any more."""

    request: int
    data: bytes


class HttpReply(BridgeMessage, frozen=True):
    """The answer to an `HttpRequest` or a `StewardRequest`; each gets one.

    The status `NO_ANSWER` says that there will be none: the browser sends its request again.
    If there is `more`, its body follows as `HttpPart`s.
    """

    request: int
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    more: bool = False


class HttpPart(BridgeMessage, frozen=True):
    """A part of an answer's body, sent when the server wants one.

    After the last one `more` is false; it has `failed` if the body ends too early.
    """

    request: int
    body: bytes
    more: bool = True
    failed: bool = False


class Charge(BridgeMessage, frozen=True):
    """A player has made so many calls at another gateway; they count here, too."""

    session: str
    player: str
    calls: int


class Presence(BridgeMessage, frozen=True):
    """How many participants and sockets are connected at all gateways of a session together."""

    session: str
    participants: int
    sockets: int
    gateways: int


class Gateways(BridgeMessage, frozen=True):
    """So many gateways divide among them what a kernel may have unanswered."""

    count: int


class FileWanted(BridgeMessage, frozen=True):
    """A kernel on another machine asks for *size* bytes of a request's file, from *start*.

    `index` counts the request's `files` from 0. It is answered by a `FilePiece`.
    """

    request: int
    index: int
    start: int
    size: int


class StewardNews(BridgeMessage, frozen=True):
    """A message for one monitor's web page: JSON text."""

    socket: int
    data: bytes


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


class SiteMoved(BridgeMessage, frozen=True):
    """The participant root is `url` from now on: the server has learned how browsers reach it."""

    url: str


class HttpRequest(BridgeMessage, frozen=True):
    """A participant's browser asks for a page, posts its form, or joins.

    `action` is "page", "submit", "join", or "look" to see what a join link shows; or, for the room
    that `room` names, "room" to see it and "enter" to go in; or "api" for the experiment's own
    api, with `method`, the `path` below its address and the `content` that was sent; or "app_api"
    for an app's `api` or `api2`, where `path` is "api2/app/rest". `player` is empty unless it is
    about a player's page. "answer" is for gateways, see `AnswerStored`.

    `form` and `query` are (name, value) pairs; `languages` is the
    Accept-Language header; `headers` are others that authors may use, by lower-case name, and at
    rooms and join links what names the browser (`COOKIE`). `files` were sent with the form: field
    name, file name without any folder, content type, path on this machine, size in bytes. They are
    removed once the request is answered.
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


class FilePiece(BridgeMessage, frozen=True):
    """The bytes that a `FileWanted` asks for; none if the file is not there any more."""

    request: int
    index: int
    data: bytes


class AppFileAsked(BridgeMessage, frozen=True):
    """A browser asks a server on another machine for the file at `path`; see `ServeFiles`."""

    request: int
    key: str
    path: str


class AppPieceWanted(BridgeMessage, frozen=True):
    """The server wants a piece of an `AppFileFound`; `index` counts its pieces from 0."""

    request: int
    key: str
    path: str
    version: str
    index: int


class PartsWanted(BridgeMessage, frozen=True):
    """A browser can take so many more parts of an answer; with 0, it has gone and takes none."""

    request: int
    count: int


class AnswerStored(BridgeMessage, frozen=True):
    """A gateway has a page for a browser's next request, which may reach another gateway.

    That one asks for it by an `HttpRequest` with the action "answer" and the key as its `path`.
    """

    session: str
    player: str
    key: str
    reply: HttpReply


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
    """A browser is connected, also when a kernel returns; it has all pushes up to `since`.

    `by` is "polling" if it is not connected by a WebSocket.
    """

    socket: int
    session: str
    player: str
    page: int
    since: int
    by: str = ""


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


class PageReport(BridgeMessage, frozen=True):
    """The uproot_nb script of a page reports something, such as that the tab was left.

    `what` names the kind of report, `data` is JSON text of at most 4 KiB, checked for form only;
    `page` is the position of the page. Nobody waits for an answer.
    """

    socket: int
    session: str
    player: str
    page: int
    what: str
    data: bytes


class RoomWaiting(BridgeMessage, frozen=True):
    """The number of browsers that wait in the session's room called `name`.

    `labels` are those with which they say they come, the first 200, each once.
    """

    session: str
    name: str
    count: int
    labels: list[str] = []


class StewardOpened(BridgeMessage, frozen=True):
    """A monitor's web page is connected, also when a kernel returns; `role` says what it may do."""

    socket: int
    session: str
    role: Role


class StewardMessage(BridgeMessage, frozen=True):
    """A monitor's web page sends a message: JSON text, as the browser sent it."""

    socket: int
    session: str
    data: bytes


class StewardClosed(BridgeMessage, frozen=True):
    """A monitor's web page is no longer connected."""

    socket: int
    session: str


class StewardRequest(BridgeMessage, frozen=True):
    """A program asks the REST API; it is answered by an `HttpReply`.

    `path` is what follows "api/v1/", such as "sessions/pilot/players", decoded; `query` are (name,
    value) pairs; `headers` are those that describe the request ("accept", "content-type"), by
    lower-case name, and never what grants access.
    """

    request: int
    session: str
    role: Role
    method: str
    path: str
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    content: bytes = b""


FromKernel = (
    Hello | OpenSession | AddPlayers | SetState | CloseSession | Reply | Push | Backlog | Action
    | CloseSocket | HttpReply | HttpPart | OpenRoom | CloseRoom | RoomNews | ServeFiles
    | StewardNews | Audience | AudiencePush | FileWanted | Charge | CommitTimes | AppFileFound
    | AppPiece | Presence | Gateways
)  # fmt: skip
FromServer = (
    Welcome | Refusal | HttpRequest | PartsWanted | Invoke | SocketOpened | SocketClosed | Misuse
    | RoomWaiting | ScriptError | TakenOver | RoomShared | PageReport | StewardOpened
    | StewardMessage | StewardClosed | StewardRequest | AnswerStored | SiteMoved | FilePiece
    | AppFileAsked | AppPieceWanted
)  # fmt: skip
