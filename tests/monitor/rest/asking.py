"""Asking: requests to a run's REST API, without a participant server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from uproot_nb import Run
from uproot_nb.bridge.messages import HttpReply, Role, StewardRequest
from uproot_nb.monitor.remote_requests import StreamedReply
from uproot_nb.monitor.rest.api import RestApi

JSON = {"content-type": "application/json"}


class Asking:
    """Asks a run's API as a program does, and reads what it answers.

    asking = Asking(run)
    status, session = asking.get("")
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.api = RestApi(run._runtime, run)

    def get(self, path: str, role: Role = "steward", **query: Any) -> tuple[int, Any]:
        return self.ask("GET", path, role, query=[(n, str(v)) for n, v in query.items()])

    def do(self, action: str, role: Role = "steward", **arguments: Any) -> tuple[int, Any]:
        content = json.dumps(arguments).encode()
        return self.ask("POST", f"actions/{action}", role, content=content, headers=JSON)

    def ask(
        self, method: str, path: str, role: Role = "steward", root: bool = False, **rest: Any
    ) -> tuple[int, Any]:
        """Return the status and the body: JSON read, else bytes; *path* is below the session's."""
        answer = self.answer(method, path, role, root, **rest)
        body = self.read(answer)
        is_json = ("Content-Type", "application/json") in answer.headers
        return answer.status, json.loads(body) if is_json else body

    def answer(
        self, method: str, path: str, role: Role, root: bool = False, **rest: Any
    ) -> HttpReply | StreamedReply:
        whole = path if root else f"sessions/{self.run.name}/{path}".rstrip("/")
        request = StewardRequest(1, self.run._runtime.world.key, role, method, whole, **rest)
        return self.wait(self.api.answer(request))

    def read(self, answer: HttpReply | StreamedReply) -> bytes:
        return answer.body if isinstance(answer, HttpReply) else self.wait(joined(answer.parts))

    def wait(self, coroutine: Any) -> Any:
        """Run a coroutine on the run's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.run._runtime.loop).result(40)

    def events(self, role: Role = "steward", **query: Any) -> list[dict[str, Any]]:
        status, body = self.get("events", role, **query)
        assert status == 200, body
        return [json.loads(line) for line in body.splitlines()]


async def joined(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])
