"""Consent given, declined and shown again, as a participant and the log see it."""
# ruff: noqa: ANN001, ANN201, ANN202, C408, RUF012  (as authors write)

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from uproot_nb import BooleanField, Consent, Exit, Page, random_forms, rerun
from uproot_nb.bots.refusals import FormRefused
from uproot_nb.bots.requests import form_body
from uproot_nb.testing import ExperimentFailed, Participant, Served, served

TEXT = "# Taking part\n\nYou *can* stop at {{ any }} time. 2 < 3"
TICK = "Please tick this box if you agree."
SIGNED: list[str] = []


class Play(Page):
    """Play."""

    allow_back = True


def consent(**given: Any) -> Any:
    return Consent(**{"text": TEXT, "version": "2026-11", **given})


def rows(session: Served) -> list[tuple[str, bool, str]]:
    table = session.run.consents
    return list(zip(table["version"], table["agreed"], table["language"], strict=True))


def hash_on(participant: Participant) -> str:
    found = re.search(r'name="consent_text" value="(\w+)"', participant.html)
    assert found is not None
    return found[1]


@pytest.mark.long
def test_who_ticks_the_box_goes_on_and_the_log_has_what_was_shown() -> None:
    page = consent()
    with served([page, Play], players=1) as session:
        (ann,) = session
        ann.assert_reads("You can stop at {{ any }} time. 2 < 3")
        shown = hash_on(ann)
        assert ann.submit(agreed=True) == "Play"
        (row,) = session.run.consents.to_dict("records")
        assert (row["player"], row["page"], row["hash"]) == (ann.player.name, "Consent", shown)
        assert (row["version"], row["agreed"], row["language"]) == ("2026-11", True, "en")
        assert shown == page.texts[""].hash
        assert "agreed" not in ann.player.fields()


def test_the_log_has_the_texts_by_their_hash() -> None:
    page = consent(text={"en": "Read.", "de": "Lies."})
    with served([page, Play], players=1) as session:
        events = session.run.events
        (about,) = [
            e for e in events[events["kind"] == "code"]["value"] if e.get("page") == page.key
        ]
        assert about["texts"] == {text.hash: text.text for text in page.texts.values()}


def test_who_does_not_tick_the_box_stays_and_reads_why() -> None:
    with served([consent(), Play], players=1) as session:
        (ann,) = session
        assert ann.assert_form_refused(agreed=False) == {"agreed": [TICK]}
        assert rows(session) == []


@pytest.mark.long
def test_declining_leads_to_the_exit_and_back_changes_nothing() -> None:
    with served([consent(), Play], players=2) as session:
        ann, bob = session
        position, visit = ann._client.position, ann._client._boot["visit"]
        assert ann.decline() == ""
        assert ann.player.ended_as == "declined"
        late = {"_uproot_page": position, "_uproot_visit": visit, "agreed": "y"}
        post(session, ann, {**late, "consent_text": session.run.consents["hash"][0]})
        assert ann.reload() == ""
        assert rows(session) == [("2026-11", False, "en")]
        assert bob.page == "Consent"


def post(session: Served, participant: Participant, form: dict[str, Any]) -> None:
    """Send a form as a browser's cached page would."""
    body = form_body([(name, str(value)) for name, value in form.items()])
    session.do("an old form", session.server.ask(participant._link, body), 60.0)


def test_declining_may_have_an_exit_of_the_authors_own() -> None:
    with served([consent(decline=Exit("no thanks")), Play], players=1) as session:
        (ann,) = session
        ann.decline()
        assert ann.player.ended_as == "no thanks"


def test_who_declines_needs_neither_the_tick_nor_other_answers() -> None:
    class Agreement(Consent):
        text = TEXT
        version = "1"
        fields = dict(recorded=BooleanField(label="You may record me."))

    with served([Agreement, Play], players=1) as session:
        (ann,) = session
        ann.decline()
        assert rows(session) == [("1", False, "en")]
        assert ann.player.get("recorded") is None


