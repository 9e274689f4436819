"""The pytest plugin of uproot_nb: fixtures for tests of experiments.

It is a module beside the package, so that pytest imports uproot_nb only for tests that use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from uproot_nb.testing.served import Serve

__all__ = ["served", "uproot_log"]


@pytest.fixture
def served() -> Iterator[Serve]:
    """Serve experiments as `uproot_nb.testing.served` does, until the test ends.

    def test_the_pot(served):
        ann, bob = served("public_goods", players=2)
    """
    # lazy: most tests of a project may have no experiment
    from uproot_nb.testing.served import Served
    from uproot_nb.testing.served import served as serve

    with ExitStack() as runs:

        def serve_until_the_end(experiment: Any, **options: Any) -> Served:
            return runs.enter_context(serve(experiment, **options))

        yield serve_until_the_end


@pytest.fixture
def uproot_log(tmp_path: Path) -> Path:
    """The path of a database for one test: `served(pages, db=uproot_log)`."""
    return tmp_path / "uproot_nb.sqlite3"
