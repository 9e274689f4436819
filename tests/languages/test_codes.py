"""Language codes, their scripts, and which way these run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from babel import Locale, localedata
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.languages.codes import broader, direction, normal_code, script

RIGHT_TO_LEFT = "right-to-left"


@pytest.mark.parametrize("code", ["ar", "he", "fa-IR", "prs", "arz", "dv", "az-Arab", "ff-Adlm"])
def test_some_languages_are_written_from_right_to_left(code: str) -> None:
    assert direction(code) == "rtl"


@pytest.mark.parametrize(
    "code", ["en", "de-AT", "ja", "ar-Latn", "zh-Hant-TW", "nothing", "", "ru-Zzzz"]
)
def test_the_others_are_written_from_left_to_right(code: str) -> None:
    assert direction(code) == "ltr"


@pytest.mark.long
def test_directions_are_those_of_the_cldr() -> None:
    codes = [name.replace("_", "-") for name in localedata.locale_identifiers()]
    wrong = {
        code
        for code in codes
        if (direction(code) == "rtl") != (Locale.parse(code, "-").character_order == RIGHT_TO_LEFT)
    }
    assert not wrong


@pytest.mark.parametrize(
    ("code", "codes"),
    [
        ("pt_br", ("pt-BR", "pt-Latn", "pt")),
        ("en-GB", ("en-GB", "en")),
        ("zh", ("zh", "zh-Hans")),
        ("zh-CN", ("zh-CN", "zh-Hans", "zh")),
        ("zh-TW", ("zh-TW", "zh-Hant", "zh")),
        ("zh-Hant-HK", ("zh-Hant-HK", "zh-Hant", "zh")),
        ("iw", ("iw", "iw-Hebr", "he", "he-Hebr")),
        ("qqq", ("qqq",)),
        ("no language", ()),
    ],
)
def test_broader_codes_come_after_a_code(code: str, codes: tuple[str, ...]) -> None:
    assert broader(code) == codes


@pytest.mark.parametrize(
    "code", ["de.UTF-8", "de@euro", "german", "ｄｅ", "de-AT-", "de-x-y", "-de"]
)
def test_what_is_not_a_code_has_no_spelling(code: str) -> None:
    assert normal_code(code) is None


def test_a_language_has_its_regions_script() -> None:
    assert [script(code) for code in ("sr", "sr-ME", "uz-AF", "prs", "pnb", "en", "qqq")] == [
        "Cyrl", "Latn", "Arab", "Arab", "Arab", "Latn", ""
    ]  # fmt: skip


@given(st.text(max_size=40))
def test_any_text_has_codes_and_a_direction(text: str) -> None:
    codes = broader(text)
    assert all(normal_code(code) == code for code in codes)
    assert direction(text) in {"ltr", "rtl"}


def test_an_experiment_in_english_loads_no_babel() -> None:
    """It takes 20 ms or more."""
    code = (
        "import sys, uproot_nb\n"
        "from uproot_nb.languages.catalogs import Catalogues\n"
        "from uproot_nb.languages.choice import choose\n"
        "from uproot_nb.languages.codes import direction\n"
        "language = choose(None, 'de-AT,fr', Catalogues().languages)\n"
        "print(language, direction(language), Catalogues().translate('Next', language))\n"
        "print('babel' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["en", "ltr", "Next", "False"]
