"""Bare Tornado, served in one process; it has no session, no state, no log: the limit."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from processes import Process, free_port
from servers.jupyter import repository_environment
from servers.system import System

__all__ = ["start"]


def start(folder: Path, players: int) -> System:
    """Serve *players* sockets."""
    port = free_port()
    program = Path(__file__).with_name("bare_app") / "main.py"
    server = Process(
        [sys.executable, program, str(port)], folder, "bare", env=repository_environment()
    )
    try:
        server.wait_for_port(port)
    except BaseException:
        server.close()
        raise
    urls = [f"ws://127.0.0.1:{port}/ws"] * players
    methods, origin = frozenset({"echo", "post"}), f"http://127.0.0.1:{port}"

    def open_forms(players: int) -> list[str]:
        return [f"{origin}/form/{secrets.token_hex(8)}/" for _ in range(players)]

    return System(
        "bare", origin, urls, {"server": server.pid}, server.close, methods, open_forms=open_forms
    )
