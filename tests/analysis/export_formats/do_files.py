"""DoFile: the part of Stata's language that our read.do is written in, run on lists of values.

It knows the commands below and refuses everything else, so that a script which passes has no word
that nobody has looked up in Stata's manuals. Where these leave a doubt, as whether // within quotes
begins a comment, it takes the reading that would hurt.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MISSING = math.nan
Values = list[Any]
_NAME = re.compile(r"[^\W\d]\w{0,31}")
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"[^"]*")|(?P<number>\d+)|(?P<word>[^\W\d]\w*)|(?P<sign>==|!=|[&>(),.]))'
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_LARGEST = 8.9884656743e307
_DAY_ZERO = dt.datetime(1960, 1, 1)
_IMPORT = re.compile(
    r'import delimited using "(?P<file>[^"]+)", clear varnames\(nonames\) stringcols\(_all\) '
    r'delimiters\(","\) bindquotes\(strict\) maxquotedrows\(unlimited\) encoding\("utf-8"\)'
)
_VALUE_LABEL = re.compile(r' (-?\d+) "([^"]*)"')


class NotStata(Exception):
    """A line is none that Stata surely takes."""


@dataclass
class Frame:
    """A frame of Stata: variables in their order, their formats, and labels."""

    variables: dict[str, Values] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    value_labels: dict[str, dict[int, str]] = field(default_factory=dict)
    labelled: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, values: Values) -> None:
        """Add a variable at the end."""
        if not _NAME.fullmatch(name) or name in self.variables:
            raise NotStata(f"no new variable: {name}")
        self.variables[name] = values

    def rename(self, old: str, new: str) -> None:
        """Rename a variable, where it is."""
        if not _NAME.fullmatch(new) or new in self.variables or old not in self.variables:
            raise NotStata(f"rename {old} {new}")
        for found in (self.variables, self.formats, self.labels, self.labelled):
            held: Any = {new if name == old else name: one for name, one in found.items()}
            found.clear()
            found.update(held)

    def drop(self, name: str) -> None:
        """Remove a variable and what is said of it."""
        del self.variables[name]
        for said in (self.formats, self.labels, self.labelled):
            said.pop(name, None)

    def order_after(self, name: str, other: str) -> None:
        """Put a variable behind another one."""
        values = self.variables.pop(name)
        self.variables = {
            one: held
            for before, its in self.variables.items()
            for one, held in [(before, its), *([(name, values)] if before == other else [])]
        }


def run(script: Path) -> dict[str, Frame]:
    """Return the frames that a do-file makes in its own folder."""
    interpreter = _Interpreter(script.parent)
    interpreter.run(list(_lines(script.read_text("utf-8"))), {})
    return interpreter.frames


def _lines(text: str) -> Iterator[str]:
    """Yield the lines without comments and indents."""
    for line in text.split("\n"):
        if "/*" in line or len(line) > 60_000:
            raise NotStata(line)
        bare = re.split(r"(?:^|\s)//", line)[0].strip()
        if bare and not bare.startswith("*"):
            yield bare


class _Interpreter:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.frames: dict[str, Frame] = {}
        self._programs: dict[str, list[str]] = {}
        self._frame = Frame()
        self._found = 0
        self._most = 2_048
        self._temporary = 0
        self._commands: list[tuple[str, Callable[..., None]]] = [
            (r"version 16", lambda: None),
            (r"frames dir", lambda: None),
            (r"capture noisily set maxvar (\d+)", self._set_maxvar),
            (r"capture program drop (\w+)", lambda name: self._programs.pop(name, None)),
            (r"capture frame drop (\w+)", lambda name: self.frames.pop(name, None)),
            (r"frame create (\w+)", self._create),
            (_IMPORT.pattern, self._import),
            (r"drop in 1", self._drop_first),
            (r"drop (\w+)", lambda name: self._frame.drop(name)),
            (r"rename (\w+) (\w+)", lambda old, new: self._frame.rename(old, new)),
            (r"order (\w+), after\((\w+)\)", lambda *names: self._frame.order_after(*names)),
            (r"destring (\w+), replace force", self._destring),
            (r"generate (?:byte|long|double) (\w+) = (.+)", self._generate),
            (r"replace (\w+) = (.+) if (.+)", self._replace),
            (r"quietly count if (.+)", self._count),
            (r"format (\w+) (%t[cd])", self._format),
            (r'(?:capture )?label variable (\w+) "([^"]*)"', self._label),
            (r"(?:capture )?label define (\w+)((?: -?\d+ \"[^\"]*\")+), replace", self._define),
            (r"(?:capture )?label values (\w+) (\w+)", self._label_values),
        ]  # fmt: skip

    def run(self, lines: list[str], macros: dict[str, str]) -> None:
        """Run lines; *macros* are those of the program that they are in."""
        while lines:
            line = lines.pop(0)
            if found := re.fullmatch(r"program (\w+)", line):
                self._programs[found[1]] = _block(lines, "end")
                continue
            line = _expanded(line, macros)
            if found := re.fullmatch(r"frame (\w+) \{", line):
                self._frame = self.frames[found[1]]
                self.run(_block(lines, "}"), macros)
            elif re.fullmatch(r"if r\(N\) == 0 \{", line):
                block = _block(lines, "}")
                if self._found == 0:
                    self.run(block, macros)
            elif found := re.fullmatch(r"tempvar (\w+)", line):
                self._temporary += 1
                macros[found[1]] = f"__{self._temporary:06}"
            else:
                self._do(line)

    def _do(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        if name in self._programs:
            if rest not in self._frame.variables:
                raise NotStata(line)
            macros = {"1": rest}
            self.run(list(self._programs[name]), macros)
            for left in self._frame.variables.keys() & set(macros.values()) - {rest}:
                self._frame.drop(left)  # temporary variables that have no other name by now
            return
        for pattern, command in self._commands:
            if found := re.fullmatch(pattern, line):
                command(*found.groups())
                return
        raise NotStata(line)

    def _set_maxvar(self, count: str) -> None:
        if not 2_048 <= int(count) <= 120_000 or self.frames:
            raise NotStata(f"set maxvar {count}")
        self._most = int(count)

    def _create(self, name: str) -> None:
        if not _NAME.fullmatch(name) or name in self.frames:
            raise NotStata(f"frame create {name}")
        self.frames[name] = Frame()

    def _import(self, file: str) -> None:
        with (self._folder / file).open(encoding="utf-8", newline="") as opened:
            rows = list(csv.reader(opened, strict=True))
        if len(rows[0]) > self._most:
            raise NotStata(f"no room for {len(rows[0])} variables")
        for place, values in enumerate(zip(*rows, strict=True), 1):
            self._frame.put(f"v{place}", list(values))

    def _drop_first(self) -> None:
        for values in self._frame.variables.values():
            values.pop(0)

    def _destring(self, name: str) -> None:
        values = self._frame.variables[name]
        self._frame.variables[name] = [_number_in(text) for text in values]

    def _generate(self, name: str, expression: str) -> None:
        self._frame.put(name, self._values(expression))

    def _replace(self, name: str, expression: str, condition: str) -> None:
        new, holds = self._values(expression), self._values(condition)
        values = self._frame.variables[name]
        values[:] = [b if c else a for a, b, c in zip(values, new, holds, strict=True)]

    def _count(self, condition: str) -> None:
        self._found = sum(map(bool, self._values(condition)))

    def _format(self, name: str, shown: str) -> None:
        if any(isinstance(value, str) for value in self._frame.variables[name]):
            raise NotStata(f"format {name}: a text")
        self._frame.formats[name] = shown

    def _label(self, name: str, text: str) -> None:
        if name not in self._frame.variables or len(text) > 80:
            raise NotStata(f"label variable {name}")
        self._frame.labels[name] = text

    def _define(self, name: str, pairs: str) -> None:
        if not _NAME.fullmatch(name):
            raise NotStata(f"label define {name}")
        found = _VALUE_LABEL.findall(pairs)
        self._frame.value_labels[name] = {int(value): text for value, text in found}

    def _label_values(self, name: str, label: str) -> None:
        values = self._frame.variables[name]
        if any(isinstance(value, str) for value in values):
            return  # Stata says that a text can have no labels; the line is captured
        self._frame.labelled[name] = label

    def _values(self, expression: str) -> Values:
        """Return an expression's value in each observation."""
        count = len(next(iter(self._frame.variables.values()), []))
        tokens = _tokens(expression)
        value = _Expression(tokens, self._frame).read()
        if tokens:
            raise NotStata(expression)
        return [value(row) for row in range(count)]


