"""Discovery: how a kernel finds the participant server."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from jupyter_core.paths import jupyter_runtime_dir

from uproot_nb.errors import BridgeRefused

__all__ = [
    "VARIABLE",
    "Discovery",
    "find_server",
    "find_successor",
    "publish",
    "republish",
    "withdraw",
]

VARIABLE = "UPROOT_NB_BRIDGE_FILE"
"""The environment variable that holds the file's path; kernels inherit it."""

_PROBE_SECONDS = 0.5
_PATTERN = "uproot_nb-*.json"


class Discovery(msgspec.Struct, frozen=True):
    """What a kernel needs to connect, in a file that only its owner can read.

    `address` is "unix:PATH" or "tcp:HOST:PORT", `url` the participant root, `pid` the server's.
    """

    address: str
    token: str
    url: str
    pid: int


def publish(found: Discovery, folder: Path | None = None) -> Path:
    """Write *found* to a file of mode 0600 in Jupyter's runtime folder; return its path."""
    place = folder or Path(jupyter_runtime_dir())
    place.mkdir(parents=True, exist_ok=True)
    return republish(found, place / f"uproot_nb-{found.pid}-{secrets.token_hex(4)}.json")


def republish(found: Discovery, path: Path) -> Path:
    """Write *found* to the file *path*, in the place of what was there; return the path."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(found))
    draft.replace(path)  # a kernel sees the whole file or none
    return path


def withdraw(path: Path) -> None:
    """Remove the file, and the environment variable that names it. Idempotent."""
    path.unlink(missing_ok=True)
    if os.environ.get(VARIABLE) == str(path):
        del os.environ[VARIABLE]


def find_server(argument: str | None = None, folder: Path | None = None) -> Discovery | None:
    """Return the participant server to connect to, or None if there is none.

    Tried in order: the file that *argument* names, the one that the environment names, the newest
    file in Jupyter's runtime folder. Files of dead servers are skipped.

    Raises:
        BridgeRefused: *argument* was given and names no living server.
    """
    if argument is not None:
        found = _read(Path(argument))
        if found is None or not _alive(found):
            raise BridgeRefused(argument, "the file names no running server.")
        return found
    named = os.environ.get(VARIABLE)
    candidates = [Path(named)] if named else []
    candidates += _newest_first(folder or Path(jupyter_runtime_dir()))
    return next((found for _, found in _living(candidates)), None)


def find_successor(url: str, since: float, named: str | None = None) -> Discovery | None:
    """Return the server that has replaced the one at *url*, or None while there is none.

    It has the same address, or was started after *since* (Unix seconds). Participants' links would
    not lead to a server that was there before.

    Args:
        named: the discovery file of the first server, if it was given; the next one's is beside it.
    """
    known = named or os.environ.get(VARIABLE)
    folders = {Path(known).parent} if known else set()
    if named is None:
        folders.add(Path(jupyter_runtime_dir()))
    paths = [path for folder in folders for path in _newest_first(folder)]
    living = list(_living(([Path(known)] if known else []) + paths))
    same = [found for _, found in living if found.url == url]
    newer = [found for path, found in living if _written(path) >= since]
    return next(iter(same + newer), None)


def _living(paths: Iterable[Path]) -> Iterator[tuple[Path, Discovery]]:
    """Yield the living servers; remove the files of dead ones."""
    for path in paths:
        found = _read(path)
        if found is None:
            continue
        if _alive(found):
            yield path, found
        else:
            _sweep(path, found)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it has just been withdrawn
        return 0.0


def _newest_first(folder: Path) -> list[Path]:
    dated = []
    for path in folder.glob(_PATTERN):
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except OSError:  # it has just been withdrawn
            continue
    return [path for _, path in sorted(dated, reverse=True)]


def _read(path: Path) -> Discovery | None:
    try:
        if not _is_ours(path):
            return None
        return msgspec.json.decode(path.read_bytes(), type=Discovery)
    except (OSError, msgspec.DecodeError):
        return None


def _is_ours(path: Path) -> bool:
    # Another user's file could send this kernel's data anywhere.
    return not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()


def _alive(found: Discovery) -> bool:
    # Another process may have the number by now; only the open socket proves that it lives.
    return _is_running(found.pid) and _answers(found.address)


def _is_running(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # os.kill would end the process there; the socket is tried instead
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    except OverflowError:
        return False
    return True


def _answers(address: str) -> bool:
    kind, _, place = address.partition(":")
    try:
        if kind == "unix" and hasattr(socket, "AF_UNIX"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_SECONDS)
                probe.connect(place)
            return True
        host, _, port = place.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=_PROBE_SECONDS):
            return kind == "tcp"
    except (BlockingIOError, TimeoutError):
        return True  # it listens but accepts nobody now: the server hangs
    except (OSError, ValueError, OverflowError):
        return False


def _sweep(path: Path, found: Discovery) -> None:
    """Remove the files of a killed server, and never those of a living one."""
    if sys.platform == "win32" or _is_running(found.pid):
        return
    path.unlink(missing_ok=True)
    kind, _, place = found.address.partition(":")
    left = Path(place)
    if kind == "unix" and left.is_socket() and left.parent.name.startswith("uproot_nb-"):
        left.unlink(missing_ok=True)
        left.parent.rmdir()
