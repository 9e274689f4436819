"""Tokens: short random names, as the framework's apps draw them for groups, rooms and labels."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection
from typing import Any

from uproot_nb.experiment.randomness import rng
from uproot_nb.interop.dialect import ensure

__all__ = ["ALPHANUMERIC", "TOKEN_CHARS", "token", "token_unchecked", "tokens"]

ALPHANUMERIC = string.ascii_lowercase + string.digits
TOKEN_CHARS = frozenset(string.ascii_letters + string.digits + "_-.")
"""The characters of names that addresses may have in them."""
SHORTEST, TRIES_BY_LENGTH = 5, 20


def token_unchecked(outlen: int) -> str:
    """Draw a name of *outlen* letters and digits that begins with a letter."""
    ensure(outlen > 0, ValueError, "A token has at least one character.")
    draw = rng()
    rest = (draw.choice(ALPHANUMERIC) for _ in range(outlen - 1))
    return draw.choice(string.ascii_lowercase) + "".join(rest)


def token(not_in: Collection[Any], postprocess: Callable[[str], str] = str) -> str:
    """Draw a short name that is not in a collection of names or of players' identifiers."""
    taken = {str(getattr(one, "uname", one)) for one in not_in}
    length, tries = SHORTEST, 0
    while True:
        drawn = postprocess(token_unchecked(length))
        if drawn not in taken:
            return drawn
        tries += 1
        length += tries % TRIES_BY_LENGTH == 0


def tokens(not_in: Collection[Any], n: int) -> list[str]:
    """Draw *n* different names that are not in a collection."""
    drawn: list[str] = []
    for _ in range(n):
        drawn.append(token([*not_in, *drawn]))
    return drawn
