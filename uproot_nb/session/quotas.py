"""Quotas: how many players of each arm count, followed by the events."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Literal, NamedTuple

from uproot_nb.experiment.participation.treatment_arms import Arm, fewest
from uproot_nb.log.dealt_fields import COUNTED
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.log import EventLog
from uproot_nb.log.quota_table import SharedQuotas, quota_table_of
from uproot_nb.log.state import PlayerState, State
from uproot_nb.session.journal import Journal

__all__ = ["BUSY_WAITS", "FIELD", "Counting", "Quotas", "Quota", "Unit"]

Counting = Literal["arrived", "completed"]
"""Whom a quota counts."""

_COUNTINGS: tuple[Counting, ...] = ("arrived", "completed")
_KINDS = ("end", "enter", "free", "dropout")
"""The events that may change whether a player counts."""
FIELD = COUNTED
"""What the names of the fields with draws begin with."""
BUSY_WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3, 0.5, 0.5)
"""Seconds between attempts to draw while another program is writing to the file."""
_RETRY_SECONDS = 0.5
"""Until a session tries again to publish its counts, if another program was writing."""


class Unit(NamedTuple):
    """Who is given an arm: a player or a group, in a stratum."""

    stratum: str
    subject: str


class Quota(NamedTuple):
    """What is drawn and counted together.

    `field` is the session's field with the draws; with `across`, those of other sessions in the
    database count as well.
    """

    field: str
    counting: Counting
    across: bool


class Quotas:
    """Draws arms with the fewest who count; a draw costs the same however many have drawn.

    Args:
        draws: returns the list of all draws in a field of the session: [stratum, arm, subject].
    """

    def __init__(
        self,
        session: str,
        log: EventLog,
        state: State,
        journal: Journal,
        draws: Callable[[str], list[Any]],
    ) -> None:
        self._session, self._log, self._state = session, log, state
        self._journal, self._draws = journal, draws
        self._tallies: dict[Quota, _Tally] = {}
        self._tables: dict[str, SharedQuotas] = {}
        self._is_due = self._is_watching = False
        self.recorded: Mapping[tuple[str, Unit], deque[str | None]] = {}
        """In a rerun, what was drawn: other sessions' counts are not in the log. None if all arms
        were full."""

    def reopen(self) -> None:
        """Report again to other sessions who counts, as before the session was closed or killed."""
        fields = self._state.fields.get("session", {})
        if self._is_alone or not any(field.startswith(FIELD) for field in fields):
            return
        for counting in _COUNTINGS:
            for field in self._table().fields_of(counting, self._session):
                self._tally(Quota(field, counting, across=True))
        self._publish_soon()

    def draw(
        self, quota: Quota, arms: Sequence[Arm], units: Sequence[Unit], rng: Callable[[int], Random]
    ) -> list[str] | None:
        """Give each unit an arm, and store it; None if there is no arm left for one of them.

        A unit that has one of these arms keeps it. That there was none is stored, too: it may
        follow from other sessions.

        Args:
            rng: the number of earlier draws → what decides between arms that are even.
        """
        self._draws(quota.field)  # there is a list from now on
        tally = self._tally(quota)
        if not quota.across or self._is_alone:
            return self._decide(tally, quota, arms, units, rng, Counter())
        with self._table().exclusively() as table:
            others = table.counts(quota.field, quota.counting, self._session)
            found = self._decide(tally, quota, arms, units, rng, others)
            self._publish_in(table, quota, tally)
            return found

    def _decide(
        self,
        tally: _Tally,
        quota: Quota,
        arms: Sequence[Arm],
        units: Sequence[Unit],
        rng: Callable[[int], Random],
        others: Counter[tuple[str, str]],
    ) -> list[str] | None:
        texts = {arm.text for arm in arms}
        new = [unit for unit in dict.fromkeys(units) if tally.arms.get(unit) not in texts]
        found = self._recorded_for(quota.field, new, texts)
        counts, drawn = tally.counts + others, dict[Unit, str | None]()
        for unit in new:
            arm = found[unit] if unit in found else fewest(
                arms, unit.stratum, counts, rng(len(tally.arms) + len(drawn))
            )  # fmt: skip
            if arm is None:
                drawn = dict.fromkeys(new)
                break
            counts[unit.stratum, arm] += 1
            drawn[unit] = arm
        for unit in new:
            tally.draws.append([unit.stratum, drawn[unit], unit.subject])
        tally.catch_up()
        if None in drawn.values():
            return None
        return [tally.arms[unit] for unit in units]

    def _recorded_for(
        self, field: str, units: Sequence[Unit], texts: set[str]
    ) -> dict[Unit, str | None]:
        """Return what was drawn at this point of the recording, where it has a draw."""
        records = ((unit, self.recorded.get((field, unit))) for unit in units)
        found = {unit: record.popleft() for unit, record in records if record}
        return {unit: arm for unit, arm in found.items() if arm is None or arm in texts}

    # ---- what is counted ----

    def _tally(self, quota: Quota) -> _Tally:
        self._watch()
        tally, draws = self._tallies.get(quota), self._known_draws(quota.field)
        if tally is None or not tally.continues(draws):
            published = self._published(quota) if tally is None else tally.published
            tally = _Tally(self._state, quota.counting, draws, published)
            self._tallies[quota] = tally
        tally.catch_up()
        return tally

    def _known_draws(self, field: str) -> list[Any]:
        """Return the draws in a field; without any, also none: a failed hook's are taken back."""
        return self._draws(field) if field in self._state.fields.get("session", {}) else []

    def _published(self, quota: Quota) -> Counter[tuple[str, str]]:
        """Return what other sessions know of this one's counts from before a restart."""
        if self._is_alone or not quota.across:
            return Counter()
        return self._table().counts_of(quota.field, quota.counting, self._session)

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            for kind in _KINDS:
                self._journal.watch(kind, self._note)
            self._journal.listeners.append(self._note_change)

    def _note(self, event: Event) -> None:
        name = event.subject.partition("/")[2]
        for tally in self._tallies.values():
            tally.note(name)
        self._publish_soon()

    def _note_change(self, event: Event) -> None:
        """Publish draws that are taken back, as their hook has failed."""
        if event.subject == "session" and event.kind in CHANGES and event.field.startswith(FIELD):
            self._publish_soon()

    # ---- other sessions ----

    @property
    def _is_alone(self) -> bool:
        return self._log.path == ":memory:"

    def _table(self) -> SharedQuotas:
        path = self._log.path
        if path not in self._tables:
            self._tables[path] = quota_table_of(self._log)
        return self._tables[path]

    def _publish_soon(self) -> None:
        is_shared = not self._is_alone and any(quota.across for quota in self._tallies)
        if is_shared and not self._is_due:
            self._is_due = True
            self._journal.after_commit(self._publish)

    def _publish(self) -> None:
        """Let the other sessions know who counts; if the file is busy, a little later."""
        with self._journal.lock:
            self._is_due = False
            if self._journal.closed:
                return  # the next opening does it
            for quota in [quota for quota in self._tallies if quota.across]:
                tally = self._tally(quota)
                if tally.counts != tally.published and not self._is_published(quota, tally):
                    self._is_due = True
            if self._is_due:
                self._journal.loop.call_later(_RETRY_SECONDS, self._publish)

    def _is_published(self, quota: Quota, tally: _Tally) -> bool:
        """Publish a tally, unless another program is writing to the file."""
        with self._table().if_free() as table:
            if table is not None:
                self._publish_in(table, quota, tally)
        return table is not None

    def _publish_in(self, table: SharedQuotas, quota: Quota, tally: _Tally) -> None:
        for (stratum, arm), count in (tally.counts | tally.published).items():
            if tally.counts[stratum, arm] != tally.published[stratum, arm]:
                count = tally.counts[stratum, arm]
                table.store(quota.field, quota.counting, stratum, arm, self._session, count)
        tally.published = Counter(tally.counts)


