"""Dropout: neighbours guess alike; who is left alone gets a prize, who comes back plays on."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Coordination in pairs, some of which break up"
SUGGESTED_MULTIPLE = 2


class C:
    PRIZE = cu("5.00")
    WORDS = ["apple", "pear"]
    TOLERANCE = {"computer": 1.0, "phone": 120.0}
    LOOK = 1.5


async def left(player):
    player.gone = True
    pair = player.group
    pair.broken = True
    other = player.other_in_group
    with other:
        other.payoff = C.PRIZE
        move_to_page(other, Alone)
    move_to_end(player)


def new_player(player):
    player.gone = False
    player.watched = False
    player.ran_out = False
    player.payoff = cu("0.00")


class Device(Page):
    fields = dict(
        device=RadioField(label="What are you sitting at?", choices=["computer", "phone"]),
    )

    @classmethod
    def jsvars(page, player):
        return dict(id=player.id)


class Neighbours(SynchronizingWait):
    synchronize = "session"

    @classmethod
    def all_here(page, session):
        everybody = list(session.players)
        create_groups(session, [everybody[n : n + 2] for n in range(0, len(everybody), 2)])
        for player in everybody:
            with player:
                player.group.broken = False


class Guess(Page):
    fields = dict(
        word=RadioField(label="Which word does your neighbour choose?", choices=C.WORDS),
    )
    timeout = 600

    @classmethod
    def jsvars(page, player):
        return dict(id=player.id)

    @live
    async def arrived(page, player):
        if not player.watched:
            player.watched = True
            watch_for_dropout(player, left, tolerance=C.TOLERANCE[player.device])

    @classmethod
    def timeout_reached(page, player):
        player.word = C.WORDS[0]


class Compare(SynchronizingWait):
    @classmethod
    def all_here(page, group):
        first, second = group.players
        if not group.broken and first.word == second.word:
            for player in (first, second):
                player.payoff = C.PRIZE * 2


class Look(Page):
    @classmethod
    def timeout(page, player):
        return C.LOOK

    @classmethod
    def timeout_reached(page, player):
        player.ran_out = True


class Alone(Page):
    @classmethod
    def show(page, player):
        return player.group.broken


page_order = [Device, Neighbours, Guess, Compare, Look, Alone]
