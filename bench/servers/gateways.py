"""uproot_nb over NATS: gateways in processes of their own, and the kernel of another system."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from processes import Process, free_port
from servers.system import System
from servers.uproot_nb import NotebookSystem, enter

__all__ = ["start", "start_gateway"]

_SERVE = """
{run} = serve([Arena], players={players}, name={name!r}, db={database!r}, bridge={bridge!r})
import json
print(json.dumps(list({run}.links["url"])))
"""


def start(folder: Path, kernel: NotebookSystem, players: int, gateways: int) -> System:
    """Serve one more session of the kernel, by so many gateways, and open everybody's page."""
    with ExitStack() as up:
        port = free_port()
        command: list[str | Path] = [Path(sys.executable).parent / "nats-server", "-p", str(port)]
        broker = Process([*command, "-a", "127.0.0.1"], folder, f"nats-{port}")
        up.callback(broker.close)
        broker.wait_for_port(port)
        bridge, pids = f"nats://127.0.0.1:{port}", {"broker": broker.pid}
        ports = []
        for number in range(gateways):
            ports.append(free_port())
            gateway = start_gateway(folder, bridge, ports[-1])
            up.callback(gateway.close)
            pids["server" if not number else f"gateway {number + 1}"] = gateway.pid
        urls = _serve(kernel, bridge, ports, players)
        origin = f"http://127.0.0.1:{ports[0]}"
        pids["kernel"] = kernel.pids["kernel"]
        close = up.pop_all().close
    return System("uproot_nb", origin, urls, pids, close, open_forms=lambda players: [])


def start_gateway(folder: Path, bridge: str, port: int) -> Process:
    """Start a gateway that admits as many as it may have files for."""
    gateway = Process(
        [sys.executable, "-m", "uproot_nb.cli", "gateway", "--bridge", bridge, "--port", str(port),
         "--set", "max_connections=20000", "--set", "max_requests_per_second=0",
         "--set", "max_calls_per_second=0",
         "--public-url", f"http://127.0.0.1:{port}/"],
        folder, f"gateway-{port}",
    )  # fmt: skip
    gateway.wait_for_port(port)
    return gateway


def _serve(kernel: NotebookSystem, bridge: str, ports: list[int], players: int) -> list[str]:
    kernel.sessions += 1
    name = f"gateways{kernel.sessions}"
    cell = _SERVE.format(
        run=f"run_{name}", players=players, name=name, database=str(kernel.database), bridge=bridge
    )
    links = json.loads(kernel.kernel.execute(cell).splitlines()[-1])
    paths = [link.split("/", 3)[3] for link in links]
    roots = [f"http://127.0.0.1:{ports[n % len(ports)]}/" for n in range(len(paths))]
    return [enter(root + path) for root, path in zip(roots, paths, strict=True)]
