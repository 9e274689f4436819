"""CSV form: a design as rows of a table that a spreadsheet can edit."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.designs.schedules import COUNTS
from uproot_nb.market.orderbook.amounts import Price, exact
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.traders.adaptive import AA
from uproot_nb.market.traders.belief import GD
from uproot_nb.market.traders.forward_looking import GDX
from uproot_nb.market.traders.reinforcement import RothErev
from uproot_nb.market.traders.sniper import Sniper
from uproot_nb.market.traders.zero_intelligence import ZIC, ZIU
from uproot_nb.market.traders.zero_intelligence_plus import ZIP

__all__ = ["arms_in", "decoded", "text_of"]

_COLUMNS = ("arm", "period", "item", "trader", "unit", "amount")
_USUAL: dict[str, Any] = {"groups": 1, "steps": 1_000, "clear_after_trade": False, "traders": None}
"""What holds in an arm of which a file says nothing else."""
_SETTINGS = ("periods", "practice", "groups", "steps", "clear_after_trade")
_ROBOTS: dict[str, Any] = {
    one.__name__: one for one in (ZIU, ZIC, ZIP, GD, GDX, AA, RothErev, Sniper)
}
_SIDES = {"value": "values", "cost": "costs"}
_RULE = "rules."
_JSON = ('"', "[", "{")
"""How a cell begins that is read as JSON."""
_TRUTHS = frozenset(
    ["clear_after_trade", "budget"]
    + [one.name for one in fields(Rules) if isinstance(one.default, bool)]
)
"""The settings and rules that are true or false."""


class DesignRow(NamedTuple):
    """One line of the file, as text; what does not apply is empty."""

    arm: str
    period: str
    item: str
    trader: str
    unit: str
    amount: str


class WritableDesign(Protocol):
    """What the file says of a design."""

    @property
    def traders(self) -> Any:
        """What makes the robot traders."""

    @property
    def numbers(self) -> range:
        """The numbers of all periods."""

    def each_arm(self) -> Mapping[str, WritableDesign]:
        """Return the design of each arm by its name."""

    def values_in(self, period: int, seed: int | str = 0) -> InducedValues:
        """Return the values of a period."""

    def rules_in(self, period: int) -> Rules:
        """Return the rules of a period."""


def text_of(design: WritableDesign, seed: int | str) -> str:
    """Return a design as CSV text.

    Raises:
        BadMarket: the file would lose a part of a name.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name, arm in design.each_arm().items():
        _check_name("arm", name)
        writer.writerows(_rows(name, arm, seed))
    return file.getvalue()


def _rows(arm: str, design: WritableDesign, seed: int | str) -> Iterator[DesignRow]:
    for setting in _SETTINGS:
        yield DesignRow(arm, "", setting, "", "", _written(getattr(design, setting)))
    robots = design.traders if isinstance(design.traders, Mapping) else {"": design.traders}
    if all(robot in _ROBOTS.values() for robot in robots.values()):
        for trader, robot in robots.items():
            yield DesignRow(arm, "", "robot", trader, "", robot.__name__)
    before = Rules()
    for number in design.numbers:
        rules = design.rules_in(number)
        yield from _rule_rows(arm, str(number), before, rules)
        before = rules
        values = design.values_in(number, seed)
        for item, side in _SIDES.items():
            for trader, units in getattr(values, side).items():
                _check_name("trader", trader)
                for unit, amount in enumerate(units, 1):
                    yield DesignRow(arm, str(number), item, trader, str(unit), _written(amount))


def _rule_rows(arm: str, period: str, before: Rules, rules: Rules) -> Iterator[DesignRow]:
    """Yield a row for each rule that is not as in the period before."""
    were = before.plain()
    for name, plain in rules.plain().items():
        if plain != were[name]:
            value = getattr(rules, name)
            amount = _written(value if isinstance(value, Decimal) else plain)
            yield DesignRow(arm, period, _RULE + name, "", "", amount)


def _check_name(what: str, name: str) -> None:
    if not name or name.strip() != name:
        raise BadMarket(
            f"The {what} {name!r} cannot be written: cells lose blanks at their ends.",
            f"Give the {what} a name that neither begins nor ends with a blank.",
        )


def decoded(data: bytes) -> str:
    """Return the text of a file, or refuse what is not UTF-8: a guess might spoil the names.

    Raises:
        BadMarket: it is another encoding, as that of Excel's files without "UTF-8" in their type.
    """
    place = data.find(0)  # UTF-16, where it begins without a mark
    if place < 0:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            place = error.start
    line = 1 + data.count(b"\n", 0, place)
    raise BadMarket(
        f"The file is not text in UTF-8: line {line} has a byte {data[place]:#04x}.",
        'Save it again, in Excel as "CSV UTF-8 (Comma delimited)", and not as "CSV" or "Unicode '
        'Text"; elsewhere with UTF-8 as its encoding.',
    )


