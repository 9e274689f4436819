"""Recruiters: what they are in the log, and the ways out that their codes make."""

from __future__ import annotations

import pytest

from uproot_nb import Cint, Prolific
from uproot_nb.errors import UprootError
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.recruiters import RECRUITERS, find_recruiter


@pytest.mark.parametrize("key", RECRUITERS)
def test_a_recruiter_is_the_same_after_it_was_logged(key: str) -> None:
    recruiter = RECRUITERS[key](done="C1", screened="C2")
    way = WayIn.of(None, recruiter, "ask")
    assert find_recruiter(recruiter.dump()) == recruiter
    assert WayIn.load(way.dump()) == way
    assert set(recruiter.exits) == {"done", "screened"}


def test_codes_of_prolific_make_addresses() -> None:
    address = "https://app.prolific.com/submissions/complete?cc=C1"
    assert Prolific(done="C1").exits == {"done": address}


@pytest.mark.parametrize("kind", [Prolific, Cint])
def test_a_code_that_is_no_text_is_named(kind: type) -> None:
    with pytest.raises(UprootError, match=rf"{kind.__name__}\(done=5\).*\n.*quotes"):
        kind(done=5)
