"""Fingerprints: the same code has the same one in every session, and an export says what ran."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb import IntegerField, Page, open_log
from uproot_nb.analysis.provenance.fingerprints import Fingerprint, fingerprints_of
from uproot_nb.analysis.recording import Tables
from uproot_nb.errors import UprootError
from uproot_nb.log.events import Event
from uproot_nb.log.log import MemoryLog
from uproot_nb.testing import served

OPEN = {"settings": {}, "pages": ["Ask"], "versions": {"uproot_nb": "1", "python": "3"}}


class Ask(Page):
    """Ask."""

    fields = {"count": IntegerField(label="Count")}  # noqa: RUF012


class End(Page):
    """End."""


def event(seq: int, kind: str, value: object, subject: str = "session") -> Event:
    text = orjson.dumps(value).decode()
    return Event(seq, float(seq), "market", kind, subject, "", text, "", "", "", "")


def page(seq: int, source: str, name: str = "Ask") -> Event:
    return event(seq, "code", {"page": name, "source": source, "hash": "f0"})


def notebook(seq: int, text: str, metadata: str) -> Event:
    cells = [{"cell_type": "code", "source": [text], "metadata": {"tags": [metadata]}}]
    source = orjson.dumps({"cells": cells, "metadata": {"kernel": metadata}}).decode()
    return event(seq, "code", {"notebook": "a.ipynb", "source": source, "hash": "f0"})


def only(*events: Event) -> Fingerprint:
    [ran] = fingerprints_of(events, events[-1].seq)
    return ran.fingerprint


def test_two_sessions_of_the_same_code_have_the_same_fingerprint_whatever_their_seed(
    tmp_path: Path,
) -> None:
    found = []
    for name, seed in (("pilot", 1), ("main", 2)):
        with served([Ask, End], players=1, name=name, seed=seed) as session:
            found.append(session.run.fingerprint())
            session[0].submit(count=3)
            assert session.run.fingerprint() == found[-1]
    assert found[0] == found[1]
    assert str(found[0]).startswith("sha256:")
    with served([Ask, End], players=1, settings={"price": 3}) as session:
        other = session.run.fingerprint()
    assert other.code == found[0].code
    assert other.settings != found[0].settings
    assert other.hash != found[0].hash


@pytest.mark.long
def test_an_export_says_which_code_ran_and_for_how_many_inputs(tmp_path: Path) -> None:
    db = tmp_path / "log.sqlite3"
    with served([Ask, End], players=2, db=db) as session:
        for someone in session:
            someone.submit(count=3)
        registered = session.run.fingerprint()
    with open_log(db) as log:
        assert log.fingerprint() == registered
        log.export(tmp_path / "whole")
        log.export(tmp_path / "public", anonymous=True)
    for name in ("whole", "public"):
        [ran] = json.loads((tmp_path / name / "fingerprints.json").read_text("utf-8"))
        assert ran["fingerprint"] == str(registered)
        assert ran["inputs"] == 2
        readme = (tmp_path / name / "README.txt").read_text("utf-8")
        assert f"{registered} ran from event" in readme


def test_a_page_that_is_redefined_begins_a_new_fingerprint() -> None:
    events = [
        page(1, "class Ask: 1"), event(2, "open", OPEN), event(3, "submit", {}, "player/a"),
        page(4, "class Ask: 2"), event(5, "submit", {}, "player/a"),
        event(6, "submit", {}, "player/b"), page(7, "class Ask: 1"),
    ]  # fmt: skip
    ran = fingerprints_of(events, 9)
    assert [(one.first, one.last, one.inputs) for one in ran] == [(2, 3, 1), (4, 6, 2), (7, 9, 0)]
    assert ran[0].fingerprint == ran[2].fingerprint != ran[1].fingerprint


def test_a_restart_with_the_same_code_is_the_same_fingerprint() -> None:
    events = [
        page(1, "class Ask: 1"), event(2, "open", OPEN), event(3, "submit", {}, "player/a"),
        page(4, "class Ask: 1"), event(5, "open", OPEN), event(6, "submit", {}, "player/a"),
    ]  # fmt: skip
    [ran] = fingerprints_of(events, 6)
    assert (ran.first, ran.last, ran.inputs) == (2, 6, 2)


@given(st.text(), st.text())
def test_a_notebook_counts_by_its_cells_and_not_by_what_an_editor_adds(
    text: str, metadata: str
) -> None:
    opened = [page(1, "class Ask: 1"), event(2, "open", OPEN)]
    first = fingerprints_of([*opened, notebook(3, text, metadata)], 3)[-1].fingerprint
    again = fingerprints_of([*opened, notebook(3, text, "another")], 3)[-1].fingerprint
    other = fingerprints_of([*opened, notebook(3, f"{text}!", metadata)], 3)[-1].fingerprint
    assert first == again
    assert first.notebook != other.notebook
    assert first.code == other.code


def test_each_part_has_its_own_hash() -> None:
    one = only(page(1, "class Ask: 1"), event(2, "open", OPEN))
    code = only(page(1, "class Ask: 2"), event(2, "open", OPEN))
    version = {**OPEN, "versions": {"uproot_nb": "2", "python": "3"}}
    versions = only(page(1, "class Ask: 1"), event(2, "open", version))
    assert code.code != one.code
    assert versions.versions != one.versions
    assert (code.versions, versions.code) == (one.versions, one.code)
    assert len({one.hash, code.hash, versions.hash}) == 3


def test_a_session_that_was_never_served_has_none() -> None:
    with pytest.raises(UprootError, match="never served"):
        Tables(MemoryLog(), "market").fingerprint()


class Asked(Page):
    """Asked."""

    def fields(page, player):  # type: ignore[no-untyped-def] # noqa: ANN201, ANN001
        return {"count": IntegerField(label=f"Count, {player.name}")}


@pytest.mark.long
def test_what_a_hook_returns_as_fields_is_no_other_code(tmp_path: Path) -> None:
    with served([Asked, End], players=2) as session:
        for participant in session:
            participant.submit(count=3)
        assert session.run.fingerprint() == session.run.fingerprint()
        told = json.loads((session.run.export(tmp_path / "out") / "fingerprints.json").read_text())
        assert len(told) >= 1