def arms_in(text: str) -> dict[str, dict[str, Any]]:
    """Return the arguments of `Design` for each arm of a file.

    Where numbers have a decimal comma, spreadsheets separate cells by semicolons.

    Raises:
        BadMarket: a line cannot be read.
    """
    head = next(iter(text.splitlines()), "")
    has_commas = ";" in head and "," not in head
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if has_commas else ",")
    try:
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    except csv.Error as error:
        raise _unreadable(1, "its cells", error) from None
    if missing:
        raise BadMarket(
            f"The file has no column {missing[0]!r}.", f"It needs {', '.join(_COLUMNS)}."
        )
    arms: dict[str, _Arm] = {}
    for row in _rows_in(reader, has_commas):
        try:
            arms.setdefault(row.arm or "market", _Arm()).take(row, reader.line_num)
        except (ValueError, KeyError) as error:
            raise _unreadable(reader.line_num, ",".join(row), error) from None
    if not arms:
        raise BadMarket("The file has no lines.", "See Design.to_csv for its format.")
    return {name: arm.arguments() for name, arm in arms.items()}


def _rows_in(reader: csv.DictReader[str], has_commas: bool) -> Iterator[DesignRow]:
    """Yield all rows but those of empty cells, which spreadsheets leave at the end."""
    while True:
        begin = reader.line_num + 1
        try:
            line: Mapping[Any, Any] | None = next(reader, None)
        except csv.Error as error:
            raise _unreadable(begin, "its cells", error) from None
        if line is None:
            return
        row = DesignRow(*((line[name] or "").strip() for name in _COLUMNS))
        further = [cell for cell in line.get(None) or () if cell.strip()]
        if further:
            raise _unreadable(
                reader.line_num, ",".join([*row, *further]), "it has more cells than the first line"
            )
        if has_commas and re.fullmatch(r"[+-]?\d*,\d+", row.amount):
            row = row._replace(amount=row.amount.replace(",", "."))
        if any(row):
            yield row


def _unreadable(line: int, what: str, why: Exception | str) -> BadMarket:
    return BadMarket(
        f"Line {line} cannot be read: {what} ({why}).", "See Design.to_csv for the format."
    )


class _Arm:
    """The rows of one arm, as far as they have been read."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}
        self._robots: dict[str, Any] = {}
        self._rules: dict[int, dict[str, Any]] = {}
        self._lines: dict[int, dict[str, int]] = {}
        """The line of each rule."""
        self._units: dict[int, dict[str, dict[str, dict[int, Price]]]] = {}
        self._places: dict[tuple[int, str, str, int], tuple[int, str]] = {}
        """The line of each unit, and its text."""

    def take(self, row: DesignRow, line: int) -> None:
        """Take a row; a ValueError or KeyError says what is wrong."""
        if row.item in _SETTINGS:
            _put(self._settings, row.item, _checked(row.item, _read(row.amount)))
        elif row.item == "robot":
            if row.amount not in _ROBOTS:
                raise ValueError(f"{row.amount!r} is none of {', '.join(_ROBOTS)}")
            _put(self._robots, row.trader, _ROBOTS[row.amount])
        elif row.item.startswith(_RULE):
            name, period = row.item.removeprefix(_RULE), int(row.period)
            rule = _checked_rule(name, _checked(name, _read(row.amount)))
            _put(self._rules.setdefault(period, {}), name, rule)
            self._lines.setdefault(period, {})[name] = line
        elif row.item in _SIDES and row.trader:
            self._take_unit(row, _SIDES[row.item], line)
        else:
            raise ValueError(f"item {row.item!r}")

    def _take_unit(self, row: DesignRow, side: str, line: int) -> None:
        period, unit = int(row.period), int(row.unit)
        sides = self._units.setdefault(period, {"values": {}, "costs": {}})
        units = sides[side].setdefault(row.trader, {})
        self._places[period, side, row.trader, unit] = line, ",".join(row)
        if unit in units:
            raise ValueError(f"unit {unit} appears twice")
        amount = _read(row.amount)
        if exact(amount) is None:
            raise ValueError(f"{row.amount!r} is not an amount of money")
        units[unit] = amount

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the design."""
        if not self._units:
            raise BadMarket("An arm has no values and costs.", "Add rows with value and cost.")
        self._check_numbers()
        values = {number: _values(sides) for number, sides in sorted(self._units.items())}
        numbers = [*values, *self._rules]
        length = {"periods": max(1, *numbers), "practice": max(0, 1 - min(numbers))}
        rules = self._rules_from(min(1, *numbers))
        made = {"values": _one(values), "rules": _one(rules), **_USUAL, **length, **self._settings}
        if self._robots:
            made["traders"] = self._robots.get("", self._robots)
        return made

    def _check_numbers(self) -> None:
        """Refuse units that are not numbered 1, 2, 3 …, at the first line where they are not."""
        for (period, side, trader, unit), (line, text) in self._places.items():
            if unit < 1:
                raise _unreadable(line, text, "units are numbered 1, 2, 3 …")
            if unit > 1 and unit - 1 not in self._units[period][side][trader]:
                raise _unreadable(line, text, f"{trader} has no unit {unit - 1}")

    def _rules_from(self, first: int) -> dict[int, Rules]:
        """Return the rules by the period from which they hold; each one holds until it is set."""
        made, given, lines = {first: Rules()}, dict[str, Any](), dict[str, int]()
        for number, rules in sorted(self._rules.items()):
            given |= rules
            lines |= self._lines[number]
            made[number] = _rules(given, lines)
        return made


