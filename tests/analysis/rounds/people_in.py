"""people_in: who and where the players of a session in a log are."""

from __future__ import annotations

from uproot_nb.analysis.past_states import Past, read_codec
from uproot_nb.analysis.rounds.people import People
from uproot_nb.analysis.rounds.timeline import Timeline, moves_after
from uproot_nb.log.log import EventLog


def people_in(log: EventLog, session: str) -> People:
    """Return the people of a session as they are after its last event."""
    codec = read_codec()
    timeline = Timeline(codec)
    timeline.take(moves_after(log, session, 0))
    return People(session, Past(log, session, codec).state().players, timeline)
