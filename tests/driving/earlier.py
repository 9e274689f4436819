"""earlier: processes that were started some time ago, by their clocks, so that no test waits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["earlier"]

SHIFT = """\
import os
import time

_now, _ago = time.time, float(os.environ.get("TESTS_AGO", "0"))
time.time = lambda: _now() - _ago
"""


@contextmanager
def earlier(seconds: float, folder: Path) -> Iterator[None]:
    """Let Python processes that are started meanwhile have a clock that is slow by *seconds*.

    with earlier(3600, tmp_path):
        run = Headless(...)     # what it writes to its log is an hour old
    """
    (folder / "sitecustomize.py").write_text(SHIFT, "utf-8")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        patch.setenv("TESTS_AGO", str(seconds))
        yield
