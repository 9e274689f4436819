"""Site files: files for Prolific, Mechanical Turk and spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from uproot_nb.errors import UprootError
from uproot_nb.experiment.csv_rows import line_of
from uproot_nb.experiment.hints import advise
from uproot_nb.study.payment_line import PaymentLine, few, row_of

__all__ = [
    "as_csv", "check_labels", "mturk_approvals", "mturk_bonuses", "prolific_approvals",
    "prolific_bonuses",
]  # fmt: skip

_PROLIFIC = re.compile(r"[0-9a-f]{24}", re.ASCII)
_MTURK = re.compile(r"A[A-Z0-9]{6,30}", re.ASCII)
_ASSIGNMENT = re.compile(r"[A-Z0-9]{20,64}", re.ASCII)
_FORMULA = "=+-@\t\r"


def as_csv(lines: Sequence[PaymentLine]) -> bytes:
    """Return a row per player: player, label, ended_as, points, fee, amount, currency.

    A label that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    rows = [{**row_of(line), "currency": line.currency} for line in lines]
    for row in rows:
        row["label"] = _without_formula(row["label"])
    return _csv(list(rows[0]), rows)


def prolific_bonuses(lines: Sequence[PaymentLine]) -> bytes:
    """Return the text for Prolific's "Bulk bonus payment": a line `participant ID,amount` each.

    By docs.prolific.com ("Set up bonuses"): no header, amounts as 4.25 in the study's currency.
    Somebody with several places has one line, with the sum.
    """
    labels = _labels(lines, _PROLIFIC, "a Prolific ID (24 digits and letters from a to f)")
    sums: dict[str, Decimal] = {}
    for line in lines:
        label, amount = labels[line.player], line.amount or Decimal(0)
        sums[label] = sums[label] + amount if label in sums else amount
    return "".join(f"{label},{amount}\n" for label, amount in sums.items()).encode()


def prolific_approvals(lines: Sequence[PaymentLine]) -> bytes:
    """Return the participant IDs to approve, one a line and each once, for bulk approval."""
    labels = _labels(lines, _PROLIFIC, "a Prolific ID (24 digits and letters from a to f)")
    return "".join(f"{label}\n" for label in dict.fromkeys(labels.values())).encode()


def mturk_bonuses(lines: Sequence[PaymentLine], reason: str) -> bytes:
    """Return a table with the parameters of Mechanical Turk's SendBonus, a row each.

    WorkerId, AssignmentId, BonusAmount (US dollars) and Reason, as in the API reference. The
    requester's site takes no such file; a script, `aws mturk send-bonus`, or tools for it do.
    """
    foreign = sorted({line.currency for line in lines} - {"USD"})
    if foreign:
        raise UprootError(
            f"Mechanical Turk pays in USD, and the amounts are in {', '.join(foreign)}.\n"
            'Write Payment(currency="USD", …).'
        )
    names = ["WorkerId", "AssignmentId", "BonusAmount", "Reason"]
    rows = [
        dict(zip(names, (worker, assignment, str(line.amount), reason), strict=True))
        for line, worker, assignment in _assignments(lines)
    ]
    return _csv(names, rows)


def mturk_approvals(lines: Sequence[PaymentLine]) -> bytes:
    """Return a table for the requester's site: HITId, AssignmentId, WorkerId, Approve, Reject.

    By the Requester UI Guide ("Reviewing Assignments Offline"), an x stands in Approve.
    """
    names = ["HITId", "AssignmentId", "WorkerId", "Approve", "Reject"]
    rows = [
        dict(zip(names, (_hit(line), assignment, worker, "x", ""), strict=True))
        for line, worker, assignment in _assignments(lines)
    ]
    return _csv(names, rows)


def _assignments(lines: Sequence[PaymentLine]) -> list[tuple[PaymentLine, str, str]]:
    """Return each line with its worker and assignment; the latter came with the link."""
    labels = _labels(lines, _MTURK, "a worker's ID")
    found = [(line, labels[line.player], line.query.get("assignmentId", "")) for line in lines]
    wrong = [line.player for line, _, one in found if not _ASSIGNMENT.fullmatch(one)]
    if wrong:
        raise UprootError(
            f"There is no assignment of Mechanical Turk for {few(wrong)}.\n"
            "It comes as assignmentId with the link of the HIT. Name only the others with players="
            "; these you can pay on the site."
        )
    return found


def _hit(line: PaymentLine) -> str:
    hit = line.query.get("hitId", "")
    return hit if _ASSIGNMENT.fullmatch(hit) else ""


def _labels(lines: Sequence[PaymentLine], pattern: re.Pattern[str], what: str) -> Mapping[str, str]:
    """Return the players' labels, each of which has to be a person's ID.

    Raises:
        UprootError: a label is none.
    """
    labels = {line.player: (line.label or "").strip() for line in lines}
    wrong = [player for player, label in labels.items() if not pattern.fullmatch(label)]
    if wrong:
        raise UprootError(
            f"The label is not {what}: {few(wrong)}.\n"
            "Leave them out with players=, and pay them in another way."
        )
    return labels


def check_labels(
    lines: Sequence[PaymentLine], everybody: Iterable[PaymentLine], repeated: bool = False
) -> None:
    """Check that nobody else of the session has a label of these lines, and may be paid by it.

    Args:
        repeated: whether one person may be paid for several places; then there is a warning.

    Raises:
        UprootError: somebody has; names both, whether or not they are paid already.
    """
    holders: dict[str, dict[str, None]] = {}
    for line in (*(one for one in everybody if one.may_be_paid), *lines):
        holders.setdefault((line.label or "").strip(), {})[line.player] = None
    wanted = dict.fromkeys((line.label or "").strip() for line in lines)
    twice = [" and ".join(holders[label]) for label in wanted if label and len(holders[label]) > 1]
    if twice and repeated:
        advise(
            f"The same person is paid for several places: {few(twice)}.\n"
            "If one of these places does not count, free it: run.free(player)."
        )
    elif twice:
        raise UprootError(
            f"Several players have the same label, and one person would be paid twice: "
            f"{few(twice)}.\nIf only one place counts, free the other: run.free(player). If the "
            "person is to be paid for each, pass repeated=True. If that was done in another way, "
            "write run.mark_paid(player)."
        )


def _without_formula(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA and text else text


def _csv(names: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    lines = [line_of(names), *(line_of([row[name] for name in names]) for row in rows)]
    return b"".join(lines)
