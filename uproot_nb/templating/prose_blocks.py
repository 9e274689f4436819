"""Prose blocks: the places of statements such as `{% for %}` among the blocks of a Markdown text.

A statement on a line of its own belongs between blocks: rows of a table, items of a list,
paragraphs. Before Markdown is converted, `place_lines` puts the mark of each statement where it
does not split a block; afterwards `settle_marks` moves the marks of a statement and its end to
places between elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

__all__ = ["PlacedLines", "place_lines", "settle_marks"]

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_DELIMITERS = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")
_ITEM = re.compile(r"[ \t]*(?:>[ \t]?)*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+(?:\[[ xX]\][ \t]+)?")
_ROW = re.compile(r"[ \t>]*\|?")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)*")
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)[^<>]*>\Z")
_VOID = re.compile("area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr")
_GROUPS = frozenset({"ol", "ul", "tbody"})
"""Elements that statements go into, not around: a loop over items makes one list."""
_MIDDLES = frozenset({"else", "elif", "pluralize"})
_WITH_MIDDLES = frozenset({"if", "for", "trans", "translate"})


# ---- before: lines -------------------------------------------------------------------------------


class PlacedLines(NamedTuple):
    """A text; its statements on lines of their own; those of them without a blank line after."""

    text: str
    free: frozenset[int]
    tight: frozenset[int]


def place_lines(text: str, mark: str, names: Mapping[int, str]) -> PlacedLines:
    """Place statements on lines of their own so that Markdown blocks continue around them.

    Statements before and after whole rows and items get lines of their own first.

    Args:
        mark: a pattern for the mark of a statement, with the number as a group.
        names: the names of the statements by number: "for", "endfor", …
    """
    alone = re.compile(rf"{_QUOTE.pattern}(?:{mark}[ \t]*)+\Z")
    lines = _with_edges_apart(text.split("\n"), alone, mark, names)
    kinds = _kinds_of(lines, alone)
    placed: list[str] = []
    carried, free, tight = "", set(), set()
    for at, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
        if kind != "alone":
            placed.append(_led(line, kind, carried))
            carried = ""
            continue
        numbers = [int(found[1]) for found in re.finditer(mark, line)]
        free.update(numbers)
        if _next(kinds, at) != "blank":
            tight.update(numbers)
        if _goes_on(kinds, at):
            # Drop the line, so that its neighbours remain one block; the next line gets the mark.
            carried += "".join(found[0] for found in re.finditer(mark, line))
        else:
            placed += _apart(line, lines, kinds, at)
    return PlacedLines("\n".join(placed), frozenset(free), frozenset(tight))


class _Edges(NamedTuple):
    """The statements at the start and end of a line, and the text between them."""

    before: list[str]
    middle: str
    behind: list[str]


def _with_edges_apart(
    lines: Sequence[str], alone: re.Pattern[str], mark: str, names: Mapping[int, str]
) -> list[str]:
    """Return the lines, with `{% for … %}| … |` split in two if its `{% endfor %}` can be, too.

    A loop that begins inside an item and ends between items would split the list.
    """
    kinds = _kinds_of(lines, alone)
    edges = [_edges_of(line, kind, mark) for line, kind in zip(lines, kinds, strict=True)]
    outside = {_number(its, mark) for edge in edges for its in (*edge.before, *edge.behind)}
    every = (int(found[1]) for found in re.finditer(mark, "\n".join(lines)))
    whole: set[int] = set()
    for block in _blocks([(number, names[number]) for number in every]):
        if len(block) > 1 and outside.issuperset(block):
            whole.update(block)
    parted: list[str] = []
    for line, kind, edge in zip(lines, kinds, edges, strict=True):
        is_apart = kind != "alone" and edge.middle
        parted += _parted(edge, whole, mark) if is_apart else [line]
    return parted


def _edges_of(line: str, kind: str, mark: str) -> _Edges:
    bare = mark.replace("(", "(?:")
    found = re.fullmatch(rf"((?:[ \t]*{bare})*)(.*?)((?:{bare}[ \t]*)*)", line)
    if found is None or kind in ("blank", "code", "delimiters"):
        return _Edges([], line, [])
    before, behind = re.findall(bare, found[1]), re.findall(bare, found[3])
    if kind not in ("alone", "row") and not _ITEM.match(found[2]):
        return _Edges([], line, [])
    return _Edges(before, found[2], behind)


def _number(statement: str, mark: str) -> int:
    found = re.fullmatch(mark, statement)
    return int(found[1]) if found else -1


def _parted(edge: _Edges, whole: set[int], mark: str) -> list[str]:
    """Split a line into its outer statements, those in *whole*, and the rest."""
    before, behind = list(edge.before), list(edge.behind)
    first: list[str] = []
    last: list[str] = []
    while before and _number(before[0], mark) in whole:
        first.append(before.pop(0))
    while behind and _number(behind[-1], mark) in whole:
        last.insert(0, behind.pop())
    return [*first, "".join([*before, edge.middle, *behind]), *last]


def _kinds_of(lines: Sequence[str], alone: re.Pattern[str]) -> list[str]:
    """Return the kind of each line: blank, alone, item, row, delimiters, code or text."""
    kinds: list[str] = []
    fence, table = "", False
    for at, line in enumerate(lines):
        found = _FENCE.match(line)
        if fence:
            kind = "code"
            fence = "" if found and found[1].startswith(fence) else fence
        elif found:
            kind, fence = "code", found[1]
        elif not line.strip(" \t>"):
            kind = "blank"
        elif alone.match(line):
            kind = "alone"
        elif table and "|" in line:
            kind = "row"
        elif at and "|" in lines[at - 1] and _DELIMITERS.match(line):
            kind = "delimiters"
        else:
            kind = "item" if _ITEM.match(line) else "text"
        table = kind in ("row", "delimiters") or (table and kind == "alone")
        kinds.append(kind)
    return kinds


def _next(kinds: Sequence[str], at: int) -> str:
    return next((kind for kind in kinds[at:] if kind != "alone"), "blank")


def _goes_on(kinds: Sequence[str], at: int) -> bool:
    """Return whether a list or table continues after the statement in line *at*."""
    after = _next(kinds, at)
    if after == "row":
        return True
    if after != "item":
        return False
    earlier = (kind for kind in reversed(kinds[:at]) if kind not in ("alone", "text"))
    before = next(earlier, "blank")
    return before == "item"


def _apart(line: str, lines: Sequence[str], kinds: Sequence[str], at: int) -> list[str]:
    """Return a line between blank ones; after a list, outside its last item."""
    following = (
        text
        for text, kind in zip(lines[at:], kinds[at:], strict=True)
        if kind not in ("alone", "blank")
    )
    if not next(following, "x").startswith((" ", "\t")):
        line = line.lstrip(" \t")
    found = _QUOTE.match(line)
    quote = found[0].rstrip() if found and ">" in found[0] else ""
    return [quote, line, quote]


def _led(line: str, kind: str, carried: str) -> str:
    """Insert marks after the characters that make a line an item or a row."""
    if not carried:
        return line
    found = (_ITEM if kind == "item" else _ROW).match(line)
    begin = found.end() if found else 0
    return f"{line[:begin]}{carried}{line[begin:]}"


# ---- after: elements -----------------------------------------------------------------------------


def settle_marks(html: str, mark: str, names: Mapping[int, str], lines: PlacedLines) -> str:
    """Move statements that had lines of their own between elements.

    Args:
        mark: a pattern for the mark of a statement, with the number as a group.
        names: the names of the statements by number: "for", "endfor", …
    """
    tokens = _Tokens(html, mark)
    moved: dict[int, int] = {}
    for block in _blocks([(at, names[number]) for at, number in tokens.marks.items()]):
        numbers = [tokens.marks[at] for at in block]
        if lines.free.issuperset(numbers):
            places = [tokens.places(at) for at in block]
            chosen = tokens.choose(places, numbers[0] in lines.tight)
            moved |= {
                at: its[chosen] for at, its in zip(block, places, strict=True) if chosen in its
            }
    return tokens.joined(moved)


def _blocks(marks: Sequence[tuple[int, str]]) -> Iterator[list[int]]:
    """Yield each statement with its middles and its end; other statements alone."""
    opened: list[tuple[str, list[int]]] = []
    for at, name in marks:
        owner = _owner(opened, name)
        if owner is None:
            opened.append((name, [at]))
            continue
        opened[owner][1].append(at)
        if name.startswith("end"):
            yield opened[owner][1]
            yield from ([its[0]] for _, its in opened[owner + 1 :])
            del opened[owner:]
    yield from ([at] for _, its in opened for at in its)


def _owner(opened: Sequence[tuple[str, list[int]]], name: str) -> int | None:
    """Return the index of the opened statement to which *name* belongs; None without one."""
    for place in range(len(opened) - 1, -1, -1):
        its = opened[place][0]
        if name == f"end{its}" or (name in _MIDDLES and its in _WITH_MIDDLES):
            return place
    return None


class _Tokens:
    """HTML as tags, marks and texts. An element's number is that of its opening token, from 1."""

    def __init__(self, html: str, mark: str) -> None:
        bare = mark.replace("(", "(?:")
        self.all = [token for token in re.split(rf"(<[^<>]*>|{bare})", html) if token]
        found = ((at, re.fullmatch(mark, token)) for at, token in enumerate(self.all))
        self.marks = {at: int(match[1]) for at, match in found if match}
        self._names = {0: ""}
        self._depths = {0: 0}
        self._parents = list(self._walk())

    def _walk(self) -> Iterator[int]:
        """Yield the element around the place before each token, and around the end."""
        stack = [0]
        for at, token in enumerate(self.all):
            yield stack[-1]
            tag = _TAG.match(token)
            if tag is None or _VOID.fullmatch(tag[2].lower()):
                continue
            if not tag[1]:
                stack.append(at + 1)
                self._names[at + 1], self._depths[at + 1] = tag[2].lower(), len(stack)
            elif any(self._names[its] == tag[2].lower() for its in stack):
                while self._names[stack.pop()] != tag[2].lower():
                    pass  # an element without a closing tag
        yield stack[-1]

    def places(self, at: int) -> dict[int, int]:
        """Return the places where a mark may go without passing visible content.

        By the element around the place; each place is the number of the next token.
        """
        places = {self._parents[at]: at}
        before = at
        while before and self._is_passed(before - 1):
            before -= 1
            places.setdefault(self._parents[before], before)
        after = at + 1
        while after < len(self.all) and self._is_passed(after):
            after += 1
            places.setdefault(self._parents[after], after)
        return places

    def _is_passed(self, at: int) -> bool:
        token = self.all[at]
        tag = _TAG.match(token)
        is_frame = tag is not None and not _VOID.fullmatch(tag[2].lower())
        return is_frame or not token.strip() or at in self.marks

    def choose(self, places: Sequence[Mapping[int, int]], tight: bool) -> int:
        """Return the element in which all marks of a statement can go; -1 if there is none."""
        common = set(places[0]).intersection(*places[1:])
        groups = [its for its in common if self._names[its] in _GROUPS]
        if tight and groups:
            return max(groups, key=self._depths.__getitem__)
        return min(common, key=self._depths.__getitem__, default=-1)

    def joined(self, moved: Mapping[int, int]) -> str:
        """Return the HTML with the marks moved, or unchanged if marks would pass each other."""
        order = [(moved[at], 0, at) if at in moved else (at, 1, at) for at in self.marks]
        if order != sorted(order):
            return "".join(self.all)
        coming: dict[int, list[str]] = {}
        for at in sorted(moved):
            coming.setdefault(moved[at], []).append(self.all[at])
        parts: list[str] = []
        for at, token in enumerate([*self.all, ""]):
            parts += coming.get(at, [])
            parts.append("" if at in moved else token)
        return "".join(parts)
