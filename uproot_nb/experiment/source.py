"""Source: the source text of a page class, and its hash."""

from __future__ import annotations

import ast
import functools
import hashlib
import linecache
import sys
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["Source", "describe_code", "hash_text", "names_around", "source_of_class"]


class Source(NamedTuple):
    """The text of a class, its short hash, its file and its first line."""

    text: str
    hash: str
    file: str
    line: int


class _ClassLines(NamedTuple):
    """The lines of a class statement, with its decorators."""

    name: str
    start: int
    end: int


def hash_text(text: str) -> str:
    """Return the short hash in events: the first 12 hex digits of SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def source_of_class(cls: type) -> Source:
    """Return the source of a class that is being defined further up the stack."""
    frame = _defining_frame(cls.__module__)
    if frame is None:
        return _source_from_code(cls, "", 0)
    file, line = frame.f_code.co_filename, frame.f_lineno
    linecache.checkcache(file)
    lines = linecache.getlines(file, frame.f_globals)
    return _source_from_lines(cls, lines, file, line) or _source_from_code(cls, file, line)


def names_around(cls: type) -> dict[str, Any]:
    """Return the local names where a class is being defined, further up the stack."""
    frame = _defining_frame(cls.__module__)
    if frame is None or frame.f_locals is frame.f_globals:
        return {}
    return dict(frame.f_locals)


def _defining_frame(module: str) -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    own = __name__.rpartition(".")[0] + "."
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name == module and not name.startswith(own):
            return frame
        frame = frame.f_back
    return None


def _source_from_lines(cls: type, lines: list[str], file: str, line: int) -> Source | None:
    name = cls.__qualname__.rpartition(".")[2]
    found = [
        place for place in _classes_in("".join(lines))
        if place.name == name and place.start <= line <= place.end
    ]  # fmt: skip
    if not found:
        return None
    innermost = max(found, key=lambda place: place.start)
    segment = "".join(lines[innermost.start - 1 : innermost.end])
    return Source(segment, hash_text(segment), file, innermost.start)


# A file with fifty pages is parsed once, and not for each of them.
@functools.lru_cache(maxsize=4)
def _classes_in(text: str) -> tuple[_ClassLines, ...]:
    """Return where the class statements of a text stand; none if it is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return tuple(
        _ClassLines(node.name, _first_line(node), node.end_lineno or node.lineno)
        for node in classes
    )


def _first_line(node: ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _source_from_code(cls: type, file: str, line: int) -> Source:
    """Identify a class without text (from exec or type()) by its compiled code."""
    parts = [cls.__qualname__, *(base.__qualname__ for base in cls.__bases__)]
    for name, value in sorted(vars(cls).items(), key=lambda item: item[0]):
        if name.startswith("__") and name != "__doc__":
            continue  # where the class was defined, not what it contains
        function = getattr(value, "__func__", value)
        code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
        if isinstance(code, CodeType):
            parts.append(f"{name}={type(value).__name__}{describe_code(code)}")
        else:
            parts.append(f"{name}={value!r}" if isinstance(value, _PLAIN) else name)
    return Source("", hash_text("\n".join(parts)), file, line)


_PLAIN = (str, bytes, int, float, bool, type(None))


def describe_code(code: CodeType) -> str:
    """Describe compiled code, with the same result in every process."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
    constants = [_constant(value) for value in code.co_consts]
    return f"{code.co_code.hex()}{names!r}[{','.join(constants)}]"


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return describe_code(value)
    if isinstance(value, tuple):
        return f"({','.join(map(_constant, value))})"
    if isinstance(value, frozenset):  # its order differs from process to process
        return f"{{{','.join(sorted(map(_constant, value)))}}}"
    return repr(value)
