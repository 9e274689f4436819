"""FormGenerator: participants who fill in page after page, in a process of their own.

On standard input comes `{"system": "bare", "urls": [...], "pages": 20, "warm_up": 4}`; the answer
is one line of JSON on standard output. Everybody goes on as soon as the next page is there, over
one connection that is kept open, and follows redirects as a browser does. The pages' style sheets
and scripts are not fetched: a browser has them from the first page on.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

PATIENCE = 60.0
"""Seconds after which a page that does not come ends the run with an error."""
_HIDDEN = re.compile(r'<input type="?hidden"? name="(_?\w+)" value="([^"]*)">')
_VARS = re.compile(r"uproot\.vars = (\{.*\});")
_NUMBER = re.compile(r"Question number (\d+)\.")
ANSWERS = {"age": "33", "colour": "green", "reason": "It is the colour of the grass."}


def hidden_inputs(html: str) -> dict[str, str]:
    """Return what a form posts besides the answers."""
    return dict(_HIDDEN.findall(html))


def uproot_inputs(html: str) -> dict[str, str]:
    """Return what uproot's script adds to a form."""
    told = json.loads(_VARS.search(html)[1])["_uproot_internal"]  # type: ignore[index]
    proof = "+".join(told[part] for part in ("sname", "uname", "key"))
    return {"_uproot_from": str(told["thisis"]), "_uproot_csrf": proof}


ADDED: dict[str, Callable[[str], dict[str, str]]] = {"uproot": uproot_inputs}


class RunFailed(Exception):
    """A system did not answer as it should."""


class Browser:
    """One participant: a connection, and the page that is shown."""

    def __init__(self, system: str, url: str) -> None:
        self.url = url
        self.html = ""
        self.times: list[float] = []
        self._added = ADDED.get(system, hidden_inputs)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def number(self) -> int:
        """The number of the question that is shown, 0 if there is none."""
        found = _NUMBER.search(self.html)
        return int(found[1]) if found else 0

    async def arrive(self) -> None:
        """Open the link, and the first question."""
        await self.open(self.url)
        if not self.number:
            await self.post({})
        if self.number != 1:
            raise RunFailed(f"not the first question, but {self.html[:300]!r}")

    async def walk(self, pages: int) -> None:
        """Answer *pages* questions, each on its own page."""
        for _ in range(pages):
            wanted, began = self.number + 1, time.perf_counter()
            await self.post(ANSWERS)
            self.times.append(time.perf_counter() - began)
            if self.number != wanted:
                raise RunFailed(f"not question {wanted}, but {self.number}: {self.html[:300]!r}")

    async def post(self, answers: dict[str, str]) -> None:
        """Send the form that is shown."""
        await self.open(self.url, urlencode({**self._added(self.html), **answers}).encode())

    async def open(self, url: str, body: bytes | None = None) -> None:
        """Get *url*, or post *body* to it, and follow where it leads."""
        for _ in range(6):
            status, told, text = await asyncio.wait_for(self._request(url, body), PATIENCE)
            if status == 200:
                self.url, self.html = url, text
                return
            if status not in (301, 302, 303, 307) or (status == 307 and body):
                raise RunFailed(f"status {status}: {text[:300]!r}")
            url, body = urljoin(url, told["location"]), None
        raise RunFailed("too many redirects")

    async def _request(self, url: str, body: bytes | None) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        if body is not None:
            head += f"Origin: {parts.scheme}://{parts.netloc}\r\n"
            head += "Content-Type: application/x-www-form-urlencoded\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        if self._writer is None or self._writer.is_closing():
            opened = await asyncio.open_connection(parts.hostname, parts.port)
            self._reader, self._writer = opened
        assert self._reader is not None
        self._writer.write(head.encode() + b"\r\n" + (body or b""))
        return await self._answer(self._reader)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str], str]:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        told = {name.lower(): value.strip() for name, _, value in pairs}
        if told.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(int(told.get("content-length", "0")))
        if told.get("connection", "").lower() == "close":
            self._writer = None
        return int(lines[0].split()[1]), told, body.decode()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """Read a body whose length is not told in its head."""
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


async def run(job: dict[str, Any]) -> dict[str, float]:
    """Let everybody arrive and warm up; then time their pages."""
    browsers = [Browser(job["system"], url) for url in job["urls"]]
    for browser in browsers:
        await browser.arrive()
    await asyncio.gather(*(browser.walk(job["warm_up"]) for browser in browsers))
    for browser in browsers:
        browser.times.clear()
    gc.collect()
    gc.freeze()
    began, used = time.perf_counter(), processor_seconds()
    await asyncio.gather(*(browser.walk(job["pages"]) for browser in browsers))
    took = time.perf_counter() - began
    times = sorted(seconds for browser in browsers for seconds in browser.times)
    return {
        "pages": len(times),
        "per_second": len(times) / took,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "processor": processor_seconds() - used,
        "seconds": took,
    }


def processor_seconds() -> float:
    """Return the processor time of this process."""
    told = resource.getrusage(resource.RUSAGE_SELF)
    return told.ru_utime + told.ru_stime


def main() -> None:
    """Do the one job of standard input."""
    try:
        answer: dict[str, Any] = asyncio.run(run(json.loads(sys.stdin.readline())))
    except (RunFailed, OSError, TimeoutError, EOFError) as failure:
        answer = {"failed": f"{type(failure).__name__}: {failure}"}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
