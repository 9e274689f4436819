"""Language codes: how they are written, which are broader, and which way their script runs.

What a language's script is, and which codes have replaced others, comes from the Unicode CLDR as
Babel has it. It is loaded on first use: an experiment in English never needs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["ENGLISH", "broader", "direction", "normal_code", "script"]

ENGLISH = "en"
"""The language of the shipped texts, and of a page for which no other was chosen."""

_CODE = re.compile(
    r"(?P<language>[a-z]{2,3})(?:[-_](?P<script>[a-z]{4}))?(?:[-_](?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<variants>(?:[-_](?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*)",
    re.ASCII | re.IGNORECASE,
)
_RIGHT_TO_LEFT = frozenset(
    ["Adlm", "Arab", "Aran", "Armi", "Gara", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc",
     "Thaa", "Yezi"]
)  # fmt: skip


@lru_cache(maxsize=1024)
def normal_code(code: str) -> str | None:
    """Return a language code in its usual spelling ("pt-BR"), or None if it is not a code."""
    found = _CODE.fullmatch(code.strip()) if len(code) <= 64 else None
    if found is None:
        return None
    language = found["language"].lower()
    if not _is_language(language):
        return None
    parts = [language, (found["script"] or "").title(), (found["region"] or "").upper()]
    parts += re.split("[-_]", found["variants"].lower())
    return "-".join(part for part in parts if part)


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
