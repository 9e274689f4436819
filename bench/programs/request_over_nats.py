"""Ask another process over NATS, one request after the other, and say how long one takes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from statistics import median

import nats
from nats.aio.msg import Msg

_SUBJECT, _BODY = "bench.echo", b"x" * 64


async def answer(bridge: str) -> None:
    """Answer requests with what they bring, until the process is ended."""
    client = await nats.connect(bridge)

    async def respond(message: Msg) -> None:
        await message.respond(message.data)

    await client.subscribe(_SUBJECT, cb=respond)
    await client.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


async def ask(bridge: str, seconds: float) -> list[float]:
    """Return the milliseconds of each request."""
    client = await nats.connect(bridge)
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        await client.request(_SUBJECT, _BODY, timeout=10)
        times.append(1000 * (time.perf_counter() - started))
    await client.close()
    return times


def main(bridge: str, seconds: float) -> None:
    """Print the median in milliseconds."""
    with subprocess.Popen([sys.executable, __file__, bridge], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            times = asyncio.run(ask(bridge, seconds))
        finally:
            other.kill()
    print(json.dumps({"p50": median(times), "requests": len(times)}))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        asyncio.run(answer(sys.argv[1]))
    else:
        main(sys.argv[1], float(sys.argv[2]))
