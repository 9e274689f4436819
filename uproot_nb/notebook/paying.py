"""Paying: log which players of a run were paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import ClosedRun, UprootError
from uproot_nb.experiment.hints import advise
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.study.payment_files import PaymentFile
from uproot_nb.study.payment_line import PaymentLine, losses, unpayable
from uproot_nb.study.study_tables import StudyTables

__all__ = ["Paying"]


class Paying(StudyTables):
    """What a run logs of payments; each is an intervention that is on disk when it returns."""

    _runtime: Runtime

    def mark_paid(self, players: Any, amount: int | str | Decimal | None = None) -> Bunch[Player]:
        """Log that players were paid what `run.payments` says, and return them.

            file = run.payment_file("prolific", "bonuses.csv")
            run.mark_paid(file)

        From now on they are in no payment file, even after a restart. For a file, the amounts in
        it are logged, whatever has changed since; with `fee=False`, together with the fee.

        Args:
            players: a payment file; players as in all interventions; or rows of `run.payments`.
            amount: what each was paid, if it was something else.

        Raises:
            AlreadyPaid: one of them was already marked; the message says when. Then nobody is
                marked.
            UprootError: one of them has no amount; or the file only approves submissions.
        """
        world = self._runtime.world
        with self._open_lock():
            if isinstance(players, PaymentFile):
                self._check_file(players)
            if isinstance(players, PaymentFile) and amount is None:
                amounts = {name: str(one) for name, one in players.amounts.items()}
                currency = players.currency
            else:
                names = self._runtime.delivery.meant(players)
                amounts, currency = self._amounts(names, amount)
            marked = self._runtime.interventions.mark_paid(amounts, currency)
            world.journal.commit()
            return marked

    def mark_unpaid(self, players: Any) -> Bunch[Player]:
        """Log that players who are marked as paid were not paid after all, and return them."""
        with self._open_lock():
            marked = self._runtime.interventions.mark_unpaid(players)
            self._runtime.world.journal.commit()
            return marked

    def _amounts(
        self, names: list[str], amount: int | str | Decimal | None
    ) -> tuple[dict[str, str], str]:
        """Return what each is paid, and the currency."""
        rule = self._payment_rule()
        if amount is not None:
            return dict.fromkeys(names, str(rule.given(amount))), rule.currency
        wanted = set(names)
        lines = [line for line in self._payment_lines() if line.player in wanted]
        problem = unpayable(lines)
        none = [line.called for line in lines if line.amount is None or _is_freed(line)]
        if problem or none:
            raise UprootError(
                problem
                or f"There is no amount for {', '.join(none[:10])}: by the payment rule they get "
                "nothing, or their places were freed.\nIf they were paid, write "
                "run.mark_paid(player, amount=…)."
            )
        if losses(lines):
            advise(losses(lines))
        return {line.player: str(line.amount) for line in lines}, rule.currency

    def _check_file(self, file: PaymentFile) -> None:
        """Check that a payment file is of this session, and pays somebody."""
        if file.session != self._runtime.name:
            raise UprootError(
                f"{file.path} is for the session '{file.session}', not '{self._runtime.name}'.\n"
                "Nobody was marked. Mark its players in the run of that session."
            )
        if file.approves:
            raise UprootError(
                f"{file.path} approves submissions and pays no bonuses, so nobody was marked.\n"
                "Use the payment file with the bonuses, or name players."
            )

    def _note_rule(self, rule: Payment) -> None:
        with self._open_lock():
            self._runtime.code_log.note_payment(rule)
            self._runtime.world.journal.commit()

    def _language(self) -> str:
        return self._runtime.flow.apps.session_language or super()._language()

    def _open_lock(self) -> Any:
        """Return the run's lock; ClosedRun once it is closed."""
        if self._runtime.closed:
            raise ClosedRun(self._runtime.name)
        return self._runtime.world.lock


def _is_freed(line: PaymentLine) -> bool:
    return line.freed and not line.paid
