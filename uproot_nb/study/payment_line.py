"""PaymentLine: what one player is paid, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from uproot_nb.experiment.exits import STILL_IN
from uproot_nb.log.meant_players import called

__all__ = ["PaymentLine", "few", "left_out", "losses", "row_of", "still_in", "unpayable"]

_COLUMNS = ("player", "label", "ended_as", "points", "fee", "amount")
_MOST_NAMED = 10


@dataclass(frozen=True)
class PaymentLine:
    """What one player is paid.

    `amount` is None for those who get nothing by the rule, and for those who cannot be paid yet;
    then `problem` says why. Of those who are paid it is what they were paid.
    """

    player: str
    label: str | None
    ended_as: str
    points: Decimal | None
    fee: Decimal | None
    amount: Decimal | None
    paid: bool
    currency: str
    query: Mapping[str, str]
    problem: str = ""
    """Why there is no amount although somebody is to be paid."""
    loss: str = ""
    """What a negative payoff does to the amount."""
    freed: bool = False
    """Whether the place was given to another."""
    bot: bool = False
    """Whether a bot has played at this place."""

    @property
    def exception(self) -> str:
        """Why the player is paid only if named, such as "played by a bot"; "" for others."""
        if self.paid:
            return ""
        return "the place was freed" if self.freed else "played by a bot" if self.bot else ""

    @property
    def waits_for_its_end(self) -> bool:
        """Whether the player has a payoff, and gets nothing as long as the end is not reached."""
        in_play = self.ended_as == STILL_IN and self.points is not None
        return in_play and self.amount is None and not self.problem and not self.exception

    @property
    def may_be_paid(self) -> bool:
        """Whether the player was paid, is to be, or may be once the end is reached."""
        if self.paid or self.exception:
            return self.paid
        return self.amount is not None or bool(self.problem) or self.ended_as == STILL_IN

    @property
    def called(self) -> str:
        """How messages call the player: "PC-04 (abc12)", or the name alone."""
        return called(self.player, self.label)

    @property
    def note(self) -> str:
        """What is special about the player; "" for most."""
        unfinished = "is still in, with a payoff" if self.waits_for_its_end else ""
        return "; ".join(filter(None, (self.exception, self.problem, self.loss, unfinished)))


def unpayable(lines: Iterable[PaymentLine]) -> str:
    """Return a sentence about those who are to be paid and cannot be; "" if there are none."""
    named = _named(lines, lambda line: line.problem)
    return (
        f"No amount for {named}.\nGive them a payoff: run.set(player, payoff=0), or another number."
        if named
        else ""
    )


def losses(lines: Iterable[PaymentLine]) -> str:
    """Return a sentence about negative payoffs; "" if there are none."""
    named = _named(lines, lambda line: line.loss)
    return f"Negative payoffs: {named}.\nIf they are wrong, correct them first." if named else ""


def still_in(lines: Iterable[PaymentLine]) -> str:
    """Return a sentence about who has a payoff and has not reached the end; "" if nobody."""
    names = [line.called for line in lines if line.waits_for_its_end]
    return (
        f"Still in, with a payoff, and not paid: {few(names)}.\n"
        "A player who closes the last page without pressing its button never reaches the end. "
        "Move them there with run.move_to_end(player), or pay them with Payment(pay_for=…)."
        if names
        else ""
    )


def left_out(lines: Iterable[PaymentLine]) -> str:
    """Return a sentence about who is paid only if named; "" if nobody."""
    named = _named(lines, lambda line: line.exception)
    return f"Left out: {named}.\nTo pay them even so, name them with players=." if named else ""


def few(names: Sequence[str]) -> str:
    """Return the first names of many, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _named(lines: Iterable[PaymentLine], of: Callable[[PaymentLine], str]) -> str:
    texts = [_with_note(line, of(line)) for line in lines if of(line)]
    more = f", and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return f"{', '.join(texts[:_MOST_NAMED])}{more}"


def _with_note(line: PaymentLine, note: str) -> str:
    """Return "PC-04 (abc12, is paid)", or "abc12 (is paid)" without a label."""
    return f"{line.label} ({line.player}, {note})" if line.label else f"{line.player} ({note})"


def row_of(line: PaymentLine) -> dict[str, str]:
    """Return a line as a row of text for a file; what is missing is empty."""
    values = {name: getattr(line, name) for name in _COLUMNS}
    return {name: "" if value is None else str(value) for name, value in values.items()}
