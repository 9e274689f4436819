"""Testing: experiments under pytest, with robot participants and a clock of the test's.

from uproot_nb.testing import served


def test_the_pot_is_shared():
    with served("public_goods", players=2) as session:
        ann, bob = session
        ann.submit(contribution=5)
        bob.submit(contribution=3)
        ann.assert_reads("The pot has 8 points.")
"""

from __future__ import annotations

from uproot_nb.bots.notes import Note
from uproot_nb.bots.questions import Attachment, Question
from uproot_nb.bots.refusals import CallRefused, FormRefused
from uproot_nb.testing.participant import Participant
from uproot_nb.testing.served import ExperimentFailed, Failure, Served, served

__all__ = [
    "Attachment", "CallRefused", "ExperimentFailed", "Failure", "FormRefused", "Note",
    "Participant", "Question", "Served", "served",
]  # fmt: skip
