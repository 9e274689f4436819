"""The command `uproot-nb handover`: hand a served session over to a standby."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, cast

from uproot_nb.errors import UprootError
from uproot_nb.log.places import open_place, shown_place
from uproot_nb.log.postgres.address import is_database

if TYPE_CHECKING:
    from uproot_nb.log.postgres.postgres_log import PostgresLog
    from uproot_nb.log.postgres.succession import SessionWriter

__all__ = ["add_handover_options", "run_handover"]

_LOOK_SECONDS = 0.05
_REPORTED_AFTER = 3.0


def add_handover_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `uproot-nb handover` to the parser."""
    command.add_argument("session", metavar="SESSION", help="the session's name")
    command.add_argument(
        "--db", metavar="URL", default=os.environ.get("UPROOT_NB_DATABASE", ""),
        help="the database (postgresql://…); by default UPROOT_NB_DATABASE",
    )  # fmt: skip
    command.add_argument(
        "--anyway", action="store_true", help="release the session even if no standby waits"
    )
    command.add_argument(
        "--patience", type=float, default=60.0, metavar="SECONDS",
        help="how long to wait for code that is running; by default 60",
    )  # fmt: skip
    command.set_defaults(do=run_handover)


def run_handover(options: argparse.Namespace) -> int:
    """Hand a session over; return 0, or 1 if it is where it was."""
    if not is_database(options.db):
        raise UprootError(
            "handover: give the session's database, --db postgresql://…. A session in a file "
            "belongs to one machine and has no standby: end its kernel and start the next one."
        )
    with closing(cast("PostgresLog", open_place(options.db))) as log:
        return Request(log, options.session, options.anyway).carry_out(options.patience)


class Request:
    """Asks the kernel that serves a session to hand it over, and waits until it has."""

    def __init__(self, log: PostgresLog, session: str, anyway: bool) -> None:
        self._log, self._session, self._anyway = log, session, anyway
        self._before = self._find()

    def _find(self) -> SessionWriter:
        found = self._log.writer_of(self._session)
        if found is None:
            raise UprootError(f"{shown_place(self._log.place)} has no session '{self._session}'.")
        return found

    def carry_out(self, patience: float) -> int:
        """Ask, and wait; withdraw what was asked for if it takes too long, or at Ctrl-C.

        Raises:
            UprootError: nobody serves the session, or nobody waits to.
        """
        self._check()
        asked = time.monotonic()
        self._log.ask_for_hand_over(self._session, epoch=self._before.epoch)
        try:
            while time.monotonic() < asked + patience:
                if self._is_done(self._find()):
                    return 0
                self._report_waiting(time.monotonic() - asked)
                time.sleep(_LOOK_SECONDS)
        except KeyboardInterrupt:
            pass
        self._log.ask_for_hand_over(self._session, wanted=False, epoch=self._before.epoch)
        _report(
            f"{self._before.name} still serves '{self._session}': the request is withdrawn. Its "
            "terminal or cell says what it runs; run.interrupt() ends that."
        )
        return 1

    def _check(self) -> None:
        if not self._before.name:
            raise UprootError(
                f"Nobody serves the session '{self._session}'. Start a kernel that does: "
                "uproot-nb run NOTEBOOK --standby."
            )
        if not self._before.standbys and not self._anyway:
            raise UprootError(
                f"No standby waits for the session '{self._session}', which is served by "
                f"{self._before.name}.\nStart one first (uproot-nb run NOTEBOOK --standby). With "
                "--anyway that kernel releases the session even so, and participants wait for "
                "the next one."
            )

    def _is_done(self, now: SessionWriter) -> bool:
        if now.epoch > self._before.epoch:
            print(f"'{self._session}' is served by {now.name} (before: {self._before.name}).")
            return True
        if not now.name and not now.standbys:
            print(f"{self._before.name} has let '{self._session}' go. Participants wait.")
            return True
        return False

    _has_reported = False

    def _report_waiting(self, seconds: float) -> None:
        if seconds > _REPORTED_AFTER and not self._has_reported:
            self._has_reported = True
            _report(
                f"{self._before.name} is still running code: a cell that holds the session, or a "
                "step of a page. It hands over when that ends. Ctrl-C withdraws the request."
            )


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
