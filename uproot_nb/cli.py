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
    """Run the command; return 0, or 1 after printing an error."""
    options = _parser().parse_args(arguments)
    try:
        done: int = options.do(options)
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
    sessions.add_argument("db", metavar="DB", help="the database, such as uproot_nb.sqlite3")
    sessions.set_defaults(do=_sessions)

    export = commands.add_parser("export", help="write a session's data as a ZIP or folder")
    export.add_argument("db", metavar="DB", help="the database, such as uproot_nb.sqlite3")
    export.add_argument("session", metavar="SESSION", help="the session's name")
    export.add_argument("out", metavar="OUT", type=Path, help="name.zip, or a new folder")
    export.add_argument("--format", default="csv", choices=("csv", "parquet", "jsonl"))
    export.add_argument(
        "--all-fields", action="store_true", help="also the fields that uproot_nb itself sets"
    )
    export.set_defaults(do=_export)

    check = commands.add_parser("check", help="check whether a database is whole")
    check.add_argument("db", metavar="DB", help="the database, such as uproot_nb.sqlite3")
    check.add_argument(
        "--accept-loss", action="store_true",
        help="let sessions continue without events that are lost for good",
    )  # fmt: skip
    check.set_defaults(do=_check)
    return parser


def _sessions(options: argparse.Namespace) -> int:
    found = runs(options.db)
    if found.empty:
        print(f"{options.db} has no session yet.")
        return 0
    shown = found.assign(
        created=found["created"].dt.strftime("%Y-%m-%d %H:%M"),
        last=found["last"].dt.strftime("%Y-%m-%d %H:%M"),
    )
    print(shown.to_string(index=False, na_rep="–"))
    return 0


def _export(options: argparse.Namespace) -> int:
    with open_log(options.db, options.session) as log:
        path = log.export(options.out, options.format, filters=not options.all_fields)
    print(path)
    return 0


def _check(options: argparse.Namespace) -> int:
    if options.accept_loss:
        for name in accept_loss(options.db):
            print(f"Session '{name}' may continue without its missing events.")
    found = check_log(options.db)
    for fault in found.faults:
        print(fault)
    if found.unsigned:
        print(f"{found.unsigned:,} events were written by an older version, without checksums.")
    whole = "is damaged or incomplete" if found.faults else "is whole"
    print(f"{options.db} {whole}: {found.sessions:,} sessions, {found.events:,} events.")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
