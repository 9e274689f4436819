"""oTree, as `otree prodserver` serves it, with everybody in a session on the page."""

from __future__ import annotations

import html
import json
import os
import re
import secrets
import shutil
import sys
from pathlib import Path

from peers import PEERS
from processes import BenchError, Process, free_port
from servers.system import System, fetch

__all__ = ["start"]

_SOCKET = re.compile(r'data-socket-url="(/live\?[^"]+)"')


def start(folder: Path, players: int) -> System:
    """Serve a session of *players* participants, with the default database, one process."""
    package = PEERS["otree"]
    package.install()
    project = folder / "otree"
    shutil.copytree(Path(__file__).with_name("otree_app"), project)
    (project / "_static").mkdir()
    key, port = secrets.token_urlsafe(), free_port()
    environment = {
        "OTREE_PRODUCTION": "1",
        "OTREE_ADMIN_PASSWORD": key,
        "OTREE_REST_KEY": key,
        # It starts a helper of its own by name.
        "PATH": os.pathsep.join([str(package.programs), os.environ.get("PATH", "")]),
    }
    otree = package.programs / ("otree.exe" if sys.platform == "win32" else "otree")
    server = Process(
        [otree, "prodserver", f"127.0.0.1:{port}"],
        folder, "otree-server", env=environment, cwd=project,
    )  # fmt: skip
    try:
        server.wait_for_port(port)
        origin = f"http://127.0.0.1:{port}"
        urls = [
            f"ws://127.0.0.1:{port}" + _enter(f"{origin}/InitializeParticipant/{code}")
            for code in _create_session(origin, key, "bench", players)
        ]
    except BaseException:
        server.close()
        raise

    def open_forms(players: int) -> list[str]:
        codes = _create_session(origin, key, "forms", players)
        return [f"{origin}/InitializeParticipant/{code}" for code in codes]

    return System(
        "otree", origin, urls, {"server": server.pid}, server.close, open_forms=open_forms
    )


def _create_session(origin: str, key: str, app: str, players: int) -> list[str]:
    """Create a session and return its participants' codes."""
    body = json.dumps({"session_config_name": app, "num_participants": players}).encode()
    as_json = {"otree_rest_key": key, "content_type": "application/json"}
    session = json.loads(fetch(f"{origin}/api/sessions", body, **as_json)[1])["code"]
    details = json.loads(fetch(f"{origin}/api/get_session/{session}", b"{}", **as_json)[1])
    return [participant["code"] for participant in details["participants"]]


def _enter(url: str) -> str:
    """Open a participant's link and return the path of the page's live socket."""
    found = _SOCKET.search(fetch(url)[1])
    if found is None:
        raise BenchError("an oTree participant did not reach the page")
    return html.unescape(found[1])
