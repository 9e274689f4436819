"""Standby: a kernel that claims its session before any cell runs, and waits for it if necessary."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from uproot_nb.errors import LogAway, SessionClosed, SessionTaken, UprootError
from uproot_nb.log.log import EventLog, TransferableLog
from uproot_nb.log.paths import database_path
from uproot_nb.log.places import open_place
from uproot_nb.notebook.overrides import Overrides

__all__ = ["HELD_CLAIMS", "HeldClaim", "claim_now", "claim_when_free", "take_held", "warm_up"]

HELD_CLAIMS = "_uproot_nb_held_claims"
"""The name under which the notebook's namespace has the claim until `serve` takes it."""

_OWN = (
    "uproot_nb", "uproot_nb.templating.templates", "uproot_nb.log.postgres.postgres_log",
    "uproot_nb.notebook.serve", "nats.aio.client", "pandas",
)  # fmt: skip
"""Modules that serving loads when it needs them."""

Answer = tuple[str, str]
"""What became of a claim, "held", "taken", "closed", "away" or "refused"; and words about it."""


class HeldClaim(NamedTuple):
    """A session's log that is claimed already, and the session's secret."""

    log: EventLog
    secret: bytes


def warm_up(modules: Sequence[str]) -> None:
    """Import installed modules, so that the cells' imports take no time later.

    Modules in the notebook's folder wait for the cells: they may have effects, or change.
    """
    for name in (*modules, *_OWN):
        if _is_installed(name):
            try:
                importlib.import_module(name)
            except Exception:  # the border around others' code: the cell that imports it will fail
                continue


def claim_now(durable: bool = False) -> Answer:
    """Claim the session of `uproot-nb run`, unless somebody has it."""
    return _claim(durable, lambda log, name: log.claim(name))


def claim_when_free(durable: bool = False) -> Answer:
    """Claim the session that another kernel had, as soon as it has no living writer.

    If that kernel closes it, be it before this begins to wait, the answer is "closed". An interrupt
    ends the waiting.
    """
    return _claim(durable, _wait_interruptibly)


def take_held(path: str, session: str) -> HeldClaim | None:
    """Return the claim that this kernel has of a session, once."""
    held: dict[tuple[str, str], HeldClaim] = _namespace().get(HELD_CLAIMS, {})
    return held.pop((path, session), None)


def _claim(durable: bool, claim: Callable[[TransferableLog, str], bytes]) -> Answer:
    overrides = Overrides.of()
    assert overrides.name is not None
    try:
        log = open_place(database_path(overrides.db), durable=durable)
    except LogAway as away:
        return "away", str(away)
    except UprootError as refusal:
        return "refused", str(refusal)
    assert isinstance(log, TransferableLog)
    try:
        secret = claim(log, overrides.name)
    except BaseException as error:
        log.close()
        return _answer_to(error)
    held = _namespace().setdefault(HELD_CLAIMS, {})
    held[log.path, overrides.name] = HeldClaim(log, secret)
    return "held", ""


def _answer_to(error: BaseException) -> Answer:
    match error:
        case SessionClosed():
            return "closed", str(error)
        case SessionTaken():
            return "taken", error.writer
        case LogAway():
            return "away", str(error)
        case UprootError():
            return "refused", str(error)
    raise error


def _wait_interruptibly(log: TransferableLog, session: str) -> bytes:
    """Wait on another thread, so that an interrupt of this one ends it."""
    stop = threading.Event()
    with ThreadPoolExecutor(1, "uproot_nb-standby") as thread:
        waiting = thread.submit(log.wait_for_claim, session, stop, after_writer=True)
        try:
            return waiting.result()
        finally:
            stop.set()


def _is_installed(name: str) -> bool:
    """Return whether a module can be imported, and is not the notebook's own."""
    try:
        found = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):
        return False
    if found is None:
        return False
    places = [found.origin or "", *(found.submodule_search_locations or ())]
    return not any(_is_beside(Path(place)) for place in places)


def _is_beside(place: Path) -> bool:
    """Return whether a module's file is in the notebook's folder, and not in an environment."""
    installed = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    return Path.cwd() in place.parents and installed.isdisjoint(place.parents)


def _namespace() -> dict[str, Any]:
    return vars(sys.modules["__main__"])
