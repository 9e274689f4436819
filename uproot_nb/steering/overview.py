"""Overview: how many are on which page, who is stuck there, and who waits for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.flow.waiting.reasons import Waiting
from uproot_nb.session.entities import Player
from uproot_nb.steering.waiting_sentences import duration, waited_for
from uproot_nb.steering.withheld import Withheld

__all__ = ["MOST_SENTENCES", "Overview", "PageLine"]

MOST_SENTENCES = 3
"""What is said of a page about who waits for whom: the most frequent ones."""


@dataclass(frozen=True)
class PageLine:
    """One page, and those who are on it."""

    page: str
    """The page's key."""
    here: int
    long: int
    """How many are there for longer than is usual."""
    waiting: int
    """How many wait there for others."""
    sentence: str
    """All of it in words: "9 on Contribute, 4 of them for more than 2 min"."""

    def as_dict(self) -> dict[str, Any]:
        """Return what monitors and the REST API send."""
        return asdict(self)


class Overview:
    """Answers a lab manager's questions at a glance; used under the run's lock.

        overview = Overview(runtime)
        overview.refresh()
        overview.lines()           # [PageLine(page="Contribute", here=9, long=4, …)]
        overview.waits_for["ann"]  # "PC-04, who is on Contribute"

    A refresh costs a step for each player who is on a page, and a sentence for each gathering in
    which somebody has changed since the last one.

    Args:
        withheld: what its reader does not get; None for a steward.
    """

    def __init__(self, runtime: Runtime, withheld: Withheld | None = None) -> None:
        self._runtime, self._withheld = runtime, withheld
        self.stuck: set[str] = set()
        """The players who are on their page for longer than is usual there."""
        self.waits_for: dict[str, str] = {}
        """For whom each player waits who does."""
        self._sentences: dict[tuple[str, ...], str] = {}
        self._seen = -1

    def refresh(self) -> set[str]:
        """Look again; return the players of whom something here has changed."""
        stuck, waits_for = self.stuck, self.waits_for
        stays = self._runtime.stays
        self.stuck = {name for page in stays.here for name in stays.stuck(page)}
        self._forget_changed()
        self.waits_for = self._who_waits()
        differ = waits_for.items() ^ self.waits_for.items()
        return (stuck ^ self.stuck) | {name for name, _ in differ}

    def lines(self) -> list[PageLine]:
        """Return a line for each page where somebody is, in the order of the pages."""
        here = self._runtime.stays.here
        return [self._line(key, here[key]) for key in self._runtime.flow.journeys.pages
                if here.get(key)]  # fmt: skip

    def _line(self, key: str, here: Iterable[str]) -> PageLine:
        names = list(here)
        long = sum(name in self.stuck for name in names)
        waiting = Counter(self.waits_for[name] for name in names if name in self.waits_for)
        sentence = f"{len(names)} on {page_name(key)}"
        if long:
            limit = duration(self._runtime.stays.limit(key))
            some = "" if long == len(names) else f"{long} of them "
            sentence += f", {some}for more than {limit}"
        said = [_wait(many, text) for text, many in waiting.most_common(MOST_SENTENCES)]
        return PageLine(key, len(names), long, waiting.total(), "; ".join([sentence, *said]))

    # ---- who waits for whom ----

    def _forget_changed(self) -> None:
        """Forget the sentences that may be others by now."""
        seen, self._seen = self._seen, self._runtime.world.journal.seq
        changed = self._runtime.changes.since(seen)
        names = [one.partition("/")[2] for one in changed if one.startswith("player/")]
        for key in self._runtime.flow.waits.affected(names):
            self._sentences.pop(key, None)
        if any(not one.startswith("player/") for one in changed):
            self._sentences.clear()  # a group has other members, or a page was redefined

    def _who_waits(self) -> dict[str, str]:
        """Return for whom each player waits; those who wait for the same share a sentence."""
        waits, found = self._runtime.flow.waits, {}
        sentences: dict[tuple[str, ...], str] = {}
        for player in self._waiting():
            key = waits.reason_key(player)
            if key is None or player.has_dropped_out:
                continue
            if key not in sentences:
                sentences[key] = self._sentences.get(key) or self._said(waits.reason(player))
            found[player.name] = sentences[key]
        self._sentences = {key: text for key, text in sentences.items() if _is_gathering(key)}
        return found

    def _waiting(self) -> Iterator[Player]:
        """Yield the players who have arrived on wait pages."""
        flow = self._runtime.flow
        for place in flow.whereabouts.places():
            page = flow.journeys.pages.get(place[0])
            if page is not None and page.waits:
                yield from map(self._runtime.world.player, flow.whereabouts.arrived(place))

    def _said(self, waiting: Waiting | None) -> str:
        return "" if waiting is None else waited_for(waiting, self._where)

    def _where(self, name: str) -> tuple[str, str]:
        state, withheld = self._runtime.world.state.players[name], self._withheld
        label = state.label if withheld is None else withheld.label(state.label)
        return label or name, page_name(state.page or "")


def _is_gathering(key: tuple[str, ...]) -> bool:
    """Return whether `Waits.affected` says when a reason may have changed."""
    return len(key) == 3 and not key[2].startswith(("player/", "pool"))


def page_name(key: str) -> str:
    """Return a page's name without its app."""
    return key.rpartition("/")[2]


def _wait(many: int, text: str) -> str:
    return f"{many} {'waits' if many == 1 else 'wait'} for {text}"
