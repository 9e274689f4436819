"""What a notebook's cells say before they run."""

from __future__ import annotations

from uproot_nb.headless.cell_code import imported_modules, literal_arguments

CELLS = (
    "%load_ext uproot_nb\nimport numpy as np, scipy.stats",
    "from uproot_nb import *\nfrom numpy import linalg\nfrom . import beside",
    "def page():\n    import json",
    "this is no Python",
    'one = serve(name="pilot")\ntwo = uproot_nb.serve([A], name="pilot", durable=True)',
    'serve(name=names[0]); other(name="x")',
)


def test_modules_that_cells_import_are_found_in_order_and_once() -> None:
    assert imported_modules(CELLS) == ["numpy", "scipy.stats", "uproot_nb"]


def test_arguments_are_found_that_are_written_out() -> None:
    assert literal_arguments(CELLS, "serve", "name") == ["pilot"]
    assert literal_arguments(CELLS, "serve", "durable") == [True]
    assert literal_arguments(CELLS, "serve", "seed") == []
