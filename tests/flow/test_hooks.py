"""Hooks that fail while others go on: what is undone, and what is not theirs to undo."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, plain, serving, until
from tests.worlds_at_rest import Worlds, loaded, replayed
from uproot_nb import (
    Page,
    add_raw_entry,
    add_to_group,
    create_group,
    create_model,
    get_entries,
)
from uproot_nb.flow.hooks import attempt_for, undo
from uproot_nb.session.entities import Player
from uproot_nb.session.world import World

SEEN: list[str] = []
"""What has happened, for the hooks and for the test."""


class Join(Page):
    """Comes to a group, takes its time, and fails."""

    async def before_once(page, player):
        if player.id != 0 or "mended" in SEEN:
            return
        player.session.groups[0].visitors = 1
        add_to_group(player.session.groups[0], [player])
        SEEN.append("joined")
        while "go on" not in SEEN:
            await asyncio.sleep(0)
        raise RuntimeError("broken")


@pytest.mark.parametrize("others", [True, False])
async def test_a_failed_hook_undoes_its_group_unless_another_has_changed_it(others: bool) -> None:
    SEEN.clear()
    with serving(Join, players=3) as run:
        ann, bob, cem = run.players
        group = create_group(run.session, [cem])
        opening = asyncio.create_task(Browser.open(run, 0))
        await until(lambda: "joined" in SEEN)
        if others:
            add_to_group(group, [bob])
        SEEN.append("go on")
        with pytest.raises(Exception, match="500"):
            await opening
        members = [player.name for player in group.players]
        assert members == ([cem.name, ann.name, bob.name] if others else [cem.name])
        assert group.get("visitors") is None
        SEEN.append("mended")
        await Browser.open(run, 0)
        assert ann.page == "Join"


# ---- what a failed hook leaves behind ----

VALUES = st.recursive(
    st.integers(0, 9) | st.sets(st.integers(0, 3), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


def containers(value: Any) -> list[Any]:
    """Return every list, dict and set in a value, itself included."""
    found = [value] if isinstance(value, (list, dict, set)) else []
    items = value.values() if isinstance(value, dict) else value
    if isinstance(value, (list, dict, tuple)):
        for item in list(items):
            found += containers(item)
    return found


def change_somehow(data: st.DataObject, player: Player) -> None:
    """Change something in the field, as an author might."""
    if data.draw(st.integers(0, 9)) == 0 or "x" not in player.fields():
        player.x = data.draw(VALUES)
        return
    inside = containers(player.x)
    if not inside or data.draw(st.integers(0, 19)) == 0:
        del player.x
        return
    target = data.draw(st.sampled_from(inside))
    value = data.draw(VALUES)
    if isinstance(target, list):
        act = data.draw(
            st.sampled_from(["append", "append", "insert", "set", "del", "clear", "sort"])
        )
        if act == "append":
            target.append(value)
        elif act == "insert":
            target.insert(data.draw(st.integers(-3, 3)), value)
        elif act == "clear":
            target.clear()
        elif act == "sort":
            target.sort(key=repr)
        elif target:
            at = data.draw(st.integers(0, len(target) - 1))
            if act == "set":
                target[at] = value
            else:
                taken = target.pop(at)
                if isinstance(taken, list):
                    taken.append("the holder's own")
    elif isinstance(target, dict):
        key = data.draw(st.sampled_from("abc"))
        act = data.draw(st.sampled_from(["set", "pop", "clear"]))
        if act == "set":
            target[key] = value
        elif act == "pop":
            target.pop(key, None)
        else:
            target.clear()
    else:
        (target.add if data.draw(st.booleans()) else target.discard)(data.draw(st.integers(0, 3)))


@examples(150)
@given(st.data())
def test_whatever_a_failed_hook_has_changed_is_as_it_was(data: st.DataObject) -> None:
    """In memory, in the log, and in a snapshot; without a look at the log."""
    worlds = Worlds()
    try:
        world = worlds.open()
        player = world.add_player()
        if data.draw(st.booleans()):
            player.x = data.draw(VALUES)
        world.journal.commit()
        before = world.codec.encode(player.x) if "x" in player.fields() else None
        tried = attempt_for(player, None, "hook")
        changes = data.draw(st.integers(1, 6))
        step = world.lock.begin_step(tried)
        try:  # hypothesis may give an example up on the way
            for _ in range(changes):
                change_somehow(data, player)
            undo(world, tried)
        finally:
            world.lock.end_step(step)
        for state in (world.state, replayed(world), loaded(world)):
            has = "x" in list(state.names(player.subject))
            after = world.codec.encode(state.value(player.subject, "x")) if has else None
            assert after == before
        player.y = [1]
        player.y.append(2)
        if isinstance(player.get("x"), list):
            player.x.append(5)
            assert replayed(world).value(player.subject, "x") == player.x
    finally:
        worlds.close()


def test_undoing_an_entry_of_a_long_ledger_costs_one_small_event(market: World) -> None:
    """Neither the log nor the ledger is read, and the ledger's index sees it."""
    model = create_model(market.session, tag="offers")
    player = market.players()[0]
    for number in range(500):
        add_raw_entry(model, {"number": number})
    market.journal.commit()
    last = market.journal.committed
    reads: list[int] = []
    read = market.journal.log.read

    def noting(*args: Any, **kwargs: Any) -> Any:
        reads.append(kwargs.get("after", args[1] if len(args) > 1 else 0))
        return read(*args, **kwargs)

    market.journal.log.read = noting  # type: ignore[method-assign]
    tried = attempt_for(player, None, "hook")
    step = market.lock.begin_step(tried)
    add_raw_entry(model, {"number": 500})
    player.touched = True
    undo(market, tried)
    market.lock.end_step(step)
    assert all(after >= last for after in reads)
    del market.journal.log.read  # type: ignore[method-assign]
    assert len(get_entries(model)) == 500
    add_raw_entry(model, {"number": 501})
    assert [entry[-1]["number"] for entry in get_entries(model)][-2:] == [499, 501]
    assert plain(replayed(market)) == plain(market.state)
    undone = [e for e in market.log.read(market.name, after=last) if e.cause.endswith("failed")]
    assert sum(len(event.value) for event in undone) < 200
