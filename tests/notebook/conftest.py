"""A shell as a notebook has it."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """IPython's shell; cells are run by `shell.run_cell(text, store_history=True)`."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("UPROOT_NB_DATABASE", str(tmp_path / "log.sqlite3"))
    hooks = sys.displayhook, sys.excepthook
    main = sys.modules["__main__"]
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    made.run_cell("from uproot_nb import *", store_history=True)
    yield made
    for serving in list(made.user_ns.get("_uproot_nb_open_runs", {}).values()):
        serving.run.close()
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
    InteractiveShell.clear_instance()
    sys.displayhook, sys.excepthook = hooks
    sys.modules["__main__"] = main
