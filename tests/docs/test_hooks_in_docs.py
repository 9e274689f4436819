"""What the documentation's hooks do outside of the session waits for the commit."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.fences import fences_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OUTSIDE = {
    "open", "write_text", "write_bytes", "unlink", "to_csv", "to_parquet", "to_excel", "urlopen",
    "post", "put", "request", "sendmail", "send_message", "Popen", "check_call", "system",
}  # fmt: skip
"""Names of functions that change something outside of the session."""
HOOKS = {"new_session", "new_player", "arrived", "restart"}


def reaches_outside(source: str) -> list[str]:
    """Return what hooks and live methods in *source* call that changes something outside."""
    tree = ast.parse(source)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = [inner for node in classes for inner in node.body if is_function(inner)]
    hooks = [node for node in tree.body if is_function(node) and node.name in HOOKS]
    calls = (c for hook in (*methods, *hooks) for c in ast.walk(hook) if isinstance(c, ast.Call))
    return [name for call in calls if (name := name_of(call.func)) in OUTSIDE]


def is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def cells_of(notebook: Path) -> Iterator[str]:
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not source.startswith("%"):
            yield source


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("open('payments.txt', 'a').write('5')", ["open"]),
        ("requests.post('https://bank', json={})", ["post"]),
        ("append_to_csv('payments.csv', {})\n        after_commit(pay, player)", []),
    ],
)
def test_a_hook_that_writes_a_file_itself_is_noticed(body: str, found: list[str]) -> None:
    page = f"class End(Page):\n    def before_once(page, player):\n        {body}\n"
    assert reaches_outside(page) == found
    assert reaches_outside(page.replace("    def", "    async def")) == found
    assert reaches_outside(f"def new_player(player):\n        {body}\n") == found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_hooks_on_the_pages_reach_outside_by_effects_alone(page: Path) -> None:
    sources = [f.text for f in fences_of(page) if f.language == "python" and not f.raises]
    assert [name for source in sources for name in reaches_outside(source)] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_hooks_in_the_notebooks_reach_outside_by_effects_alone(notebook: Path) -> None:
    assert [name for source in cells_of(notebook) for name in reaches_outside(source)] == []
