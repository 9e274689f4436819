"""Reports: what the server refuses and what fails in browsers, for the kernels that log it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from uproot_nb.bridge.messages import Misuse, ScriptError
from uproot_nb.server.frame_policy import is_at
from uproot_nb.server.sessions import ServedPlayer, ServedSession, Sessions

__all__ = ["Refusals", "Reports", "ScriptErrors"]

_logger = logging.getLogger(__name__)
_SAME_FAULT_SECONDS = 60.0
_MOST_FAULTS = 100
_SHORTAGE_SECONDS = 10.0


class Reports:
    """Counts refusals, script errors and shortages, and reports each kind to the kernels at times.

    A kernel gets at most one report per kind and player in `Limits.report_interval` seconds, so
    that no stranger can fill its log.
    """

    def __init__(self, sessions: Sessions, interval: float) -> None:
        self.refusals = Refusals()
        self._sessions, self._interval = sessions, interval
        self._script_errors = ScriptErrors()
        self._shortages: dict[str, tuple[int, str]] = {}
        self._faults: dict[str, float] = {}
        self._report_timer: asyncio.TimerHandle | None = None
        self._shortage_timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Report nothing more. Idempotent."""
        for timer in (self._report_timer, self._shortage_timer):
            if timer is not None:
                timer.cancel()
        self._report_timer = self._shortage_timer = None

    # ---- of one session -------------------------------------------------------------------

    def count_refusal(
        self,
        what: str,
        player: ServedPlayer | None = None,
        detail: str = "",
        session: ServedSession | None = None,
    ) -> None:
        """Count a refusal.

        Args:
            player: whose browser was refused; None if unknown.
            detail: what it was, which limit it exceeds and where to change that, in a sentence.
            session: which session's researcher should see it, if no player is known.
        """
        session = player.session if player is not None else session
        if session is None:
            self.refusals.count(what)
            return
        name = player.name if player is not None else ""
        self.refusals.count(what, session.key, name, detail)
        self._report_soon()

    def note_script_error(
        self, player: ServedPlayer, page: int, message: str, source: str, line: int, times: int = 1
    ) -> None:
        """Count equal errors of a page's script."""
        error = page, message, source, line, times
        self._script_errors.count(player.session.key, player.name, *error)
        self._report_soon()

    def note_foreign_origin(
        self,
        origin: str,
        host: str,
        player: ServedPlayer | None = None,
        session: ServedSession | None = None,
    ) -> None:
        """Count a request of a page of another origin; perhaps a proxy hides that it is ours."""
        shown, place = _printable(origin) or "a page that hides its origin", _printable(host)
        detail = f"{shown} asked for {place}."
        if is_at(origin, origin):
            detail += (
                f" If participants' pages are at {shown}, set public_url to '{shown}/', or let the "
                "proxy pass their Host on (nginx: proxy_set_header Host $http_host)"
            )
        self.count_refusal("foreign origin", player, detail, session)

    def note_unknown_address(self, path: str) -> None:
        """Count a request for a missing page, with advice if a proxy has changed its path."""
        prefix, found, rest = path.partition("/p/")
        player = self._sessions.player(rest.partition("/")[0]) if found else None
        if player is None:
            self.count_refusal("unknown address")
            return
        detail = (
            f"a player's page was asked for below {_printable(prefix)}/. Set public_url to the "
            "address that browsers use, with this path, or let the proxy take the path away"
        )
        self.count_refusal("unknown address", player, detail)

    def _report_soon(self) -> None:
        if self._report_timer is None:
            loop = asyncio.get_running_loop()
            self._report_timer = loop.call_later(self._interval, self._report)

    def _report(self) -> None:
        self._report_timer = None
        for failed in self._script_errors.take():
            session = self._sessions.get(failed[0])
            if session is not None and session.link is not None:
                session.link.send(ScriptError(*failed))
        for key, player, what, count in self.refusals.take():
            session = self._sessions.get(key)
            if session is not None and session.link is not None:
                session.link.send(Misuse(key, player, what, count))

    # ---- of the whole server --------------------------------------------------------------

    def note_shortage(self, what: str, detail: str) -> None:
        """Count something that may concern every session; all get the report."""
        self.refusals.count(what)
        count, first = self._shortages.get(what, (0, detail))
        self._shortages[what] = count + 1, first
        if self._shortage_timer is None:
            self._report_shortages_after(self._interval)

    def note_no_files(self, failure: OSError, expected: bool) -> None:
        """Count a connection that cannot be accepted: the process may open no more files."""
        detail = f"{failure.strerror}; participants wait. Raise the limit with `ulimit -n`"
        self.note_shortage("no open files" if expected else "cannot accept", detail)
        if self.is_new_fault(f"accept {failure.errno}"):
            _logger.warning("No connection can be accepted: %s.", detail)

    def is_new_fault(self, fault: str) -> bool:
        """Count a fault of the server; return whether it was not logged in the last minute."""
        self.refusals.count("fault")
        now, last = time.monotonic(), self._faults.get(fault)
        if last is not None and now - last < _SAME_FAULT_SECONDS:
            return False
        if len(self._faults) >= _MOST_FAULTS:
            self._faults.clear()
        self._faults[fault] = now
        return True

    def _report_shortages_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._shortage_timer = loop.call_later(seconds, self._report_shortages)

    def _report_shortages(self) -> None:
        self._shortage_timer = None
        shortages, self._shortages = self._shortages, {}
        for session in self._sessions:
            if session.link is not None:
                for what, (count, detail) in shortages.items():
                    session.link.send(Misuse(session.key, "", f"{what}: {detail}", count))
        if shortages:
            self._report_shortages_after(_SHORTAGE_SECONDS)


