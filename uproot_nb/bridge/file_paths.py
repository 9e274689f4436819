"""Which file an address below an app's folder leads to: the same rules wherever files are read."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["find_file"]

_ODD = re.compile(r"[\x00-\x1f\x7f\\]")


def find_file(folder: str, path: str) -> str | None:
    """Return the real path of the file that browsers may read at *path* below *folder*.

    None: there is none, it is hidden, or it leads out of the folder, also by a link.

        find_file("/lab/app/static", "deep/a.js")      # '/lab/app/static/deep/a.js'
        find_file("/lab/app/static", "../app.py")      # None
    """
    if _ODD.search(path) or any(part[:1] in ("", ".") for part in path.split("/")):
        return None  # hidden files, ways up, and what only Windows understands
    try:
        place = os.path.realpath(folder)
        found = os.path.realpath(os.path.join(folder, path))
    except (OSError, ValueError):
        return None
    if not Path(found).is_relative_to(place) or not os.path.isfile(found):
        return None  # a link may lead elsewhere
    return found
