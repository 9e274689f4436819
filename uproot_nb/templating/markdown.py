"""Prose: Markdown with Jinja tags, converted into the HTML of a template.

Markdown is converted first; Jinja runs afterwards, with autoescape. So a participant's text never
becomes markup, neither Markdown's nor HTML's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import mistune
from jinja2 import Environment
from markupsafe import Markup

from uproot_nb.templating.prose_blocks import place_lines, settle_marks

__all__ = ["PARAGRAPH", "Prose", "paragraph", "plain_prose", "read_prose"]

PARAGRAPH = "uproot_paragraph"
"""The name of the template filter `paragraph`."""

_TO_HTML = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])
_STATEMENTS = {"block_begin", "comment_begin", "raw_begin", "raw_end"}
_ENDS = {"block_end", "comment_end", "variable_end", "raw_begin", "raw_end"}
_NEWLINE = re.compile("\r\n|\r|\n")
_NAME = re.compile(r"\{%[-+]?\s*(\w+)")
_BLOCK_ELEMENTS = re.compile(
    r"<(?:address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figcaption"
    r"|figure|footer|form|h[1-6]|header|hgroup|hr|li|main|menu|nav|ol|p|pre|search|section|summary"
    r"|table|ul)\b",
    re.IGNORECASE,
)
"""Elements that end a paragraph: browsers close `<p>` before them."""


@dataclass(frozen=True)
class Prose:
    """A Markdown text as template source: its first heading, the rest, and the origin of lines.

    `source_line(n)` returns the line of the Markdown from which line n of `body` was made.
    """

    title: str
    body: str
    lines: tuple[int, ...]

    def source_line(self, line: int) -> int:
        """Return the line of the Markdown from which *line* of the template was made."""
        return self.lines[min(line, len(self.lines)) - 1]


def read_prose(environment: Environment, text: str, name: str, *, portable: bool = False) -> Prose:
    """Convert Markdown with Jinja tags into template source.

    Args:
        portable: do without the filter PARAGRAPH, which other environments lack.

    Raises:
        jinja2.TemplateSyntaxError: a tag is not closed; it has the line of the Markdown.
    """
    marks = _Marks(text)
    text = marks.take_out(environment, name)
    placed = place_lines(text, marks.statement, marks.names)
    html = settle_marks(str(_TO_HTML(placed.text)), marks.statement, marks.names, placed)
    html = _guard_paragraphs(_join_code(_unwrap(html, marks), marks), marks, portable)
    source, lines = marks.put_back(html)
    heading = re.match(r"\s*<h1>(.*?)</h1>", source, re.DOTALL)
    if heading is None:
        return Prose("", source, lines)
    # The newlines stay, so that errors in the rest have the right line.
    rest = "\n" * heading.group().count("\n") + source[heading.end() :]
    return Prose(heading.group(1), rest, lines)


def plain_prose(text: str) -> tuple[Markup, Markup]:
    """Convert an author's Markdown without Jinja tags; return its first heading, and the rest."""
    html = str(_TO_HTML(text))
    heading = re.match(r"\s*<h1>(.*?)</h1>", html, re.DOTALL)
    if heading is None:
        return Markup(""), Markup(html)
    return Markup(heading[1]), Markup(html[heading.end() :])


def paragraph(content: str) -> Markup:
    """Wrap rendered text in `<p>`, or in `<div>` if it contains a block such as a chat or table.

    The value of an expression decides, so this happens when the page is rendered.
    """
    text = str(content)
    if _BLOCK_ELEMENTS.search(text):
        return Markup(f'<div class="uproot-paragraph">{text}</div>')
    return Markup(f"<p>{text}</p>")


