"""Language codes: which there are, how they are written, and which are broader."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["ENGLISH", "broader", "normal_code"]

ENGLISH = "en"
"""The language of the shipped texts, and of a page for which no other was chosen."""

_CODE = re.compile(
    r"(?P<language>[a-z]{2,3})(?:[-_](?P<script>[a-z]{4}))?(?:[-_](?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<variants>(?:[-_](?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*)",
    re.ASCII | re.IGNORECASE,
)
_TWO_LETTERS = re.compile(
    "a[abefkmnrsvyz]|b[aeghimnors]|c[aehorsuvy]|d[aevz]|e[elnostu]|f[afijory]|g[adlnuv]|h[aeiortuyz]"
    "|i[adegikostuw]|j[aiv]|k[agijklmnorsuvwy]|l[abginotuv]|m[ghiklnrsty]|n[abdeglnorvy]|o[cjmrs]"
    "|p[ailst]|qu|r[mnouw]|s[acdeghiklmnoqrstuvw]|t[aeghiklnorstwy]|u[gkrz]|v[eio]|w[ao]|xh|y[io]"
    "|z[ahu]"
)
"""ISO 639-1; of three letters (ISO 639-3) any will do, since nearly all are taken."""


@lru_cache(maxsize=1024)
def normal_code(code: str) -> str | None:
    """Return a language code as it is usually written ("pt-BR"); None if it is none."""
    found = _CODE.fullmatch(code.strip()) if len(code) <= 64 else None
    if found is None:
        return None
    language = found["language"].lower()
    if len(language) == 2 and not _TWO_LETTERS.fullmatch(language):
        return None
    parts = [language, (found["script"] or "").title(), (found["region"] or "").upper()]
    parts += re.split("[-_]", found["variants"].lower())
    return "-".join(part for part in parts if part)


@lru_cache(maxsize=1024)
def broader(code: str) -> tuple[str, ...]:
    """Return a code and what is broader: "pt-BR" gives "pt-BR", "pt"; no code gives nothing."""
    parts = (normal_code(code) or "").split("-")
    return tuple("-".join(parts[:end]) for end in range(len(parts), 0, -1) if parts[0])
