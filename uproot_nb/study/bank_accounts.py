"""BankAccount: the recipient and account of a transfer; checked, and never logged."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.csv_files import read_csv
from uproot_nb.experiment.hints import advise

__all__ = ["BankAccount", "account_of", "needed", "read_accounts", "sepa_text"]

_UMLAUTS = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS",
    "&": "+",
})  # fmt: skip
_FORBIDDEN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]+")
_LONGEST_NAME = 70

_Row = Mapping[str, str]


@dataclass(frozen=True)
class BankAccount:
    """Whose account it is, its IBAN, and the bank's BIC if it is known."""

    name: str
    iban: str
    bic: str = ""

    def __repr__(self) -> str:
        return "<BankAccount>"  # no account number in a traceback


def read_accounts(
    accounts: str | os.PathLike[str] | Iterable[Mapping[str, str]],
    session: str,
    players: Iterable[str],
) -> dict[str, BankAccount]:
    """Return the accounts of a session's players, from a CSV file or its rows.

    Players' names repeat in other sessions, so rows say in a column `session` of which they are.
    There is a warning if those that are needed do not.

    Raises:
        UprootError: an account is missing or wrong, or there are several of one player; names the
            player, never the number.
    """
    rows: Iterable[Mapping[str, str]] = (
        read_csv(accounts) if isinstance(accounts, (str, os.PathLike)) else accounts
    )
    by_player = _by_player(rows, session)
    wanted = list(players)
    missing = [player for player in wanted if player not in by_player]
    if missing:
        raise UprootError(
            f"There are no accounts of {', '.join(missing[:10])} in the session '{session}'.\n"
            "The accounts need the columns session, player, name and iban, with a row for each. "
            "Name only the others with players=."
        )
    _check_rows({player: by_player[player] for player in wanted})
    return {player: account_of(by_player[player][-1], player) for player in wanted}


def _by_player(rows: Iterable[Mapping[str, str]], session: str) -> dict[str, list[_Row]]:
    """Return the rows by player that are of a session, or do not say of which."""
    found: dict[str, list[_Row]] = {}
    for row in rows:
        if _session_of(row) in ("", session):
            found.setdefault(str(row.get("player") or "").strip(), []).append(row)
    return found


def _session_of(row: _Row) -> str:
    return str(row.get("session") or "").strip()


def _check_rows(by_player: Mapping[str, Sequence[_Row]]) -> None:
    differ = [player for player, rows in by_player.items() if len(set(map(_whose, rows))) > 1]
    if differ:
        raise UprootError(
            f"There are several accounts of {', '.join(differ[:10])}, and they differ.\n"
            "Delete the rows that are wrong, or of another session (the column session)."
        )
    unsure = [player for player, rows in by_player.items() if not any(map(_session_of, rows))]
    if unsure:
        advise(
            f"The accounts of {', '.join(unsure[:10])} do not say of which session they are.\n"
            "Other sessions have players of these names. Add a column session, or make sure that "
            "the file is of this session alone."
        )


def _whose(row: _Row) -> tuple[str, ...]:
    """Return what has to be the same in all rows of a player, however it is written."""
    name = " ".join(str(row.get("name") or "").split())
    return (name, *("".join(str(row.get(key) or "").split()).upper() for key in ("iban", "bic")))


def account_of(row: Mapping[str, str], whose: str) -> BankAccount:
    """Return a checked account; *whose* stands in the error messages.

    Raises:
        UprootError: the name, IBAN or BIC is missing or wrong, or no SEPA transfer gets there.
    """
    schwifty = needed("schwifty")
    name = sepa_text(str(row.get("name") or ""), _LONGEST_NAME)
    if not name:
        raise _wrong(whose, "has no name that a bank can read")
    iban = _checked(schwifty.IBAN, row.get("iban"), whose, "IBAN")
    if not iban.in_sepa_zone:
        raise _wrong(whose, f"is in a country without SEPA ({iban.country_code})")
    bic = str(row.get("bic") or "").strip()
    return BankAccount(
        name, str(iban.compact), str(_checked(schwifty.BIC, bic, whose, "BIC")) if bic else ""
    )


def _checked(kind: Any, text: object, whose: str, what: str) -> Any:
    try:
        return kind("".join(str(text or "").split()).upper())
    except ValueError:
        raise _wrong(whose, f"has no valid {what}: it is missing or mistyped") from None


def _wrong(whose: str, what: str) -> UprootError:
    return UprootError(f"The account of {whose} {what}.\nCorrect it, and write the file again.")


def sepa_text(text: str, longest: int) -> str:
    """Return text in the characters of SEPA: letters without accents, digits, / - ? : ( ) . , ' +.

    ä becomes ae and ß ss, other letters lose their accents or are written in Latin ones; what is
    left becomes a blank. No slash stands at an end or beside another.
    """
    latin: str = needed("text_unidecode").unidecode(text.translate(_UMLAUTS))
    words = " ".join(_FORBIDDEN.sub(" ", latin).split())
    return re.sub("/{2,}", "/", words)[:longest].strip("/ ")


def needed(package: str) -> ModuleType:
    """Return a package that SEPA files need.

    Raises:
        UprootError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UprootError(
            f"SEPA files need the package {package}, which is not installed.\n"
            "Install it: %pip install 'uproot_nb[sepa]'."
        )
    return importlib.import_module(package)
