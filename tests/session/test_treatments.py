"""Treatments: arms stay balanced, whatever happens in between."""
# ruff: noqa: ANN001, ANN202  (as authors write)

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.running import serving
from uproot_nb import Page, UprootError, balanced


class Play(Page):
    """Play."""


def draws(count: int, values: Any, seed: Any = 7, **more: Any) -> list[Any]:
    with serving(Play, seed=seed) as run:
        return [balanced(run.session, values, **more) for _ in range(count)]


def test_after_each_draw_the_arms_differ_by_one_at_most() -> None:
    drawn = draws(31, ["A", "B", "C"])
    for end in range(1, 32):
        counts = Counter(drawn[:end])
        assert max(counts.values()) - min(counts[arm] for arm in "ABC") <= 1


@pytest.mark.long
def test_the_order_follows_from_the_seed_and_is_not_always_the_same() -> None:
    assert draws(20, ["A", "B"]) == draws(20, ["A", "B"])
    assert len({tuple(draws(8, ["A", "B"], seed=n)) for n in range(8)}) > 1


def test_weights_strata_and_keys_are_independent() -> None:
    assert Counter(draws(30, {"A": 2, "B": 1})) == {"A": 20, "B": 10}
    with serving(Play, seed=1) as run:
        for sex in ("f", "m"):
            arms = [balanced(run.session, ["A", "B"], within=sex) for _ in range(4)]
            assert Counter(arms) == {"A": 2, "B": 2}
        other = [balanced(run.session, [1, 2], key="price") for _ in range(2)]
        assert sorted(other) == [1, 2]
        assert sorted(balanced(run.players, ["x", "y"], key="role")) == ["x", "y"]


@pytest.mark.long
def test_a_block_goes_on_after_a_restart(tmp_path) -> None:
    db = str(tmp_path / "log.sqlite3")
    drawn = []
    for _ in range(6):
        with serving(Play, seed=3, db=db) as run:
            drawn.append(balanced(run.session, ["A", "B", "C"]))
    assert Counter(drawn) == {"A": 2, "B": 2, "C": 2}


def test_every_new_player_gets_one() -> None:
    def new_player(player):
        player.treatment = balanced(player.session, ["A", "B"])

    with serving(Play, players=10, names={"new_player": new_player}) as run:
        assert Counter(run.players.each("treatment")) == {"A": 5, "B": 5}


@pytest.mark.parametrize("wrong", [[], {"A": 0}, {"A": -1}, {"A": 1.5}])
def test_what_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(UprootError):
        draws(1, wrong)
