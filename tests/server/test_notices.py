"""The server's own pages."""

from __future__ import annotations

import re

import pytest

from uproot_nb.languages.catalogs import shipped_languages
from uproot_nb.languages.codes import direction
from uproot_nb.server.notices import NOTICE_TEXTS, choose_language, notice

KINDS = tuple(NOTICE_TEXTS)


@pytest.mark.parametrize("language", shipped_languages())
@pytest.mark.parametrize("kind", KINDS)
def test_a_notice_stands_alone_and_fits_a_phone(kind: str, language: str) -> None:
    page = notice(kind, language).decode()
    assert f'<html lang="{language}" dir="{direction(language)}">' in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    assert "$" not in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "").replace('https:" ? ', "")
    assert set(re.findall(r"href=\"(.*?)\"", page)) == {"data:,"}


def test_only_join_and_later_offer_a_button_that_works_without_scripts() -> None:
    for kind in KINDS:
        page = notice(kind, "en")
        assert (b'<form method="post"' in page) == (kind in ("join", "later"))
        assert (b"<script>" in page) == (kind in ("paused", "busy"))


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("de", "de"),
        ("fr-CA, en;q=0.8", "fr"),
        ("en;q=0.2, es;q=0.9", "es"),
        ("sv, de;q=0.1", "de"),
        ("de;q=0, it;q=0.1", "it"),
        ("zh-CN, en;q=0.5", "zh-Hans"),
        ("he-IL", "he"),
        ("iw", "he"),
        ("", "en"),
        ("*", "en"),
        (";;;,q=,de;q=x", "de"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_best_liked_language_is_chosen(accepted: str, chosen: str) -> None:
    assert choose_language(accepted) == chosen


def test_a_notice_is_in_the_language_of_its_page() -> None:
    assert "<h1>このセッションは終了しました</h1>" in notice("ended", "ja").decode()
    assert '<button type="submit">השתתפות</button>' in notice("join", "he").decode()
