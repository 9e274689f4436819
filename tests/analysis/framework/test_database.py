"""Files of the framework and of ours, as scripts written for the framework read them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.framework.described import described
from uproot_nb import Page, UprootError, create_group, serve
from uproot_nb.analysis.framework.database import Snapshot, field_values, read
from uproot_nb.errors import NotALog

HERE = Path(__file__).parent


class Hello(Page):
    """Hello."""


@pytest.fixture(params=["uproot.sqlite3", "uproot.dump"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(HERE / request.param, tmp_path))


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.sqlite3"
    with serve([Hello], players=3, name="lab", db=path, embedded=True, port=0, namespace={}) as run:
        ann, bob, _ = run.players
        create_group(run.session, [bob, ann], "pair")
        ann.score, bob.score, run.session.pot = 3, [1], 4
    return path


def test_a_loop_over_sessions_and_players_reads_the_latest_values(file: Path) -> None:
    with read(file) as database:
        assert [session.name for session in database.sessions] == ["pilot", "main"]
        pilot = database.sessions[0]
        for player in pilot.players:
            with player:
                assert player.session is pilot
        assert [player.name for player in pilot.players] == ["ann", "bob", "cleo"]
        bob = database.player("pilot", "bob")
        assert (bob.label, bob.show_page, bob.page) == ("desk 2", 1, "guess/Guess")
        assert bob.group is database.group("pilot", "pair")


def test_settings_and_the_others_are_found_as_in_the_framework(file: Path) -> None:
    with read(file) as database:
        pilot = database.session("pilot")
        assert pilot.settings == {"limit": 100}
        assert pilot.settings.limit == 100
        assert database.session_rows(["settings"])[0]["settings"] == {"limit": 100}
        bob = database.player("pilot", "bob")
        assert bob.others_in_session.each("name") == ["ann", "cleo"]
        assert bob.other_in_group.name == "ann"
        assert pilot.groups[0].players.find_one(name="bob") is bob


def test_each_field_is_what_the_framework_reads(file: Path) -> None:
    stored = json.loads((HERE / "values.json").read_text("utf-8"))
    latest = {(row["namespace"], row["field"]): row for row in stored}
    compared = 0
    with read(file) as database:
        for (namespace, field), row in latest.items():
            kind, *names = namespace.split("/")
            plain = not field.startswith("_uproot_") and row["value"][0] != "complex"
            if kind != "player" or not plain or field in ("pid", "gid", "sid", "buffer"):
                continue
            player = database.player(*names)
            if row["deleted"]:
                assert not hasattr(player, field)
            else:
                assert described(getattr(player, field)) == row["value"]
                compared += 1
    assert compared > 20


def test_rows_have_the_fields_that_are_asked_for(file: Path) -> None:
    with read(file) as database:
        rows = database.player_rows(["label", "nothing_such"])
        assert rows[1] == {
            "session": "pilot", "uname": "bob", "label": "desk 2", "nothing_such": None,
        }  # fmt: skip
        assert database.membership_rows()[:2] == [
            {"session": "pilot", "group": "pair", "uname": "ann", "position": 0},
            {"session": "pilot", "group": "pair", "uname": "bob", "position": 1},
        ]
        assert [row["group"] for row in database.group_rows()][:1] == ["pair"]


def test_a_file_of_ours_is_read_in_the_same_way(ours: Path) -> None:
    with read(ours) as database:
        lab = database.session("lab")
        assert (lab.pot, len(lab.players), lab.groups[0].name) == (4, 3, "pair")
        assert [player.get("score", "none") for player in lab.players] == [3, [1], "none"]
        assert database.snapshot(player_fields=["score"], session_fields=["pot"]) == Snapshot(
            [{"session": "lab", "pot": 4}],
            [{"session": "lab", "group": "pair"}],
            [
                {"session": "lab", "uname": player.name, "score": player.get("score")}
                for player in lab.players
            ],
            [
                {"session": "lab", "group": "pair", "uname": lab.players[place].name, "position": n}
                for n, place in enumerate((1, 0))
            ],
        )
        assert set(database.snapshot().as_dict()) == {
            "sessions", "groups", "players", "memberships",
        }  # fmt: skip


def test_nothing_can_be_changed(ours: Path) -> None:
    with read(ours) as database:
        player = database.session("lab").players[0]
        with pytest.raises(UprootError, match="read-only"):
            player.score = 5
        assert player.score == 3
        with pytest.raises(AttributeError, match="nobody"):
            _ = player.nobody


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda database: database.session("x"), "no session 'x'"),
        (lambda database: database.player("lab", "x"), "no player 'x' in session 'lab'"),
        (lambda database: database.group("lab", "x"), "There is: 'pair'"),
    ],
)
def test_what_is_not_there_is_named(ours: Path, ask: Any, said: str) -> None:
    with read(ours) as database, pytest.raises(UprootError, match=said):
        ask(database)


def test_a_field_may_not_take_the_place_of_a_column(ours: Path) -> None:
    with read(ours) as database, pytest.raises(ValueError, match="'uname' already"):
        database.player_rows(["uname"])
    assert field_values(object(), "x") == {"x": None}


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes")
    with pytest.raises(NotALog):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "gone.sqlite3")
