"""tools/drive_apps.py walks a folder of apps and says how each of them fares."""

from __future__ import annotations

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from drive_apps import COMPLETE, FAILS, STAYS_UP, apps_in, drive, players_of
from playwright.sync_api import Browser

from tests.interop.projects import write_app
from uproot_nb.interop.apps import load_app

EXAMPLES = "UPROOT_NB_EXAMPLES"
"""The environment variable that names a folder with the framework's example apps."""
COMMIT = "7c75df1eda388d601cfe2d2fb141642192036784"
"""The commit of https://github.com/mrpg/uproot-examples for which GOOD holds."""
OUTSIDE = {"market", "chat_with_claude", "chat_with_gpt", "sound_recording"}
"""Apps that need other people's services, or a microphone."""
NEEDED = ("fastapi", "PIL", "pydub", "find_eq")
"""Packages that some of them import: fastapi, pillow, pydub and github.com/mrpg/find-eq."""
GOOD = 90
"""How many of the others complete or stay up."""

ASKS = """
    class Ask(Page):
        fields = dict(
            age=IntegerField(label="Age", min=18, max=99),
            who=StringField(label="Who"),
            side=RadioField(label="Side", choices=["left", "right"]),
            room=SelectField(label="Room", choices=["a", "b"]),
            agrees=BooleanField(label="I agree"),
            slider=DecimalRangeField(label="How much", min=0, max=1, step=0.1),
            mail=EmailField(label="Mail"),
            when=DateField(label="When"),
            paper=FileField(label="Paper"),
            fruit=BoundedChoiceField(label="Fruit", choices=["a", "b", "c"], min=2, max=2),
        )

    page_order = [Ask]
"""


def test_a_plain_hand_answers_every_kind_of_field(tmp_path: Path, browser: Browser) -> None:
    write_app(tmp_path, "asks", ASKS)
    outcome = drive(tmp_path, "asks", browser, players=1, still=5)
    assert (outcome.kind, outcome.messages) == (COMPLETE, [])


def test_an_app_that_nobody_can_leave_stays_up(tmp_path: Path, browser: Browser) -> None:
    code = """
        class Barrier(Page):
            def may_proceed(page, player): return False
        page_order = [Barrier]
    """
    write_app(tmp_path, "stays", code)
    outcome = drive(tmp_path, "stays", browser, players=2, still=1)
    assert (outcome.kind, outcome.messages) == (STAYS_UP, ["2 on stays/Barrier"])


def test_an_app_whose_code_raises_fails_with_the_researchers_message(
    tmp_path: Path, browser: Browser
) -> None:
    code = """
        class Wrong(Page):
            def templatevars(page, player): return {"half": 1 / 0}
        page_order = [Wrong]
    """
    write_app(tmp_path, "wrong", code)
    outcome = drive(tmp_path, "wrong", browser, players=1, still=1)
    assert outcome.kind == FAILS
    assert "division by zero" in outcome.messages[0]
    assert "wrong/__init__.py" in outcome.messages[0]


def test_an_error_of_a_pages_script_is_a_failure(tmp_path: Path, browser: Browser) -> None:
    page = '{% extends "Base.html" %}{% block main %}<script>nowhere()</script>{% endblock %}'
    folder = write_app(tmp_path, "script", "class A(Page): pass\npage_order = [A]\n")
    (folder / "A.html").write_text(page)
    outcome = drive(tmp_path, "script", browser, players=1, still=1)
    assert outcome.kind == FAILS
    assert "nowhere is not defined" in "".join(outcome.messages)


def test_an_app_that_cannot_be_loaded_fails(tmp_path: Path, browser: Browser) -> None:
    write_app(tmp_path, "broken", "def 1: pass\n")
    outcome = drive(tmp_path, "broken", browser)
    assert outcome.kind == FAILS
    assert "broken/__init__.py, line" in outcome.messages[0]


def test_there_are_as_many_players_as_fill_the_groups(tmp_path: Path) -> None:
    waits = """
        class Pair(GroupCreatingWait): group_size = {}
        page_order = [Pair]
    """
    apps = [load_app(write_app(tmp_path, f"of{n}", waits.format(n))) for n in (2, 3, 12)]
    assert [players_of(app) for app in apps] == [2, 3, 12]
    alone = load_app(write_app(tmp_path, "alone", "class A(Page): pass\npage_order = [A]\n"))
    assert players_of(alone) == 2


def test_only_folders_with_a_page_order_are_apps(tmp_path: Path) -> None:
    write_app(tmp_path, "game", "page_order = []\n")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").write_text("x = 1\n")
    assert apps_in(tmp_path) == ["game"]


@pytest.mark.slow
def test_the_frameworks_own_examples_run(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Download nothing: UPROOT_NB_EXAMPLES names the folder, as of COMMIT."""
    named = os.environ.get(EXAMPLES)
    if not named:
        pytest.skip(f"{EXAMPLES} names no folder with the apps of uproot-examples at {COMMIT}.")
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        pytest.skip(f"The examples need {', '.join(missing)}, which are not installed.")
    _check_commit(Path(named))
    monkeypatch.chdir(named)
    names = [name for name in apps_in(Path(named)) if name not in OUTSIDE]
    found = [drive(Path(named), name, browser) for name in names]
    failed = [str(outcome) for outcome in found if outcome.kind == FAILS]
    assert len(found) - len(failed) >= GOOD, "\n".join(failed)


def _check_commit(folder: Path) -> None:
    """Skip the test where a Git folder is at another commit; an unpacked archive has none."""
    if not (folder / ".git").exists():
        return
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    at = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if at != COMMIT:
        pytest.skip(f"{folder} is at {at}; git checkout {COMMIT}.")
