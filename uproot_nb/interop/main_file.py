"""MainFile: a project's `main.py`, read for its settings without starting a server."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from uproot_nb.interop.project import ProjectFile

__all__ = ["DEPLOYMENT", "read_main"]

FILE, FRAMEWORK = "main.py", "uproot"
DEPLOYMENT = f"{FRAMEWORK}.deployment"
ELSEWHERE: Mapping[str, str] = {
    "LANGUAGE": "use serve(language=…)", "HOST": "use serve(address=…)",
    "PORT": "use serve(port=…)", "ORIGIN": "use serve(public_url=…)",
    "ROOT": "use serve(public_url=…)", "DEFAULT_ROOMS": "use serve(rooms=[room(…)])",
    "ALLOW_ENTER": "use serve(rooms=[room(…)])", "DBENV": "use serve(db=…)",
    "TBLEXTRA": "use serve(db=…)", "UVICORN_KWARGS": "use serve(server={…})",
    "UPSTREAM": "use serve(server={'trusted_proxies': […]})",
    "KEEPALIVE_INTERVAL": "a lost connection is seen at once",
    "TIMEOUT_TOLERANCE": "the kernel itself ends pages in time",
    "PUBLIC_DEMO": "use Jupyter's own login", "UNSAFE": "use Jupyter's own login",
    "LOGIN_TOKEN": "use Jupyter's own login",
}  # fmt: skip
"""What main.py may set that does nothing here, and what does it instead."""
MOST_REMARKS = 8


def read_main(
    project: Path,
    app: str,
    registered: ProjectFile,
    framework: Mapping[str, ModuleType],
    blank: Callable[[str, Path], ModuleType],
) -> str:
    """Take the settings of a project's main.py; return what was left out, or "".

    Each statement is executed by itself, so that one that fails does not stop the others. What
    follows `if __name__ == "__main__"` is not executed. A main.py that does not import the
    framework is somebody else's, and is not touched.

    Args:
        blank: makes an empty module whose imports are those of the app.
    """
    path = project / FILE
    tree = _parsed(path)
    if tree is None:
        return ""
    if isinstance(tree, SyntaxError):
        return _remarks(path, [f"line {tree.lineno}: it is no valid Python ({tree.msg})"])
    deployment = framework[DEPLOYMENT]
    before = {name: repr(getattr(deployment, name, None)) for name in ELSEWHERE}
    left = list(_execute(tree, path, blank("main", path)))
    set_names = [n for n in ELSEWHERE if repr(getattr(deployment, n, None)) != before[n]]
    left += [f"{name}: {ELSEWHERE[name]}" for name in set_names]
    left += list(_passwords(deployment))
    left += list(_settings(app, registered))
    return _remarks(path, left)


def _parsed(path: Path) -> ast.Module | SyntaxError | None:
    """Return the code of a main.py that imports the framework; None for another, or without one."""
    try:
        text = path.read_bytes()
    except OSError:
        return None
    if FRAMEWORK.encode() not in text or b"\0" in text:
        return None
    try:
        tree = ast.parse(text, str(path))
    except SyntaxError as error:
        return error
    return tree if any(map(_imports_framework, ast.walk(tree))) else None


def _imports_framework(node: ast.AST) -> bool:
    names: list[str | None] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module]
    return any(name and name.partition(".")[0] == FRAMEWORK for name in names)


def _execute(tree: ast.Module, path: Path, module: ModuleType) -> Iterator[str]:
    """Execute a file's statements; yield which have failed."""
    module.__file__ = str(path)
    for statement in tree.body:
        code = compile(ast.Module([statement], []), str(path), "exec", dont_inherit=True)
        try:
            exec(code, module.__dict__)
        except (Exception, SystemExit) as error:  # the border around authors' code
            first = (str(error).splitlines() or [""])[0]
            yield f"line {statement.lineno}: {type(error).__name__}: {first}"


def _passwords(deployment: ModuleType) -> Iterator[str]:
    """Yield a remark if the project has accounts with passwords of their own."""
    admins = getattr(deployment, "ADMINS", {})
    if isinstance(admins, dict) and any(isinstance(one, str) for one in admins.values()):
        yield "ADMINS: use Jupyter's own login"


def _settings(app: str, registered: ProjectFile) -> Iterator[str]:
    """Yield the settings of configurations with this app, which a session gets by serve()."""
    for config, (apps, settings) in registered.configs.items():
        if app in apps and settings:
            yield f"the settings of '{config}': use serve(settings={settings!r})"


def _remarks(path: Path, left: list[str]) -> str:
    if not left:
        return ""
    lines = [f"  {one}" for one in left[:MOST_REMARKS]]
    if len(left) > MOST_REMARKS:
        lines.append(f"  and {len(left) - MOST_REMARKS} more")
    place = os.path.join(path.parent.name, path.name)
    return "\n".join([f"Of {place} the following has no effect here:", *lines])
