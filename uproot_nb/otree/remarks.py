"""Remarks: what was not translated in an oTree app, and where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Remark", "Remarks"]


@dataclass(frozen=True, order=True)
class Remark:
    """A place in the app, and what to do about it here."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass
class Remarks:
    """Collects remarks, and hands those of a part of the app to the cell that has this part."""

    all: list[Remark] = field(default_factory=list)
    _handed: int = 0

    def add(self, file: str, line: int, text: str) -> None:
        """Note what was not translated."""
        remark = Remark(file, line, text)
        if remark not in self.all:
            self.all.append(remark)

    def comments(self) -> Iterator[str]:
        """Yield the remarks since the last call as lines of Python."""
        new, self._handed = self.all[self._handed :], len(self.all)
        yield from (f"# TODO {remark}" for remark in new)
