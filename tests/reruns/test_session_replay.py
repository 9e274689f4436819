"""SessionReplay: forms that came when the time was up have the same consequences again."""
# ruff: noqa: ANN001  (authors' code is written as authors write it)

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from uproot_nb import IntegerField, Page, move_to_page, rerun
from uproot_nb.session.visits import AGE
from uproot_nb.testing import Served, served


class Ask(Page):
    """A question with a deadline."""

    timeout = 30
    fields = {"answer": IntegerField(label="Answer")}  # noqa: RUF012


class Moved(Ask):
    """As that, and its hook moves the player."""

    def timeout_reached(page, player) -> None:
        move_to_page(player, Short)


class Failing(Ask):
    """As that, and its hook fails the first time."""

    def timeout_reached(page, player) -> None:
        tries.append(player.name)
        if len(tries) == 1:
            raise RuntimeError("no")


class Short(Page):
    """A page whose time begins when it is loaded."""

    timeout = 30
    timeout_exit = "timeout"


tries: list[str] = []


def offline(session: Served, seconds: float, **more: Any) -> bytes:
    """Let a participant be offline until so long after the deadline; return the form."""
    one = session[0]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', one.html))
    one.leave()
    session.advance(30.0 + seconds)
    return urlencode({**hidden, "answer": "8", **more}).encode()


def send(session: Served, form: bytes) -> None:
    """Send a form, and do not load the page to which the answer leads."""
    posted = form, "application/x-www-form-urlencoded"
    session.do("send", session.server.ask(session.run.link(session[0].player), posted), 60.0)


def check_again(session: Served, order: list[Any]) -> None:
    """Load the next page much later, and check that a rerun makes no difference."""
    session.advance(50.0)
    session[0].arrive()
    session.advance(10.0)
    assert (session[0].page, session[0].player.ended_as) == ("Short", "still in")
    tries.clear()
    again = rerun(session.run, order)
    assert again.same, f"{again!r}\n{again.differences}"


@pytest.mark.long
def test_after_a_form_that_came_too_late_the_next_page_begins_when_it_is_loaded() -> None:
    with served([Ask, Short], players=1) as session:
        send(session, offline(session, 3.0))
        assert session[0].player.get("answer") is None
        check_again(session, [Ask, Short])


@pytest.mark.long
def test_also_if_a_hook_has_moved_the_player_before_the_form_was_stored() -> None:
    with served([Moved, Short], players=1) as session:
        send(session, offline(session, 3.0, **{AGE: "4000"}))
        assert (session[0].player.get("answer"), session[0].player.page) == (None, "Short")
        again = rerun(session.run, [Moved, Short])
        assert again.same, f"{again!r}\n{again.differences}"


@pytest.mark.long
def test_also_if_the_form_is_sent_again_as_a_hook_has_failed() -> None:
    tries.clear()
    with served([Failing, Short], players=1) as session:
        form = offline(session, 3.0)
        with pytest.raises(AssertionError):
            send(session, form)
        send(session, form)
        check_again(session, [Failing, Short])