def test_own_questions_are_the_players_data() -> None:
    class Agreement(Consent):
        text = TEXT
        version = "1"
        fields = dict(recorded=BooleanField(label="You may record me."))

    with served([Agreement, Play], players=1) as session:
        (ann,) = session
        ann.submit(agreed=True, recorded=True)
        assert ann.player.recorded is True
        assert "agreed" not in ann.player.fields()


@pytest.mark.parametrize("forged", ["", "0" * 64, "x" * 5000])
def test_a_form_that_was_made_for_another_text_is_shown_the_text_again(forged: str) -> None:
    with served([consent(), Play], players=1) as session:
        (ann,) = session
        with pytest.raises(FormRefused):
            ann.submit(agreed=True, consent_text=forged)
        ann.assert_reads("The text has changed. Please read it again.")
        assert rows(session) == []
        assert ann.submit(agreed=True) == "Play"


def test_without_a_box_a_changed_text_is_shown_again_too() -> None:
    with served([consent(tick=False), Play], players=1) as session:
        (ann,) = session
        assert ann.submit(consent_text="0" * 64) == "Consent"
        assert ann.submit() == "Play"
        assert rows(session) == [("2026-11", True, "en")]


@pytest.mark.long
def test_the_text_is_that_of_the_browsers_language_and_so_is_the_page() -> None:
    texts = {"en": "Read this.", "de": "Lies dies.", "ar": "اقرأ هذا."}
    for language, shown in texts.items():
        with served([consent(text=texts), Play], players=1, language=language) as session:
            (ann,) = session
            ann.assert_reads(shown)
            assert f'<html lang="{language}"' in ann.html
            ann.submit(agreed=True)
            assert rows(session) == [("2026-11", True, language)]


def test_who_reads_none_of_the_languages_gets_the_first_text() -> None:
    with served([consent(text={"fr": "Lisez."}), Play], players=1, language="ja") as session:
        (ann,) = session
        ann.assert_reads("Lisez.")
        ann.submit(agreed=True)
        assert rows(session) == [("2026-11", True, "fr")]


def test_a_new_version_is_for_those_who_come_later() -> None:
    with served([consent(), Play], players=2) as session:
        ann, bob = session
        ann.submit(agreed=True)
        session.run._runtime.code.redefine(consent(text="Another text.", version="2027-01"))
        assert ann.reload() == "Play"
        bob.reload()
        bob.assert_reads("Another text.")
        bob.submit(agreed=True)
        assert [row[0] for row in rows(session)] == ["2026-11", "2027-01"]
        assert session.run.consents["hash"].nunique() == 2


def test_a_second_press_is_logged_once() -> None:
    with served([consent(), Play], players=1) as session:
        (ann,) = session
        boot = ann._client._boot
        form = {
            "_uproot_page": boot["page"], "_uproot_visit": boot["visit"], "agreed": "y",
            "consent_text": hash_on(ann),
        }  # fmt: skip
        post(session, ann, form)
        post(session, ann, form)
        assert rows(session) == [("2026-11", True, "en")]


def test_who_comes_back_by_the_back_button_may_still_decline() -> None:
    class First(Consent):
        text = TEXT
        version = "1"

    with served([First, Play], players=1) as session:
        (ann,) = session
        ann.submit(agreed=True)
        ann.go_back()
        ann.decline()
        assert [row[1] for row in rows(session)] == [True, False]


# ---- the signature -------------------------------------------------------------------------------


def sign(player, name):
    SIGNED.append(name)


def test_a_typed_name_goes_to_the_authors_function_and_never_into_the_log() -> None:
    SIGNED.clear()
    with served([consent(signature=sign), Play], players=1) as session:
        (ann,) = session
        assert ann.assert_form_refused(agreed=True, signature=" ")["signature"]
        ann.submit(agreed=True, signature=" Ann Example ")
        assert SIGNED == ["Ann Example"]
        assert session.run.consents["signed"].tolist() == [True]
        assert "Ann Example" not in "".join(session.run.events["value"].array.texts)


