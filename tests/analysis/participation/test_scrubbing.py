"""Scrubbed exports: nothing in them says who took part."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from uproot_nb import Entry, Page, StringField, add_entry, add_raw_entry, create_model, live
from uproot_nb.analysis.participation.scrubbing import scrub_of
from uproot_nb.cli import main
from uproot_nb.experiment.entrance.labels import is_label
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.log.codec import Codec
from uproot_nb.log.erasing.names_in_texts import NamesInTexts
from uproot_nb.log.state import PlayerState, State
from uproot_nb.testing import served
from uproot_nb.testing.participant import Participant

Files = dict[str, bytes]

WORKER, VISIT = "5f1e00aa11bb22cc", "visit-id-of-prolific"


class Report(metaclass=Entry):
    """What somebody said, and who it was."""

    said: str
    who: str


class Survey(Page):
    """Survey."""

    fields = {"answer": StringField(label="Answer")}  # noqa: RUF012

    @live
    def tell(page, player, whom):
        pass

    def after_once(page, player):
        player.worker = player.label
        player.worker = "forgotten"
        player.notes = [1]
        player.notes.append({"from": player.query["SESSION_ID"]})
        player.arm = player.query["arm"]
        player.said = []
        player.said.append(f"call me {player.label}!")
        reports = create_model(player.session, tag="reports")
        add_entry(reports, player, Report, said="hi", who=player.label)
        setattr(player.session, f"from_{player.label}", 1)
        add_raw_entry(reports, {player.label.title(): 2})


def exported(folder: Path, format: str, scrub: bool, db: Path | str = ":memory:") -> Files:
    """Return the files of an export of a session with one participant."""
    with served([Survey], players=1, arrive=False, db=db) as session:
        newcomers = session.run._runtime.flow.newcomers
        newcomers.way_in = WayIn.of(None, "prolific", None)
        place = session.run.players[0]
        link = f"{session.run.link(place)}?PROLIFIC_PID={WORKER}&SESSION_ID={VISIT}&arm=control"
        ann = Participant(session, link, place)
        ann.arrive()
        ann.call("tell", {"id": WORKER})
        ann.submit(answer=f"blue, I am {WORKER.upper()}.")
        return files_in(session.run.export(folder, format, scrub=scrub))


def files_in(folder: Path) -> Files:
    return {str(p.relative_to(folder)): content(p) for p in folder.rglob("*") if p.is_file()}


def content(path: Path) -> bytes:
    """Return what a file holds: all cells and names of columns of a Parquet file."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    table = pyarrow.parquet.read_table(path)
    return json.dumps(
        [table.to_pydict(), str(table.schema)], default=str, ensure_ascii=False
    ).encode()


@pytest.mark.long
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_scrubbed_export_has_no_label_and_no_id_anywhere(tmp_path: Path, format: str) -> None:
    whole = exported(tmp_path / "whole", format, scrub=False)
    found = exported(tmp_path / "public", format, scrub=True)
    for secret in (WORKER, VISIT):
        assert any(secret.encode() in text for text in whole.values())
        assert not [name for name, text in found.items() if secret.encode() in text.lower()]
    readme = found["README.txt"].decode()
    assert "player.notes, player.said, player.worker" in readme
    assert "model.who" in readme
    assert "session.from_…" in readme
    for kept in ("blue", "control", "hi"):
        assert any(kept.encode() in text for name, text in found.items() if "latest" in name
                   or "models" in name)  # fmt: skip
    for folder in ("latest", "sparse", "ultralong"):
        texts = [text for name, text in found.items() if name.startswith(f"{folder}/players")]
        assert all("blue, I am ….".encode() in text for text in texts), folder
    columns = json.loads(found["codebook.json"])
    assert {"label", "query", "worker", "notes"}.isdisjoint(columns["latest/players"])
    assert {"player", "ended_as", "answer", "arm"} <= columns["latest/players"].keys()
    assert not [name for name in found if name.endswith(".ipynb")]


@pytest.mark.long
def test_the_terminal_scrubs_too(tmp_path: Path) -> None:
    db = tmp_path / "x.sqlite3"
    exported(tmp_path / "whole", "csv", scrub=False, db=db)
    assert main(["export", str(db), "test", str(tmp_path / "public"), "--scrub"]) == 0
    assert not [n for n, t in files_in(tmp_path / "public").items() if WORKER.encode() in t]


PRINTABLE = st.characters(exclude_categories=["C", "Z"])


@example(label='{"a":"b"}')
@given(label=st.text(PRINTABLE, min_size=5, max_size=20).filter(is_label))
def test_any_label_is_found_whatever_characters_it_has(label: str) -> None:
    state = State(Codec())
    state.players["ann"] = PlayerState(0, label=label)
    text = orjson.dumps({"deep": [label, orjson.dumps([label]).decode()]}).decode()
    assert orjson.loads(scrub_of(state, ()).clean(text) or "") == {"deep": ["…", '["…"]']}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("p01", "…"), ("P01", "…"), ("ask p01, please", "ask …, please"), ("p012 p01", "p012 …"),
        ("id_p01", "id_…"), ("我是p01你", "我是…你"), ("PC-1's", "…'s"), ("PC-12", "PC-12"),
        ("Ann", "Ann"), ("Ann told me", "… told me"), ("Annual sums", "Annual sums"),
        ("no idea", "… idea"), ("annoy no-one", "annoy …-one"), ("no", "no"),
        ("4", "4"), ("4 of us", "4 of us"), ("a lot", "a lot"),
        ("12345", "…"), ("I am 12345", "I am …"), ("12345.50", "12345.50"),
        ("012345 x", "012345 x"),
    ],
)  # fmt: skip
def test_short_labels_are_found_as_words_and_answers_stay(text: str, hidden: str) -> None:
    names = NamesInTexts(["p01", "PC-1", "Ann", "no", "4", "a", "12345"])
    assert names.hide(text) == hidden


@given(st.text(max_size=40), st.sets(st.text("ab1-. 王", min_size=1, max_size=6), max_size=5))
def test_what_is_left_of_a_text_names_nobody_who_is_surely_named(
    text: str, labels: set[str]
) -> None:
    names = NamesInTexts(labels)
    hidden = names.hide(text)
    assert names.hide(hidden) == hidden
    assert hidden.replace("…", "") == "" or not any(hidden.strip() == one for one in names.sure)


class Seat(Page):
    """Seat."""

    fields = {"answer": StringField(label="Answer")}  # noqa: RUF012

    def after_once(page, player):
        player.seat = player.label
        player.number = int(player.label)


@pytest.mark.long
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_fields_that_copy_short_labels_are_left_out_and_equal_answers_stay(
    tmp_path: Path, format: str
) -> None:
    with served([Seat], players=3, arrive=False) as session:
        session.run._runtime.flow.newcomers.way_in = WayIn.of("seat", None, None)
        for player, label, answer in zip(session.run.players, "123", "131", strict=True):
            one = Participant(session, f"{session.run.link(player)}?seat={label}", player)
            one.arrive()
            one.submit(answer=answer)
        found = files_in(session.run.export(tmp_path / "public", format, scrub=True))
    assert "player.number, player.seat.\n" in found["README.txt"].decode()
    columns = json.loads(found["codebook.json"])
    for table in ("latest/players", "sparse/players"):
        assert {"seat", "number"}.isdisjoint(columns[table])
        assert "answer" in columns[table]
