"""The command `uproot-nb`: serve a notebook, list a database's sessions, export, erase or check.

uproot-nb run market.ipynb --players 8
uproot-nb gateway --bridge nats://broker:4222 --port 8600
uproot-nb handover market --db postgresql://db.example.org/lab
uproot-nb sessions uproot_nb.sqlite3
uproot-nb export uproot_nb.sqlite3 market market.zip --format parquet
uproot-nb erase uproot_nb.sqlite3 market PC-04
uproot-nb check uproot_nb.sqlite3
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from uproot_nb.analysis.table_writers import FORMATS
from uproot_nb.errors import UprootError
from uproot_nb.headless.command import add_options
from uproot_nb.headless.gateway_command import add_gateway_options
from uproot_nb.headless.handover_command import add_handover_options
from uproot_nb.log.checking import check_log
from uproot_nb.log.erasing.offline import erase_from_file
from uproot_nb.log.places import is_file, shown_place
from uproot_nb.log.sqlite.claims import accept_loss
from uproot_nb.notebook.databases import runs
from uproot_nb.study.recording import open_log
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

    add_gateway_options(
        commands.add_parser("gateway", help="admit participants to sessions on other machines")
    )

    add_handover_options(commands.add_parser("handover", help="hand a session over to a standby"))

    sessions = commands.add_parser("sessions", help="list the sessions of a database")
    sessions.add_argument("db", metavar="DB", help="the database: a file, or postgresql://…")
    sessions.set_defaults(do=_sessions)

    _add_export(commands.add_parser("export", help="write a session's data as a ZIP or folder"))
    erase = commands.add_parser("erase", help="erase a person's data for good")
    erase.add_argument("db", metavar="DB", help="the database: a file, or postgresql://…")
    erase.add_argument("session", metavar="SESSION", help="the session's name")
    erase.add_argument("player", metavar="PLAYER", help="the player's name or label")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.set_defaults(do=_erase)

    check = commands.add_parser("check", help="check whether a database is intact")
    check.add_argument("db", metavar="DB", help="the database: a file, or postgresql://…")
    check.add_argument(
        "--accept-loss", action="store_true",
        help="let sessions continue without events that are lost for good",
    )  # fmt: skip
    check.set_defaults(do=_check)
    return parser


def _add_export(export: argparse.ArgumentParser) -> None:
    export.add_argument("db", metavar="DB", help="the database: a file, or postgresql://…")
    export.add_argument("session", metavar="SESSION", help="the session's name")
    export.add_argument("out", metavar="OUT", type=Path, help="name.zip, or a new folder")
    export.add_argument("--format", default="csv", choices=tuple(FORMATS))
    export.add_argument(
        "--all-fields", action="store_true", help="also the fields that uproot_nb itself sets"
    )
    export.add_argument("--excel", action="store_true", help="write CSV that is safe in Excel")
    export.add_argument("--scrub", action="store_true", help="leave out what identifies a person")
    export.add_argument(
        "--anonymous", action="store_true",
        help="random names, times from the beginning, no free texts",
    )  # fmt: skip
    export.add_argument(
        "--free-text", metavar="NAME", action="append", default=[],
        help="with --anonymous: a field whose texts stay; may be repeated",
    )  # fmt: skip
    export.add_argument(
        "--key", metavar="FILE", type=Path,
        help="with --anonymous: the file that says whose the random names are",
    )  # fmt: skip
    export.set_defaults(do=_export)


def _sessions(options: argparse.Namespace) -> int:
    found = runs(options.db)
    if found.empty:
        print(f"{shown_place(options.db)} has no session yet.")
        return 0
    shown = found.assign(
        created=found["created"].dt.strftime("%Y-%m-%d %H:%M"),
        last=found["last"].dt.strftime("%Y-%m-%d %H:%M"),
    )
    print(shown.to_string(index=False, na_rep="–"))
    return 0


def _export(options: argparse.Namespace) -> int:
    with open_log(options.db, options.session) as log:
        path = log.export(
            options.out, options.format, filters=not options.all_fields, scrub=options.scrub,
            anonymous=options.anonymous, free_text=options.free_text, key=options.key,
            excel=options.excel,
        )  # fmt: skip
    print(path)
    return 0


def _erase(options: argparse.Namespace) -> int:
    if not options.yes:
        print(
            f"All that '{options.player}' has left in '{options.session}' will be gone for good.\n"
            "Repeat the name to erase it: ", end="", flush=True,
        )  # fmt: skip
        if sys.stdin.readline().strip() != options.player:
            print("Nothing was erased.")
            return 1
    name = erase_from_file(options.db, options.session, options.player)
    print(
        f"{name} is erased from {shown_place(options.db)}. Exports, CSV files and backups made "
        "before are as they were."
    )
    return 0


def _check(options: argparse.Namespace) -> int:
    if options.accept_loss and not is_file(options.db):
        raise UprootError(
            f"--accept-loss is for files. {shown_place(options.db)} can lack confirmed events only "
            "if it was restored from a backup.\nIts sessions continue without them anyway."
        )
    if options.accept_loss:
        for name in accept_loss(options.db):
            print(f"Session '{name}' may continue without its missing events.")
    found = check_log(options.db)
    for fault in found.faults:
        print(fault)
    if found.unsigned:
        print(f"{found.unsigned:,} events were written by an older version, without checksums.")
    whole = "is damaged or incomplete" if found.faults else "is whole"
    where = shown_place(options.db)
    print(f"{where} {whole}: {found.sessions:,} sessions, {found.events:,} events.")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
