"""A project's main.py, whose settings load_app takes without starting a server."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.interop.projects import write_app, write_files
from tests.silence import without_warning
from uproot_nb import load_app
from uproot_nb.experiment.setup import App
from uproot_nb.interop.apps import language_folders

APP = """
    class Hello(Page):
        pass

    page_order = [Hello]
"""
HEAD = """
    import os
    import uproot.deployment as upd
    from uproot.cli import cli
    from uproot.rooms import room
    from uproot.server import load_config, uproot_server
"""
TAIL = """
    if __name__ == "__main__":
        raise RuntimeError("the server was started")
"""


def loaded(project: Path, main: str, head: str = HEAD) -> App:
    write_files(project, {"main.py": dedent(head) + dedent(main) + dedent(TAIL)})
    return load_app(write_app(project, "game", APP))


def left_out(project: Path, main: str, head: str = HEAD) -> list[str]:
    with pytest.warns(UserWarning, match="no effect here") as caught:
        loaded(project, main, head)
    return remarks(caught)


def remarks(caught: pytest.WarningsRecorder) -> list[str]:
    """Return what was left out; Python may also warn of what other tests have left behind."""
    text = str(caught.pop(UserWarning).message)
    return [line.strip() for line in text.splitlines()[1:]]


def test_what_every_project_says_is_taken_without_a_word(tmp_path: Path) -> None:
    main = """
        load_config(uproot_server, config="game", apps=["game"])
        upd.ADMINS["admin"] = upd.auto_login()
        upd.API_KEYS.add("s3cret")
        upd.TEMPLATE_DEFAULTS["disable_alpinejs"] = True
        upd.LANGUAGE = "en"
        import uproot.i18n as i18n
        i18n.load("words/")
    """
    write_files(tmp_path, {"words/de.yml": "Hello: Hallo\n"})
    with without_warning():
        app = loaded(tmp_path, main)
    assert set(app.api_keys) == {"s3cret"}
    assert app.defaults == {"disable_alpinejs": True}
    assert language_folders(app) == (tmp_path / "words",)


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("upd.PORT = 80", "PORT: use serve(port=…)"),
        ("upd.LANGUAGE = 'de'", "LANGUAGE: use serve(language=…)"),
        ("upd.DEFAULT_ROOMS.append(room('lab'))", "DEFAULT_ROOMS: use serve(rooms=[room(…)])"),
        ("upd.ADMINS['me'] = 'secret'", "ADMINS: use Jupyter's own login"),
        (
            "load_config(uproot_server, config='g', apps=['game'], settings={'rounds': 3})",
            "the settings of 'g': use serve(settings={'rounds': 3})",
        ),
    ],
)
def test_what_has_no_effect_is_named_with_what_does_it_here(
    tmp_path: Path, main: str, said: str
) -> None:
    assert left_out(tmp_path, main) == [said]


def test_settings_of_other_apps_are_none_of_this_ones(tmp_path: Path) -> None:
    with without_warning():
        loaded(tmp_path, "load_config(uproot_server, 'o', ['other'], settings={'rounds': 3})")


def test_a_statement_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    main = """
        import no_such_package
        from uproot.server import nothing_such
        open("gone.txt")
        raise SystemExit(3)
        upd.API_KEYS.add("s3cret")
    """
    with pytest.warns(UserWarning, match="no effect here") as caught:
        app = loaded(tmp_path, main)
    assert set(app.api_keys) == {"s3cret"}
    lines = remarks(caught)
    assert [line.partition(":")[0] for line in lines] == ["line 8", "line 9", "line 10", "line 11"]
    assert "MissingPackage" in lines[0]
    assert "nothing_such" in lines[1]


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    lines = left_out(tmp_path, "\n".join(f"missing{n}" for n in range(20)))
    assert (len(lines), lines[-1]) == (9, "and 12 more")


def test_a_file_that_is_no_python_is_named(tmp_path: Path) -> None:
    assert "it is no valid Python" in left_out(tmp_path, "def")[0]


@pytest.mark.parametrize(
    "text",
    [
        "raise RuntimeError('somebody else, who only mentions uproot')",
        "from .uproot import x\nraise RuntimeError",
        "# import uproot\0",
        "",
    ],
)
def test_a_main_file_of_somebody_else_is_not_touched(tmp_path: Path, text: str) -> None:
    (tmp_path / "main.py").write_text(text)
    with without_warning():
        load_app(write_app(tmp_path, "game", APP))
