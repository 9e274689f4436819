"""Which language a participant reads: the author's wish, else the browser's.

Accept-Language is parsed here, because Babel does not read headers, Tornado does so only for its
own translations, and no other dependency of the package does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from uproot_nb.errors import BadLanguage
from uproot_nb.languages.codes import ENGLISH, broader, normal_code, script

__all__ = ["accepted_languages", "choose"]

MOST_ACCEPTED = 20
"""How many languages of a header are considered: no browser sends as many."""

_WEIGHT = re.compile(r"(?:^|;)q=([01](?:\.\d{0,3})?)", re.ASCII | re.IGNORECASE)


def choose(requested: str | None, accept_language: str, available: Iterable[str]) -> str:
    """Choose a page's language: the author's wish, else what the browser prefers, else English.

    Args:
        accept_language: the browser's header of that name.
        available: the languages that there are texts in.

    Raises:
        BadLanguage: what the author asked for is not a language code.
    """
    if requested is not None and requested != "":
        code = normal_code(requested) if isinstance(requested, str) else None
        if code is None:
            raise BadLanguage(requested)
        return code
    there = {normal_code(code): code for code in sorted(available)}
    if there.keys() <= {ENGLISH}:
        return ENGLISH
    matches = (_match(accepted, there) for accepted in accepted_languages(accept_language))
    return next((match for match in matches if match), ENGLISH)


def accepted_languages(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the preferred one first."""
    weighed = []
    for part in header[:500].split(",")[:MOST_ACCEPTED]:
        code, _, parameters = part.partition(";")
        found = _WEIGHT.search(parameters.replace(" ", ""))
        weighed.append((min(float(found[1]), 1.0) if found else 1.0, code.strip()))
    weighed.sort(key=lambda pair: -pair[0])
    return [code for weight, code in weighed if weight > 0]


def _match(accepted: str, there: Mapping[str | None, str]) -> str | None:
    codes = broader(accepted)
    for code in codes:
        if code in there:
            return there[code]
    # Whoever reads Portuguese is better served by Brazilian than by English.
    language = codes[0].partition("-")[0] if codes else ""
    variants = [code for code in there if code and code.partition("-")[0] == language]
    variants.sort(key=lambda code: script(code) != script(accepted))
    return there[variants[0]] if variants else None
