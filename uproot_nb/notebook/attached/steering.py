"""AttachedSteering: what a researcher can do to players of a run elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.exits import Exit, name_of_exit
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.log.meant_players import without_tables
from uproot_nb.notebook.attached.client import ApiClient
from uproot_nb.notebook.attached.players import AttachedPlayer
from uproot_nb.study.payment_files import PaymentFile

__all__ = ["AttachedSteering"]


class AttachedSteering:
    """The interventions of a run elsewhere; they are on its disk when they return.

    *players* is a player, a name, a label, an identifier, a table such as `run.state` or a row of
    it, or any iterable of these. Each returns a sentence
    about what was done, and raises AttachFailed with the reason if it cannot be done.

        run.advance(run.players[0])        # 'advance: 1 of 1 players.'
        run.extend(run.players, 60)
        run.open_room("lab")
    """

    _client: ApiClient
    name: str

    def do(self, action: str, **arguments: Any) -> str:
        """Take any action of the REST API by its name: `run.do("pause")`.

        Raises:
            AttachFailed: the server refused it; the token may be a viewer's.
            UprootError: an argument cannot be sent: only numbers, texts, lists and dicts can.
        """
        try:
            done = self._client.post("sessions", self.name, "actions", action, **arguments)
        except (TypeError, ValueError) as error:
            raise UprootError(
                f"run.{action}(...) was given something that cannot be sent: {error}.\n"
                "Give numbers, texts, true or false, lists and dicts."
            ) from None
        return str(done["text"])

    def advance(self, players: Any, *, defaults: bool | Mapping[str, Any] | None = None) -> str:
        """Put players on the next page; see `Run.advance`.

        Args:
            defaults: answers instead of those that a form still waits for: True takes the
                fields' defaults, a dict gives values by name. Without it, the answer lists what
                is missing.
        """
        arguments: dict[str, Any] = {}
        if isinstance(defaults, Mapping):
            arguments = {"defaults": True, "values": dict(defaults)}
        elif defaults is not None:
            arguments = {"defaults": bool(defaults)}
        return self.do("advance", players=_names(players), **arguments)

    def revert(self, players: Any) -> str:
        """Put players back on the previous page."""
        return self.do("revert", players=_names(players))

    def move_to_end(self, players: Any, *, exit: str | Exit | None = None) -> str:
        """Move players past their last page; `exit` says how their participation has ended."""
        given = {} if exit is None else {"exit": name_of_exit(exit)}
        return self.do("move_to_end", players=_names(players), **given)

    def leave(self, players: Any, exit: str | Exit) -> str:
        """End players' participation by an exit."""
        return self.do("leave", players=_names(players), exit=name_of_exit(exit))

    def extend(self, players: Any, seconds: float) -> str:
        """Give players more time on a page with a timeout: `run.extend(run.players[2], 60)`."""
        return self.do("extend", players=_names(players), seconds=seconds)

    def regroup(self, players: Any, size: int | None = None) -> str:
        """Put players into one new group, or into groups of *size*, in the order given."""
        given = {} if size is None else {"size": size}
        return self.do("regroup", players=_names(players), **given)

    def free(self, players: Any) -> str:
        """Open players' places to others, for example after a returned submission."""
        return self.do("free", players=_names(players))

    def reload(self, players: Any) -> str:
        """Reload players' pages."""
        return self.do("reload", players=_names(players))

    def message(self, players: Any, text: str) -> str:
        """Show players a text on whatever page they are."""
        return self.do("message", players=_names(players), text=text)

    def answer(self, players: Any, text: str) -> str:
        """Write to players in their chats with the researcher; `run.chats` has all messages."""
        return self.do("answer", players=_names(players), text=text)

    def lower_hand(self, players: Any) -> str:
        """Lower hands that players have raised (`run.hands`); `run.answer` lowers them, too."""
        return self.do("lower_hand", players=_names(players))

    def set(self, players: Any, /, **fields: Any) -> str:
        """Give players' fields new values, of JSON's types: `run.set(run.players, cash=10)`."""
        return self.do("set", players=_names(players), values=fields)

    def mark_dropout(self, players: Any) -> str:
        """Count players as dropouts: others no longer wait for them."""
        return self.do("mark_dropout", players=_names(players))

    def mark_paid(self, players: Any, amount: int | str | Decimal | None = None) -> str:
        """Log that players were paid what `run.payments` says, or *amount*.

            file = run.payment_file("prolific", "bonuses.csv")
            run.mark_paid(file)

        For a file, the amounts in it are logged, those of players with equal amounts in one step.
        """
        if isinstance(players, PaymentFile) and amount is None:
            return self._mark_file(players)
        given = {} if amount is None else {"amount": str(amount)}
        return self.do("mark_paid", players=_names(players), **given)

    def mark_unpaid(self, players: Any) -> str:
        """Log that players who are marked as paid were not paid after all."""
        return self.do("mark_unpaid", players=_names(players))

    def _mark_file(self, file: PaymentFile) -> str:
        if file.session != self.name or file.approves:
            raise UprootError(
                f"{file.path} does not pay players of the session '{self.name}', so nobody was "
                "marked.\nName players, or a payment file of this run."
            )
        by_amount: dict[Decimal, list[str]] = {}
        for player, amount in file.amounts.items():
            by_amount.setdefault(amount, []).append(player)
        done = [self.mark_paid(names, amount) for amount, names in by_amount.items()]
        return " ".join(done) or "Nobody is in the file."

    # ---- the session ----

    def pause(self) -> str:
        """Pause calls, forms, moves, waits and clocks."""
        return self.do("pause")

    def resume(self) -> str:
        """Resume; everybody has as much time left as before the pause."""
        return self.do("resume")

    def freeze(self) -> str:
        """Forbid redefining pages from now on."""
        return self.do("freeze")

    def thaw(self) -> str:
        """Allow redefining pages again."""
        return self.do("thaw")

    def interrupt(self) -> str:
        """End the running code that blocks everybody."""
        return self.do("interrupt")

    def open_room(self, room: str) -> str:
        """Admit those who wait in a room."""
        return self.do("open_room", room=room)

    def close_room(self, room: str) -> str:
        """Close a room: newcomers wait."""
        return self.do("close_room", room=room)

    def close_session(self, confirm: str) -> str:
        """End the run for everybody: `run.close_session("pilot")`, with the session's name.

        `close` only disconnects.
        """
        return self.do("close", confirm=confirm)


def _names(players: Any) -> list[str]:
    """Return players' names and labels; the server finds who has which label."""
    return [_name(player) for player in without_tables(players)]


def _name(player: Any) -> str:
    if not isinstance(player, (str, AttachedPlayer, PlayerIdentifier)):
        raise UprootError(
            f"{player!r} is not a player.\nName players: run.players, one of them, or a list."
        )
    return player if isinstance(player, str) else player.name
