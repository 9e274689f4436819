"""StudyTables: the tables and files that a study needs beside its data."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.recording import Tables
from uproot_nb.errors import UprootError
from uproot_nb.experiment.hints import advise
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.study.funnel import funnel_table
from uproot_nb.study.payment_files import PaymentFile, write_payment_file
from uproot_nb.study.payment_line import PaymentLine, losses, still_in, unpayable
from uproot_nb.study.payments import payment_lines, payments_table
from uproot_nb.study.receipts import write_receipts

if TYPE_CHECKING:
    import pandas

__all__ = ["StudyTables"]


class StudyTables(Tables):
    """The tables of a session, and those for whoever runs the study and pays for it."""

    _rule: Payment | None = None
    """A payment rule that is only for these tables, and not in the log."""

    @property
    def payment(self) -> Payment | None:
        """The payment rule: how points and fees become money; None if there is none.

        It is what `payment = Payment(…)` in the notebook was when `serve` ran last. You can set
        another one: `run.payment = Payment(…)` is logged, except in a database that is open for
        reading only.
        """
        with self._lock_state():
            logged = self._now().payment
        return self._rule or (None if logged is None else Payment.of(logged))

    @payment.setter
    def payment(self, rule: Payment) -> None:
        if not isinstance(rule, Payment):
            raise UprootError(
                f"{rule!r} is not a payment rule.\n"
                'Write Payment(currency="EUR", fee=5), for example.'
            )
        self._note_rule(rule)

    def _note_rule(self, rule: Payment) -> None:
        self._rule = rule

    @property
    def funnel(self) -> pandas.DataFrame:
        """A row per treatment, and one for all: how many came how far, and how they ended.

        The treatment is the field `treatment` of players or their groups; `funnel_by("arm")`
        uses another. Columns (int64): `places`, and how many of them `came`, `consented`, were
        `grouped`, have `finished` and are not freed, and were `freed`; then one for each of
        `ended_as`, which add up to `places`.
        """
        return self.funnel_by("treatment")

    def funnel_by(self, field: str) -> pandas.DataFrame:
        """Return the funnel by the values of a field of players or their groups."""
        with self._lock_state():
            return funnel_table(self._now(), field)

    @property
    def payments(self) -> pandas.DataFrame:
        """A row per player: what each is paid, by the rule in `payment`.

        Columns: `player` and `label`; `ended_as`; `points` (the payoff), `fee` and `amount`, which
        are Decimals, so that sums are exact, or None; `paid` (bool); and `note`, such as that a
        bot has played. Players who get nothing by the rule, or whose place was freed, have no
        fee and no amount. For players who are paid, `amount` is what they were paid.

        It warns about negative payoffs, players who have finished without a payoff, and players
        who have one and are still in.

        Raises:
            UprootError: there is no payment rule.
        """
        lines = self._payment_lines()
        for text in (unpayable(lines), losses(lines), still_in(lines)):
            if text:
                advise(text)
        return payments_table(lines)

    def _payment_lines(self) -> list[PaymentLine]:
        rule = self._payment_rule()
        with self._lock_state():
            return payment_lines(self._now(), rule)

    def _payment_rule(self) -> Payment:
        rule = self.payment
        if rule is None:
            raise UprootError(
                f"The session '{self._session_name}' has no payment rule.\n"
                'Write payment = Payment(currency="EUR", fee=5, per_point="0.10") in the notebook '
                "and call serve again, or set run.payment."
            )
        return rule

    def payment_file(
        self,
        site: str,
        path: str | os.PathLike[str],
        *,
        players: Any = None,
        again: bool = False,
        repeated: bool = False,
        fee: bool | Collection[str] = True,
        overwrite: bool = False,
        accounts: str | os.PathLike[str] | Iterable[Mapping[str, str]] | None = None,
        payer: Mapping[str, str] | None = None,
        text: str = "",
        on: dt.date | str | None = None,
    ) -> PaymentFile:
        """Write the file with which a site or bank pays the players who are not paid yet.

            bonuses = run.payment_file("prolific", "bonuses.csv")
            bonuses.total                    # upload the file, and look whether the site agrees
            run.mark_paid(bonuses)

        Writing the same file again changes nothing; a file with other content is not overwritten.

        Args:
            site: "prolific", "mturk", "sepa" or "csv"; "prolific approvals" and "mturk approvals"
                list those whose submissions are complete.
            players: only these, by name or as players; by default everybody who should be paid,
                except bots and those whose places were freed.
            again: also those who are marked as paid; with a warning.
            repeated: also places that share their label with another place that was paid, or may
                be: somebody took part several times, and is paid for each; with a warning.
            fee: False leaves out the fee of those who have finished, which the site pays as its
                reward; a set such as {"lobby"} says whose fees are in the file.
            overwrite: replace a file of that name.
            accounts: for "sepa": a CSV file (or its rows) with the columns session, player, name,
                iban and, if you have it, bic.
            payer: for "sepa": your account, as {"name": …, "iban": …, "bic": …}.
            text: what recipients read; by default the session's name.
            on: for "sepa": the day of the transfer, a date or "2026-12-01"; by default today.

        Raises:
            UprootError: somebody cannot be paid this way; the message names them and the remedy.
                Nothing is written.
        """
        return write_payment_file(
            self._payment_lines(), self._session_name, site, path, players=players, again=again,
            repeated=repeated, fee=fee, rule=self._payment_rule(), overwrite=overwrite,
            accounts=accounts, payer=payer, text=text, on=on,
        )  # fmt: skip

    def receipts(
        self,
        path: str | os.PathLike[str],
        *,
        players: Any = None,
        language: str = "",
        title: str = "",
        overwrite: bool = False,
    ) -> Path:
        """Write receipts to print: one page each with a line to sign, and a sheet with the total.

            run.receipts("receipts.html", language="de")

        Open the file in a browser and print it, or save it as PDF there.

        Args:
            players: only these; by default everybody who has an amount, paid or not.
            language: of the receipts, such as "de"; by default that of `serve`, or English.
            title: the heading; by default the session's name.
            overwrite: replace a file of that name.

        Raises:
            UprootError: somebody who should be paid has no amount; or nobody should be paid.
        """
        return write_receipts(
            self._payment_lines(), self._session_name, path, players=players,
            language=language or self._language(), title=title, overwrite=overwrite,
        )  # fmt: skip

    def _language(self) -> str:
        """Return the language of receipts if none is given."""
        return "en"
