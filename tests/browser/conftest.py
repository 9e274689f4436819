"""A real Chromium, and a small server that speaks the wire, for what runs in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
)
from playwright.sync_api import TimeoutError as TookTooLong
from wire_server import WireServer

from tests.retrying import retry_once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    retry_once(items, Path(__file__).parent)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def wire() -> Iterator[WireServer]:
    server = WireServer()
    yield server
    server.close()


class Visit:
    """One participant's look at a page, and what went wrong in it."""

    def __init__(self, context: BrowserContext, wire: WireServer) -> None:
        self.page: Page = context.new_page()
        self.wire = wire
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, template: str, context: dict[str, Any] | None = None, **boot: Any) -> Visit:
        """Go to a page of this *template*, and wait until it is connected."""
        shown = type("Market", (), {"template": f"{template}\n", "__doc__": None})
        return self.open_page(shown, context, **boot)

    def open_page(self, shown: type, context: dict[str, Any] | None = None, **boot: Any) -> Visit:
        """Go to the page *shown*, and wait until it is connected."""
        sockets = len(self.wire.sockets)
        self.page.goto(self.wire.serve(shown, context, **boot))
        self.wire.wait_for(lambda: len(self.wire.sockets) > sockets)
        return self

    def loads_again(self) -> None:
        """Wait until the page was asked for once more, and is connected."""
        self.wire.wait_for(lambda: self.wire.pages_served == 2 and len(self.wire.sockets) == 2)

    def submits(self, form: dict[str, str], page: int = 0) -> None:
        """Wait until the page has posted its *form*, and what follows it is there."""
        hidden = {"_uproot_page": str(page), "_uproot_visit": "v0"}
        self.wire.wait_for(lambda: self.wire.forms == [{**hidden, **form}])
        self.loads_again()

    def freeze(self) -> None:
        """Stop the page's clock: only `page.clock.run_for` moves it from now on."""
        self.page.clock.install(time=0)
        self.page.clock.pause_at(1)

    def sees(self, expression: str, value: Any) -> None:
        """Wait until a JavaScript *expression* has *value*."""
        wanted = f"JSON.stringify({expression}) === JSON.stringify({json.dumps(value)})"
        try:
            self.page.wait_for_function(wanted)
        except TookTooLong as late:
            is_now = self.page.evaluate(expression)
            raise AssertionError(f"{expression} is {is_now!r}, not {value!r}") from late


@pytest.fixture
def visit(context: BrowserContext, wire: WireServer) -> Visit:
    wire.reset()
    return Visit(context, wire)


@pytest.fixture
def phone(browser: Browser, wire: WireServer) -> Iterator[Visit]:
    """A look at a page on a small screen with fingers."""
    small: Any = {"width": 375, "height": 667}
    context = browser.new_context(viewport=small, has_touch=True, is_mobile=True)
    context.set_default_timeout(10_000)
    wire.reset()
    yield Visit(context, wire)
    context.close()
