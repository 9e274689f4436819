"""RemoteStewards: those who watch and steer a run from outside its notebook."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from msgspec.structs import replace

from uproot_nb.bridge.messages import (
    BridgeMessage,
    CloseSocket,
    PartsWanted,
    StewardClosed,
    StewardMessage,
    StewardNews,
    StewardOpened,
    StewardRequest,
)
from uproot_nb.engine.connection.stewards import FromSteward
from uproot_nb.engine.runtime import Runtime
from uproot_nb.monitor.download_links import DownloadLinks
from uproot_nb.monitor.monitor import Monitor
from uproot_nb.monitor.remote_requests import (
    AnswersRequests,
    NoApi,
    RemoteRequests,
    error_reply,
)
from uproot_nb.steering.host import Host

__all__ = ["RemoteMonitors", "RemoteStewards"]

MOST = 20
"""Monitors of one run outside its notebook; further ones are refused."""


class RemoteStewards:
    """Serves monitors' web pages and the REST API of one run.

    runtime.inbox.stewards = RemoteStewards(runtime, run, api)
    """

    def __init__(self, runtime: Runtime, host: Host, api: AnswersRequests | None = None) -> None:
        self._runtime = runtime
        self._links = DownloadLinks()
        self._monitors = RemoteMonitors(runtime, host, self._links)
        self._requests = RemoteRequests(runtime, api or NoApi())

    def receive(self, message: FromSteward) -> None:
        match message:
            case StewardOpened():
                self._monitors.open(message)
            case StewardMessage():
                self._monitors.take(message)
            case StewardClosed():
                self._monitors.close(message)
            case StewardRequest():
                self._answer(message)

    def _answer(self, request: StewardRequest) -> None:
        """Answer a request; a download that a page was offered is an export of the API."""
        path, _, key = request.path.rpartition("/")
        is_offered = path.startswith("sessions/") and path.endswith("/export")
        if not is_offered or request.role != "steward":
            self._requests.receive(request)
            return
        export = self._links.take(key)
        if export is None:
            sentence = "This download was offered once, and is over. Ask for it again."
            self._runtime.world.send(error_reply(request, 410, sentence))
            return
        query = [("format", export[0]), ("anonymous", str(export[1]).lower())]
        self._requests.receive(replace(request, path=path, query=query))

    def note_wanted(self, message: PartsWanted) -> None:
        self._requests.note_wanted(message)

    def forget(self) -> None:
        self._monitors.forget()
        self._requests.forget()


class RemoteMonitors:
    """A monitor for each web page that shows the run, at most 20.

    Args:
        host: has the links, which only stewards' pages get.
        links: has the downloads that pages are offered.
    """

    def __init__(self, runtime: Runtime, host: Host, links: DownloadLinks) -> None:
        self._runtime, self._host, self._links = runtime, host, links
        self._monitors: dict[int, Monitor] = {}

    def __len__(self) -> int:
        return len(self._monitors)

    def open(self, message: StewardOpened) -> None:
        """Begin a monitor for a page that is connected."""
        if len(self._monitors) >= MOST:
            self._post(CloseSocket(message.socket, 4429, "too many monitors"))
            return
        send = partial(self._send, message.socket)
        self._monitors[message.socket] = Monitor(
            self._runtime, self._host, send, role=message.role, export=self._links.make
        )

    def take(self, message: StewardMessage) -> None:
        """Take what a page sends; one that sends no message is disconnected."""
        monitor = self._monitors.get(message.socket)
        if monitor is None:
            return
        try:
            asked = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            asked = None
        if isinstance(asked, dict):
            monitor.receive(asked)
        else:
            self._post(CloseSocket(message.socket, 4400, "malformed"))

    def close(self, message: StewardClosed) -> None:
        """End the monitor of a page that has gone."""
        monitor = self._monitors.pop(message.socket, None)
        if monitor is not None:
            monitor.leave()

    def forget(self) -> None:
        """End all: the participant server is gone."""
        monitors, self._monitors = self._monitors, {}
        for monitor in monitors.values():
            monitor.leave()

    def _send(self, socket: int, message: dict[str, Any]) -> None:
        """Send a monitor's message to its page; any thread may call."""
        self._post(StewardNews(socket, _as_json(message)))

    def _post(self, message: BridgeMessage) -> None:
        send: Callable[[], None] = partial(self._runtime.world.send, message)
        if threading.get_ident() == self._runtime.lock.thread_of_steps:
            send()
        elif not self._runtime.closed:
            self._runtime.loop.call_soon_threadsafe(send)


def _as_json(message: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(message, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # half an emoji, or a number beyond 64 bits
        text = json.dumps(message, default=_plain)
        return json.dumps(json.loads(text, parse_constant=_nothing)).encode()


def _plain(value: Any) -> Any:
    """Return what JSON has for *value*; orjson writes no named tuples."""
    return list(value) if isinstance(value, tuple) else str(value)


def _nothing(constant: str) -> None:
    """NaN and the infinities are no JSON."""
