"""The table of structure: what `tools/structure.py` counts, on a package of four files."""

from __future__ import annotations

from pathlib import Path

import pytest
from structure import (
    broken_rules,
    doubled_classes,
    files_per_folder,
    function_lengths,
    import_graph,
    public_names,
    reach,
    read_package,
    rings,
    table,
)

FILES = {
    "__init__.py": "from house.rooms.kitchen import Stove\n",
    "rooms/__init__.py": "",
    "rooms/kitchen.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from house.rooms.cellar import Shelf\n"
        "class Stove:\n    '''Cooks.'''\n    def cook(self):\n        '''Cook.'''\n        x = 1\n"
        "        return x\n"
    ),
    "rooms/cellar.py": (
        "def open():\n    from house.rooms import kitchen\nclass Shelf: ...\nclass Stove: ...\n"
    ),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package whose modules form a ring that only a type checker sees."""
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "house"


def test_imports_in_functions_and_for_type_checkers_are_counted(house: Path) -> None:
    modules = read_package(house)
    everything = import_graph(modules, typing=True)
    assert everything["house"] == {"house.rooms.kitchen"}
    assert everything["house.rooms.kitchen"] == {"house.rooms.cellar"}
    assert everything["house.rooms.cellar"] == {"house.rooms.kitchen"}
    assert rings(everything) == [["house.rooms.cellar", "house.rooms.kitchen"]]
    assert rings(import_graph(modules, typing=False)) == []
    assert reach(everything)["house"] == {"house.rooms.kitchen", "house.rooms.cellar"}


def test_functions_docstrings_folders_and_doubled_classes_are_counted(house: Path) -> None:
    modules = read_package(house)
    assert function_lengths(modules) == {
        "house.rooms.cellar:1 open": 1,
        "house.rooms.kitchen:6 cook": 2,
    }
    assert [name for name, documented in public_names(modules) if not documented] == [
        "house.rooms.cellar.open",
        "house.rooms.cellar.Shelf",
        "house.rooms.cellar.Stove",
    ]
    assert files_per_folder(modules, house) == {"house/rooms": 2}
    assert doubled_classes(modules) == {
        "Stove": ["house.rooms.cellar:4", "house.rooms.kitchen:4"],
    }


def test_broken_rules_are_listed_and_the_table_counts_them(house: Path) -> None:
    modules = read_package(house)
    assert broken_rules(modules, house) == [
        "ring: house.rooms.cellar ↔ house.rooms.kitchen",
        "class: Stove is in house.rooms.cellar:4, house.rooms.kitchen:4",
    ]
    rows = dict(table(modules, house))
    assert rows["import rings"] == "0"
    assert rows["import rings with TYPE_CHECKING"] == "1"
    assert rows["longest function"] == "2 lines: house.rooms.kitchen:6 cook"


@pytest.mark.long
def test_the_package_keeps_the_rules() -> None:
    assert broken_rules(read_package()) == []
