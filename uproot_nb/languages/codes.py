"""Language codes: how they are written, which are broader, and which way their script runs.

Babel parses codes, and has the Unicode CLDR: which script a language has, and which codes have
replaced others. It is loaded on first use: an experiment in English never needs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["ENGLISH", "broader", "direction", "normal_code", "script"]

ENGLISH = "en"
"""The language of the shipped texts, and of a page for which no other was chosen."""

_CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*", re.ASCII | re.IGNORECASE)
_RIGHT_TO_LEFT = frozenset(
    ["Adlm", "Arab", "Aran", "Armi", "Gara", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc",
     "Thaa", "Yezi"]
)  # fmt: skip
"""Scripts, because Babel's `text_direction` ignores them ("ar-Latn" is "rtl"), and raises for
languages that it has no formats of, such as Dari and Egyptian Arabic.
"""


@lru_cache(maxsize=1024)
def normal_code(code: str) -> str | None:
    """Return a language code in its usual spelling ("pt-BR"), or None if it is not a code."""
    given = code.strip().replace("_", "-")
    if given.lower() == ENGLISH:
        return ENGLISH
    # Babel also takes names of encodings ("de.UTF-8") and languages of any length.
    if len(given) > 64 or not _CODE.fullmatch(given):
        return None
    from babel.core import get_locale_identifier, parse_locale  # lazy: see above

    try:
        language, region, script, variant = parse_locale(given, "-")[:4]
    except ValueError:
        return None
    if not _is_language(language):
        return None
    return get_locale_identifier((language, region, script, variant and variant.lower()), "-")


@lru_cache(maxsize=1024)
def broader(code: str) -> tuple[str, ...]:
    """Return a code and the broader ones, in the order in which to look for texts.

        broader("pt-BR")    # ("pt-BR", "pt")
        broader("zh-CN")    # ("zh-CN", "zh-Hans", "zh")
        broader("iw")       # ("iw", "he"): its successor comes last

    Without a code there are none.
    """
    normal = normal_code(code)
    if normal is None:
        return ()
    parts = normal.split("-")
    found = ["-".join(parts[:end]) for end in range(len(parts), 0, -1)]
    if parts[0] == ENGLISH:
        return tuple(found)
    written = f"{parts[0]}-{script(normal)}"
    if written not in found and not written.endswith("-"):
        found.insert(max(1, len(found) - 1), written)
    successor = normal_code(_successors().get(parts[0], ""))
    return (*found, *(broader(successor) if successor else ()))


@lru_cache(maxsize=1024)
def script(code: str) -> str:
    """Return the script of a language, such as "Arab" for "fa"; "" if it is not known."""
    language, *rest = (normal_code(code) or "").split("-")
    given = next((part for part in rest[:1] if len(part) == 4 and part.isalpha()), "")
    if given or not language:
        return given
    if language == ENGLISH:
        return "Latn"
    likely = _likely_codes()
    region = next((part for part in rest if len(part) in (2, 3)), "")
    found = likely.get(f"{language}_{region}") or likely.get(language)
    if found:
        return next(part for part in found.split("_") if len(part) == 4)
    successor = _successors().get(language)
    return script(successor) if successor else ""


def direction(code: str) -> str:
    """Return "rtl" for a language that is written from right to left, else "ltr"."""
    return "rtl" if script(code) in _RIGHT_TO_LEFT else "ltr"


def _is_language(language: str) -> bool:
    # Any three letters will do: ISO 639-3 has taken nearly all of them.
    known = len(language) == 3 or language == ENGLISH
    return known or language in _likely_codes() or language in _successors()


def _likely_codes() -> Mapping[str, str]:
    """Return the fullest code of each language or place: "zh_Hant_TW" for "zh_TW"."""
    return _cldr("likely_subtags")


def _successors() -> Mapping[str, str]:
    """Return the code that has replaced another: "he" for "iw"."""
    return _cldr("language_aliases")


def _cldr(table: str) -> Mapping[str, str]:
    from babel.core import get_global  # lazy: see above

    found: Mapping[str, str] = get_global(table)  # type: ignore[arg-type]
    return found
