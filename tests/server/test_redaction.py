"""What logs never show."""

from __future__ import annotations

import logging

import pytest

from uproot_nb.server.redaction import hide_secrets, redact, stop_hiding


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /p/abc123/ws?page=1", "GET /p/…/ws?page=…"),
        ("http://h:1/x/join/market/s3cret/", "http://h:1/x/join/…/"),
        ("'/p/abc'", "'/p/…'"),
        ("GET /files/abcdefghij0123456789/a.png", "GET /files/…/a.png"),
        ("/room/lab/?label=p01&x=1", "/room/lab/?label=…&x=…"),
        ("GET /room/lab?PROLIFIC_PID=5f1e&a\\b", "GET /room/lab?PROLIFIC_PID=…&…"),
        ("'/x/room/lab/?workerId=A1#top'", "'/x/room/lab/?workerId=…#top'"),
        ("/join/market/s3cret/?RID=r1&survey_code=4711", "/join/…/?RID=…&survey_code=…"),
        ("/p/abc/?own=%C3%A4&&=7", "/p/…/?own=…&…&=…"),
        ("/other?page=1 label=p01", "/other?page=1 label=…"),
        ("nothing here", "nothing here"),
    ],
)
def test_links_lose_their_secrets(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_hiding_ends_when_everyone_who_asked_for_it_has_stopped() -> None:
    logger = logging.getLogger("tornado.general")
    before = list(logger.filters)
    hide_secrets()
    hide_secrets()
    stop_hiding()
    record = logging.LogRecord("x", 10, "f", 1, "see /p/%s/", ("abc",), None)
    assert logger.filter(record)
    assert record.getMessage() == "see /p/…/"
    stop_hiding()
    assert logger.filters == before
