"""Spool: what is set aside comes back in its order, as often as it is asked for."""

from __future__ import annotations

from pathlib import Path

from uproot_nb.analysis.spool import Spool


def test_pieces_come_back_in_the_order_in_which_they_were_put(tmp_path: Path) -> None:
    with Spool[list[int]](tmp_path / "aside") as spool:
        spool.put_all([[1, 2], []])
        spool.put_all(iter([[3]]))
        assert len(spool) == 3
        assert list(spool) == list(spool) == [[1, 2], [], [3]]


def test_nothing_set_aside_is_nothing(tmp_path: Path) -> None:
    with Spool[str](tmp_path / "aside") as spool:
        assert (len(spool), list(spool)) == (0, [])
