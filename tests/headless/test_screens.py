"""What a terminal shows: of hostile texts, of many players, of narrow windows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from uproot_nb.headless.escape_terminal import harmless, one_line
from uproot_nb.headless.screens import LiveScreen, PlainScreen, picture
from uproot_nb.headless.watch import Watch
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

HOSTILE = "\x1b]0;pwned\x07[red]Bob[/red]\u202e\x1b[2J"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.sqlite3")
    log.claim("lab")
    yield log
    log.close()


def events(count: int, first: int = 1) -> list[Event]:
    encode = Codec().encode
    return [
        _event(first + n, "join", f"player/p{first + n}", "", encode({"id": first + n - 1}))
        for n in range(count)
    ]


def _event(seq: int, kind: str, subject: str, field: str, value: str) -> Event:
    return Event(seq, 1.7e9 + seq, "lab", kind, subject, field, value, "", "", "", "")


def shown(watch: Watch, width: int, room: int = 50) -> str:
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True)
    console.print(picture(watch, room))
    return console.export_text(styles=False)


def test_who_does_not_answer_on_a_wait_page_is_idle(log: SqliteLog, tmp_path: Path) -> None:
    path, ann = tmp_path / "log.sqlite3", "player/ann"
    log.append([
        _event(1, "join", ann, "", '{"id": 0, "label": "PC-04", "claimed": true}'),
        _event(2, "enter", ann, "Pair", '{"position": 0, "page": "Pair"}'),
        _event(3, "connect", ann, "", "null"),
        _event(4, "wait", ann, "Pair", '{"what": "asked"}'),
    ])  # fmt: skip
    watch = Watch(str(path), "lab")
    watch.look()
    (row,) = watch.players()
    assert (row.label, row.page, row.status) == ("PC-04", "Pair", "idle")
    log.append([_event(5, "wait", ann, "Pair", '{"what": "here"}')])
    watch.look()
    assert watch.players()[0].status == "online"
    watch.close()


def test_players_and_what_happens(log: SqliteLog) -> None:
    log.append([
        *events(2),
        _event(3, "set", "player/p1", "round", "4"),
        _event(4, "enter", "player/p1", "Question", '{"position": 0, "page": "Question"}'),
        _event(5, "connect", "player/p1", "", "null"),
        _event(6, "error", "player/p1", "KeyError", '{"type": "KeyError", "message": "x"}'),
    ])  # fmt: skip
    watch = Watch(log.path, "lab")
    assert watch.look() == []  # of the past nothing is told line by line
    text = shown(watch, 100)
    assert "1 online, 1 open" in text
    assert "1 errors" in text
    assert "p1: ERROR KeyError: x" in text
    assert watch.players()[0].round == "4"
    log.append([_event(7, "disconnect", "player/p1", "", "null")])
    assert [event.kind for event in watch.look()] == ["disconnect"]
    assert watch.players()[0].status == "offline"
    watch.close()


def test_participants_texts_move_no_terminal(log: SqliteLog) -> None:
    encode = Codec().encode
    log.append([
        *events(1),
        _event(2, "error", "player/p1", "E", encode({"type": "E", "message": HOSTILE})),
        _event(3, "set", "player/p1", "round", encode(HOSTILE)),
    ])  # fmt: skip
    watch = Watch(log.path, "lab")
    watch.look()
    said: list[str] = []
    PlainScreen(said.append).show([watch], watch.last)
    for text in (shown(watch, 200), said[-1]):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
        assert "[red]" in text  # no markup either: it stands there as it was written
    watch.close()


def test_of_many_those_who_are_there(log: SqliteLog) -> None:
    log.append([*events(300), _event(301, "connect", "player/p250", "", "null")])
    watch = Watch(log.path, "lab")
    watch.look()
    text = shown(watch, 60, room=5)
    assert "p250" in text
    assert "299 more" in text
    assert max(map(len, text.splitlines())) <= 60
    watch.close()


def test_a_picture_says_what_is_printed_above_it(log: SqliteLog) -> None:
    log.append(events(1))
    watch = Watch(log.path, "lab")
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    screen = LiveScreen(console)
    screen.show([watch], watch.look())
    screen.write(f"printed {HOSTILE}")
    screen.close()
    screen.close()
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "printed" in written
    assert "\x1b]0;" not in written
    watch.close()


@given(st.text())
def test_harmless_text_has_no_controls(text: str) -> None:
    told = harmless(text)
    assert not [c for c in told if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160]
    assert harmless(told) == told


@given(st.text(), st.integers(2, 40))
def test_one_line_is_one_line(text: str, longest: int) -> None:
    told = one_line(text, longest)
    assert len(told) <= longest
    assert "\n" not in told
