"""The description of the architecture: its files exist, and its floors are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_layers import BELOW

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
PLACES = (ROOT, ROOT / "uproot_nb", ROOT / "uproot_nb" / "market")
"""Folders that a page's paths may start from."""


def files_named_in(text: str) -> set[str]:
    """Return the paths of our own files and folders in *text*."""
    return set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|js|css|yml|md|html)|(?:[\w-]+/)+)`", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = files_named_in(page.read_text("utf-8"))
    assert len(named) > 3
    missing = {name for name in named if not any((place / name).exists() for place in PLACES)}
    assert not missing


def floors_on_the_page() -> list[set[str]]:
    """Return the names in each line of the table of floors, from the ground up."""
    text = PAGES[0].read_text("utf-8")
    table = re.search(r"## Floors\n\n```text\n(.*?)```", text, re.DOTALL)
    assert table
    return [set(re.match(r"\w+(  \w+)*", line)[0].split()) for line in table[1].splitlines()]


def test_the_page_has_every_floor_once() -> None:
    floors = [name for line in floors_on_the_page() for name in line]
    assert sorted(floors) == sorted(BELOW)


def test_a_floor_of_the_page_stands_on_earlier_lines() -> None:
    below: set[str] = set()
    for line in floors_on_the_page():
        assert {name: BELOW[name] - below for name in line if BELOW[name] - below} == {}
        below |= line


def test_a_path_is_found_in_prose() -> None:
    text = "`server/sockets.py` and `static/uproot.js`, in `uproot_nb/server/`, not `a.b` or `x/y`."
    assert files_named_in(text) == {"server/sockets.py", "static/uproot.js", "uproot_nb/server/"}
