"""The description of the architecture: every file that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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


def test_a_path_is_found_in_prose() -> None:
    text = "`server/sockets.py` and `static/uproot.js`, in `uproot_nb/server/`, not `a.b` or `x/y`."
    assert files_named_in(text) == {"server/sockets.py", "static/uproot.js", "uproot_nb/server/"}
