"""One page whose live methods echo, store and post."""

# ruff: noqa: F403, F405, ANN001, ANN201 - as experimenters write it
from uproot.smithereens import *

DESCRIPTION = "Live methods, measured"
LANDING_PAGE = False


class Arena(Page):
    @live
    async def echo(page, player, x):
        return x

    @live
    async def store(page, player, x):
        player.x = x
        return x

    @live
    async def post(page, player, x):
        notify(player, player.session.players, x, event="Post")


page_order = [Arena]
