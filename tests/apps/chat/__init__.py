"""Chat: two people agree on a word in private, while a host listens and everybody can greet."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Two people agree on a word"
SUGGESTED_MULTIPLE = 2


class C:
    NAMES = ["Ruby", "Opal"]
    HOST = "The host"


def new_session(session):
    session.lobby = chat.create(session)


def new_player(player):
    player.words = 0
    chat.add_player(player.session.lobby, player)


async def listen(chat, player, message):
    """Count what people write to each other; the host closes the talk after the second message."""
    if player is None:
        return  # the host has spoken
    player.words += len(message.split())
    group = player.group
    group.spoken += 1
    if group.spoken == 2:
        await announce(group, "Thank you. Please write down your word.")


async def announce(group, text):
    identifier = chat.add_message(group.chat, C.HOST, text)
    await chat.notify(group.chat, identifier, C.HOST, None, text)


class Lobby(Page):
    pass


class Pair(GroupCreatingWait):
    group_size = 2

    @classmethod
    def after_grouping(page, group):
        group.spoken = 0
        group.chat = chat.create(group.session)
        chat.on_message(group.chat, listen)
        for player, name in zip(group.players, C.NAMES):
            chat.add_player(group.chat, player, pseudonym=name)


class Talk(Page):
    fields = dict(word=StringField(label="Which word have you agreed on?"))


class Together(SynchronizingWait):
    @classmethod
    def all_here(page, group):
        words = {player.word for player in group.players}
        group.agreed = len(words) == 1


class Minutes(Page):
    @classmethod
    def templatevars(page, player):
        names = {~member: name for member, name in zip(player.group.players, C.NAMES)}
        said = chat.messages(player.group.chat)
        return dict(
            lines=[(names.get(entry.sender, entry.sender), entry.text) for _, _, entry in said],
        )


page_order = [Lobby, Pair, Talk, Together, Minutes]
