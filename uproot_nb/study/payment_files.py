"""PaymentFile: a file that pays the players who are not paid yet."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.exits import DONE, outcome_of
from uproot_nb.experiment.hints import advise
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.study.new_files import write_new
from uproot_nb.study.payment_line import PaymentLine, few, losses
from uproot_nb.study.selection import payable, selected
from uproot_nb.study.sepa import sepa_file
from uproot_nb.study.site_files import (
    as_csv,
    check_labels,
    mturk_approvals,
    mturk_bonuses,
    prolific_approvals,
    prolific_bonuses,
)

__all__ = ["PaymentFile", "write_payment_file"]


@dataclass(frozen=True)
class PaymentFile:
    """A payment file: its path, its players, and its total.

    `run.mark_paid(file)` marks its players as paid, with its amounts, whatever has changed
    since. It works as a path, too (`open(file)`, `Path(file)`), and yields the players' names.
    """

    path: Path
    players: tuple[str, ...]
    """The names of those who are in it."""
    total: Decimal
    """The sum of the file's amounts; 0.00 of one that only approves."""
    currency: str
    session: str = ""
    amounts: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    """What each is paid by it and, where it has no fee, by the site; `mark_paid` logs it."""
    settled: tuple[str, ...] = ()
    """Who is not in it because 0.00 are due; `mark_paid` marks them, too."""
    approves: bool = False
    """Whether it only approves submissions, and pays nobody."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.players)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        what = "to approve" if self.approves else f"{self.total} {self.currency}"
        return f"<PaymentFile {self.path}: {len(self.players)} players, {what}>"


@dataclass(frozen=True)
class _Form:
    """What a file for a site has."""

    content: Callable[[Sequence[PaymentLine]], bytes]
    approves: bool = False
    """Whether it only approves submissions."""
    pays_by_label: bool = True
    """Whether a label says who is paid, so that no two players may have the same."""
    has_zeros: bool = False
    """Whether it has lines of those to whom nothing is due."""
    is_private: bool = False
    """Whether nobody else on this machine may read it."""


def write_payment_file(
    lines: Sequence[PaymentLine],
    session: str,
    site: str,
    path: str | os.PathLike[str],
    *,
    players: Any,
    again: bool,
    repeated: bool,
    fee: bool | Collection[str],
    rule: Payment,
    overwrite: bool,
    accounts: str | os.PathLike[str] | Iterable[Mapping[str, str]] | None,
    payer: Mapping[str, str] | None,
    text: str,
    on: dt.date | str | None,
) -> PaymentFile:
    """Write a payment file; see `StudyTables.payment_file`."""
    reason = text or session
    forms = {
        "csv": _Form(as_csv, pays_by_label=False, has_zeros=True),
        "prolific": _Form(prolific_bonuses),
        "prolific approvals": _Form(prolific_approvals, approves=True, has_zeros=True),
        "mturk": _Form(lambda due: mturk_bonuses(due, reason)),
        "mturk approvals": _Form(mturk_approvals, approves=True, has_zeros=True),
        "sepa": _Form(
            lambda due: sepa_file(due, session, accounts, payer, reason, on, dt.date.today()),
            pays_by_label=False, is_private=True,
        ),
    }  # fmt: skip
    form = forms.get(site)
    if form is None:
        raise UprootError(
            f"There is no payment file for {site!r}.\nThere is one for {', '.join(forms)}."
        )
    due = _approved(lines, players) if form.approves else _due(lines, players, again)
    shown = due if form.approves else _with_fees(due, _fees_in_file(fee, rule))
    settled = [] if form.has_zeros else [line.player for line in shown if not line.amount]
    shown = [line for line in shown if line.player not in set(settled)]
    _check_rest(shown, settled)
    amounts = {} if form.approves else _paid_by(due, _fees_in_file(fee, rule))
    if form.pays_by_label:
        check_labels(shown, lines, repeated)
    content = form.content(shown)
    written = write_new(Path(path).expanduser(), content, overwrite, private=form.is_private)
    total = sum(_amounts_in([] if form.approves else shown), Decimal("0.00"))
    return PaymentFile(
        written, tuple(line.player for line in shown), total, due[0].currency, session,
        amounts, tuple(settled), form.approves,
    )  # fmt: skip


def _due(lines: Sequence[PaymentLine], players: Any, again: bool) -> list[PaymentLine]:
    """Return the lines of those who are to be paid now.

    Raises:
        UprootError: nobody is, or somebody has no amount.
    """
    wanted = selected(lines, players)
    due = payable([line for line in wanted if again or not line.paid])
    if not due:
        raise UprootError(_nobody(wanted))
    for text in (losses(due), _paid_again(due)):
        if text:
            advise(text)
    return due


def _approved(lines: Sequence[PaymentLine], players: Any) -> list[PaymentLine]:
    """Return the lines of those whose submissions are complete."""
    done = [line for line in selected(lines, players) if line.ended_as == DONE]
    if not done:
        raise UprootError(
            'Nobody has finished (ended_as "done"), so there is nothing to approve.\n'
            "run.payments shows how everybody ended."
        )
    return done


def _fees_in_file(fee: bool | Collection[str], rule: Payment) -> set[str]:
    """Return of whom a file has the fees, by how they ended."""
    if isinstance(fee, bool):
        return set(rule.fees) if fee else set(rule.fees) - {DONE}
    named = {outcome_of(str(one)) for one in ([fee] if isinstance(fee, str) else fee)}
    unknown = sorted(named - set(rule.fees))
    if unknown:
        raise UprootError(
            f"fee={fee!r}: nobody who ended as {few(unknown)} has a fee.\n"
            f"The payment rule has fees for {few(sorted(rule.fees))}."
        )
    return named


def _with_fees(due: Sequence[PaymentLine], fees: set[str]) -> list[PaymentLine]:
    return [line if line.ended_as in fees else _without_fee(line) for line in due]


def _paid_by(due: Sequence[PaymentLine], fees: set[str]) -> dict[str, Decimal]:
    """Return what each gets by a file and, where it has no fee, by the site.

    There is a warning of those to whom the site pays more than is due.
    """
    kept = _fees_kept(due, fees)
    if kept:
        named = [f"{player} ({fee})" for player, fee in kept.items()]
        advise(
            f"Less than the fee is due, and the site pays all of it: {few(named)}.\n"
            "A file of bonuses takes nothing back; run.mark_paid(file) logs the fee."
        )
    return {line.player: line.amount for line in due if line.amount is not None} | kept


def _fees_kept(due: Sequence[PaymentLine], fees: set[str]) -> dict[str, Decimal]:
    """Return the fee that a site pays of each who gets less than it by the rule."""
    return {
        line.player: line.fee
        for line in due
        if line.ended_as not in fees and not line.paid
        and line.fee is not None and line.amount is not None and line.amount < line.fee
    }  # fmt: skip


def _amounts_in(shown: Sequence[PaymentLine]) -> Iterator[Decimal]:
    return (line.amount for line in shown if line.amount is not None)


def _check_rest(shown: Sequence[PaymentLine], settled: Sequence[str]) -> None:
    """Say whom a file leaves out because nothing is due; raises if nobody is left."""
    if settled and not shown:
        raise UprootError(
            f"There is nothing to pay with this file: 0.00 are due to {few(settled)}.\n"
            "No file was written. Mark them with run.mark_paid([…])."
        )
    if settled:
        advise(
            f"Not in the file, as 0.00 are due: {few(settled)}.\n"
            "run.mark_paid(file) marks them, too."
        )


def _nobody(wanted: Sequence[PaymentLine]) -> str:
    if not wanted:
        return (
            "There is nobody to pay: all are bots or freed places, which are left out.\n"
            "To pay them even so, name them with players=."
        )
    paid = sum(line.paid for line in wanted)
    return (
        f"There is nobody to pay: {paid} of {len(wanted)} are marked as paid, and the others get "
        "nothing by the payment rule.\nrun.payments shows why; again=True writes a file of those "
        "who are paid."
    )


def _paid_again(due: Sequence[PaymentLine]) -> str:
    paid = [line.player for line in due if line.paid]
    if not paid:
        return ""
    return (
        f"{len(paid)} of {len(due)} in this file are marked as paid: {', '.join(paid[:10])}.\n"
        "Take care not to pay anybody twice."
    )


def _without_fee(line: PaymentLine) -> PaymentLine:
    assert line.amount is not None
    rest = line.amount - (line.fee or 0)
    nothing = line.amount * 0
    return replace(line, fee=nothing, amount=max(rest, nothing))
