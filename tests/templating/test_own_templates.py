"""The package's own templates, which all sessions and languages of a process share."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import jinja2
import pytest

from uproot_nb.templating.own_templates import OUR_FOLDER, OWN_FILTERS, OwnTemplates
from uproot_nb.templating.templates import Templates

BOOT: dict[str, Any] = {"page": 2, "since": 41, "end": False, "vars": {}, "C": {}}
LANGUAGES = ["en", "de", "ar"]


def ask() -> type:
    return type("Ask", (), {"__doc__": "A question.", "template": None})


def shown(templates: Templates, language: str = "en") -> str:
    return templates.render(ask(), {}, {**BOOT, "language": language})


def test_another_session_and_another_language_compile_none_of_ours_again(tmp_path: Path) -> None:
    shown(Templates([tmp_path], "1"))
    compiled: list[str | None] = []
    compile_ = jinja2.Environment.compile

    def noting(self: Any, source: Any, name: str | None = None, *more: Any) -> Any:
        compiled.append(name)
        return compile_(self, source, name, *more)

    with patch.object(jinja2.Environment, "compile", noting):
        for language in LANGUAGES:
            shown(Templates([tmp_path], "1"), language)
    assert compiled == ["docstring of Ask"] * len(LANGUAGES)


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
def test_they_give_the_same_pages_as_if_each_session_compiled_its_own(
    tmp_path: Path, language: str
) -> None:
    alone = Templates([tmp_path], "1", filters={"mine": str})
    shared = Templates([tmp_path], "1")
    assert shown(shared, language) == shown(alone, language)
    assert shared.render_end({**BOOT, "language": language}) == alone.render_end(
        {**BOOT, "language": language}
    )


def test_each_session_fills_them_with_its_own_values_and_by_its_own_encoder(tmp_path: Path) -> None:
    one, other = Templates([tmp_path], "1", encode=lambda _: b'"one"'), Templates([tmp_path], "2")
    assert '"one"' in shown(one)
    assert '"one"' not in shown(other)
    assert "static/1/" in shown(one)
    assert "static/2/" in shown(other)
    assert "static/1/" not in shown(other)


@pytest.mark.long
def test_filters_of_an_app_are_those_of_its_pages_and_of_no_others(tmp_path: Path) -> None:
    def told(**given: Any) -> str:
        page = type("Ask", (), {"template": "<p>{{ 1.5 | fmtnum }}</p>"})
        return Templates([tmp_path], "1", **given).render(page, {}, BOOT)

    usual = told()
    assert "<p>theirs</p>" in told(filters={"fmtnum": lambda value: "theirs"})
    assert told() == usual


def test_a_file_of_ours_that_changes_is_compiled_anew(tmp_path: Path) -> None:
    with patch("uproot_nb.templating.own_templates.OUR_FOLDER", tmp_path):
        environment = jinja2.Environment(loader=OwnTemplates())
    for text in ("before", "after"):
        (tmp_path / "Some.html").write_text(text, "utf-8")
        environment.cache.clear()  # type: ignore[union-attr]
        assert environment.get_template("Some.html").render() == text


def test_none_of_ours_has_code_that_depends_on_a_language_or_a_session() -> None:
    for file in OUR_FOLDER.glob("*.html"):
        assert "translate" not in file.read_text("utf-8")
    assert "tojson" not in OWN_FILTERS
