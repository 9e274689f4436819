"""Participant: a person's browser window on a page, and everything that came over its sockets."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, WebSocket, expect

__all__ = ["Participant"]

expect.set_options(timeout=15_000)  # a busy machine is no failure


class Participant:
    """One participant.

    ann = Participant(context, link).arrive()
    ann.type("#price", "42")
    ann.sees("#bids", "42")

    `frames` holds what came, `lines` counts the sockets that the page has opened.
    """

    def __init__(self, context: BrowserContext, link: str) -> None:
        self.link = link
        self.page = context.new_page()
        self.frames: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.lines = 0
        self.page.on("websocket", self._listen)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def arrive(self) -> Participant:
        """Open the page, and wait until its script is connected."""
        self.page.goto(self.link)
        return self.is_connected()

    def is_connected(self) -> Participant:
        """Wait until the page's script is connected."""
        self.page.wait_for_function("window.Alpine && Alpine.store('uproot')?.connected === true")
        return self

    def call(self, method: str, *args: Any) -> Any:
        """Call a live method as the page's script does; return its answer."""
        return self.page.evaluate(
            "([method, args]) => uproot.invoke(method, ...args)", [method, list(args)]
        )

    def refused(self, method: str, *args: Any) -> list[str]:
        """Call a live method that refuses; return the error's name and message."""
        return self.page.evaluate(
            """([method, args]) => uproot.invoke(method, ...args).then(
                (reply) => ["no error", JSON.stringify(reply)],
                (error) => [error.name, error.message],
            )""",
            [method, list(args)],
        )

    def find(self, selector: str) -> Locator:
        """Return the element."""
        return self.page.locator(selector)

    def type(self, selector: str, text: str) -> None:
        """Type into a field, key by key, and press Enter."""
        self.find(selector).press_sequentially(text)
        self.find(selector).press("Enter")

    def picks(self, selector: str) -> None:
        """Choose a radio button or checkbox as people do: by clicking on its label."""
        self.find(f"label[for='{self.find(selector).get_attribute('id')}']").click()

    def sees(self, selector: str, text: str) -> None:
        """Wait until an element contains *text*."""
        expect(self.find(selector)).to_contain_text(text)

    def reads(self, selector: str, text: str) -> None:
        """Wait until an element's whole text is *text*."""
        expect(self.find(selector)).to_have_text(text)

    def results(self) -> list[Any]:
        """Return the replies that came over the socket."""
        return [frame["data"] for frame in self.frames if frame["op"] == "result"]

    def pushes(self, event: str | None) -> list[Any]:
        """Return the data of the pushes named *event* that came over the socket."""
        return [f["data"] for f in self.frames if f["op"] == "event" and f["event"] == event]

    def _listen(self, socket: WebSocket) -> None:
        self.lines += 1
        socket.on("framereceived", lambda text: self.frames.append(json.loads(text)))

    def _note(self, message: ConsoleMessage) -> None:
        ours = "WebSocket" not in message.text and "status of 422" not in message.text
        cut = "net::ERR_" in message.text and "/poll" in message.location["url"]
        if message.type == "error" and ours and not cut:
            self.errors.append(message.text)  # cut lines and refused forms are Chromium's own
