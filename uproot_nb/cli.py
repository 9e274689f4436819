"""The command `uproot-nb`: serve a notebook, list a database's sessions, export or check one.

uproot-nb run market.ipynb --players 8
uproot-nb sessions uproot_nb.sqlite3
uproot-nb export uproot_nb.sqlite3 market market.zip --format parquet
uproot-nb check uproot_nb.sqlite3
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from uproot_nb.analysis.recording import open_log
from uproot_nb.errors import UprootError
from uproot_nb.headless.command import add_options
from uproot_nb.log.checking import check_log
from uproot_nb.log.sqlite import accept_loss
from uproot_nb.notebook.databases import runs
from uproot_nb.version import VERSION

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return 0, or 1 with one clear message."""
    told = _parser().parse_args(arguments)
    try:
        done: int = told.do(told)
    except (UprootError, OSError) as failure:
        print(f"uproot-nb: {failure}", file=sys.stderr)
        return 1
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="uproot-nb", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--version", action="version", version=f"uproot_nb {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add_options(commands.add_parser("run", help="serve a notebook, without JupyterLab"))

    sessions = commands.add_parser("sessions", help="list the sessions of a database")
    sessions.add_argument("db", metavar="DB", help="the database, as uproot_nb.sqlite3")
    sessions.set_defaults(do=_sessions)

    export = commands.add_parser("export", help="write a session's data as a ZIP or folder")
    export.add_argument("db", metavar="DB", help="the database, as uproot_nb.sqlite3")
    export.add_argument("session", metavar="SESSION", help="the session's name")
    export.add_argument("out", metavar="OUT", type=Path, help="name.zip, or a folder to be made")
    export.add_argument("--format", default="csv", choices=("csv", "parquet", "jsonl"))
    export.add_argument("--all-fields", action="store_true", help="also the page flow's own")
    export.set_defaults(do=_export)

    check = commands.add_parser("check", help="see whether a database is whole")
    check.add_argument("db", metavar="DB", help="the database, as uproot_nb.sqlite3")
    check.add_argument(
        "--accept-loss", action="store_true",
        help="let sessions go on without events that are lost for good",
    )  # fmt: skip
    check.set_defaults(do=_check)
    return parser


def _sessions(told: argparse.Namespace) -> int:
    found = runs(told.db)
    if found.empty:
        print(f"{told.db} has no session yet.")
        return 0
    shown = found.assign(
        created=found["created"].dt.strftime("%Y-%m-%d %H:%M"),
        last=found["last"].dt.strftime("%Y-%m-%d %H:%M"),
    )
    print(shown.to_string(index=False, na_rep="–"))
    return 0


def _export(told: argparse.Namespace) -> int:
    with open_log(told.db, told.session) as log:
        path = log.export(told.out, told.format, filters=not told.all_fields)
    print(path)
    return 0


def _check(told: argparse.Namespace) -> int:
    if told.accept_loss:
        for name in accept_loss(told.db):
            print(f"Session '{name}' may go on without the events that are missing.")
    found = check_log(told.db)
    for fault in found.faults:
        print(fault)
    if found.unsigned:
        print(f"{found.unsigned:,} events were written by an older version, without checksums.")
    whole = "is damaged or incomplete" if found.faults else "is whole"
    print(f"{told.db} {whole}: {found.sessions:,} sessions, {found.events:,} events.")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
