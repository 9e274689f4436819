"""AttachedRun: a run that another kernel serves, to watch, steer and analyse from here."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from uproot_nb.analysis.provenance.fingerprints import Fingerprint, Ran
from uproot_nb.errors import AttachFailed, UprootError
from uproot_nb.log.state import State
from uproot_nb.notebook.attached.client import ApiClient
from uproot_nb.notebook.attached.place import place_of
from uproot_nb.notebook.attached.players import AttachedPlayer
from uproot_nb.notebook.attached.replica import Replica
from uproot_nb.notebook.attached.steering import AttachedSteering
from uproot_nb.session.entity_list import Bunch
from uproot_nb.study.study_tables import StudyTables

if TYPE_CHECKING:
    import pandas

__all__ = ["AttachedRun", "attach"]


class AttachedRun(AttachedSteering, StudyTables):
    """A run that is served elsewhere; made by `attach`.

    run = attach("http://127.0.0.1:8610/", token="…")
    run.state                                  # every table of a Run, as it is now
    run.message(run.players, "Five minutes left.")
    run.close()                                # this look; the run goes on
    """

    def __init__(self, client: ApiClient, session: str) -> None:
        self._client, self.name = client, session
        self._following = threading.RLock()
        self._is_closed = False
        facts = self.facts
        self._is_whole = facts["role"] == "steward"
        self._begin(facts["began"])
        self._refresh()

    @property
    def facts(self) -> dict[str, Any]:
        """What the session is now: state, players, online, frozen, seq, and your role.

        Stewards also get `url`, the root of the participants' site, and `join_link`.
        """
        return dict(self._client.get("sessions", self.name))

    @property
    def closed(self) -> bool:
        """Whether this connection was closed; the run may go on."""
        return self._is_closed

    @property
    def frozen(self) -> bool:
        """Whether pages are frozen: no cell may redefine one."""
        return bool(self.facts["frozen"])

    @property
    def players(self) -> Bunch[AttachedPlayer]:
        """All players as they are now, in the order of player.id."""
        with self._following:
            state = self._now()
            made = [AttachedPlayer(self.name, n, state) for n in state.players]
        return Bunch(made, f"session '{self.name}'")

    @property
    def hands(self) -> Bunch[AttachedPlayer]:
        """The players whose hands are up, those who have waited longest first."""
        with self._following:
            players, state = self.players, self._replica.state
            up = [player for player in players if state.players[player.name].hand]
        up.sort(key=lambda player: state.players[player.name].hand)
        return Bunch(up, f"session '{self.name}'")

    # ---- what only the run itself knows ----

    @property
    def overview(self) -> pandas.DataFrame:
        """A row per page where somebody is: page, here, long, waiting, sentence.

        `long` is how many have been there for longer than usual; `sentence` says who waits for
        whom.
        """
        return self._asked("overview", ["page", "here", "long", "waiting", "sentence"])

    @property
    def rooms(self) -> pandas.DataFrame:
        """A row per room: name, open, waiting, labels_waiting, admitted, places, url.

        Viewers get no `url`.
        """
        columns = ["name", "open", "waiting", "labels_waiting", "admitted", "places"]
        return self._asked("rooms", columns)

    @property
    def links(self) -> pandas.DataFrame:
        """A row per player: player, url, page, online; only for stewards. See `Run.links`."""
        from uproot_nb.notebook.link_table import LinkTable  # lazy: pandas, see __init__

        asked = self._client.get("sessions", self.name, "players")
        rows = [(one["name"], self._link(one), one["page"]) for one in asked]
        online = {player.name: player.online for player in self.players}
        frame = LinkTable(rows, columns=["player", "url", "page"], dtype=object)
        return frame.assign(online=[online.get(name, False) for name, *_ in rows])

    def link(self, player: AttachedPlayer | str) -> str:
        """Return one player's own link; only for stewards."""
        name = str(getattr(player, "name", player))
        return self._link(self._client.get("sessions", self.name, "players", name))

    @property
    def join_link(self) -> str:
        """The link that gives everyone who opens it a place of their own; only for stewards."""
        return self._link(self.facts, "join_link")

    def _link(self, asked: dict[str, Any], kind: str = "link") -> str:
        if kind not in asked:
            raise UprootError("A viewer gets no links.\nAttach with a steward's token.")
        return str(asked[kind])

    def _asked(self, name: str, columns: list[str]) -> pandas.DataFrame:
        import pandas  # lazy: see __init__

        rows = self._client.get("sessions", self.name, name)
        extra = [column for column in (rows[0] if rows else ()) if column not in columns]
        return pandas.DataFrame(rows, columns=[*columns, *extra])

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of what runs; only for stewards. See `Run.fingerprint`."""
        if not self._is_whole:
            raise UprootError(
                "A viewer gets no code and no settings, and so no fingerprint.\n"
                "Attach with a steward's token."
            )
        return super().fingerprint()

    def _ran(self, last: int) -> list[Ran]:
        # A hash over what a viewer gets would be that of nothing that ever ran.
        return super()._ran(last) if self._is_whole else []

    # ---- following the log ----

    def _begin(self, began: float | None) -> None:
        """Begin a copy of the log: the first one, or of another session of this name."""
        self._replica = Replica(self.name, began)
        super().__init__(self._replica.log, self.name)

    def _refresh(self) -> None:
        """Fetch what was logged since the last look."""
        with self._following:
            if self._is_closed:
                return
            facts = self.facts
            is_another = self._replica.began not in (None, facts["began"])
            if is_another or self._replica.is_stale:
                self._begin_anew(facts["began"])
            self._replica.began = facts["began"]
            self._fetch(facts["seq"])
            if self._replica.is_stale:
                self._begin_anew(facts["began"])
                self._fetch(facts["seq"])

    def _begin_anew(self, began: float | None) -> None:
        """Delete the copy, which may have what was erased, and begin another."""
        self._replica.close()
        self._begin(began)

    def _fetch(self, until: int) -> None:
        """Fetch the events that are missing.

        Raises:
            AttachFailed: not all have come.
        """
        if until > self._replica.state.seq:
            after = self._replica.state.seq
            lines = self._client.lines("sessions", self.name, "events", after=after)
            self._replica.take(lines)
        if until > self._replica.state.seq:
            raise AttachFailed(
                f"Of the {until} events of '{self.name}' only {self._replica.state.seq} came: the "
                "answer was cut off.\nRead the table again."
            )

    def _now(self) -> State:
        self._refresh()
        return self._replica.state

    def _lock_state(self) -> Any:
        return self._following

    # ---- the end ----

    def close(self) -> None:
        """Disconnect. The run goes on, and the tables here do not change any more. Idempotent."""
        self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = self._replica.state
        online = sum(player.online for player in state.players.values())
        ends = "closed, " if self._is_closed else ""
        return (
            f"<AttachedRun '{self.name}' at {self._client.root}: {ends}{len(state.players)} "
            f"players, {online} online, event {state.seq}>"
        )


def attach(url: str, token: str | None = None, session: str | None = None) -> AttachedRun:
    """Watch and steer a run that another kernel serves, with all its tables.

        run = attach("http://127.0.0.1:8610/", token="…")
        run.state
        run.advance(run.players[3])

    With a viewer's token you can only look; … replaces what viewers do not get in the tables.

    Args:
        url: the address that `uproot-nb run --monitor` prints, with or without its token; or that
            of a Jupyter server with uproot_nb, such as "https://lab.example.org/".
        token: a steward's or viewer's; or one of Jupyter's.
        session: its name; not needed where there is only one.

    Raises:
        AttachFailed: the server cannot be reached, or refuses the token; there is no such session,
            or there are several and none is named.
        UprootError: the address or the token is not valid.
    """
    place = place_of(url, token)
    client = ApiClient(place)
    return AttachedRun(client, _chosen(client, session or place.session))


def _chosen(client: ApiClient, name: str | None) -> str:
    names = [str(one["name"]) for one in client.get("sessions")]
    if name in names:
        return str(name)
    if name is None and len(names) == 1:
        return names[0]
    there = ", ".join(f"'{one}'" for one in names) or "none"
    what = "Say which session" if name is None else f"There is no session '{name}'"
    raise AttachFailed(f"{what} at {client.root}.\nIts sessions: {there}.")
