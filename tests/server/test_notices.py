"""The server's own pages."""

from __future__ import annotations

import re

import pytest

from uproot_nb.server.notices import LANGUAGES, choose_language, notice

KINDS = ("join", "paused", "later", "ended", "missing", "refused", "large")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_notice_stands_alone_and_fits_a_phone(kind: str, language: str) -> None:
    page = notice(kind, language).decode()
    assert f'<html lang="{language}">' in page
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
        assert (b"<script>" in page) == (kind == "paused")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("de", "de"),
        ("fr-CA, en;q=0.8", "fr"),
        ("en;q=0.2, es;q=0.9", "es"),
        ("it, de;q=0.1", "de"),
        ("", "en"),
        ("*", "en"),
        (";;;,q=,de;q=x", "de"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_best_liked_language_is_chosen(accepted: str, chosen: str) -> None:
    assert choose_language(accepted) == chosen
