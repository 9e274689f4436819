"""Panels: a row per player and value of a field, for the price of reading the log once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis.rounds.histories import History
from uproot_nb.analysis.panels import panel_table
from uproot_nb.analysis.past_states import Past, read_codec
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import CHANGES


def texts_read(monkeypatch: pytest.MonkeyPatch, length: int) -> int:
    """Return how many characters a panel decodes of a list that grows to a length."""
    steps: list[tuple[Any, ...]] = [("count", 0, 1), *[("append", 0, 1)] * length]
    log = History().go(steps).log
    codec, read = read_codec(), 0
    state, plain = Past(log, "m", codec).state(), Codec.decode

    def counted(self: Codec, text: str) -> Any:
        nonlocal read
        read += len(text)
        return plain(self, text)

    with monkeypatch.context() as patched:
        patched.setattr(Codec, "decode", counted)
        panel = panel_table(log.read("m", kinds=CHANGES), state, "round", codec)
    assert panel["bids"].tolist() == [[1] * length]
    return read


def test_a_panel_of_a_growing_list_reads_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert texts_read(monkeypatch, 400) < 5 * texts_read(monkeypatch, 100)


def test_a_panel_has_what_was_set_last_while_the_field_had_its_value() -> None:
    log = History().go(
        [("set", 0, "age", 30), ("count", 0, 1), ("set", 0, "bid", 1), ("set", 0, "bid", 2),
         ("count", 0, 2), ("count", 0, 1), ("append", 0, 5), ("del", 0, "bid"), ("count", 0, 2)]
    ).log  # fmt: skip
    codec = read_codec()
    events, state = log.read("m", kinds=CHANGES), Past(log, "m", codec).state()
    panel = panel_table(events, state, "round", codec)
    assert panel[["round", "age"]].to_numpy().tolist() == [[1, 30], [2, 30]]
    assert panel["bids"].tolist() == [[5], None]
    assert "bid" not in panel or panel["bid"].isna().all()
