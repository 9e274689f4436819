"""Bare Tornado: a WebSocket server that echoes, or sends what it gets to everybody; the limit."""

from __future__ import annotations

import argparse
import asyncio
from typing import ClassVar

from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    """One client; a frame with the method "post" goes to all, any other back to its sender."""

    everybody: ClassVar[set[Echo]] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self.everybody.add(self)

    def on_close(self) -> None:
        self.everybody.discard(self)

    def on_message(self, message: str | bytes) -> None:
        if '"method":"post"' not in str(message):
            self.write_message(message)
            return
        for client in self.everybody:
            client.write_message(message)

    def get_compression_options(self) -> None:
        """Leave compression off."""


async def serve(port: int) -> None:
    """Serve on *port* of the loopback until the process is ended."""
    HTTPServer(Application([("/ws", Echo)])).listen(port, address="127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    asyncio.run(serve(parser.parse_args().port))
