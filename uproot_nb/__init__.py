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

from uproot_nb.analysis.export_formats.plain_table import plain_table, save_table
from uproot_nb.analysis.plain_html import show_tables_as_text
from uproot_nb.analysis.state_replay import replay
from uproot_nb.bots.random_forms import random_forms
from uproot_nb.engine.effects import after_commit, once
from uproot_nb.errors import ArmsFull, Refused, UprootError
from uproot_nb.experiment.csv_files import append_to_csv, read_csv
from uproot_nb.experiment.embedding import data_uri, safe
from uproot_nb.experiment.entries import Entry
from uproot_nb.experiment.exits import Exit
from uproot_nb.experiment.fields import (
    BICField,
    BooleanField,
    BoundedChoiceField,
    DateField,
    DecimalField,
    DecimalRangeField,
    EmailField,
    FileField,
    FloatField,
    FloatRangeField,
    IBANField,
    IntegerField,
    LikertField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.experiment.live import live
from uproot_nb.experiment.money.amounts import cu
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.order import (
    Between,
    Bracket,
    RandomOrder,
    Repeat,
    Rounds,
)
from uproot_nb.experiment.order import (
    Random as Random,  # not by the star import, which would hide that of `random`
)
from uproot_nb.experiment.pages import (
    GroupCreatingWait,
    NoshowPage,
    Page,
    SynchronizingWait,
)
from uproot_nb.experiment.participation.consent import Consent
from uproot_nb.experiment.participation.requirements import Requires
from uproot_nb.experiment.query import F
from uproot_nb.experiment.randomness import rng, uuid
from uproot_nb.experiment.recruiters import Cint, MTurk, Prolific, Sona
from uproot_nb.experiment.shell import find_shell
from uproot_nb.flow.dropouts import mark_dropout, watch_for_dropout
from uproot_nb.interop.apps import load_app
from uproot_nb.interop.cells import install_names, remove_names
from uproot_nb.interop.exporting import export_app
from uproot_nb.notebook.attached.players import AttachedPlayer
from uproot_nb.notebook.attached.run import AttachedRun, attach
from uproot_nb.notebook.databases import runs
from uproot_nb.notebook.magics import install_magics
from uproot_nb.notebook.rehearsal import Rehearsal, rehearse
from uproot_nb.notebook.rooms import room
from uproot_nb.notebook.run import Run
from uproot_nb.notebook.serve import serve
from uproot_nb.otree.from_otree import from_otree
from uproot_nb.realtime import chat
from uproot_nb.realtime.author_functions import (
    leave,
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
from uproot_nb.realtime.researcher_chat import researcher_chat
from uproot_nb.reruns.rerun import Rerun, rerun
from uproot_nb.session.contexts import PlayerContext
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.groups import add_to_group, create_group, create_groups
from uproot_nb.session.model_functions import (
    add_entry,
    add_raw_entry,
    create_model,
    filter_entries,
    get_entries,
    get_field,
    get_latest_entry,
    model_exists,
)
from uproot_nb.session.strangers import perfect_strangers, strangers
from uproot_nb.session.treatments import balanced
from uproot_nb.study.recording import Recording, open_log
from uproot_nb.templating.formatting import fmtnum, to
from uproot_nb.version import VERSION

__all__ = [
    "ArmsFull",
    "AttachedPlayer",
    "AttachedRun",
    "BICField",
    "Between",
    "BooleanField",
    "BoundedChoiceField",
    "Bracket",
    "Cint",
    "Consent",
    "DateField",
    "DecimalField",
    "DecimalRangeField",
    "EmailField",
    "Entry",
    "Exit",
    "F",
    "FileField",
    "FloatField",
    "FloatRangeField",
    "Group",
    "GroupCreatingWait",
    "GroupIdentifier",
    "IBANField",
    "IntegerField",
    "LikertField",
    "MTurk",
    "ModelIdentifier",
    "NoshowPage",
    "Page",
    "Payment",
    "Player",
    "PlayerContext",
    "PlayerIdentifier",
    "Prolific",
    "RadioField",
    "RandomOrder",
    "Recording",
    "Refused",
    "Rehearsal",
    "Repeat",
    "Requires",
    "Rerun",
    "Rounds",
    "Run",
    "SelectField",
    "Session",
    "SessionIdentifier",
    "Sona",
    "StringField",
    "SynchronizingWait",
    "TextAreaField",
    "UprootError",
    "add_entry",
    "add_raw_entry",
    "add_to_group",
    "after_commit",
    "append_to_csv",
    "attach",
    "balanced",
    "chat",
    "create_group",
    "create_groups",
    "create_model",
    "cu",
    "data_uri",
    "export_app",
    "filter_entries",
    "fmtnum",
    "from_otree",
    "get_entries",
    "get_field",
    "get_latest_entry",
    "leave",
    "live",
    "load_app",
    "mark_dropout",
    "model_exists",
    "move_to_end",
    "move_to_page",
    "notify",
    "once",
    "open_log",
    "other_in_group",
    "other_in_session",
    "others_in_group",
    "others_in_session",
    "perfect_strangers",
    "plain_table",
    "players",
    "random_forms",
    "read_csv",
    "redirect",
    "rehearse",
    "reload",
    "replay",
    "rerun",
    "researcher_chat",
    "rng",
    "room",
    "runs",
    "safe",
    "save_table",
    "send_to",
    "send_to_one",
    "serve",
    "spawn",
    "strangers",
    "to",
    "uuid",
    "watch_for_dropout",
]

__version__ = VERSION


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return where Jupyter Server finds the extension."""
    from uproot_nb.server.app import UprootNB  # lazy: a kernel does not need the server's parts

    return [{"module": "uproot_nb", "app": UprootNB}]


def load_ipython_extension(shell: Any) -> None:
    """Install the %%template magic and the names `uproot.*` for cells: `%load_ext uproot_nb`.

    The magic comes with the import alone; the names only where no package `uproot` is installed.
    """
    install_magics(shell)
    show_tables_as_text(shell)
    install_names()


def unload_ipython_extension(shell: Any) -> None:
    """Remove the names `uproot.*`: `%unload_ext uproot_nb`."""
    remove_names()


if (_shell := find_shell()) is not None:
    install_magics(_shell)  # so that a %%template cell may stand before serve()
    show_tables_as_text(_shell)
