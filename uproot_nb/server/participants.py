"""ParticipantServer: the web server that participants' browsers talk to."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from uproot_nb.bridge.channel import Channel, Gone, MemoryChannel, Receive, memory_pair
from uproot_nb.bridge.forks import leave_to_parent, take_back
from uproot_nb.bridge.messages import Hello, Misuse, ScriptError
from uproot_nb.server.addresses import choose_address, own_addresses
from uproot_nb.server.connections import Connections, Seat, most_connections
from uproot_nb.server.expected import Expected
from uproot_nb.server.handlers import NotFound, routes
from uproot_nb.server.kernel_connection import KernelLink
from uproot_nb.server.limits import Limits, Refusals, ScriptErrors, how_to_change
from uproot_nb.server.listening import BoundedServer as _BoundedServer
from uproot_nb.server.networks import Proxies, network_of
from uproot_nb.server.policies import check_ancestors, is_at, same_origin
from uproot_nb.server.redaction import hide_secrets, stop_hiding
from uproot_nb.server.rooms import Rooms
from uproot_nb.server.sessions import Player, Session, Sessions
from uproot_nb.server.settings import ServerSettings
from uproot_nb.server.sockets import PlayerSocket
from uproot_nb.server.uploads import Uploads
from uproot_nb.server.visitors import Visitors

__all__ = ["ParticipantServer", "start_embedded"]

_logger = logging.getLogger(__name__)
_SAME_FAULT_SECONDS = 60.0
_LISTEN_SECONDS = 1.0
"""How often it is looked whether kernels give signs of life."""
_SHORTAGE_SECONDS = 10.0
_MOST_FAULTS = 100


_USE_SECONDS = 5.0
"""How often it is noted that participants use a kernel, so that it is not culled as idle."""


class ParticipantServer:
    """Admits participants, keeps their sockets, and hands what they do to the kernels.

    It runs no authors' code and needs no Jupyter:

        server = ParticipantServer()
        server.start(port=8600)
        receive, gone = server.attach(channel)     # a kernel's channel
        ...
        await server.stop()
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        public_url: str = "",
        trusted_proxies: Iterable[str] = (),
        frame_ancestors: Iterable[str] = (),
        on_activity: Callable[[str], None] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.refusals = Refusals()
        self._script_errors = ScriptErrors()
        self.sessions = Sessions()
        self.rooms = Rooms(self.limits)
        self.uploads = Uploads()
        self.expected = Expected(self.limits)
        self.links: set[KernelLink] = set()
        self.sockets: dict[int, PlayerSocket] = {}
        self.closed_doors = 0
        self.calls: dict[int, PlayerSocket] = {}
        self.unflushed: list[PlayerSocket] = []
        self.numbers = itertools.count(1)
        self.port = 0
        self.url = _with_slash(public_url)
        self._public_url = self.url
        self._on_activity = on_activity
        self.proxies = Proxies(trusted_proxies)
        self.frame_ancestors = check_ancestors(frame_ancestors)
        self.notes: list[str] = []
        """What a researcher should know of how this server could be opened, a sentence each."""
        self.jupyter_origin: list[str] = []
        """Where notebooks show participants' pages beside their cells, where that is known."""
        self.connections = Connections(
            most_connections(self.limits.max_connections),
            self.limits.max_connections_per_network,
        )
        self.seats: dict[IOStream, Seat] = {}
        """The seats of connections on the own port that are no WebSockets."""
        self.strangers = Visitors(self.limits)
        self._shortages: dict[str, tuple[int, str]] = {}
        self._http: _BoundedServer | None = None
        self._descriptors: list[int] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._faults: dict[str, float] = {}

    # ---- opening and closing --------------------------------------------------------------

    def start(self, port: int = 8600, address: str = "127.0.0.1", tries: int = 101) -> None:
        """Listen on *port*, or on one of the next that is free; 0 takes any.

        Raises:
            OSError: none of *tries* ports in a row is free.
        """
        sockets = _bind(port, address, tries)
        self.notes.clear()
        hide_secrets()
        self.port = sockets[0].getsockname()[1]
        if port not in (0, self.port):
            self.notes.append(
                f"Port {port} is in use by another program: participants come by port {self.port}. "
                f"Links that name port {port} do not lead here."
            )
        self.url = self._public_url or f"http://{self._reachable(address)}:{self.port}/"
        application = Application(
            self._routes(),
            default_handler_class=NotFound,
            default_handler_args={"server": self},
        )
        self._http = _BoundedServer(
            application,
            max_header_size=16 * 1024,
            max_body_size=self.limits.max_form_bytes,
            max_buffer_size=self.limits.max_form_bytes + 64 * 1024,
            idle_connection_timeout=self.limits.idle_timeout,
            body_timeout=self.limits.idle_timeout,
        )
        self._http.participants = self
        self._http.add_sockets(sockets)
        self._descriptors = [opened.fileno() for opened in sockets]
        for descriptor in self._descriptors:
            leave_to_parent(descriptor)
        self._later("ping", self.limits.ping_interval, self._ping)
        self._note_use()
        self._listen(time.monotonic())

    @property
    def root(self) -> str:
        """The public URL's path without its last slash; "" for a server of its own."""
        return urlsplit(self._public_url).path.rstrip("/")

    def _routes(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """Return the addresses, also below the public URL's path: not every proxy takes it away."""
        below = routes(self, re.escape(f"{self.root}/"), sandboxed=False) if self.root else []
        return below + routes(self, "/", sandboxed=False)

    async def stop(self) -> None:
        """Say goodbye to every socket and kernel, and listen no more. Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for opened in list(self.sockets.values()):
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
        if self._http is not None:
            http, self._http = self._http, None
            http.stop()
            stop_hiding()
            await http.close_all_connections()
        self.uploads.close()

    def _reachable(self, address: str) -> str:
        """Return the host that goes into a link, for a server that listens on *address*."""
        if address in ("", "0.0.0.0", "::"):
            address, note = choose_address(own_addresses(), _address_by_default())
            if note:
                self.notes.append(note)
        return f"[{address}]" if ":" in address else address

    def let_jupyter_frame(self, url: str) -> None:
        """Let the Jupyter server at *url* show participants' pages."""
        parts = urlsplit(url)
        with contextlib.suppress(ValueError):
            self.jupyter_origin = check_ancestors([f"{parts.scheme}://{parts.netloc}"])

    def at_mount(self, url: str) -> None:
        """Tell participants *url* instead of the own port, unless a public URL was given."""
        self.url = self._public_url or _with_slash(url)

    # ---- kernels --------------------------------------------------------------------------

    def attach(self, channel: Channel, kernel: str = "") -> tuple[Receive, Gone]:
        """Take a kernel's channel; return who listens to it."""
        link = KernelLink(self, channel, kernel)
        self.links.add(link)
        return link.receive, link.gone

    def _note_use(self) -> None:
        """Note again and again which kernels have participants: who only waits sends nothing."""
        self._later("use", _USE_SECONDS, self._note_use)  # first: nothing below ends it
        rooms = (socket.room.session for socket in self.rooms.sockets())
        sessions = {opened.player.session for opened in self.sockets.values()} | set(rooms)
        for kernel in {one.link.kernel for one in sessions if one and one.link and not one.closed}:
            self.touch(kernel)

    def find_rival(self, hello: Hello) -> str:
        """Return the file from which another kernel serves the session that *hello* names."""
        session = self.sessions.get(hello.session)
        if session is None or session.link is None or hello.take_over:
            return ""
        return session.origin if hello.origin and session.origin != hello.origin else ""

    def touch(self, kernel: str) -> None:
        """Note that participants are using *kernel*."""
        if self._on_activity is not None:
            self._on_activity(kernel)

    # ---- sockets --------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was posted to sockets in this turn."""
        while self.unflushed:
            unflushed, self.unflushed = self.unflushed, []
            for opened in unflushed:
                opened.flush()

    def seat_for(self, stream: IOStream, address: str, player: Player | None) -> Seat | None:
        """Return the seat of a connection that becomes a WebSocket; None if there is none."""
        network = network_of(address)
        seat = self.seats.pop(stream, None)
        if seat is None:  # it has come by Jupyter's port
            seat = self.connections.take(network)
        if seat is None:
            return None
        seat.serve()
        seat.close = None  # nobody ends it to make room any more
        if player is not None:
            seat.know()
            return seat
        if seat.network != network:  # it has come by a proxy: the network behind it counts
            seat.release()
            seat = self.connections.take(network)
        if seat is None or seat.stay():
            return seat
        seat.release()
        return None

    def has_room(self) -> bool:
        """Say whether one more connection may be opened."""
        return self.connections.total < self.connections.most

    def note_shortage(self, address: str) -> None:
        """Report that a connection was refused."""
        connections, network = self.connections, network_of(address)
        if not self.has_room():
            most = connections.most
            more = how_to_change("max_connections")
            detail = f"all {most:,} are in use. Raise `ulimit -n` and {more}"
        elif connections.strangers >= connections.most_strangers:
            most = connections.most_strangers
            detail = f"browsers without a player's link have all {most:,} that they may have"
        else:
            most = connections.most_per_network
            more = how_to_change("max_connections_per_network")
            detail = f"{network} has {most:,} without a player's link. Raise {more}"
        self._report_shortage("too many connections", detail)

    def note_no_files(self, failure: OSError, expected: bool) -> None:
        """Report that no connection can be accepted: the process may open no more files."""
        detail = f"{failure.strerror}; participants wait. Raise the limit with `ulimit -n`"
        self._report_shortage("no open files" if expected else "cannot accept", detail)
        if self.is_new_fault(f"accept {failure.errno}"):
            _logger.warning("No connection can be accepted: %s.", detail)

    def _report_shortage(self, what: str, detail: str) -> None:
        """Report to every session what may concern each; soon, and then now and then."""
        self.refusals.count(what)
        count, first = self._shortages.get(what, (0, detail))
        self._shortages[what] = count + 1, first
        if "shortage" not in self._timers:
            self._later("shortage", self.limits.report_interval, self._report_shortages)

    def _report_shortages(self) -> None:
        shortages, self._shortages = self._shortages, {}
        for session in self.sessions:
            if session.link is not None:
                for what, (count, detail) in shortages.items():
                    session.link.send(Misuse(session.key, "", f"{what}: {detail}", count))
        if shortages:
            self._later("shortage", _SHORTAGE_SECONDS, self._report_shortages)
        else:
            del self._timers["shortage"]

    def origin_allowed(self, origin: str, host: str) -> bool:
        """Say whether a page of *origin* may open a socket here, asked for under *host*."""
        return same_origin(origin, host) or self.is_public(origin)

    def is_public(self, origin: str) -> bool:
        """Say whether *origin* is that of the address that was configured for participants."""
        return bool(self._public_url) and is_at(origin, self._public_url)

    def note_foreign_origin(
        self,
        origin: str,
        host: str,
        player: Player | None = None,
        session: Session | None = None,
    ) -> None:
        """Report that a page of another origin wanted in; perhaps a proxy hides that it may."""
        shown, place = _shown(origin) or "a page that hides its origin", _shown(host)
        detail = f"{shown} asked for {place}."
        if is_at(origin, origin):
            detail += (
                f" If participants' pages are at {shown}, set public_url to '{shown}/', or let the "
                "proxy pass their Host on (nginx: proxy_set_header Host $http_host)"
            )
        self.count_refusal("foreign origin", player, detail, session)

    def note_unknown_address(self, path: str) -> None:
        """Count a request that leads nowhere; if a proxy has changed a player's address, say so."""
        prefix, found, rest = path.partition("/p/")
        player = self.sessions.player(rest.partition("/")[0]) if found else None
        if player is None:
            self.count_refusal("unknown address")
            return
        detail = (
            f"a player's page was asked for below {_shown(prefix)}/. Set public_url to the address "
            "that browsers use, with this path, or let the proxy take the path away"
        )
        self.count_refusal("unknown address", player, detail)

    def _ping(self) -> None:
        self._later("ping", self.limits.ping_interval, self._ping)  # first: nothing below ends it
        self.expected.check()
        for opened in (*self.sockets.values(), *self.rooms.sockets()):
            try:
                opened.check_alive()
            except Exception:  # the border around one socket: the others are pinged as well
                _logger.exception("A participant's connection could not be looked after.")

    def _listen(self, since: float) -> None:
        """Notice a kernel that has stopped, though its line is open."""
        now = time.monotonic()
        self._later("listen", _LISTEN_SECONDS, lambda: self._listen(now))
        for link in list(self.links):
            link.listen(now, since)

    # ---- limits ---------------------------------------------------------------------------

    def fill_buckets(self, session: Session, names: Iterable[str] | None = None) -> None:
        """Give a bucket to every player of *session*, or to those named, who has none yet."""
        now = time.monotonic()
        for name in session.players if names is None else names:
            player = session.players[name]
            player.bucket = player.bucket or self.limits.bucket(now)
        session.joins = session.joins or self.limits.bucket(now)
        session.visitors = session.visitors or Visitors(self.limits)

    def note_rush(self, address: str) -> None:
        """Report that requests of one network wait for their turn."""
        limits = self.limits
        self._report_shortage(
            "too many requests",
            f"{network_of(address)} has asked {limits.request_burst:,.0f} times at once without a "
            f"player's link; further requests wait, {limits.max_requests_per_second:g} a second "
            f"pass. Raise request_burst or {how_to_change('max_requests_per_second')}",
        )

    def may_join(self, session: Session, address: str) -> bool:
        """Count one more place that *address* asks for; say whether it may be opened."""
        now, what = time.monotonic(), ""
        if session.joins is not None and not session.joins.take(now):
            what = "places are asked for too fast"
        elif session.visitors is not None and not session.visitors.get(address).may_join(now):
            limits = self.limits
            what = (
                f"{network_of(address)} has asked for {limits.join_burst:,.0f} places at once, and "
                f"{limits.max_joins_per_second:g} a second pass. Raise join_burst or "
                f"{how_to_change('max_joins_per_second')}"
            )
        if what:
            self.count_refusal("too many joins", detail=what, session=session)
        return not what

    def give_back_join(self, session: Session, address: str) -> None:
        """Do not count a place that `may_join` counted: none was opened."""
        if session.visitors is not None:
            session.visitors.get(address).give_back_join(time.monotonic())

    def count_refusal(
        self,
        what: str,
        player: Player | None = None,
        detail: str = "",
        session: Session | None = None,
    ) -> None:
        """Count a refusal; the kernel hears of it soon, of many at once.

        Args:
            player: whose browser was refused; without, nothing is known of who it was.
            detail: what it was, which limit it met and where to change that, in a sentence.
            session: which session's researcher reads of it, if no player is known.
        """
        session = player.session if player is not None else session
        if session is None:
            self.refusals.count(what)
            return
        name = player.name if player is not None else ""
        self.refusals.count(what, session.key, name, detail)
        self._report_soon()

    def note_script_error(
        self, player: Player, page: int, message: str, source: str, line: int, times: int = 1
    ) -> None:
        """Count errors of a page's script; the kernel hears of them soon, of many at once."""
        told = page, message, source, line, times
        self._script_errors.count(player.session.key, player.name, *told)
        self._report_soon()

    def is_new_fault(self, fault: str) -> bool:
        """Count a fault of ours; say whether it was not logged within the last minute."""
        self.refusals.count("fault")
        now, last = time.monotonic(), self._faults.get(fault)
        if last is not None and now - last < _SAME_FAULT_SECONDS:
            return False
        if len(self._faults) >= _MOST_FAULTS:
            self._faults.clear()
        self._faults[fault] = now
        return True

    def _report_soon(self) -> None:
        if "report" not in self._timers:
            self._later("report", self.limits.report_interval, self._report)

    def _report(self) -> None:
        del self._timers["report"]
        for failed in self._script_errors.take():
            session = self.sessions.get(failed[0])
            if session is not None and session.link is not None:
                session.link.send(ScriptError(*failed))
        for key, player, what, count in self.refusals.take():
            session = self.sessions.get(key)
            if session is not None and session.link is not None:
                session.link.send(Misuse(key, player, what, count))

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, call)


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


def _bind(port: int, address: str, tries: int) -> list[socket.socket]:
    """Return sockets on *port*, or on the next one that is free."""
    last = port if port == 0 else min(port + tries - 1, 65535)
    for candidate in range(port, last + 1):
        try:
            _probe(candidate, address)
            return bind_sockets(candidate, address)
        except OSError:
            if candidate == last:
                raise
    raise AssertionError("unreachable")


def _probe(port: int, address: str) -> None:
    """Raise OSError if the port is taken: `bind_sockets` then leaves its socket unclosed."""
    if port == 0:
        return
    found = socket.getaddrinfo(
        address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, _, _, place = found[0]
    with socket.socket(family, kind) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)


def _address_by_default() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent; it only chooses the interface
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _shown(text: str) -> str:
    """Return a stranger's text as it may be shown."""
    return "".join(one for one in text[:100] if one.isascii() and one.isprintable())


def _with_slash(url: str) -> str:
    return url if not url or url.endswith("/") else url + "/"