def _block(lines: list[str], end: str) -> list[str]:
    """Take the lines up to the end of a block off *lines*."""
    found: list[str] = []
    depth = 0
    while lines:
        line = lines.pop(0)
        if line == end and depth == 0:
            return found
        depth += line.endswith("{") - (line == "}")
        found.append(line)
    raise NotStata(f"no {end}")


def _expanded(line: str, macros: dict[str, str]) -> str:
    """Return a line with macros replaced as Stata does, within quotes, too."""
    if "$" in line or "\\`" in line:
        raise NotStata(line)
    made = re.sub(r"`(\w+)'", lambda found: macros[found[1]], line)
    if "`" in made:
        raise NotStata(line)
    return made


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(expression):
        token = _TOKEN.match(expression, place)
        if token is None or token.lastgroup is None:
            raise NotStata(expression)
        found.append((token.lastgroup, token[token.lastgroup]))
        place = token.end()
    return found


Value = Callable[[int], Any]


class _Expression:
    """An expression of comparisons joined by &, read from left to right."""

    def __init__(self, tokens: list[tuple[str, str]], frame: Frame) -> None:
        self._tokens, self._frame = tokens, frame

    def read(self) -> Value:
        value = self._comparison()
        while self._take("&"):
            value = _both(value, self._comparison())
        return value

    def _comparison(self) -> Value:
        value = self._single()
        for sign, holds in _COMPARISONS.items():
            if self._take(sign):
                return _compared(value, holds, self._single())
        return value

    def _single(self) -> Value:
        kind, text = self._tokens.pop(0)
        if kind == "text":
            return lambda row: text[1:-1]
        if kind == "number":
            return lambda row: int(text)
        if text == ".":
            return lambda row: MISSING
        if kind == "word" and self._take("("):
            return self._function(text)
        if text not in self._frame.variables:
            raise NotStata(text)
        return self._frame.variables[text].__getitem__

    def _function(self, name: str) -> Value:
        arguments = [self.read()]
        while self._take(","):
            arguments.append(self.read())
        if not self._take(")"):
            raise NotStata(name)
        if name not in _FUNCTIONS:
            raise NotStata(name)
        return lambda row: _FUNCTIONS[name](*(value(row) for value in arguments))

    def _take(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == ("sign", sign):
            del self._tokens[0]
            return True
        return False


def _both(one: Value, other: Value) -> Value:
    return lambda row: bool(one(row)) and bool(other(row))


def _compared(one: Value, holds: Callable[[Any, Any], bool], other: Value) -> Value:
    return lambda row: holds(one(row), other(row))


def _number_in(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        return MISSING
    number = float(text)
    return number if abs(number) < _LARGEST else MISSING


def _clock(text: str, mask: str) -> float:
    if mask != "YMDhms":
        raise NotStata(mask)
    moment = _moment(text)
    return MISSING if moment is None else (moment - _DAY_ZERO) / dt.timedelta(milliseconds=1)


def _date(text: str, mask: str) -> float:
    if mask != "YMD":
        raise NotStata(mask)
    moment = _moment(text)
    return MISSING if moment is None else (moment - _DAY_ZERO).days


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.year >= 100 else None


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    ">": lambda a, b: bool(a > b),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cond": lambda holds, one, other: one if holds else other,
    "missing": lambda value: value == "" or value != value,
    "strlen": lambda text: len(text.encode()),
    "subinstr": lambda text, old, new, count: text.replace(old, new, int(count)),
    "substr": lambda text, first, count: text.encode()[first - 1 :][
        : None if count != count else int(count)
    ].decode(errors="replace"),
    "ustrregexm": lambda text, pattern: bool(re.search(pattern, text)),
    "clock": _clock,
    "date": _date,
}
