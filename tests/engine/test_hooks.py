"""Hooks that fail while others go on: what is undone, and what is not theirs to undo."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio

import pytest

from tests.engine.running import Browser, serving, until
from uproot_nb import Page, add_to_group, create_group

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
