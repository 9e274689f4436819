"""The text a page was written as, found wherever it was written."""

from __future__ import annotations

import ast
import hashlib
import importlib
import linecache
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.source import hash_text


def of_cell(text: str, number: int = 1) -> dict[str, Any]:
    """Run a notebook's cell as IPython does: compiled under a name that linecache knows."""
    name = f"/nowhere/ipykernel/cell_{number}_{hash_text(text)}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {"Page": Page, "live": live, "__name__": "__main__"}
    exec(compile(text, name, "exec"), namespace)
    return namespace


PAGE = '''class Market(Page):
    """Trade."""

    @live
    def post(page, player, price: float):
        return price  # to the caller
'''


def test_a_cells_page_has_its_text_line_and_hash() -> None:
    page = of_cell("x = 1\n\n" + PAGE + "\ny = 2\n")["Market"]
    assert page.source.text == PAGE
    assert page.source.line == 3
    assert page.source.hash == hashlib.sha256(PAGE.encode()).hexdigest()[:12]


def test_the_hash_follows_the_text_alone() -> None:
    one = of_cell(PAGE)["Market"].source
    two = of_cell("import math\n\n\n" + PAGE + "z = 3\n", 2)["Market"].source
    three = of_cell(PAGE.replace("caller", "callers"), 3)["Market"].source
    assert one.hash == two.hash != three.hash


def test_a_text_with_many_pages_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, parsed = ast.parse, []
    monkeypatch.setattr(ast, "parse", lambda text: parsed.append(text) or parse(text))
    text = "".join(PAGE.replace("Market", f"Market{number}") for number in range(20))
    names = of_cell(text)
    assert parsed == [text]
    assert [names[f"Market{number}"].source.line for number in range(20)] == [*range(1, 121, 6)]


def test_the_same_name_twice_in_a_cell_gives_two_sources() -> None:
    text = PAGE + "Old = Market\n" + PAGE.replace("Trade", "Trade again")
    names = of_cell(text)
    assert "Trade." in names["Old"].source.text
    assert "Trade again." in names["Market"].source.text
    assert names["Old"].source.line == 1
    assert names["Market"].source.line == 8


def test_decorators_belong_to_the_page() -> None:
    text = "def same(cls): return cls\n\n@same\n@same\n" + PAGE
    page = of_cell(text)["Market"]
    assert page.source.text == "@same\n@same\n" + PAGE
    assert page.source.line == 3


def test_a_page_in_a_function_or_another_class_is_found() -> None:
    inner = "".join(f"    {line}" for line in PAGE.splitlines(keepends=True))
    names = of_cell(f"def make():\n{inner}    return Market\n\nclass Box:\n{inner}")
    made = names["make"]()
    assert made.source.text == inner
    assert made.source.line == 2
    assert names["Box"].Market.source.line == 12 - 1


def test_a_page_within_a_page_of_the_same_name_is_its_own() -> None:
    names = of_cell("class Market(Page):\n    class Market(Page):\n        x = 1\n    y = 2\n")
    assert names["Market"].source.line == 1
    assert names["Market"].Market.source.text == "    class Market(Page):\n        x = 1\n"


def test_a_page_of_a_file_is_read_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    head = (
        "from uproot_nb.experiment.live import live\nfrom uproot_nb.experiment.pages import Page\n"
    )
    file = tmp_path / "app_of_a_test.py"
    file.write_text(head + PAGE)
    module = importlib.import_module("app_of_a_test")
    assert (module.Market.source.text, module.Market.source.file) == (PAGE, str(file))
    file.write_text(head + "\n\n\n" + PAGE.replace("Trade", "Trade anew"))
    os.utime(file, (1, 1))
    importlib.reload(module)
    assert module.Market.source.text == PAGE.replace("Trade", "Trade anew")
    assert module.Market.source.line == 6


def without_source(body: str) -> Any:
    namespace: dict[str, Any] = {"Page": Page, "live": live, "__name__": "made"}
    exec(compile(body, "<made>", "exec", dont_inherit=True), namespace)
    return namespace["Market"]


DIFFERENT = [
    PAGE,
    PAGE.replace("return price", "return -price"),
    PAGE.replace("return price", "return player.x"),
    PAGE.replace("return price", "return player.y"),
    PAGE.replace("return price", "return (lambda: 1)()"),
    PAGE.replace("return price", "return (lambda: 2)()"),
    PAGE.replace("return price", "return price in {'a', 'b', 'c'}"),
    PAGE.replace("    @live\n", ""),
    PAGE.replace("Trade", "Barter"),
    PAGE + "    template = '<p>1'\n",
    PAGE + "    template = '<p>2'\n",
]


def test_pages_without_source_differ_by_their_code() -> None:
    pages = [without_source(text) for text in DIFFERENT]
    assert len({page.source.hash for page in pages}) == len(DIFFERENT)
    assert [page.source.hash for page in pages] == [
        without_source("\n\n" + text).source.hash for text in DIFFERENT
    ]
    assert all(page.source.text == "" for page in pages)


def test_the_hash_of_a_page_without_source_is_the_same_in_every_process() -> None:
    script = (
        "from uproot_nb.experiment.live import live\n"
        "from uproot_nb.experiment.pages import Page\n"
        f"for text in {DIFFERENT!r}:\n"
        "    names = {'Page': Page, 'live': live, '__name__': 'made'}\n"
        "    exec(text, names)\n"
        "    print(names['Market'].source.hash)\n"
    )
    here = [without_source(text).source.hash for text in DIFFERENT]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, check=True,
            text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert done.stdout.split() == here


def test_a_page_made_by_type_has_a_hash_too() -> None:
    page = type("Made", (Page,), {"__doc__": "Hello."})
    other = type("Made", (Page,), {"__doc__": "Hello!"})
    assert len(page.source.hash) == 12
    assert page.source.hash != other.source.hash
