"""Receipts: a page for each who is paid, a line to sign, and a sheet with the total."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.study.test_payment_files import label, line
from tests.study.test_payments import finished, paying
from uproot_nb import UprootError
from uproot_nb.errors import BadLanguage
from uproot_nb.languages.catalogs import shipped_languages
from uproot_nb.study.receipts import receipts_page


def sections(page: str) -> list[str]:
    found = BeautifulSoup(page, "html.parser").find_all("section")
    return [" ".join(section.get_text(" ").split()) for section in found]


def test_each_has_a_receipt_and_the_sheet_has_the_total(tmp_path: Path) -> None:
    with paying() as session:
        label(session, "PC-01")
        finished(session, 12, 3)
        session.run.mark_paid(session[1].player)
        path = session.run.receipts(tmp_path / "receipts.html", title="Trust game")
    first, second, sheet = sections(path.read_text("utf-8"))
    ann, bob = (participant.player.name for participant in session.participants[:2])
    assert first.startswith(f"Receipt Study Trust game Participant PC-01 ( {ann} ) Amount €6.20")
    assert first.endswith("Name Date Signature")
    assert f"Participant {bob} Amount €5.30" in second
    assert "Total €11.50" in sheet
    assert all(one in sheet for one in ("€6.20", "€5.30", "PC-01", bob))


def test_what_participants_have_written_stays_text() -> None:
    hostile = '</bdi><script>alert("x")</script>'
    page = receipts_page([line(label=hostile)], "<b>Study</b>", "en")
    assert "<script" not in page
    assert "<b>Study" not in page
    assert BeautifulSoup(page, "html.parser").find("bdi").text == hostile  # type: ignore[union-attr]


@pytest.mark.parametrize("code", shipped_languages())
def test_receipts_are_in_the_language_and_its_direction(code: str) -> None:
    page = receipts_page([line(amount=Decimal("1234.50"))], "S", code)
    assert f'<html lang="{code}" dir="{"rtl" if code in ("ar", "he") else "ltr"}">' in page
    assert "Signature" not in page or code in ("en", "fr")
    assert re.search(r"1\D?234\D50|١\D?٢٣٤\D٥٠", page)


def test_receipts_follow_the_language_of_the_session(tmp_path: Path) -> None:
    with paying(language="de") as session:
        finished(session, 12)
        text = session.run.receipts(tmp_path / "a.html").read_text("utf-8")
        english = session.run.receipts(tmp_path / "b.html", language="en").read_text("utf-8")
    assert "Quittung" in text
    assert "6,20\xa0€" in text
    assert "Receipt" in english


def test_a_language_without_texts_has_english_ones_and_what_is_none_is_refused() -> None:
    assert "Receipt" in receipts_page([line()], "S", "fi")
    with pytest.raises(BadLanguage):
        receipts_page([line()], "S", "no such language")


def test_receipts_need_amounts_and_overwrite_nothing(tmp_path: Path) -> None:
    with paying() as session:
        with pytest.raises(UprootError, match="no receipts to write"):
            session.run.receipts(tmp_path / "a.html")
        session[0].submit()
        with pytest.raises(UprootError, match="No amount for"):
            session.run.receipts(tmp_path / "a.html")
        session.run.set(session[0].player, payoff=-1)
        with pytest.warns(UserWarning, match="Negative payoffs"):
            session.run.receipts(tmp_path / "a.html")
        session.run.set(session[0].player, payoff=1)
        with pytest.raises(UprootError, match="other content"):
            session.run.receipts(tmp_path / "a.html")
