"""SEPA files: credit transfers in euros for a bank, as pain.001.001.09."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from uproot_nb.errors import UprootError
from uproot_nb.experiment.hints import advise
from uproot_nb.study.bank_accounts import BankAccount, account_of, needed, read_accounts, sepa_text
from uproot_nb.study.payment_line import PaymentLine

__all__ = ["sepa_file"]

_SCHEMA = "pain.001.001.09"
_SPACE = f"{{urn:iso:std:iso:20022:tech:xsd:{_SCHEMA}}}"
_LONGEST_ID, _LONGEST_TEXT = 35, 140

Accounts = str | os.PathLike[str] | Iterable[Mapping[str, str]]


def sepa_file(
    lines: Sequence[PaymentLine],
    session: str,
    accounts: Accounts | None,
    payer: Mapping[str, str] | None,
    text: str,
    on: dt.date | str | None,
    today: dt.date,
) -> bytes:
    """Return a credit transfer for each line, in one batch, checked against the ISO schema.

    The ids follow from the session, the players, amounts and accounts: a bank that has got the
    same payments before recognizes them. There is a warning of several players with one account.

    Raises:
        UprootError: something is missing, an account is wrong, the day is past, or the amounts are
            not in euros.
    """
    if accounts is None or payer is None:
        raise UprootError(
            "A SEPA file needs the accounts of the players, and yours.\n"
            'Write payment_file("sepa", path, accounts="accounts.csv", payer={"name": "…", '
            '"iban": "…"}).'
        )
    _check_currency(lines)
    day = _day(on, today)
    found = read_accounts(accounts, session, [line.player for line in lines])
    own = account_of(payer, "the payer")
    _warn_of_shared(found, own)
    transfer = needed("sepaxml").SepaTransfer(_config(own), schema=_SCHEMA, clean=False)
    for line in lines:
        transfer.add_payment(_transfer(line, found[line.player], session, text, day))
    number = _message_id(lines, session, found, own)
    return _finished(transfer.export(validate=False, pretty_print=False), number, today)


def _check_currency(lines: Sequence[PaymentLine]) -> None:
    foreign = sorted({line.currency for line in lines} - {"EUR"})
    if foreign:
        raise UprootError(
            f"SEPA transfers are in EUR, and the amounts are in {', '.join(foreign)}.\n"
            'Write Payment(currency="EUR", …), or pay in another way.'
        )


def _day(on: object, today: dt.date) -> dt.date:
    """Return the day of a transfer, which is a date or text such as "2026-12-01"."""
    day = on.date() if isinstance(on, dt.datetime) else on
    if isinstance(day, str):
        with suppress(ValueError):
            day = dt.date.fromisoformat(day.strip())
    if day is None:
        return today
    if not isinstance(day, dt.date):
        raise UprootError(f'on={on!r:.60} is not a day.\nWrite on="{today}", or a date.')
    if day < today:
        raise UprootError(f"on={day} is past: today is {today}.\nName a future day.")
    return day


def _warn_of_shared(found: Mapping[str, BankAccount], own: BankAccount) -> None:
    """Warn of accounts that several players have, or the payer."""
    by_iban: dict[str, list[str]] = {}
    for player, account in found.items():
        by_iban.setdefault(account.iban, []).append(player)
    texts = [f"one of {', '.join(one)}" for one in by_iban.values() if len(one) > 1]
    if own.iban in by_iban:
        texts.append(f"the payer's own of {', '.join(by_iban[own.iban])}")
    if texts:
        advise(
            f"The same account more than once: {'; '.join(texts[:10])}.\n"
            "If somebody is paid for others by mistake, name only the others with players=."
        )


def _config(own: BankAccount) -> dict[str, Any]:
    bic = {"BIC": own.bic} if own.bic else {}
    return {"name": own.name, "IBAN": own.iban, "batch": True, "currency": "EUR", **bic}


def _transfer(
    line: PaymentLine, account: BankAccount, session: str, text: str, day: dt.date
) -> dict[str, Any]:
    assert line.amount is not None
    bic = {"BIC": account.bic} if account.bic else {}
    return {
        "name": account.name, "IBAN": account.iban, "amount": int(line.amount.scaleb(2)),
        "execution_date": day, "description": sepa_text(text, _LONGEST_TEXT) or "Payment",
        "endtoend_id": _payment_id(line.player, session), **bic,
    }  # fmt: skip


def _payment_id(player: str, session: str) -> str:
    """Return the id of a payment: it is the same each time, and recipients learn nothing by it."""
    digest = hashlib.sha256(f"{session}\n{player}".encode()).hexdigest()
    return sepa_text(f"{digest[:12].upper()}-{player}", _LONGEST_ID)


def _message_id(
    lines: Sequence[PaymentLine], session: str, found: Mapping[str, BankAccount], own: BankAccount
) -> str:
    parts = [session, own.iban]
    parts += [f"{line.player} {line.amount} {found[line.player].iban}" for line in lines]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_LONGEST_ID].upper()


def _finished(written: bytes, number: str, today: dt.date) -> bytes:
    """Give the file ids and a time that are the same each time, and check it."""
    root = ElementTree.fromstring(written)
    for element in root.iter():
        name = element.tag.removeprefix(_SPACE)
        if name in ("MsgId", "PmtInfId"):
            element.text = number
        elif name == "CreDtTm":
            element.text = f"{today.isoformat()}T00:00:00"
        elif name == "FinInstnId" and not len(element):
            other = ElementTree.SubElement(element, f"{_SPACE}Othr")
            ElementTree.SubElement(other, f"{_SPACE}Id").text = "NOTPROVIDED"
    ElementTree.register_namespace("", _SPACE.strip("{}"))
    content: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    needed("sepaxml.validation").try_valid_xml(content, _SCHEMA)
    return content + b"\n"
