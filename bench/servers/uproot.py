"""uproot-science, as `uproot run` serves it, with everybody in a session on the page."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from peers import PEERS
from processes import BenchError, Process, free_port
from servers.system import System, fetch

__all__ = ["export_values", "start"]

_TITLE = "Live methods, measured."
_VARS = re.compile(r"uproot\.vars = (\{.*\});")


def start(folder: Path, players: int) -> System:
    """Serve a session of *players* players, with the default database, one process."""
    server, origin, key = _serve(folder / "uproot")
    try:
        session = _create_session(origin, key, "bench", players)
        names = _players(origin, key, session)
        for name in names:
            _enter(f"{origin}/p/{session}/{name}/")
    except BaseException:
        server.close()
        raise
    root = origin.replace("http", "ws", 1)
    urls = [f"{root}/ws/{session}/{name}/" for name in names]

    def open_forms(players: int) -> list[str]:
        made = _create_session(origin, key, "forms", players)
        return [f"{origin}/p/{made}/{name}/" for name in _players(origin, key, made)]

    return System(
        "uproot", origin, urls, {"server": server.pid}, server.close, open_forms=open_forms
    )


def export_values(folder: Path, players: int) -> tuple[Path, float]:
    """Return the ZIP that its exporter makes of a session of 5,000 values each, and the seconds."""
    server, origin, key = _serve(folder / "uproot-values")
    try:
        session = _create_session(origin, key, "values", players)
        names = _players(origin, key, session)
        address = f"{origin}/admin/api/v1/sessions/{session}"
        for name in names:  # one by one, so that no request takes long
            body = json.dumps({"unames": [name]}).encode()
            fetch(
                f"{address}/players/initialize/", body,
                authorization=f"Bearer {key}", content_type="application/json",
            )  # fmt: skip
        target, started = folder / "values.zip", time.perf_counter()
        _download(f"{address}/data/export/?filetype=csv", key, target)
        return target, time.perf_counter() - started
    finally:
        server.close()


def _download(url: str, key: str, target: Path) -> None:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=600) as answer, target.open("wb") as file:
        shutil.copyfileobj(answer, file)


def _serve(project: Path) -> tuple[Process, str, str]:
    """Serve the project in *project*; return the server, its origin, and the key to its API."""
    package = PEERS["uproot"]
    package.install()
    shutil.copytree(Path(__file__).with_name("uproot_app"), project)
    key, port = secrets.token_urlsafe(), free_port()
    uproot = package.programs / ("uproot.exe" if sys.platform == "win32" else "uproot")
    server = Process(
        [uproot, "run", "--port", str(port)],
        project.parent, f"{project.name}-server", env={"BENCH_API_KEY": key}, cwd=project,
    )  # fmt: skip
    try:
        server.wait_for_port(port)
    except BaseException:
        server.close()
        raise
    return server, f"http://127.0.0.1:{port}", key


def _create_session(origin: str, key: str, config: str, players: int) -> str:
    body = json.dumps({"config": config, "n_players": players}).encode()
    _, text = fetch(
        f"{origin}/admin/api/v1/sessions/", body,
        authorization=f"Bearer {key}", content_type="application/json",
    )  # fmt: skip
    return str(json.loads(text)["sname"])


def _players(origin: str, key: str, session: str) -> list[str]:
    _, text = fetch(
        f"{origin}/admin/api/v1/sessions/{session}/players/?fields=id",
        authorization=f"Bearer {key}",
    )
    return list(json.loads(text))


def _enter(url: str) -> None:
    """Open the start page and submit it, as its script does; the answer is the page."""
    start_page = _page_vars(fetch(url)[1])
    form = {
        "_uproot_from": str(start_page["thisis"]),
        "_uproot_csrf": "+".join(start_page[part] for part in ("sname", "uname", "key")),
    }
    if _TITLE not in fetch(url, urllib.parse.urlencode(form).encode())[1]:
        raise BenchError("an uproot player did not reach the page")


def _page_vars(html: str) -> dict[str, Any]:
    found = _VARS.search(html)
    if found is None:
        raise BenchError("an uproot page without its variables")
    internal: dict[str, Any] = json.loads(found[1])["_uproot_internal"]
    return internal
