"""uproot_nb: interactive economics experiments, written and served from a Jupyter notebook.

from uproot_nb import *


class Market(Page):
    "Post a price. Everybody sees it."

    @live
    async def post_offer(page, player, price: float):
        player.my_offer = price
        notify(player, players(player.session), price, event="NewOffer")
        return {"posted": price}


run = serve([Market], players=4)
"""

from __future__ import annotations

from typing import Any

from uproot_nb.engine.entities import Group, Player, Session
from uproot_nb.engine.groups import add_to_group, create_group, create_groups
from uproot_nb.engine.realtime import (
    move_to_end,
    move_to_page,
    notify,
    other_in_group,
    other_in_session,
    others_in_group,
    others_in_session,
    players,
    redirect,
    reload,
    send_to,
    send_to_one,
    spawn,
)
from uproot_nb.errors import Refused, UprootError
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.query import F
from uproot_nb.notebook.cells import find_shell
from uproot_nb.notebook.magics import install_magics
from uproot_nb.notebook.run import Run
from uproot_nb.notebook.serve import serve
from uproot_nb.version import VERSION

__all__ = [
    "F",
    "Group",
    "Page",
    "Player",
    "Refused",
    "Run",
    "Session",
    "UprootError",
    "add_to_group",
    "create_group",
    "create_groups",
    "live",
    "move_to_end",
    "move_to_page",
    "notify",
    "other_in_group",
    "other_in_session",
    "others_in_group",
    "others_in_session",
    "players",
    "redirect",
    "reload",
    "send_to",
    "send_to_one",
    "serve",
    "spawn",
]

__version__ = VERSION


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server where the extension is."""
    from uproot_nb.server.app import UprootNB  # lazy: a kernel does not need the server's parts

    return [{"module": "uproot_nb", "app": UprootNB}]


def load_ipython_extension(shell: Any) -> None:
    """Let `%load_ext uproot_nb` install the %%template magic; the import alone does so too."""
    install_magics(shell)


if (_shell := find_shell()) is not None:
    install_magics(_shell)  # so that a %%template cell may stand before serve()
