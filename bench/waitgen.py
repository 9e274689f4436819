"""WaitGenerator: participants who come to a wait page together, in a process of their own.

On standard input comes `{"urls": [...], "seconds": 1.0, "size": 4, "seed": 1}`: everybody submits
the first page at a moment of these seconds, waits with an open socket as a browser does, and loads
the page again when told to. The answer is one line of JSON: for each participant, the milliseconds
from the last click in their group until they have the page after the wait.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import sys
import time
from collections import Counter
from typing import Any

from formgen import PATIENCE, Browser, RunFailed
from picows import WSFrame, WSListener, WSTransport, ws_connect

_START = re.compile(r'<script[^>]*\bid="uproot-page"[^>]*>(.*?)</script>', re.DOTALL)
_GROUP = re.compile(r"Play in (\w+)\.")


class Ear(WSListener):
    """A page's socket, of which only "load the page again" is heard."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if b'"reload"' in frame.get_payload_as_bytes():
            self.told.set()


class Arrival:
    """One participant: when they clicked, in which group they are, when they saw the next page."""

    def __init__(self, url: str) -> None:
        self.browser = Browser("uproot_nb", url)
        self.clicked = self.seen = 0.0
        self.group = ""

    async def go(self, moment: float) -> None:
        """Submit at *moment*, wait, and load the next page."""
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        self.clicked = time.perf_counter()
        await self.browser.post({})
        ends = self.clicked + PATIENCE
        while not (found := _GROUP.search(self.browser.html)):
            if time.perf_counter() > ends:
                raise RunFailed(f"left behind: {self.browser.html[:300]!r}")
            await self._wait()
            await self.browser.open(self.browser.url)
        self.seen, self.group = time.perf_counter(), found[1]

    async def _wait(self) -> None:
        """Open the page's socket, and return when it says so."""
        told = _START.search(self.browser.html)
        if told is None:
            raise RunFailed("a page without its starting point")
        start, root = json.loads(told[1]), self.browser.url.split("?")[0]
        url = f"{root.replace('http', 'ws', 1)}ws?page={start['page']}&since={start['since']}"
        origin = "/".join(root.split("/")[:3])
        transport, ear = await ws_connect(Ear, url, extra_headers={"Origin": origin})
        await asyncio.wait_for(ear.told.wait(), PATIENCE)
        transport.disconnect()


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Let everybody open the first page, and then go on."""
    crowd = [Arrival(url) for url in job["urls"]]
    for arrival in crowd:
        await arrival.browser.open(arrival.browser.url)
        if not _START.search(arrival.browser.html):
            await arrival.browser.post({})  # a personal link's first page
    gc.collect()
    gc.freeze()
    drawn, start = random.Random(job["seed"]), time.perf_counter() + 0.5
    await asyncio.gather(*(a.go(start + drawn.random() * job["seconds"]) for a in crowd))
    sizes = Counter(arrival.group for arrival in crowd)
    if set(sizes.values()) != {job["size"]}:
        raise RunFailed(f"groups of {sorted(sizes.values())} members")
    last = {name: max(a.clicked for a in crowd if a.group == name) for name in sizes}
    return {"waited": [(a.seen - last[a.group]) * 1000 for a in crowd]}


def main() -> None:
    """Do the one job of standard input."""
    try:
        answer = asyncio.run(run(json.loads(sys.stdin.readline())))
    except (RunFailed, OSError, TimeoutError, EOFError) as failure:
        answer = {"failed": f"{type(failure).__name__}: {failure}"}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
