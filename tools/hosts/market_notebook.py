"""The notebook that the hosts serve: a market, whose calls note their beginning and their end."""

from __future__ import annotations

__all__ = ["METHODS", "NAME", "cells"]

NAME = "chaos"
METHODS = ("trade", "later", "in_thread", "exclusively")

_PAGES = """\
import asyncio, secrets, time
from uproot_nb import *
from uproot_nb.market import Market, Rules
from uproot_nb.session.world import world_of

writer = secrets.token_hex(4)


class Note(metaclass=Entry):
    "Who has done what: a line is written when a call begins, and one when it is done."
    player: PlayerIdentifier
    number: int
    stage: str
    epoch: int
    writer: str


def new_session(session):
    session.notes = create_model(session, tag="notes")


def note(player, number, stage):
    epoch = world_of(player).log.epoch(player.session.name)
    add_entry(
        player.session.notes, player, Note, number=number, stage=stage, epoch=epoch, writer=writer
    )
    if stage == "done":
        notify(player, players(player.session), [player.name, number, epoch, writer], event="Done")
    return [epoch, writer]


class Trading(Page):
    "A market, and calls of every kind that a page can have."

    @live
    def trade(page, player, number: int, side: str, price: int):
        market = Market.in_session(player.session, rules=Rules(self_trade="cancel_oldest"))
        note(player, number, "begun")
        market.limit(player.name, side, price, client_time=number)
        return note(player, number, "done")

    @live
    async def later(page, player, number: int, side: str, price: int):
        note(player, number, "begun")
        await asyncio.sleep(0.02)
        return note(player, number, "done")

    @live(thread=True)
    def in_thread(page, player, number: int, side: str, price: int):
        note(player, number, "begun")
        time.sleep(0.02)
        return note(player, number, "done")

    @live(exclusive="session")
    async def exclusively(page, player, number: int, side: str, price: int):
        note(player, number, "begun")
        await asyncio.sleep(0.001)
        return note(player, number, "done")
"""


def cells(players: int) -> list[str]:
    """Return the notebook's cells."""
    return [_PAGES, f'run = serve([Trading], players={players}, name="{NAME}")']
