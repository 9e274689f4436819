"""Watch a session as so many of the monitor's web pages do, which acknowledge what comes."""

from __future__ import annotations

import asyncio
import os
import re
import sys

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

_NEWS = re.compile(r'"op":"news","n":(\d+)')


async def watch(url: str, token: str) -> None:
    """Be one page until the connection ends; print a line for each message with news."""
    request = HTTPRequest(url, headers={"Authorization": f"token {token}"})
    page = await websocket_connect(request)
    while (text := await page.read_message()) is not None:
        assert isinstance(text, str)
        if text.startswith('{"op": "link"'):
            await page.write_message('{"op": "ready"}')
            await page.write_message('{"op": "fields", "fields": ["x"]}')
        elif news := _NEWS.match(text[1:]):
            await asyncio.sleep(0.01)  # the way to a browser, and back
            await page.write_message(f'{{"op": "ack", "n": {news[1]}}}')
            print("news", flush=True)
    raise SystemExit("a page was closed")


async def main(url: str, pages: int) -> None:
    """Open so many pages."""
    await asyncio.gather(*(watch(url, os.environ["WATCH_TOKEN"]) for _ in range(pages)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
