"""The structure of the package in figures: sizes, docstrings, import rings, reach, doubled names.

    python tools/structure.py            print the table, and what breaks the house rules
    python tools/structure.py --check    print what breaks the house rules, and fail if there is any

Imports are counted wherever they stand: at the top, inside functions, under TYPE_CHECKING.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

PACKAGE = Path(__file__).resolve().parent.parent / "uproot_nb"
MEDIAN_REACH = 6
FILES_PER_FOLDER = 25

Graph = dict[str, set[str]]
Import = tuple[ast.Import | ast.ImportFrom, bool]
"""An import, and whether only a type checker runs it."""


@dataclass
class Module:
    """One file of the package."""

    name: str
    path: Path
    lines: int
    tree: ast.Module
    imports: set[str] = field(default_factory=set)
    """The package's modules that it imports, also where only a type checker does."""
    typing_only: set[str] = field(default_factory=set)
    """Those of them that are imported under TYPE_CHECKING and nowhere else."""


def read_package(package: Path = PACKAGE) -> list[Module]:
    """Read every module below *package*, sorted by path, with its imports resolved."""
    found = [_read(path, package) for path in sorted(package.rglob("*.py"))]
    names = {module.name for module in found}
    for module in found:
        imports = list(_imports(module.tree, False))
        run = set(_targets(imports, names, typing=False)) - {module.name}
        typed = set(_targets(imports, names, typing=True)) - {module.name}
        module.imports, module.typing_only = run | typed, typed - run
    return found


def _read(path: Path, package: Path) -> Module:
    text = path.read_text("utf-8")
    parts = path.relative_to(package.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, len(text.splitlines()), ast.parse(text))


def _targets(imports: Iterable[Import], names: set[str], *, typing: bool) -> Iterator[str]:
    """Yield the modules in *names* that are imported at run time, or for type checkers only."""
    for node, typed in imports:
        if typed is not typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        else:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in names:
                    yield inner
                elif node.module in names:
                    yield str(node.module)


def _imports(node: ast.AST, typed: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue  # nothing is imported in the middle of a statement
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, typed
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for inner in child.body:
                yield from _imports(ast.Module([inner], []), True)
            for inner in child.orelse:
                yield from _imports(ast.Module([inner], []), typed)
        else:
            yield from _imports(child, typed)


def import_graph(modules: Iterable[Module], *, typing: bool) -> Graph:
    """Return who imports whom; *typing* adds the imports under TYPE_CHECKING."""
    return {m.name: m.imports if typing else m.imports - m.typing_only for m in modules}


def rings(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            place = stack.index(name)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for name in graph:
        if name not in index:
            visit(name)
    return found


def reach(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the modules that each module imports, directly or through others."""
    found = {}
    for name in graph:
        seen, waiting = set(), {name}
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting |= new
        found[name] = seen - {name}
    return found


def function_lengths(modules: Iterable[Module]) -> dict[str, int]:
    """Return the lines of every function's body, without its docstring."""
    found = {}
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                found[f"{module.name}:{node.lineno} {node.name}"] = lines
    return found


def public_names(modules: Iterable[Module]) -> Iterator[tuple[str, bool]]:
    """Yield every public function, class and method, and whether it has a docstring."""
    for module in modules:
        for owner in (module.tree, *_public(module.tree, ast.ClassDef)):
            name = module.name if owner is module.tree else f"{module.name}.{owner.name}"
            for node in _public(owner, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
                yield f"{name}.{node.name}", ast.get_docstring(node) is not None


def _public(owner: ast.AST, *kinds: type) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(owner):
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node


def files_per_folder(modules: Iterable[Module], package: Path = PACKAGE) -> dict[str, int]:
    """Count each folder's own files, without `__init__.py`, which opens the folder."""
    own = (m.path for m in modules if m.path.stem != "__init__")
    return dict(Counter(path.parent.relative_to(package.parent).as_posix() for path in own))


def doubled_classes(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Return the names that more than one class has, with the places of those classes."""
    places = defaultdict(list)
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{module.name}:{node.lineno}")
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def broken_rules(modules: Sequence[Module], package: Path = PACKAGE) -> list[str]:
    """Return a line for everything that breaks a house rule."""
    graph = import_graph(modules, typing=True)
    reached = median(map(len, reach(graph).values()))
    folders = files_per_folder(modules, package).items()
    return [
        *(f"ring: {' ↔ '.join(ring)}" for ring in rings(graph)),
        *([f"reach: the median module reaches {reached:g}"] if reached > MEDIAN_REACH else []),
        *(f"folder: {name} has {n} files" for name, n in folders if n > FILES_PER_FOLDER),
        *(f"class: {name} is in {', '.join(at)}" for name, at in doubled_classes(modules).items()),
    ]  # fmt: skip


def table(modules: Sequence[Module], package: Path = PACKAGE) -> Iterator[tuple[str, str]]:
    """Yield the rows of the table of structure."""
    sizes = [module.lines for module in modules]
    lengths = function_lengths(modules)
    longest = max(lengths, key=lambda name: lengths[name])
    documented = [has for _, has in public_names(modules)]
    graph = import_graph(modules, typing=True)
    direct = {name: len(targets) for name, targets in graph.items()}
    farthest = max(direct, key=lambda name: direct[name])
    folders = files_per_folder(modules, package)
    fullest = max(folders, key=lambda name: folders[name])
    yield "files", f"{len(sizes)}"
    yield "lines", f"{sum(sizes):,}"
    yield "lines per file", f"median {median(sizes):g}, longest {max(sizes)}"
    yield "functions", f"{len(lengths):,}"
    tenth = quantiles(lengths.values(), n=10)[-1]
    yield "lines per function", f"median {median(lengths.values()):g}, 90 % {tenth:.0f}"
    yield "longest function", f"{lengths[longest]} lines: {longest}"
    yield "public names with a docstring", f"{sum(documented) / len(documented):.1%}"
    yield "import rings", f"{len(rings(import_graph(modules, typing=False)))}"
    yield "import rings with TYPE_CHECKING", f"{len(rings(graph))}"
    yield "modules a module imports", f"median {median(direct.values()):g}"
    yield "most imports", f"{direct[farthest]}: {farthest}"
    yield "with what those import in turn", f"median {median(map(len, reach(graph).values())):g}"
    yield "folders", f"{len(folders)}"
    yield "fullest folder", f"{folders[fullest]} files: {fullest}"
    yield "class names used twice", f"{len(doubled_classes(modules))}"


def main() -> int:
    """Print the table or, with --check, the broken rules; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail where a house rule is broken")
    check = parser.parse_args().check
    modules = read_package()
    broken = broken_rules(modules)
    if not check:
        for name, value in table(modules):
            print(f"{name:<32} {value}")
    for line in broken:
        print(line)
    return 1 if check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
