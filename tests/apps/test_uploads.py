"""The uploads app: pictures that fit go through, others come back with a reason."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.apps.driving import walking
from tests.apps.mistakes import mistakes
from uproot_nb import Run

pytestmark = pytest.mark.slow

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def test_everybody_sends_a_picture_and_a_receipt(browser: Browser) -> None:
    with walking(browser, "uploads", players=2) as walk:
        walk.until_all_ended()
        assert walk.complaints == []
        assert mistakes(walk.run) == []
        assert walk.unseen == set()
        state = walk.run.state
        assert state["picture_name"].tolist() == ["me & my hat.png"] * 2
        assert state["picture_type"].tolist() == ["image/png"] * 2
        assert state["caption"].tolist() == ["A hat <on> me"] * 2
        assert state["words"].tolist() == [3, 3]
        for player in walk.run.players:
            assert player.picture.startswith(b"\x89PNG")
            assert player.picture_size == len(player.picture)
            assert player.picture_hash == sha256(player.picture).hexdigest()
        assert_accounts_were_not_kept(walk.run)


def test_a_picture_that_does_not_fit_comes_back_with_a_reason(browser: Browser) -> None:
    with walking(browser, "uploads", players=1, simulate=False) as walk:
        [tab], [player] = walk.pages, walk.run.players
        tab.get_by_label("What does the picture show?").fill("Me")
        refuse(tab, "big.png", "image/png", bytes(4_001), "This picture has 4001 bytes")
        refuse(tab, "note.txt", "text/plain", b"Hello", "Please take a PNG or a JPEG picture.")
        refuse(tab, "empty.png", "image/png", b"", "Please choose a picture.")
        assert tab.get_by_label("What does the picture show?").input_value() == "Me"
        assert "picture" not in player.fields()
        send(tab, "me.png", "image/png", PNG)
        tab.get_by_label("IBAN").wait_for()
        assert player.picture == PNG
        assert mistakes(walk.run) == []


def test_a_receipt_may_be_left_out(browser: Browser) -> None:
    with walking(browser, "uploads", players=1, simulate=False) as walk:
        [tab], [player] = walk.pages, walk.run.players
        assert tab.get_by_label("Your picture").get_attribute("accept") == "image/png,image/jpeg"
        tab.get_by_label("What does the picture show?").fill("Me")
        send(tab, "me.png", "image/png", PNG)
        tab.get_by_label("Whose account is it?").fill("Bob")
        tab.get_by_label("IBAN").fill("GB33BUKB20201555555555")
        tab.get_by_role("button", name="Next").click()
        tab.get_by_text("Your receipt has 0 words.").wait_for()
        assert (player.owner, player.country, player.words) == ("Bob", "GB", 0)


def assert_accounts_were_not_kept(run: Run) -> None:
    """Look for an account among the players' fields and in everything that the log holds."""
    for player in run.players:
        assert (player.owner, player.country) == ("Ann", "DE")
        assert not {"account", "receipt", "portrait"} & set(player.fields())
    kept = run.events.drop(columns=["seq", "time", "timestamp"]).to_csv(index=False)
    assert "Ann" in kept
    assert "3704" not in kept


def send(tab: Page, name: str, kind: str, contents: bytes) -> None:
    """Choose a picture and press Next."""
    picture: Any = {"name": name, "mimeType": kind, "buffer": contents}
    tab.get_by_label("Your picture").set_input_files(picture)
    tab.get_by_role("button", name="Next").click()


def refuse(tab: Page, name: str, kind: str, contents: bytes, reason: str) -> None:
    """Send a picture that is refused, and wait for the reason."""
    send(tab, name, kind, contents)
    tab.get_by_role("alert").get_by_text(reason).wait_for()
