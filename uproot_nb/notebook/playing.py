"""Playing: who lets bots take part in a run, at whose places."""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import ClosedRun, UprootError
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause

if TYPE_CHECKING:
    from uproot_nb.bots.client import Watcher
    from uproot_nb.bots.crowd import Bot, Bots, Part
    from uproot_nb.notebook.run import Run

__all__ = ["start_bots"]


def start_bots(
    run: Run,
    who: int | Mapping[Any, Bot] | Sequence[Bot],
    fill: Bot,
    seed: Any = None,
    watcher: Watcher | None = None,
) -> Bots:
    """Let bots take part, and return them; see `Run.bots`."""
    # lazy: the bots' parts need Tornado, and most notebooks have no bots
    from uproot_nb.bots.crowd import Bots, Part

    if run.closed:
        raise ClosedRun(run.name)
    bots = _bots(who, fill)
    for bot in bots.values() if isinstance(bots, Mapping) else bots:
        _check_bot(bot)
    if isinstance(bots, Mapping):
        cast = [(_player(run, key), bot) for key, bot in bots.items()]
    else:
        cast = list(zip(_free_places(run, len(bots)), bots, strict=True))
    _check_cast(run, [player for player, _ in cast])
    parts = [
        Part(player.name, run.link(player), bot, _chance(seed, player)) for player, bot in cast
    ]
    for part in parts:
        _note(run, part, plays=True)
    return Bots(parts, lambda part: _note_later(run, part), watcher)


def _bots(who: Any, fill: Bot) -> Mapping[Any, Bot] | list[Bot]:
    if isinstance(who, Mapping):
        return who
    if isinstance(who, int) and not isinstance(who, bool) and who > 0:
        return [fill] * who
    if isinstance(who, Sequence) and not isinstance(who, str):
        return list(who)
    raise UprootError(
        f"run.bots({who!r}): give a number of bots, a list of them, or a dict of players and bots."
    )


def _check_bot(bot: Any) -> None:
    is_plain = inspect.isfunction(bot) and not inspect.iscoroutinefunction(bot)
    if not callable(bot) or is_plain:
        raise UprootError(
            f"{getattr(bot, '__name__', repr(bot))} is not a bot.\n"
            "A bot is a function 'async def my_bot(client): …'."
        )


def _player(run: Run, key: Any) -> Player:
    """Return the player that a key names: a player, a name, a label, or a place's number."""
    if isinstance(key, int) and not isinstance(key, bool):
        found = [player for player in run.players if player.id == key]
    elif isinstance(key, str):
        found = [player for player in run.players if player.name == key]
        found = found or [player for player in run.players if player.label == key]
    else:
        return run._runtime.world.player(run._runtime.delivery.names(key)[0])
    if len(found) != 1:
        many = "several players are" if found else "no player is"
        raise UprootError(
            f"run.bots({{{key!r}: …}}): {many} called so.\n"
            "Give a player, a name, a label, or the number of a place, from 0."
        )
    return found[0]


def _free_places(run: Run, count: int) -> list[Player]:
    """Take places that nobody has, as the join link does: free ones first, then new ones."""
    runtime = run._runtime
    taken = []
    for _ in range(count):
        player = runtime.world.claim_place()
        taken.append(runtime.wait_for(runtime.open_place()) if player is None else player)
    return taken


def _check_cast(run: Run, players: Sequence[Player]) -> None:
    names = [player.name for player in players]
    busy = {name for bots in run._bots for name in bots.running}
    twice = [name for n, name in enumerate(names) if name in busy or name in names[:n]]
    if twice:
        raise UprootError(
            f"The player {twice[0]} would be played by two bots.\nStop the first: bots.stop()."
        )


def _chance(seed: Any, player: Player) -> random.Random:
    return random.Random() if seed is None else random.Random(f"{seed}/{player.id}")


def _note_later(run: Run, part: Part) -> None:
    """Note a bot's end when the run's loop comes to it: a cell may wait for us under its lock."""
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
        run._runtime.loop.call_soon_threadsafe(_note, run, part, False)


def _note(run: Run, part: Part, plays: bool) -> None:
    """Let the log say that a bot plays for a player, or does so no more."""
    cause = Cause("researcher", "", f"bot {part.name}", "")
    with contextlib.suppress(ClosedRun):
        run._runtime.interventions.note_bot(part.player, part.name, plays, cause)
