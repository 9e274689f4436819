"""Continuous: two boats on one lake; the server's clock moves the fish, whoever does what."""

import asyncio

from uproot.fields import *
from uproot.models import Entry, add_raw_entry, create_model
from uproot.smithereens import *

from uproot_nb import Refused

DESCRIPTION = "A common pool in continuous time"
SUGGESTED_MULTIPLE = 2


class C:
    TICKS = 12
    SECONDS = 0.15
    FISH = 400.0
    ROOM = 500.0
    GROWTH = 0.05
    CATCH = 0.01
    COST = 0.5
    LONGEST = 10
    __export__ = ["LONGEST"]


class Tick(metaclass=Entry):
    lake: GroupIdentifier
    tick: int
    fish: float
    hours: list


def new_session(session):
    session.ticks = create_model(session, tag="ticks")


def new_player(player):
    player.hours = 0
    player.payoff = 0.0
    player.heard = []


class Boats(GroupCreatingWait):
    group_size = 2

    @classmethod
    def after_grouping(page, group):
        group.fish = C.FISH
        group.tick = 0
        group.ready = []
        group.over = False


class Lake(Page):
    @classmethod
    def jsvars(page, player):
        return dict(hours=player.hours, state=state_of(player.group))

    @live
    async def begin(page, player):
        with player.group as group:
            if player.name in group.ready:
                return
            group.ready.append(player.name)
            if len(group.ready) == Boats.group_size:
                spawn(season(group))

    @live
    async def fish(page, player, hours: int):
        if not 0 <= hours <= C.LONGEST:
            raise Refused(f"A day on the lake has 0 to {C.LONGEST} hours.")
        player.hours = hours

    @live
    async def hear(page, player, tick: int):
        player.heard.append(tick)


class Results(Page):
    pass


async def season(group):
    for _tick in range(get_setting(group.session, "ticks", C.TICKS)):
        await asyncio.sleep(C.SECONDS)
        with group:
            move_on(group)
        send_to(group.players, state_of(group), event="Tick")
    with group:
        group.over = True
    for player in group.players:
        with player:
            move_to_page(player, Results)


def move_on(group):
    """Let the boats catch their fish, and the rest of the fish grow."""
    fish = group.fish
    everybody = list(group.players)
    for player in everybody:
        with player:
            player.payoff += player.hours * (C.CATCH * fish - C.COST)
    hours = [player.hours for player in everybody]
    grown = C.GROWTH * fish * (1 - fish / C.ROOM)
    group.fish = max(0.0, fish + grown - sum(hours) * C.CATCH * fish)
    group.tick += 1
    add_raw_entry(
        group.session.ticks,
        Tick(lake=identify(group), tick=group.tick, fish=group.fish, hours=hours),
    )


def state_of(group):
    return dict(tick=group.tick, fish=group.fish)


page_order = [Boats, Lake, Results]
