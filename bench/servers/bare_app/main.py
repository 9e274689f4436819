"""Bare Tornado, the limit: sockets that echo or send to everybody, and a page with a form.

The page is uproot_nb's own template with the same fields; nothing is checked, stored or logged.
"""

from __future__ import annotations

import argparse
import asyncio
from types import SimpleNamespace
from typing import ClassVar

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from uproot_nb import IntegerField, Page, RadioField, StringField
from uproot_nb.forms.form import make_form, template_functions
from uproot_nb.templating.templates import Templates


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


class Question(Page):
    """Three questions, measured."""

    template = "<p>Question number {{ player.round }}.</p>{{ fields() }}"


FIELDS = {
    "age": IntegerField(label="How old are you?", min=18, max=99),
    "colour": RadioField(label="Which one?", choices=["red", "green", "blue"]),
    "reason": StringField(label="Why?"),
}
TEMPLATES = Templates([], version="bench")


class Form(RequestHandler):
    """Shows the page whose number a participant has come to."""

    numbers: ClassVar[dict[str, int]] = {}

    def get(self, who: str) -> None:
        number = self.numbers.setdefault(who, 1)
        form = make_form(FIELDS, values=None, pairs=None, translate=str)
        boot = {"page": number, "visit": who, "since": 0, "end": False, "vars": {}, "C": {}}
        context = {"form": form, "player": SimpleNamespace(round=number)}
        self.finish(TEMPLATES.render(Question, {**context, **template_functions(form)}, boot))

    def post(self, who: str) -> None:
        if all(self.get_body_argument(name) for name in FIELDS):
            self.numbers[who] += 1
        self.redirect(self.request.path, status=303)


async def serve(port: int) -> None:
    """Serve on *port* of the loopback until the process is ended."""
    HTTPServer(Application([("/ws", Echo), (r"/form/(\w+)/", Form)])).listen(
        port, address="127.0.0.1"
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    asyncio.run(serve(parser.parse_args().port))