def test_a_signature_that_cannot_be_stored_leaves_everything_as_it_was() -> None:
    class Agreement(Consent):
        text = TEXT
        version = "1"
        fields = dict(recorded=BooleanField(label="You may record me."))

        def signature(page, player, name):
            raise OSError("the disk is full")

    with served([Agreement, Play], players=1) as session:
        (ann,) = session
        with pytest.raises(ExperimentFailed) as failed:
            ann.submit(agreed=True, recorded=True, signature="Ann")
        (failure,) = failed.value.failures
        assert (failure.where, failure.message) == ("Agreement.signature", "the disk is full")
        assert rows(session) == []
        assert ann.player.get("recorded") is None
        assert ann.player.page == "Agreement"


# ---- a copy --------------------------------------------------------------------------------------


def test_a_copy_can_be_stored_and_is_shown_again_at_the_end() -> None:
    with served([consent(copy=True)], players=2) as session:
        ann, bob = session
        found = re.search(r'href="data:text/html;charset=utf-8;base64,([^"]+)"', ann.html)
        assert found is not None
        stored = b64decode(found[1]).decode()
        assert "<h1>Taking part</h1>" in stored
        assert "{{ any }}" in stored
        ann.submit(agreed=True)
        ann.assert_reads("What you have agreed to Taking part You can stop")
        bob.decline()
        assert "agreed to" not in bob.text


def test_no_copy_is_offered_unless_the_author_wants_it() -> None:
    with served([consent()], players=1) as session:
        (ann,) = session
        assert "download=" not in ann.html
        ann.submit(agreed=True)
        assert "agreed to" not in ann.text


# ---- what outlasts a kernel ----------------------------------------------------------------------


@pytest.mark.long
def test_answers_outlast_the_kernel(tmp_path: Path) -> None:
    db = tmp_path / "log.sqlite3"
    page = consent(copy=True)
    with served([page], players=2, db=db) as session:
        ann, bob = session
        ann.submit(agreed=True)
        bob.decline()
    with served([page], players=2, db=db) as session:
        ann, bob = session
        ann.assert_reads("What you have agreed to")
        assert bob.player.ended_as == "declined"
        assert [row[1] for row in rows(session)] == [True, False]


def test_a_snapshot_has_the_answers() -> None:
    with served([consent(), Play], players=1) as session:
        (ann,) = session
        ann.submit(agreed=True)
        state = session.run._runtime.world.state
        loaded = type(state)(state.codec).load(state.dump())
        assert loaded.players == state.players
        assert loaded.players[ann.player.name].consents["Consent"]["agreed"] is True


@pytest.mark.long
def test_a_rerun_repeats_agreeing_declining_and_signing() -> None:
    order = [consent(signature=sign), consent(name="Second"), Play]
    with served(order, players=2) as session:
        ann, bob = session
        ann.submit(agreed=True, signature="Ann")
        ann.submit(agreed=True)
        bob.submit(agreed=True, signature="Bob")
        bob.decline()
        again = rerun(session.run, order)
        assert again.same, again.first
        columns = ["player", "page", "hash", "agreed", "signed"]
        assert again.consents[columns].equals(session.run.consents[columns])
        assert again.consents["agreed"].tolist() == [True, True, True, False]


@pytest.mark.long
def test_the_export_and_the_codebook_have_the_table(tmp_path: Path) -> None:
    with served([consent(), Play], players=1) as session:
        (ann,) = session
        ann.submit(agreed=True)
        folder = session.run.export(tmp_path / "out")
        assert (folder / "consents.csv").read_text().splitlines()[0].startswith("session,seq,")
        codebook = json.loads((folder / "codebook.json").read_text())
        assert set(codebook["consents"]) >= {"player", "version", "hash", "language", "agreed"}


@pytest.mark.long
def test_bots_agree() -> None:
    with served([consent(), Play], players=3) as session:
        session.play(random_forms)
        assert session.run.consents["agreed"].tolist() == [True] * 3
