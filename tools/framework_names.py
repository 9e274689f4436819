"""List the public names of the `uproot` framework's modules, by reading its files.

    python tools/framework_names.py site-packages/uproot > tests/interop/framework_names.txt

A module's public names are those in its `__all__`; without one, what it defines and what has no
underscore in front. Nothing is imported or run. Tests compare the list with what apps find here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["names_of_package", "public_names"]


def public_names(text: str) -> list[str]:
    """Return the public names of a module's text, sorted."""
    body = ast.parse(text).body
    listed = [name for node in body for name in _listed(node)]
    if listed:
        return sorted(set(listed))
    defined = {name for node in body for name in _defined(node)}
    return sorted(name for name in defined if not name.startswith("_"))


def names_of_package(folder: Path) -> Iterator[str]:
    """Yield "module name" for each public name of a package's own modules."""
    for path in sorted(folder.glob("*.py")):
        module = folder.name if path.stem == "__init__" else f"{folder.name}.{path.stem}"
        for name in public_names(path.read_text("utf-8")):
            yield f"{module} {name}"


def _listed(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign) and "__all__" in _targets(node):
        return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return _targets(node)
    if isinstance(node, (ast.If, ast.Try)):
        return [name for inner in node.body for name in _defined(inner)]
    return []


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


if __name__ == "__main__":
    print("\n".join(names_of_package(Path(sys.argv[1]))))