class Refusals:
    """Counts refusals: all of them for the status page, and those per player until reported."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._unreported: dict[tuple[str, str, str], tuple[int, str]] = {}

    def count(self, what: str, session: str = "", player: str = "", detail: str = "") -> None:
        """Count one refusal; *session* and *player* are empty if unknown."""
        self.counts[what] += 1
        if session:
            count, first = self._unreported.get((session, player, what), (0, detail))
            self._unreported[session, player, what] = count + 1, first

    def take(self) -> list[tuple[str, str, str, int]]:
        """Return (session, player, what, count) since the last time."""
        taken = [
            (session, player, f"{what}: {detail}" if detail else what, count)
            for (session, player, what), (count, detail) in self._unreported.items()
        ]
        self._unreported.clear()
        return taken


class ScriptErrors:
    """Counts errors of pages' scripts by kind until they are reported.

    Long texts are cut. Beyond `MOST_KINDS` of one player in one report, errors count as "other".
    """

    LONGEST_MESSAGE = 500
    LONGEST_SOURCE = 300
    MOST_KINDS = 10

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[tuple[int, str, str, int]]] = {}

    def count(
        self,
        session: str,
        player: str,
        page: int,
        message: str,
        source: str,
        line: int,
        times: int = 1,
    ) -> None:
        """Count an error of a player's page, or several that are equal."""
        counts = self._counts.setdefault((session, player), Counter())
        kind = (page, message[: self.LONGEST_MESSAGE], source[: self.LONGEST_SOURCE], line)
        if kind not in counts and len(counts) >= self.MOST_KINDS:
            kind = (page, "Other errors of this page's script", "", 0)
        counts[kind] += times

    def take(self) -> list[tuple[str, str, int, str, str, int, int]]:
        """Return (session, player, page, message, source, line, count) since the last time."""
        counts, self._counts = self._counts, {}
        return [
            (*whose, *kind, count)
            for whose, kinds in counts.items()
            for kind, count in kinds.items()
        ]


def _printable(text: str) -> str:
    """Return a stranger's text, cut and without what may not be shown."""
    return "".join(one for one in text[:100] if one.isascii() and one.isprintable())
