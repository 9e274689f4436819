"""The garbage collector rests while a table is made, and only then."""

from __future__ import annotations

import gc

import pytest

from uproot_nb.analysis.garbage_collection import without_collecting


def test_the_collector_rests_and_goes_on_also_after_an_error() -> None:
    with without_collecting():
        assert not gc.isenabled()
        with pytest.raises(KeyError), without_collecting():
            raise KeyError("oh")
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_has_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with without_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
