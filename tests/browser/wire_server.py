"""WireServer: a stand-in for the participant server, which tests steer frame by frame."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tornado.web
import tornado.websocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from uproot_nb.templating.templates import Templates

STATIC = Path(__file__).resolve().parents[2] / "uproot_nb" / "static"
PATIENCE = 10.0
"""Seconds until a condition that a test waits for counts as missed."""

START: dict[str, Any] = {
    "page": 0, "since": 0, "end": False, "vars": {}, "C": {}, "state": "running", "visit": "v0",
    "app": "", "name": "Market", "back": False, "wait": False, "simulate": False, "timeout": None,
    "language": "en", "texts": {},
}  # fmt: skip
"""What a page's script starts from, unless a test says otherwise."""


class WireServer:
    """Serves one page below a prefix, keeps what its sockets say, and says what tests tell it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = ""
        self.sockets: list[Socket] = []
        self.reset()
        self._on_loop(self._listen)

    def reset(self) -> None:
        """Forget the past, as a server that has just started."""
        self.drop()
        self.html = ""
        self.state = START["state"]
        self.sockets = []
        self.addresses: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.forms: list[dict[str, str]] = []
        self.form_answers: list[tuple[int, dict[str, str], str]] = []
        """Status, headers and body of the answers to the next forms; then they are taken."""
        self.pages_served = 0
        self.refuse = 0
        self.log: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = echo
        self.alive = True
        self.scripts: dict[str, str] = {}

    def serve(self, shown: type, context: dict[str, Any] | None = None, **boot: Any) -> str:
        """Show *shown* from now on, with *context* in its template; return its address."""
        self.state = {**START, **boot}["state"]
        told = {"_": lambda text: boot.get("texts", {}).get(text, text), **(context or {})}
        self.html = Templates([], version="v1").render(shown, told, {**START, **boot})
        return self.url

    # ---- what tests tell it ---------------------------------------------------------------

    def push(self, data: Any, event: str | None = None) -> None:
        """Log an event and send it to every open socket."""
        frame = {"op": "event", "seq": len(self.log) + 1, "event": event, "data": data}
        self.log.append(frame)
        self.send(frame)

    def send(self, *frames: dict[str, Any]) -> None:
        """Send frames to every open socket."""

        def say() -> None:
            for socket in self.open_sockets():
                for frame in frames:
                    socket.say(frame)

        self._on_loop(say)

    def drop(self, code: int = 1012, reason: str = "") -> None:
        """Close every open socket with *code*."""

        def close() -> None:
            for socket in self.open_sockets():
                socket.close(code, reason)

        self._on_loop(close)

    def open_sockets(self) -> list[Socket]:
        return [socket for socket in self.sockets if socket.is_open]

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something that a browser does has made *condition* true."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), self.received

    def calls(self) -> list[dict[str, Any]]:
        return [frame for frame in self.received if frame["op"] == "invoke"]

    def close(self) -> None:
        self._on_loop(self._stop_listening)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # ---- how it works ---------------------------------------------------------------------

    def _on_loop(self, action: Callable[[], object]) -> None:
        done = asyncio.run_coroutine_threadsafe(_run(action), self._loop)
        done.result(PATIENCE)

    def _listen(self) -> None:
        root = r"/lab/user/ann/p/token"
        handed = {"server": self}
        self._server = HTTPServer(
            tornado.web.Application(
                [
                    (rf"{root}/", PageHandler, handed),
                    (rf"{root}/ws", Socket, handed),
                    (rf"{root}/scripts/(.*)", ScriptHandler, handed),
                    (
                        r"/lab/user/ann/static/v1/(.*)",
                        tornado.web.StaticFileHandler,
                        {"path": STATIC},
                    ),
                ]
            )
        )
        listening = bind_sockets(0, "127.0.0.1")
        self._server.add_sockets(listening)
        self.url = f"http://127.0.0.1:{listening[0].getsockname()[1]}/lab/user/ann/p/token/"

    async def _stop_listening(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def note(self, change: Callable[[], None]) -> None:
        with self.changed:
            change()
            self.changed.notify_all()


async def _run(action: Callable[[], object]) -> None:
    outcome = action()
    if asyncio.iscoroutine(outcome):
        await outcome


def echo(call: dict[str, Any]) -> dict[str, Any] | None:
    """Answer a call with its method and arguments."""
    data = {"method": call["method"], "args": call["args"], "kwargs": call["kwargs"]}
    return {"op": "result", "id": call["id"], "data": data}


class PageHandler(tornado.web.RequestHandler):
    """The page and its form."""

    def initialize(self, server: WireServer) -> None:
        self.server = server

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(self.server.html)
        self.server.note(lambda: setattr(self.server, "pages_served", self.server.pages_served + 1))

    def post(self) -> None:
        form = {name: self.get_body_argument(name) for name in self.request.body_arguments}
        form |= {name: files[0].filename for name, files in self.request.files.items()}
        self.server.note(lambda: self.server.forms.append(form))
        if not self.server.form_answers:
            self.redirect("./", status=303)
            return
        status, headers, body = self.server.form_answers.pop(0)
        self.set_status(status)
        for name, value in headers.items():
            self.set_header(name, value)
        self.finish(body)


class ScriptHandler(tornado.web.RequestHandler):
    """Scripts that tests write, as an app's simulate.js."""

    def initialize(self, server: WireServer) -> None:
        self.server = server

    def get(self, name: str) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.finish(self.server.scripts[name])


class Socket(tornado.websocket.WebSocketHandler):
    """A browser's connection: sends what it missed, answers calls and pings."""

    def initialize(self, server: WireServer) -> None:
        self.server = server
        self.is_open = False

    def open(self) -> None:
        if self.server.refuse:
            self.server.note(lambda: self.server.addresses.append(self.request.uri or ""))
            self.close(self.server.refuse, "refused")
            return
        self.say({"op": "status", "state": self.server.state})
        since = int(self.get_query_argument("since"))
        for frame in self.server.log[since:]:
            self.say(frame)
        self.is_open = True
        self.server.note(self._arrived)

    def _arrived(self) -> None:
        self.server.addresses.append(self.request.uri or "")
        self.server.sockets.append(self)

    def on_message(self, message: str | bytes) -> None:
        frame = json.loads(message)
        self.server.note(lambda: self.server.received.append(frame))
        if not self.server.alive:
            return
        if frame["op"] == "ping":
            self.say({"op": "pong"})
        elif frame["op"] == "invoke":
            reply = self.server.answer(frame)
            if reply is not None:
                self.say(reply)

    def say(self, frame: dict[str, Any]) -> None:
        self.write_message(json.dumps(frame))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self.is_open = False
        super().close(code, reason)

    def on_close(self) -> None:
        self.server.note(lambda: setattr(self, "is_open", False))
