"""Prose: Markdown with Jinja in it, turned into the HTML of a template.

Markdown is converted first and Jinja runs afterwards, with autoescape: what a participant typed
meets HTML only, and can never become Markdown's or HTML's markup.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import mistune
from jinja2 import Environment

__all__ = ["Prose", "read_prose"]

_TO_HTML = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])
_STATEMENTS = {"block_begin", "comment_begin", "raw_begin", "raw_end"}
_ENDS = {"block_end", "comment_end", "variable_end", "raw_begin", "raw_end"}


@dataclass(frozen=True)
class Prose:
    """A Markdown text as template source: its leading heading, the rest, and where lines came from.

    `source_line(n)` says which line of the Markdown gave line n of `body` (or of `title`).
    """

    title: str
    body: str
    lines: tuple[int, ...]

    def source_line(self, line: int) -> int:
        """Return the line of the Markdown that *line* of the template came from."""
        return self.lines[min(line, len(self.lines)) - 1]


def read_prose(environment: Environment, text: str, name: str) -> Prose:
    """Turn Markdown with Jinja into template source.

    Raises:
        jinja2.TemplateSyntaxError: a tag is not closed; carries the line of the Markdown.
    """
    marks = _Marks(text)
    html = _unwrap(str(_TO_HTML(marks.take_out(environment, name))), marks)
    source, lines = marks.put_back(html)
    heading = re.match(r"\s*<h1>(.*?)</h1>", source, re.DOTALL)
    if heading is None:
        return Prose("", source, lines)
    # The newlines stay, so that errors in the rest name the right line.
    rest = "\n" * heading.group().count("\n") + source[heading.end() :]
    return Prose(heading.group(1), rest, lines)


class _Marks:
    """Stands plain words in for Jinja's tags while Markdown is converted."""

    def __init__(self, text: str) -> None:
        self.text = text
        # No text contains a word made of its own hash.
        self._word = "J" + hashlib.sha256(text.encode()).hexdigest()[:16]
        self._tags: list[tuple[str, int]] = []

    @property
    def statement(self) -> str:
        """A pattern that finds the marks of statements and comments."""
        return rf"{self._word}s\d+z"

    def take_out(self, environment: Environment, name: str) -> str:
        """Return the text with a mark in place of each tag, statements as blocks of their own."""
        parts: list[str] = []
        tag, first, statement = "", 0, False
        for line, kind, value in environment.lex(self.text, name):
            if kind == "data":
                parts.append(value)
                continue
            if not tag:
                first, statement = line, kind in _STATEMENTS
            tag += value
            if kind in _ENDS:
                parts.append(self._mark(tag, first, statement))
                tag = ""
        if tag:  # It has no end; Jinja will say so, and in which line.
            parts.append(self._mark(tag, first, statement))
        alone = re.compile(rf"^[ \t]*(?:{self.statement}[ \t]*)+$", re.MULTILINE)
        return alone.sub(lambda found: f"\n{found.group()}\n", "".join(parts))

    def _mark(self, tag: str, line: int, statement: bool) -> str:
        self._tags.append((tag, line))
        return f"{self._word}{'s' if statement else 'v'}{len(self._tags) - 1}z"

    def put_back(self, html: str) -> tuple[str, tuple[int, ...]]:
        """Return the HTML with its tags again, and the source line of each of its lines."""
        parts: list[str] = []
        lines = [1]
        for number, piece in enumerate(re.split(rf"{self._word}[sv](\d+)z", html)):
            tag, line = self._tags[int(piece)] if number % 2 else (piece, lines[-1])
            lines[-1] = max(lines[-1], line)
            parts.append(tag)
            lines.extend(lines[-1] + (1 if number % 2 else 0) for _ in range(tag.count("\n")))
        return "".join(parts), tuple(lines)


def _unwrap(html: str, marks: _Marks) -> str:
    """A statement that stands alone is no paragraph."""
    return re.sub(rf"<p>((?:\s*{marks.statement}\s*)+)</p>", r"\1", html)
