"""Beginnings: code that gives a session, its groups and players their first values, as in oTree."""

from __future__ import annotations

import textwrap

from uproot_nb.otree.app import OtreeApp
from uproot_nb.otree.code import Translator
from uproot_nb.otree.fields import initial_values
from uproot_nb.otree.stand_ins import stand_in_code

__all__ = ["BeginningWriter"]

_WAIT = '''class NewRound(SynchronizingWait):
    """Everybody waits here before a new round, for set_up_round."""

    synchronize = "session"

    def show(page, player):
        return player.round > 1

    def all_here(page, session):
        session.round = session.players[0].round
        for group in session.groups:
            group.round = session.round
        for player in session.players:
            begin_player(player)
        set_up_round(session)'''
_NO_WAIT = '''class NewRound(NoshowPage):
    """Give players a round's first values; those of earlier rounds stay in the log."""

    def after_always_once(page, player):
        if player.round > 1:
            begin_player(player)
        if player.group:
            player.group.round = player.round'''
_CREATION = '''class Creation(NoshowPage):
    """Set the first round up when the first player comes; all places are open then."""

    def after_always_once(page, player):
        if once(player.session, "set_up_round"):
            set_up_round(player.session)'''


class BeginningWriter:
    """Writes new_session, new_player, and the pages without a screen that begin rounds.

    Args:
        chats: whether groups chat.
        groups_at_arrival: whether a wait page makes the groups.
    """

    def __init__(
        self, app: OtreeApp, translator: Translator, chats: bool, groups_at_arrival: bool
    ) -> None:
        self._app, self._translator = app, translator
        self._chats, self._groups_at_arrival = chats, groups_at_arrival
        self._begins_groups = False

    def code(self) -> str:
        """Return all of it."""
        begin_group = self._begin_group()
        self._begins_groups = bool(begin_group)
        blocks = [
            begin_group, self._begin_player(), self._new_session(), self._new_player(),
            _CREATION if self.creates else "", self._new_round(),
        ]  # fmt: skip
        return "\n\n\n".join(filter(None, blocks))

    @property
    def creates(self) -> bool:
        """Whether the app has creating_session."""
        return "creating_session" in self._app.functions

    @property
    def several(self) -> bool:
        """Whether there are rounds."""
        return self._app.rounds > 1

    def _begin_group(self) -> str:
        lines = [f"group.{n} = {v}" for n, v in self._initial("group").items()]
        if self.several:
            lines.append("group.round = group.session.round")
        if self._chats:
            lines += [
                "group.chat = chat.create(group.session)",
                "for player in group.players:",
                "    chat.add_player(group.chat, player)",
            ]
        if roles := self._app.roles:
            names = ", ".join(f"C.{name}" for name in roles)
            if len(roles) != self._app.constant("PLAYERS_PER_GROUP"):
                names += ', *[""] * len(group.players)'  # oTree's others have the role ""
            lines += [
                f"for player, role in zip(group.players, [{names}]):",
                "    player.role = role",
            ]
        if not lines and not self._regroups:
            return ""
        return _function("begin_group(group)", "Give a group its first values.", lines or ["pass"])

    def _begin_player(self) -> str:
        values = {"payoff": "cu(0)"} | self._initial("player")
        lines = [f"player.{name} = {value}" for name, value in values.items()]
        lines += [f"player.{name} = None" for name in self._unset() if name not in values]
        return _function("begin_player(player)", "Give a player a round's first values.", lines)

    def _unset(self) -> list[str]:
        """Return the fields that a round begins without, where earlier rounds had them."""
        return list(self._app.models["player"].fields) if self.several else []

    def _initial(self, model: str) -> dict[str, str]:
        return initial_values(self._app, self._translator, model)

    def _new_session(self) -> str:
        lines = ["session.round = 1"] if self.several or self._regroups else []
        lines += ["session.groups_by_round = {}"] if self._regroups else []
        lines += [f"session.{n} = {v}" for n, v in self._initial("subsession").items()]
        if not lines:
            return ""
        return _function("new_session(session)", "Give the session its first values.", lines)

    def _new_player(self) -> str:
        """Return what makes the groups while players are made."""
        lines = ["begin_player(player)"]
        if self._is_one_group:
            made = [
                "if player.session.groups:",
                "    add_to_group(player.session.groups[0], player)",
                *(["    chat.add_player(player.group.chat, player)"] if self._chats else []),
                "else:",
                f"    {self._new_group('[player]')}",
            ]
        else:
            made = [
                "alone = [p for p in player.session.players if p.group is None]",
                "if len(alone) == C.PLAYERS_PER_GROUP:",
                f"    {self._new_group('alone')}",
            ]
        lines += [] if self._groups_at_arrival else made
        return _function("new_player(player)", "Make the groups one after the other.", lines)

    def _new_group(self, members: str) -> str:
        made = f"create_group(player.session, {members})"
        return f"begin_group({made})" if self._begins_groups else made

    @property
    def _regroups(self) -> bool:
        """Whether the app makes groups anew."""
        return "def regroup(" in stand_in_code(self._translator.stand_ins)

    @property
    def _is_one_group(self) -> bool:
        """Whether everybody is in the same group."""
        app = self._app
        return "PLAYERS_PER_GROUP" not in app.constant_names or app.is_none("PLAYERS_PER_GROUP")

    def _new_round(self) -> str:
        """Return the page with which each round begins."""
        if not self.several:
            return ""
        return _WAIT if self.creates else _NO_WAIT


def _function(head: str, doc: str, lines: list[str]) -> str:
    body = textwrap.indent("\n".join(lines), "    ")
    return f'def {head}:\n    """{doc}"""\n{body}'
