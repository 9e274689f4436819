"""Consent pages as authors declare them."""
# ruff: noqa: ANN001, ANN202, C408, RUF012  (as authors write)

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.silence import without_warning
from uproot_nb import BooleanField, Consent, StringField
from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page


def make(**given: Any) -> Any:
    return Consent(**{"text": "# Consent\n\nRead this.", "version": "1", **given})


def test_a_call_makes_a_page_whose_key_stays_when_the_cell_runs_again() -> None:
    first, second = make(), make()
    assert issubclass(first, Page)
    assert first is not second
    assert (first.key, second.key) == ("Consent", "Consent")
    assert first.source.hash == second.source.hash
    assert make(name="Parents").key == "Parents"


def test_another_text_is_another_source() -> None:
    assert make().source.hash != make(text="Something else.").source.hash
    assert "Something else." in make(text="Something else.").source.text


def test_a_class_may_have_hooks_and_questions_of_its_own() -> None:
    class Agreement(Consent):
        text = "Read."
        version = "1"
        fields = dict(recorded=BooleanField(label="You may record me."))

        def after_once(page, player):
            player.agreed_to_all = True

    assert Agreement.key == "Agreement"
    assert list(Agreement.fields) == ["recorded", "agreed"]

    class Longer(Agreement):
        statement = "I agree to all of it."

    assert [field.label for field in Longer.fields.values()][1] == "I agree to all of it."


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    """So that `sha256sum` gives the same."""
    path = tmp_path / "consent.md"
    path.write_bytes("# Hé\r\n\r\n  Indented. \n".encode())
    page = make(text=path)
    assert page.texts[""].hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_path_of_a_file_may_be_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "consent_de.md").write_text("Lies das.", "utf-8")
    monkeypatch.chdir(tmp_path)
    page = make(text={"de": "consent_de.md", "en": "Read consent.md with care"})
    assert {code: text.text for code, text in page.texts.items()} == {
        "de": "Lies das.", "en": "Read consent.md with care",
    }  # fmt: skip


def test_a_text_in_code_loses_its_indent() -> None:
    page = make(
        text="""
        # Consent

        Read this.
    """
    )
    assert page.texts[""].text == "# Consent\n\nRead this."


def test_a_served_page_is_checked_again_without_a_warning() -> None:
    with without_warning():
        make(signature=lambda player, name: None).check_again()


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"text": ""}, "no text"),
        ({"text": "missing.md"}, "cannot be read"),
        ({"text": 7}, "its text is 7"),
        ({"text": {"English please": "Read."}}, "its text is"),
        ({"text": {}}, "its text is"),
        ({"text": {"en": "  "}}, "its text is"),
        ({"version": ""}, "no version"),
        ({"version": 2026}, "its version is 2026"),
        ({"decline": 3}, "its decline is 3"),
        ({"tick": "yes"}, "its tick is"),
        ({"colour": "red"}, "no 'colour'"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(given: dict[str, Any], what: str) -> None:
    with pytest.raises(BadPage, match=what):
        make(**given)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(BadPage, match="is empty"):
        make(text=tmp_path / "empty.txt")


def test_a_timeout_is_refused_as_nobody_agrees_by_waiting() -> None:
    with pytest.raises(BadPage, match="timeout"):

        class Hasty(Consent):
            text = "Read."
            version = "1"
            timeout = 10


def test_a_question_may_not_be_called_as_the_pages_own() -> None:
    with pytest.raises(BadPage, match="'agreed'"):

        class Doubled(Consent):
            text = "Read."
            version = "1"
            fields = dict(agreed=StringField(label="Agreed?"))


def test_consent_itself_is_no_page_of_an_order() -> None:
    assert not Consent.may_be_listed()
