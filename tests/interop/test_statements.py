"""Choosing, from a notebook's cells, the statements that an experiment needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.interop.statements import choose_statements, read_cells

GLOBAL = "def y():\n    global x\n    x = 2"
LOCAL = "def y():\n    x = 2\n    return x"


def run(cells: list[str]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for cell in cells:
        exec(cell, names)
    return names


def chosen(cells: list[str], *wanted: str) -> list[str]:
    return [s.text for s in choose_statements(read_cells(cells), wanted, run(cells))]


@st.composite
def notebooks(draw: st.DrawFn) -> list[str]:
    """Cells that define names one after the other, and change them in between."""
    cells, known = ["a0 = 1\nl0 = [0]"], 1
    for _ in range(draw(st.integers(0, 12))):
        name, other = (draw(st.integers(0, known - 1)) for _ in "ab")
        made = f"a{known} = a{name} + sum(l{other})\nl{known} = [a{name}, *l{other}]"
        defined = f"a{known} = f{known}()\nl{known} = [0]"
        cell = draw(
            st.sampled_from([
                made, f"def f{known}(): return a{name} + len(l{other})\n{defined}",
                f"a{name} += a{other}", f"l{name} += l{other}", f"l{name}.append(a{other})",
                f"l{name}[0] = a{other}", f"a{name}; len(l{other})",
                f"# why\nfor i in range(2): l{name}.append(i + a{other})",
            ])
        )  # fmt: skip
        known += f"a{known} =" in cell
        cells.append(cell)
    return cells


@given(notebooks(), st.data())
def test_what_is_chosen_gives_the_same_values_as_the_whole_notebook(
    cells: list[str], data: st.DataObject
) -> None:
    names = run(cells)
    values = sorted(name for name in names if name[0] in "al")
    wanted = data.draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
    again = run(chosen(cells, *wanted))
    assert {name: again[name] for name in wanted} == {name: names[name] for name in wanted}


@pytest.mark.parametrize(
    ("cells", "wanted", "expected"),
    [
        (["x = 1", "y = 2"], "y", ["y = 2"]),
        (["x = 1", "def y(): return x"], "y", ["x = 1", "def y(): return x"]),
        (["def y(): return x", "x = 1"], "y", ["def y(): return x", "x = 1"]),
        (["x = 1", "y = [i for i in range(x)]"], "y", ["x = 1", "y = [i for i in range(x)]"]),
        (["x = 1", "class y:\n    x = x"], "y", ["x = 1", "class y:\n    x = x"]),
        (["x = int", "def y(a: x) -> None: ..."], "y", ["x = int", "def y(a: x) -> None: ..."]),
        (["x = 1", "def y(a=x): ..."], "y", ["x = 1", "def y(a=x): ..."]),
        (["x = 1", GLOBAL], "y", ["x = 1", GLOBAL]),
        (["x = 1", LOCAL], "y", [LOCAL]),
        (["x = 1", "x = 2", "y = x"], "y", ["x = 2", "y = x"]),
        (["x = 1", "y = x", "x = 2"], "y", ["x = 2", "y = x"]),
        (["x, y = 1, 2"], "y", ["x, y = 1, 2"]),
        (["import os.path as y"], "y", ["import os.path as y"]),
        (["from math import *", "y = pi"], "y", ["from math import *", "y = pi"]),
        (["if True:\n    y = 1\nelse:\n    y = 2"], "y", ["if True:\n    y = 1\nelse:\n    y = 2"]),
        (["z = 0\n# about y\ny = 1  # one\n# the end"], "y", ["# about y\ny = 1  # one"]),
        (["z = 0; y = z"], "y", ["z = 0; y = z"]),
    ],
)  # fmt: skip
def test_names_are_followed_to_the_statements_that_bind_them(
    cells: list[str], wanted: str, expected: list[str]
) -> None:
    assert chosen(cells, wanted) == expected
