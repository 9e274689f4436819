"""The consent app, walked by its own bots."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import walk

pytestmark = pytest.mark.slow


def test_everybody_walks_from_consent_to_thanks(browser: Browser) -> None:
    state = walk(browser, "consent", players=3)
    assert state["agrees"].tolist() == [True] * 3
    assert state["age"].between(18, 80).all()
    assert state["questions_seen"].tolist() == [1] * 3