class _Marks:
    """Replaces Jinja's tags by plain words while Markdown is converted."""

    def __init__(self, text: str) -> None:
        self.text = text
        # A text does not contain a word made from its own hash.
        self._word = "J" + hashlib.sha256(text.encode()).hexdigest()[:16]
        self._tags: list[tuple[str, int]] = []

    @property
    def statement(self) -> str:
        """A pattern for the marks of statements and comments, with the number as a group."""
        return rf"{self._word}s(\d+)z"

    @property
    def expression(self) -> str:
        """A pattern for the marks of expressions."""
        return rf"{self._word}v\d+z"

    @property
    def names(self) -> dict[int, str]:
        """The name of each statement by number: "for", "endfor"; "" for comments."""
        found = ((number, _NAME.match(tag)) for number, (tag, _) in enumerate(self._tags))
        return {number: name[1] if name else "" for number, name in found}

    def take_out(self, environment: Environment, name: str) -> str:
        """Return the text with a mark in place of each tag."""
        text = "\n".join(_NEWLINE.split(self.text))  # the lexer splits it like this
        parts: list[str] = []
        tag, first, statement, at = "", 0, False, 0
        for line, kind, value in environment.lex(text, name):
            found = text.find(value, at)
            if not tag and not text[at:found].strip():
                # Markdown still needs the space that "{%-" removes: it separates lines and blocks.
                parts.append(text[at:found])
            at = found + len(value)
            if kind == "data":
                parts.append(value)
                continue
            if not tag:
                first, statement = line, kind in _STATEMENTS
            tag += value
            if kind in _ENDS:
                # The same holds for the space after "-%}", which comes with the tag.
                parts += [self._mark(tag.rstrip(), first, statement), tag[len(tag.rstrip()) :]]
                tag = ""
        if tag:  # It has no end; Jinja will raise an error with the line.
            parts.append(self._mark(tag, first, statement))
        return "".join(parts)

    def _mark(self, tag: str, line: int, statement: bool) -> str:
        self._tags.append((tag, line))
        return f"{self._word}{'s' if statement else 'v'}{len(self._tags) - 1}z"

    def put_back(self, html: str) -> tuple[str, tuple[int, ...]]:
        """Return the HTML with the tags restored, and the source line of each of its lines."""
        parts: list[str] = []
        lines = [1]
        for number, piece in enumerate(re.split(rf"{self._word}[sv](\d+)z", html)):
            tag, line = self._tags[int(piece)] if number % 2 else (piece, lines[-1])
            lines[-1] = max(lines[-1], line)
            parts.append(tag)
            lines.extend(lines[-1] + (1 if number % 2 else 0) for _ in range(tag.count("\n")))
        return "".join(parts), tuple(lines)


def _unwrap(html: str, marks: _Marks) -> str:
    """Remove paragraphs that hold only statements, and block quotes that are empty then."""
    bare = re.sub(rf"<p>((?:\s*{_grouped(marks)}\s*)*)</p>", r"\1", html)
    return re.sub(r"(?:<blockquote>\s*</blockquote>\n?)", "", bare)


def _join_code(html: str, marks: _Marks) -> str:
    """Join lines of code that hold only statements with the next line."""
    alone = re.compile(rf"(^|<code[^>]*>)((?:{_grouped(marks)})+)[ \t]*\n", re.MULTILINE)
    code = re.compile(r"<pre\b.*?</pre>", re.DOTALL)
    return code.sub(lambda found: alone.sub(r"\1\2", found[0]), html)


def _guard_paragraphs(html: str, marks: _Marks, portable: bool) -> str:
    """Let the values of expressions decide between `<p>` and `<div>` for their paragraph."""
    several = re.compile(rf"\s*(?:{marks.expression}\s*)+\Z")

    def guarded(found: re.Match[str]) -> str:
        inner = found[1]
        if not re.search(marks.expression, inner) or not _is_whole(inner, marks):
            return found[0]
        if portable:
            return f"<div>{inner}</div>" if several.match(inner) else found[0]
        return f"{{% filter {PARAGRAPH} %}}{inner}{{% endfilter %}}"

    return re.sub(r"<p>(.*?)</p>", guarded, html, flags=re.DOTALL)


def _is_whole(text: str, marks: _Marks) -> bool:
    """Return whether every statement in *text* ends in it."""
    names, opened = marks.names, 0
    for found in re.finditer(marks.statement, text):
        name = names[int(found[1])]
        if name not in ("if", "elif", "else", "endif", "for", "endfor", ""):
            return False
        opened += {"if": 1, "for": 1, "endif": -1, "endfor": -1}.get(name, 0)
        if opened < 0:
            return False
    return opened == 0


def _grouped(marks: _Marks) -> str:
    return marks.statement.replace("(", "(?:")
