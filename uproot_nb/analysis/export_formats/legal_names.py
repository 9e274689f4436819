"""Legal names: names of columns as Stata and SPSS allow them, each of them once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

__all__ = ["SPSS", "STATA", "NameRules", "legal_names"]


class NameRules(NamedTuple):
    """What a program demands of the names of variables.

    Attributes:
        longest: how long a name may be, by *length*.
        reserved: what is a word of the program's own, as *compared*.
        compared: a name as the program compares it with others.
        underscore: whether a name may begin with one.
    """

    longest: int
    length: Callable[[str], int]
    reserved: frozenset[str]
    compared: Callable[[str], str]
    underscore: bool


def _bytes(text: str) -> int:
    return len(text.encode())


STATA = NameRules(
    32, len,
    frozenset({
        "_all", "_b", "_coef", "_cons", "_n", "_N", "_pi", "_pred", "_rc", "_skip", "_se", "_uniq",
        "_weight", "byte", "double", "float", "if", "in", "int", "long", "strL", "using", "with",
        *(f"str{width}" for width in range(1, 2046)),
    }),
    str, underscore=True,
)  # fmt: skip
"""Stata 14 and later: 32 letters of any script, digits and _."""

SPSS = NameRules(
    64, _bytes,
    frozenset(["all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"]),
    str.casefold, underscore=False,
)  # fmt: skip
"""SPSS: 64 bytes, a letter first; upper and lower case are the same."""


def legal_names(names: Iterable[str], rules: NameRules) -> dict[str, str]:
    """Return a legal name for each of *names*, no two the same; legal ones stay as they are.

    legal_names(["bid", "2nd", "with"], STATA)    # {"bid": "bid", "2nd": "v2nd", "with": "with_"}
    """
    names = list(names)
    found: dict[str, str] = {}
    taken: set[str] = set()
    # Those that may stay come first, so that no other takes their name.
    for name in sorted(names, key=lambda name: _legal(name, rules) != name):
        legal = _not_taken(_legal(name, rules), taken, rules)
        taken.add(rules.compared(legal))
        found[name] = legal
    return {name: found[name] for name in names}


def _legal(name: str, rules: NameRules) -> str:
    letters = "".join(c if _is_fit(c) else "_" for c in unicodedata.normalize("NFKC", name))
    if not letters or not (letters[0].isalpha() or (letters[0] == "_" and rules.underscore)):
        letters = f"v{letters}"
    letters = _cut(letters, rules.longest, rules)
    if rules.compared(letters) in rules.reserved:
        return f"{letters}_"
    return letters


def _is_fit(character: str) -> bool:
    return character == "_" or character.isalpha() or character in "0123456789"


def _cut(name: str, longest: int, rules: NameRules) -> str:
    while rules.length(name) > longest:
        name = name[:-1]
    return name


def _not_taken(name: str, taken: set[str], rules: NameRules) -> str:
    made, count = name, 1
    while rules.compared(made) in taken:
        count += 1
        ending = f"_{count}"
        made = _cut(name, rules.longest - len(ending), rules) + ending
    return made
