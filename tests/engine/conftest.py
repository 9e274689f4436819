"""Worlds at rest, as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.engine.worlds_at_rest import Worlds, events_of
from uproot_nb.engine.world import World
from uproot_nb.log.events import Event


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    made = Worlds()
    yield made
    made.close()


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds.open()


@pytest.fixture
def market(world: World) -> World:
    """A session with four players."""
    for _ in range(4):
        world.add_player()
    world.journal.commit()
    return world


@pytest.fixture
def logged(world: World) -> Callable[[], list[Event]]:
    """Return what was logged since the last time."""
    seen = 0

    def since() -> list[Event]:
        nonlocal seen
        events = events_of(world)
        new, seen = events[seen:], len(events)
        return new

    return since