def _values(sides: Mapping[str, Mapping[str, Mapping[int, Price]]]) -> InducedValues:
    made: dict[str, dict[str, list[Price]]] = {}
    for side, traders in sides.items():
        made[side] = {
            trader: [units[unit] for unit in sorted(units)] for trader, units in traders.items()
        }
    return InducedValues(**made)


def _rules(given: Mapping[str, Any], lines: Mapping[str, int]) -> Rules:
    """Return rules, or say in which lines those are that are refused."""
    try:
        return Rules.from_plain(dict(given))
    except BadMarket as error:
        alone = [name for name in given if _refusal({name: given[name]})]
        blamed = alone or list(given)
        places = " and ".join(str(lines[name]) for name in blamed)
        named = ", ".join(f"{_RULE}{name}" for name in blamed)
        raise BadMarket(
            f"Line {places} cannot be read: {named} ({error.what.rstrip('.')}).", error.remedy
        ) from None


def _refusal(given: Mapping[str, Any]) -> bool:
    """Return whether these rules are refused."""
    try:
        Rules.from_plain(dict(given))
    except BadMarket:
        return True
    return False


def _checked_rule(name: str, value: Any) -> Any:
    """Return what is written of a rule if a rule can be like that: with others it may be right."""
    usual = Rules().plain()
    if name not in usual:
        raise ValueError(f"there is no such rule: {name}")
    kind = type(usual[name])
    if kind in (dict, list) and not isinstance(value, kind):
        raise ValueError(f"write it as to_csv does: {json.dumps(usual[name])}, for example")
    try:
        _refusal({name: value})
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{name} cannot be like that") from None
    return value


def _put(there: dict[str, Any], name: str, value: Any) -> None:
    """Keep what is written of a name, once."""
    if name in there:
        raise ValueError("it appears twice")
    there[name] = value


def _checked(name: str, value: Any) -> Any:
    """Return what is written of a rule or setting; a word is neither true nor false."""
    unsaid = value is None and name == "budget"
    if name in _TRUTHS and not (isinstance(value, bool) or unsaid):
        raise ValueError("write True or False")
    if name in COUNTS and (type(value) is not int or value < COUNTS[name]):
        raise ValueError(f"{name}={value!r} is not a count of {COUNTS[name]} or more")
    return value


def _one(by_period: Mapping[int, Any]) -> Any:
    """Return what holds in all periods; else the entries written otherwise than the one before."""
    kept: dict[int, Any] = {}
    last = None
    for number, entry in by_period.items():
        written = json.dumps(entry.plain())  # 5, 5.0 and 5.00 are equal, but written differently
        if written != last:
            kept[number], last = entry, written
    return next(iter(kept.values())) if len(kept) == 1 else kept


def _written(value: Any) -> str:
    """Return a value as text that `_read` reads: a Decimal always with a point."""
    if isinstance(value, (Decimal, float)):
        text = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
        return text if "." in text else f"{text}.0"
    if isinstance(value, str):
        is_plain = value[:1] not in _JSON and _read(value) == value and value.strip() == value
        return value if is_plain else json.dumps(value)
    return str(value) if value is None or isinstance(value, (bool, int)) else json.dumps(value)


def _read(text: str) -> Any:
    """Return the number, truth value, None or text that is written in a cell."""
    words: Iterable[tuple[str, Any]] = (("true", True), ("false", False), ("none", None))
    for word, value in words:
        if text.lower() == word:
            return value
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?\d*\.\d+", text):
        return Decimal(text)
    if text[:1] in _JSON:
        return json.loads(text)
    return text
