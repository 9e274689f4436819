"""BotPlaces: the places of a run at which bots play."""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import ClosedRun, UprootError
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause

if TYPE_CHECKING:
    from uproot_nb.bots.client import Watcher
    from uproot_nb.bots.crowd import Bot, Bots, Part

__all__ = ["BotPlaces"]


class BotPlaces:
    """Lets bots take part in a run, and remembers at which places they play.

    Args:
        link: returns a player's own link.
    """

    def __init__(self, runtime: Runtime, link: Callable[[Player], str]) -> None:
        self._runtime, self._link = runtime, link
        self._started: list[Bots] = []

    def start(
        self,
        who: int | Mapping[Any, Bot] | Sequence[Bot],
        fill: Bot,
        seed: Any = None,
        watcher: Watcher | None = None,
        *,
        polling: bool = False,
    ) -> Bots:
        """Let bots take part, and return them; see `Run.bots`."""
        # lazy: the bots' parts need Tornado, and most notebooks have no bots
        from uproot_nb.bots.crowd import Bots

        parts, ended = self.take_places(who, fill, seed, polling=polling)
        self._started.append(Bots(parts, ended, watcher))
        return self._started[-1]

    def take_places(
        self,
        who: int | Mapping[Any, Bot] | Sequence[Bot],
        fill: Bot,
        seed: Any = None,
        *,
        polling: bool = False,
    ) -> tuple[list[Part], Callable[[Part], None]]:
        """Log who is played by which bot; return the parts, and what to call when one is over."""
        from uproot_nb.bots.crowd import Part  # lazy: as above

        if self._runtime.closed:
            raise ClosedRun(self._runtime.name)
        bots = _bots(who, fill)
        for bot in bots.values() if isinstance(bots, Mapping) else bots:
            _check_bot(bot)
        if isinstance(bots, Mapping):
            cast = [(self._player(key), bot) for key, bot in bots.items()]
        else:
            cast = list(zip(self._free_places(len(bots)), bots, strict=True))
        self._check_cast([player for player, _ in cast])
        parts = [
            Part(player.name, self._link(player), bot, _chance(seed, player), polling)
            for player, bot in cast
        ]
        for part in parts:
            self._log(part, plays=True)
        return parts, self._log_end

    def stop(self) -> None:
        """Have all bots leave. Idempotent."""
        for bots in self._started:
            bots.stop()

    def _player(self, key: Any) -> Player:
        """Return the player that a key names: a player, a name, a label, or a place's number."""
        world = self._runtime.world
        if not isinstance(key, int) or isinstance(key, bool):
            return world.player(self._runtime.delivery.meant(key)[0])
        found = [player for player in world.players() if player.id == key]
        if not found:
            raise UprootError(
                f"run.bots({{{key!r}: …}}): there is no place with this number.\n"
                "Give a player, a name, a label, or the number of a place, from 0."
            )
        return found[0]

    def _free_places(self, count: int) -> list[Player]:
        """Take places that nobody has, as the join link does: free ones first, then new ones."""
        runtime, taken = self._runtime, []
        for _ in range(count):
            player = runtime.world.claim_place()
            taken.append(runtime.wait_for(runtime.places.open()) if player is None else player)
        return taken

    def _check_cast(self, players: Sequence[Player]) -> None:
        names = [player.name for player in players]
        busy = {name for bots in self._started for name in bots.running}
        twice = [name for n, name in enumerate(names) if name in busy or name in names[:n]]
        if twice:
            raise UprootError(
                f"The player {twice[0]} would be played by two bots.\nStop the first: bots.stop()."
            )

    def _log_end(self, part: Part) -> None:
        """Log a bot's end from the run's loop: a cell may wait for us under its lock."""
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            self._runtime.loop.call_soon_threadsafe(self._log, part, False)

    def _log(self, part: Part, plays: bool) -> None:
        """Log that a bot plays for a player, or no longer does."""
        cause = Cause("researcher", "", f"bot {part.name}", "")
        with contextlib.suppress(ClosedRun):
            self._runtime.interventions.note_bot(part.player, part.name, plays, cause)


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


def _chance(seed: Any, player: Player) -> random.Random:
    return random.Random() if seed is None else random.Random(f"{seed}/{player.id}")
