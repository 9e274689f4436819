"""Small oTree apps of our own, written to a folder."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from uproot_nb import from_otree

__all__ = ["HEAD", "translate", "write_app"]

HEAD = """
from otree.api import *

doc = 'A small game.'


class C(BaseConstants):
    NAME_IN_URL = 'small'
    PLAYERS_PER_GROUP = {size}
    NUM_ROUNDS = {rounds}
{constants}


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    {group}


class Player(BasePlayer):
    {player}
"""
"""The beginning of an app, to be formatted."""


def write_app(
    folder: Path,
    code: str,
    size: int | None = None,
    rounds: int = 1,
    player: str = "pass",
    group: str = "pass",
    constants: str = "",
    **templates: str,
) -> Path:
    """Write an app with its templates, and return its folder.

    Pages without a template of their own show their fields and a button.
    """
    app = folder / "project" / "small"
    app.mkdir(parents=True)
    head = HEAD.format(size=size, rounds=rounds, player=player, group=group, constants=constants)
    (app / "__init__.py").write_text(head + dedent(code), "utf-8")
    plain = "{{ block content }}{{ formfields }}{{ next_button }}{{ endblock }}"
    for line in dedent(code).splitlines():
        if line.startswith("class ") and "(Page)" in line:
            (app / f"{line[6:].partition('(')[0]}.html").write_text(plain, "utf-8")
    for name, text in templates.items():
        (app / f"{name}.html").write_text(dedent(text), "utf-8")
    return app


def translate(app: Path, to: Path) -> tuple[Path, str]:
    """Translate an app; return the notebook's path and the text of all its cells."""
    import nbformat

    path = from_otree(app, to / "notebook" / "small.ipynb")
    return path, "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells)
