"""Which language a participant reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import BadLanguage
from uproot_nb.languages.choice import accepted_languages, choose


@pytest.mark.parametrize(
    ("requested", "accepted", "available", "chosen"),
    [
        ("de", "fr", ["fr"], "de"),
        ("pt_br", "", [], "pt-BR"),
        ("", "fr-CA,fr;q=0.8,en;q=0.5", ["de", "en", "fr"], "fr"),
        (None, "de;q=0.4, es;q=0.9, en;q=0.1", ["de", "en", "es"], "es"),
        (None, "de-AT", ["de", "de-AT"], "de-AT"),
        (None, "de-AT-1996", ["de-CH", "de-AT"], "de-AT"),
        (None, "pt", ["en", "pt-BR"], "pt-BR"),
        (None, "de;q=0, ja", ["de", "en"], "en"),
        (None, "de;Q=0.1, fr", ["de", "fr"], "fr"),
        (None, "de;q=1.0, fr;q=1.9", ["de", "fr"], "de"),
        (None, "de;level=1;q=0.1, fr;seq=0.05", ["de", "fr"], "fr"),
        (None, "en-US,de;q=0.9", ["de", "en"], "en"),
        (None, "*", ["de"], "en"),
        (None, "", ["de"], "en"),
        (None, "de", [], "en"),
        (None, ",;,q=1;;de;q=x, ;q=0.5", ["fr"], "en"),
    ],
)
def test_the_authors_wish_goes_before_the_browsers_and_that_before_english(
    requested: str | None, accepted: str, available: list[str], chosen: str
) -> None:
    assert choose(requested, accepted, available) == chosen


@given(st.text(max_size=300))
def test_any_header_chooses_a_language_that_there_is(accepted: str) -> None:
    assert choose("", accepted, ["de", "pt-BR"]) in {"de", "pt-BR", "en"}


@pytest.mark.parametrize("wish", ["German", "xx", '"><script>', "de-", "-", "d" * 99, 7, b"de"])
def test_a_wish_that_is_no_language_code_is_refused(wish: Any) -> None:
    with pytest.raises(BadLanguage, match="is not a language code"):
        choose(wish, "", ["de"])


@pytest.mark.parametrize(
    ("accepted", "available", "chosen"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", ["en", "zh-Hans"], "zh-Hans"),
        ("zh-SG", ["zh-Hant", "zh-Hans"], "zh-Hans"),
        ("zh", ["zh-Hans"], "zh-Hans"),
        ("zh-TW", ["zh-Hans", "zh-Hant"], "zh-Hant"),
        ("zh-HK", ["zh-Hans", "zh-TW"], "zh-TW"),
        ("zh-Hans", ["zh"], "zh"),
        ("iw", ["he"], "he"),
        ("pt-PT", ["en", "pt"], "pt"),
    ],
)
def test_a_script_matters_where_a_language_has_two(
    accepted: str, available: list[str], chosen: str
) -> None:
    assert choose(None, accepted, available) == chosen


def test_languages_are_listed_by_preference_and_a_long_header_is_cut() -> None:
    assert accepted_languages("a;q=0.1, b, c;q=0, d;q=0.5") == ["b", "d", "a"]
    assert len(accepted_languages("de," * 10_000)) < 100