class _Tally:
    """Who counts in each stratum and arm."""

    def __init__(
        self,
        state: State,
        counting: Counting,
        draws: list[Any],
        published: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self._state, self._counting, self.draws = state, counting, draws
        self.arms: dict[Unit, str] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.published = published or Counter[tuple[str, str]]()
        """What other sessions know of the counts."""
        self._counted: dict[Unit, str] = {}
        self._units: dict[str, list[Unit]] = {}
        self._changed: dict[str, None] = {}
        self._seen: list[Any] = []

    def continues(self, draws: list[Any]) -> bool:
        """Return whether *draws* begin with those that were seen: no hook that failed took any."""
        count = len(self._seen)
        same = draws is self.draws and len(draws) >= count
        return same and (not count or list(draws[count - 1]) == self._seen[-1])

    def note(self, name: str) -> None:
        """Remember that a player has changed."""
        self._changed[f"player/{name}"] = None
        group = self._state.players[name].group
        if group is not None:
            self._changed[f"group/{group}"] = None

    def catch_up(self) -> None:
        """Count what has changed since the last time."""
        for draw in self.draws[len(self._seen) :]:
            stratum, arm, subject = self._seen_one(list(draw))
            if arm is None:  # all were full
                continue
            unit = Unit(stratum, subject)
            if unit not in self.arms:
                self._units.setdefault(subject, []).append(unit)
            self.arms[unit] = arm
            self._count(unit)
        changed, self._changed = self._changed, {}
        for subject in changed:
            for unit in self._units.get(subject, ()):
                self._count(unit)

    def _seen_one(self, draw: list[Any]) -> list[Any]:
        self._seen.append(draw)
        return draw

    def _count(self, unit: Unit) -> None:
        before = self._counted.pop(unit, None)
        if before is not None:
            self.counts[unit.stratum, before] -= 1
        if self._counts(unit.subject):
            arm = self._counted[unit] = self.arms[unit]
            self.counts[unit.stratum, arm] += 1

    def _counts(self, subject: str) -> bool:
        kind, _, name = subject.partition("/")
        members = self._state.groups[name].members if kind == "group" else [name]
        return any(_player_counts(self._state.players[one], self._counting) for one in members)


def _player_counts(state: PlayerState, counting: Counting) -> bool:
    if state.freed:
        return False
    if counting == "arrived":
        return True
    return (not state.ended and not state.dropped_by_hand) or state.ended == "done"
