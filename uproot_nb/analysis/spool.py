"""Spool: what is set aside in a file until it is known how it is to be written."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Generic, Self, TypeVar

__all__ = ["Spool"]

Piece = TypeVar("Piece")


class Spool(Generic[Piece]):
    """Pieces of anything that can be pickled, in a file that nobody else reads or writes.

    with Spool[str](folder / "aside") as spool:
        spool.put_all(["one", "two"])
        list(spool)        # ["one", "two"]
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("w+b")
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put_all(self, pieces: Iterable[Piece]) -> None:
        """Set pieces aside, one after another, behind those that are there."""
        for piece in pieces:
            pickle.dump(piece, self._file, pickle.HIGHEST_PROTOCOL)
            self._count += 1

    def __len__(self) -> int:
        """Return how many pieces there are."""
        return self._count

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces, in the order in which they were put; nothing may be put after."""
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)
