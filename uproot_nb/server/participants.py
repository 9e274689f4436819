"""ParticipantServer: the web server for participants' browsers."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from tornado.web import Application, RequestHandler

from uproot_nb.bridge.channel import Channel, Gone, MemoryChannel, Receive, memory_pair
from uproot_nb.bridge.forks import leave_to_parent, take_back
from uproot_nb.bridge.messages import Hello
from uproot_nb.server.base_handler import ParticipantHandler, Parts
from uproot_nb.server.connections import Connections, most_connections
from uproot_nb.server.expected import Expected
from uproot_nb.server.files import AppFileHandler, AppFileParts, StaticHandler
from uproot_nb.server.form_reader import Uploads
from uproot_nb.server.gateways.kernel_files import KernelFiles
from uproot_nb.server.handlers import (
    AppApi,
    FrontPage,
    JoinPage,
    MissingSlash,
    NotFound,
    PageParts,
    PlayerApi,
    PlayerPage,
    RoomPage,
)
from uproot_nb.server.kernel_connection import KernelLink
from uproot_nb.server.limits import Limits, Visitors
from uproot_nb.server.listening import BoundedServer, Entrance, bind_port
from uproot_nb.server.metrics.health import Health, HealthPage, HealthParts
from uproot_nb.server.metrics.timings import ServerTimings
from uproot_nb.server.polling.handlers import (
    JoinPollHandler,
    PlayerPollHandler,
    RoomPollHandler,
)
from uproot_nb.server.polling.links import PolledLinks
from uproot_nb.server.redaction import hide_secrets, stop_hiding
from uproot_nb.server.reports import Reports
from uproot_nb.server.rooms import ClaimedRooms
from uproot_nb.server.sessions import Sessions
from uproot_nb.server.settings import ServerSettings
from uproot_nb.server.site import Site
from uproot_nb.server.socket_handlers import (
    JoinSocketHandler,
    PlayerSocketHandler,
    RoomSocketHandler,
    SocketParts,
)
from uproot_nb.server.sockets import PlayerSockets
from uproot_nb.server.steward.handlers import StewardParts
from uproot_nb.server.steward.questions import ApiQuestions
from uproot_nb.server.steward.watchers import Watchers

__all__ = ["ParticipantServer", "start_embedded"]

_logger = logging.getLogger(__name__)
_STATIC = Path(__file__).parent.parent / "static"
_LISTEN_SECONDS = 1.0
"""How often the server checks whether kernels give signs of life."""
_LONGEST_HEADERS = 160 * 1024
"""Recruiters append what they like to an address; a form may be longer anyway."""
_USE_SECONDS = 5.0
"""How often kernels with participants are reported as in use, so that they are not culled."""

Route = tuple[str, type[RequestHandler], dict[str, Any]]
Routes = list[Route]
_P = TypeVar("_P", bound=Parts)


class ParticipantServer:
    """Admits participants, holds their sockets open, and passes what they do to the kernels.

    It runs no authors' code and needs no Jupyter:

        server = ParticipantServer()
        server.start(port=8600)
        receive, gone = server.attach(channel)     # a kernel's channel
        ...
        await server.stop()

    It makes the parts and hands each to those that use it; no part knows the whole.

    Args:
        base_path: the path below which proxies pass everything on, such as "/study".
        family: of a gateway's numbers; see `PlayerSockets`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        public_url: str = "",
        trusted_proxies: Iterable[str] = (),
        frame_ancestors: Iterable[str] = (),
        base_path: str = "",
        on_activity: Callable[[str], None] | None = None,
        family: int = 0,
    ) -> None:
        self.family = family
        self.limits = limits or Limits()
        self.site = Site(public_url, trusted_proxies, frame_ancestors, base_path)
        self.sessions = Sessions(self.limits)
        self.reports = Reports(self.sessions, self.limits.report_interval)
        self.sockets = PlayerSockets(self.limits, self.reports, family)
        self.watchers = Watchers(self.sessions, self.sockets.numbers)
        self.rooms = ClaimedRooms(self.limits)
        self.kernel_files = KernelFiles(self.sockets.numbers, self.limits.form_patience)
        self.expected = Expected(self.limits)
        self.polled = PolledLinks(self.limits)
        self.uploads = Uploads()
        self.strangers = Visitors(self.limits)
        self.connections = Connections(
            most_connections(self.limits.max_connections),
            self.limits.max_connections_per_network,
        )
        self.health = Health()
        self.links: set[KernelLink] = set()
        self.port = 0
        self._on_activity = on_activity
        self._http: BoundedServer | None = None
        self._descriptors: list[int] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def url(self) -> str:
        """The root of participants' links."""
        return self.site.url

    @property
    def notes(self) -> list[str]:
        """Sentences for the researcher about the port and address that were chosen."""
        return self.site.notes

    @property
    def timings(self) -> ServerTimings | None:
        """How long calls, requests and commits take, if that is measured."""
        return self.sockets.timings

    def measure(self, timings: ServerTimings) -> None:
        """Measure how long calls, requests and commits take from now on."""
        self.sockets.timings = timings

    # ---- opening and closing --------------------------------------------------------------

    def start(self, port: int = 8600, address: str = "127.0.0.1", tries: int = 101) -> None:
        """Listen on *port*, or on one of the next that is free; 0 takes any.

        Raises:
            OSError: none of *tries* ports in a row is free.
        """
        sockets = bind_port(port, address, tries)
        hide_secrets()
        self.uploads.remove_abandoned()
        self.port = sockets[0].getsockname()[1]
        self.site.listen_at(address, self.port, port)
        self._http = self._make_http()
        self._http.add_sockets(sockets)
        self._descriptors = [opened.fileno() for opened in sockets]
        for descriptor in self._descriptors:
            leave_to_parent(descriptor)
        self._later("ping", self.limits.ping_interval, self._ping)
        self._note_use()
        self._listen(time.monotonic())

    def _make_http(self) -> BoundedServer:
        root = self.site.root
        # Also below the base path: not every proxy takes it away.
        routes = self.routes(re.escape(f"{root}/"), sandboxed=False) if root else []
        application = Application(
            routes + self.routes("/", sandboxed=False),
            default_handler_class=NotFound,
            default_handler_args={"parts": Parts(*self._shared(sandboxed=False))},
        )
        http = BoundedServer(
            application,
            max_header_size=_LONGEST_HEADERS,
            max_body_size=self.limits.max_form_bytes,
            max_buffer_size=self.limits.max_form_bytes + 64 * 1024,
            idle_connection_timeout=self.limits.idle_timeout,
            body_timeout=self.limits.idle_timeout,
        )
        http.entrance = Entrance(
            self.connections, self.sessions, self.site, self.reports, self.expected, self.limits
        )
        return http

    def routes(self, prefix: str, *, sandboxed: bool) -> Routes:
        """Return the routes below *prefix*, each with the parts that its handler uses.

        Args:
            sandboxed: *prefix* is below Jupyter's own address.
        """
        shared, sockets = self._shared(sandboxed), self.socket_parts(sandboxed)
        parts, health = Parts(*shared), HealthParts(*shared, self.health)
        files = AppFileParts(*shared, self.limits, self.expected, self.kernel_files)
        pages = PageParts(
            *shared, self.limits, self.expected, self.sockets.numbers, self.uploads, self.rooms
        )
        return [
            _route(rf"{prefix}p/([^/]+)/", PlayerPage, pages),
            _route(rf"{prefix}p/([^/]+)/ws", PlayerSocketHandler, sockets),
            _route(rf"{prefix}p/([^/]+)/poll", PlayerPollHandler, sockets),
            _route(rf"{prefix}p/([^/]+)/api/(.*)", PlayerApi, pages),
            _route(rf"{prefix}(api2?)/([^/]+)/([^/]+)/(.*)", AppApi, pages),
            _route(rf"{prefix}join/([^/]+)/([^/]+)/ws", JoinSocketHandler, sockets),
            _route(rf"{prefix}join/([^/]+)/([^/]+)/poll", JoinPollHandler, sockets),
            _route(rf"{prefix}join/([^/]+)/([^/]+)/", JoinPage, pages),
            _route(rf"{prefix}room/([^/]+)/ws", RoomSocketHandler, sockets),
            _route(rf"{prefix}room/([^/]+)/poll", RoomPollHandler, sockets),
            _route(rf"{prefix}room/([^/]+)/", RoomPage, pages),
            _route(rf"{prefix}files/([^/]+)/(.+)", AppFileHandler, files),
            _static_route(rf"{prefix}static/[^/]+/(.+)", parts),
            _route(rf"{prefix}(?:p|room|join/[^/]+)/[^/]+", MissingSlash, parts),
            _route(rf"{prefix}healthz", HealthPage, health),
            _route(prefix, FrontPage, parts),
            _route(rf"{prefix}.*", NotFound, parts),
        ]

    def _shared(self, sandboxed: bool) -> tuple[Site, Sessions, Reports, Visitors, bool]:
        """Return the parts that every handler uses."""
        return self.site, self.sessions, self.reports, self.strangers, sandboxed

    def socket_parts(self, sandboxed: bool = False) -> SocketParts:
        """Return the parts that a `SocketHandler` uses."""
        return SocketParts(
            *self._shared(sandboxed), self.limits, self.connections, self.sockets, self.expected,
            self.rooms, self.polled,
        )  # fmt: skip

    def steward_parts(self) -> StewardParts:
        """Return the parts that the monitor's addresses use, which no participant can reach."""
        numbers = self.sockets.numbers
        return StewardParts(
            self.sessions, self.watchers, ApiQuestions(self.sessions, numbers), self.connections,
            self.limits, self.site.proxies, numbers,
        )  # fmt: skip

    async def stop(self) -> None:
        """Close every socket and kernel's channel, and stop listening. Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.reports.stop()
        self.watchers.stop()
        for opened in self.sockets:
            opened.flush()
            opened.shut(1001, "going away")
        self.rooms.stop()
        self.expected.stop()
        for link in list(self.links):
            link.close()
        self.links.clear()
        for descriptor in self._descriptors:
            take_back(descriptor)
        self._descriptors.clear()
        await self.polled.farewell()
        self.polled.stop()
        if self._http is not None:
            http, self._http = self._http, None
            http.stop()
            stop_hiding()
            await http.close_all_connections()
        self.uploads.close()

    # ---- kernels --------------------------------------------------------------------------

    def attach(
        self, channel: Channel, kernel: str = "", epoch: int = 0, *, shared: bool = False
    ) -> tuple[Receive, Gone]:
        """Serve the kernel at the other end of *channel*; return who receives from it."""
        link = KernelLink(
            channel, kernel, links=self.links, sessions=self.sessions, sockets=self.sockets,
            rooms=self.rooms, expected=self.expected, touch=self._touch, watchers=self.watchers,
            epoch=epoch, shared=shared,
        )  # fmt: skip
        self.links.add(link)
        return link.receive, link.gone

    def announce_url(self) -> None:
        """Let the kernels know that participants' links begin in another way than before."""
        for link in self.links:
            link.move_site(self.url)

    def find_rival(self, hello: Hello) -> str:
        """Return the file from which another kernel serves the session that *hello* names."""
        session = self.sessions.get(hello.session)
        if session is not None and hello.epoch < session.epoch:
            return session.origin
        if session is None or session.link is None or hello.take_over:
            return ""
        return session.origin if hello.origin and session.origin != hello.origin else ""

    def _touch(self, kernel: str) -> None:
        if self._on_activity is not None:
            self._on_activity(kernel)

    # ---- again and again ------------------------------------------------------------------

    def _note_use(self) -> None:
        """Report kernels with participants as in use: who only waits sends nothing."""
        self._later("use", _USE_SECONDS, self._note_use)  # first: nothing below ends it
        rooms = {socket.room.session for socket in self.rooms.sockets()}
        sessions = {opened.player.session for opened in self.sockets} | rooms
        for link in list(self.links):
            if any(one and one.link is link and not one.closed for one in sessions):
                self._touch(link.kernel)

    def _ping(self) -> None:
        self._later("ping", self.limits.ping_interval, self._ping)  # first: nothing below ends it
        self.expected.check()
        for opened in (*self.sockets, *self.rooms.sockets()):
            try:
                opened.check_alive()
            except Exception:  # the border around one socket: the others are pinged as well
                _logger.exception("A participant's connection could not be checked.")

    def _listen(self, since: float) -> None:
        """Notice a kernel that has stopped although its channel is open."""
        now = time.monotonic()
        self._later("listen", _LISTEN_SECONDS, lambda: self._listen(now))
        for link in list(self.links):
            link.listen(now, since)

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, call)


def _route(pattern: str, handler: type[ParticipantHandler[_P]], parts: _P) -> Route:
    return pattern, handler, {"parts": parts}


def _static_route(pattern: str, parts: Parts) -> Route:
    return pattern, StaticHandler, {"path": str(_STATIC), "parts": parts}


async def start_embedded(
    receive: Receive,
    gone: Gone,
    *,
    port: int = 8600,
    address: str = "127.0.0.1",
    public_url: str = "",
    settings: ServerSettings | None = None,
) -> tuple[ParticipantServer, MemoryChannel, str]:
    """Start a participant server in this loop; return it, the kernel's channel, and its URL."""
    chosen = settings or ServerSettings()
    server = ParticipantServer(public_url=public_url, **chosen.arguments())
    server.start(port, address)
    near, _ = memory_pair(receive, gone, server.attach)
    return server, near, server.url
