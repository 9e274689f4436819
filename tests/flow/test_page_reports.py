"""What pages report: each kind goes to who listens for it, and nothing else does anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.page_reporting import report, report_text
from uproot_nb import Page
from uproot_nb.flow.page_reports import Reported
from uproot_nb.testing import Served, served


class Read(Page):
    """Read."""


def listening(session: Served) -> list[Reported]:
    heard: list[Reported] = []
    session.run._runtime.flow.page_reports.listen("mood", heard.append)
    return heard


def test_a_report_reaches_its_listener_with_the_page_and_the_tab_it_came_from() -> None:
    with served([Read], players=1) as session:
        (ann,) = session
        heard = listening(session)
        report(session, ann, "mood", {"calm": [1, None]})
        assert heard == [Reported(ann.player, 0, 7, {"calm": [1, None]})]


def test_two_listeners_for_one_kind_are_refused() -> None:
    with served([Read], players=1) as session:
        listening(session)
        with pytest.raises(ValueError, match="mood"):
            listening(session)


def test_a_report_nobody_listens_for_is_counted_as_misuse() -> None:
    with served([Read], players=1) as session:
        (ann,) = session
        report(session, ann, "weather", 1)
        session.run._runtime.reports.settle(everything=True)
        assert session.run.errors["message"].tolist() == ["unknown report"]


def test_a_listener_refuses_data_by_a_value_error_and_others_go_on() -> None:
    def strict(reported: Reported) -> None:
        raise ValueError("no")

    with served([Read], players=1) as session:
        (ann,) = session
        session.run._runtime.flow.page_reports.listen("mood", strict)
        report(session, ann, "mood", 1)
        assert session.run.errors["message"].tolist() == ["report 'mood' that cannot be read"]
        assert ann.reload() == "Read"


@given(st.binary(max_size=60))
def test_no_bytes_do_harm(text: bytes) -> None:
    with served([Read], players=1) as session:
        (ann,) = session
        heard = listening(session)
        report_text(session, ann, "mood", text)
        assert len(heard) + len(session.run.errors) == 1
