"""Texts as they are stored: without the blanks and line ends with which a browser sends them."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from pathlib import Path

import pytest

from uproot_nb import Page, StringField, TextAreaField, chat, open_log
from uproot_nb.realtime.chat import SENT
from uproot_nb.testing import served

STORY = "I was born in Kiel\r\nand live in Pforzheim"
NAME, LINE = "  zelda  ", " \t my neighbour is a giraffe \n"
SHOUT = "seven ostriches are mine"
SECRETS = (b"Pforzheim", b"zelda", b"giraffe", b"ostriches")


class Tell(Page):
    """Tell."""

    fields = {  # noqa: RUF012
        "story": TextAreaField(label="Story"), "first_name": StringField(label="Name"),
    }  # fmt: skip

    def after_once(page, player):
        player.session.stories = [*player.session.get("stories", []), player.story]
        player.session.first_name = player.first_name.strip()


class End(Page):
    """End."""


def new_session(session):
    session.chat = chat.create(session)


def new_player(player):
    chat.add_player(player.session.chat, player)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "log" / "log.sqlite3"
    path.parent.mkdir()
    with served([Tell, End], players=2, db=path) as session:
        ann, _ = session
        ann.call(SENT, session.run.session.chat.name, LINE)
        chat.add_message(session.run.session.chat, ann.player, SHOUT)
        ann.submit(story=STORY, first_name=NAME)
    raw = path.read_bytes()
    assert all(secret in raw for secret in SECRETS)
    return path


def _found(folder: Path) -> list[tuple[str, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [(path.name, one) for path in files for one in SECRETS if one in path.read_bytes()]


@pytest.mark.long
def test_an_erasure_finds_them(db: Path) -> None:
    with open_log(db) as log:
        log.erase(log.state.index[0])
    assert _found(db.parent) == []


@pytest.mark.long
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_anonymous_export_has_none_of_them(db: Path, tmp_path: Path, format: str) -> None:
    with open_log(db) as log:
        log.export(tmp_path / "public", format, anonymous=True)
    assert _found(tmp_path / "public") == []


@pytest.mark.long
def test_a_named_field_keeps_them(db: Path, tmp_path: Path) -> None:
    with open_log(db) as log:
        log.export(tmp_path / "public", anonymous=True, free_text=["story"])
    assert {one for _, one in _found(tmp_path / "public")} == {b"Pforzheim"}
