"""Imports: what the import statements of an app find, apart from everybody else's."""

from __future__ import annotations

import builtins
import importlib.util
import linecache
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import IO, Any

from uproot_nb.errors import BadApp, MissingName, MissingPackage

__all__ = ["Imports"]

FRAMEWORK = "uproot"
"""The name under which apps import the framework."""

PACKAGES: Mapping[str, str] = {
    "PIL": "pillow", "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil":
    "python-dateutil", "dotenv": "python-dotenv", "sklearn": "scikit-learn", "yaml": "pyyaml",
}  # fmt: skip
"""What to install for a module, where the two names differ."""


class Imports:
    """One app's own world of modules.

    The app's files, and those beside it in the project, are executed with an `__import__` of their
    own: `uproot` and everything below it is *framework*; modules of the project are loaded here,
    once for this app; all else comes from Python. `sys.modules` is unchanged.

        imports = Imports("market", Path("project"), framework)
        module = imports.load("market")
    """

    def __init__(self, app: str, project: Path, framework: Mapping[str, ModuleType]) -> None:
        self.app, self.project = app, project
        self.modules: dict[str, ModuleType] = {}
        """The modules that were loaded for the app, by name."""
        self._framework = framework
        self._builtins = {**vars(builtins), "__import__": self._import, "open": self._open}
        self._lock = threading.RLock()

    def load(self, name: str) -> ModuleType:
        """Return a module of the project by its dotted name, executing it at first.

        Raises:
            BadApp: it cannot be read, or is no Python.
            ModuleNotFoundError: the project has no such module.
        """
        with self._lock:
            if name in self.modules:
                return self.modules[name]
            parent, _, last = name.rpartition(".")
            folders = [str(self.project)]
            if parent:
                folders = list(getattr(self.load(parent), "__path__", ()))
            if name in self.modules:
                return self.modules[name]  # its package has imported it
            return self._execute(name, _find(folders, last))

    def _open(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        """What `open` calls: a file that is read may lie below the project, as in the framework."""
        is_path = isinstance(file, (str, os.PathLike))
        if is_path and mode.startswith("r") and not os.path.exists(file):
            beside = self.project / os.fspath(file)
            file = beside if beside.exists() else file
        return open(file, mode, *args, **kwargs)

    # ---- the statement ----

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What `import name` and `from name import fromlist` call, with Python's own signature."""
        wanted, given = fromlist or (), globals or {}
        if level:
            return self._import_relative(name, given, wanted, level)
        top = name.partition(".")[0]
        if top == FRAMEWORK:
            return self._import_framework(name, given, wanted)
        if self._is_own(top):
            return self._chosen(name, wanted)
        try:
            return __import__(name, given, locals, wanted, 0)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != top:
                raise
            if _find([str(self.project / self.app)], top) is not None:
                return self._import_relative(name, {"__package__": self.app}, wanted, 1)
            package = PACKAGES.get(top, top)
            raise MissingPackage(self.app, name, package, self._place()) from None

    def _is_own(self, top: str) -> bool:
        if top == self.app:
            return True
        if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
            return False
        return _find([str(self.project)], top) is not None

    def _import_framework(
        self, name: str, given: Mapping[str, Any], wanted: Sequence[str]
    ) -> ModuleType:
        module = self._framework.get(name)
        if module is None:
            raise MissingName(name, "", self._place())
        if not wanted:
            return self._framework[FRAMEWORK]
        for member in wanted:
            if member != "*" and not hasattr(module, member):
                raise MissingName(name, member, self._place())
        return _without(module, given) if "*" in wanted else module

    def _import_relative(
        self, name: str, given: Mapping[str, Any], wanted: Sequence[str], level: int
    ) -> ModuleType:
        package = given.get("__package__") or str(given.get("__name__", "")).rpartition(".")[0]
        above = package.split(".")[: max(0, package.count(".") + 2 - level)]
        target = ".".join([*above, *filter(None, [name])])
        if not target:  # 'from .. import other_app'
            return self._beside(wanted)
        if not name and above == [self.app] and not self._has(target, wanted):
            return self._beside(wanted)  # 'from . import other_app', as projects write it
        return self._chosen(target, wanted, relative=True)

    def _has(self, package: str, wanted: Sequence[str]) -> bool:
        module = self.load(package)
        folders = list(getattr(module, "__path__", ()))
        own = (hasattr(module, member) or _find(folders, member) for member in wanted)
        others = (_find([str(self.project)], member) for member in wanted)
        return any(own) or not all(others)

    def _beside(self, wanted: Sequence[str]) -> ModuleType:
        """Return something that has the project's modules as its names."""
        found = ModuleType("project")
        for member in wanted:
            setattr(found, member, self.load(member))
        return found

    def _chosen(self, name: str, wanted: Sequence[str], *, relative: bool = False) -> ModuleType:
        module = self.load(name)
        if not wanted:
            return module if relative else self.modules[name.partition(".")[0]]
        for member in _listed(module, wanted):
            is_missing = member != "*" and not hasattr(module, member)
            if is_missing and _find(getattr(module, "__path__", ()), member) is not None:
                self.load(f"{name}.{member}")
        return module

    def _place(self) -> str:
        """Return file and line of the statement that imports."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__") == __name__:
            frame = frame.f_back
        if frame is None:
            return ""
        return f"{_short(Path(frame.f_code.co_filename), self.project)}, line {frame.f_lineno}"

    # ---- executing ----

    def _execute(self, name: str, path: Path | None) -> ModuleType:
        if path is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = self.blank(name, path)
        if not path.is_file():
            self._note(name, module)
            return module  # a plain folder: its modules are all there is to it
        code = self._compiled(path)
        self._note(name, module)
        self._show_to_python(name, module)
        try:
            exec(code, module.__dict__)
        except BaseException:
            self._forget(name, module)
            raise
        return module

    def _note(self, name: str, module: ModuleType) -> None:
        """Let others find a module, also while it is being executed."""
        self.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(self.modules[parent], last, module)

    def _forget(self, name: str, module: ModuleType) -> None:
        del self.modules[name]
        parent, _, last = name.rpartition(".")
        if parent in self.modules:
            vars(self.modules[parent]).pop(last, None)
        if sys.modules.get(name) is module:
            del sys.modules[name]

    def blank(self, name: str, path: Path) -> ModuleType:
        """Return an empty module whose imports are those of the app."""
        is_package = path.name == "__init__.py" or path.is_dir()
        module = ModuleType(name)
        spec = ModuleSpec(name, None, origin=str(path), is_package=is_package)
        module.__spec__ = spec
        module.__package__ = name if is_package else name.rpartition(".")[0]
        if path.is_file():
            module.__file__ = str(path)
            spec.has_location = True
        if is_package:
            folder = path if path.is_dir() else path.parent
            module.__path__ = spec.submodule_search_locations = [str(folder)]
        module.__dict__["__builtins__"] = self._builtins
        return module

    def _compiled(self, path: Path) -> CodeType:
        where = _short(path, self.project)
        try:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except OSError as error:
            raise BadApp(
                self.app, f"{where} cannot be read: {error.strerror}.",
                "Make the file readable for this account.",
            ) from error  # fmt: skip
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise BadApp(
                self.app, f"the file is not valid Python: {getattr(error, 'msg', error)}.",
                "Correct it there, and save it as UTF-8 text.",
                f"{where}, line {line}" if line else where,
            ) from error  # fmt: skip
        linecache.checkcache(str(path))
        return code

    def _show_to_python(self, name: str, module: ModuleType) -> None:
        """Let `inspect` find the sources of the app's classes, where nobody else has the name."""
        known = sys.modules.get(name)
        is_ours = known is not None and getattr(known, "__file__", "") == module.__file__
        if is_ours or (known is None and not _is_taken(name.partition(".")[0], self.project)):
            sys.modules[name] = module


def _find(folders: Iterable[str], name: str) -> Path | None:
    for folder in folders:
        for path in (Path(folder, name, "__init__.py"), Path(folder, f"{name}.py")):
            if path.is_file():
                return path
    for folder in folders:
        path = Path(folder, name)
        if path.is_dir() and any(path.glob("*.py")):
            return path
    return None


def _is_taken(top: str, project: Path) -> bool:
    """Tell whether another module of that name could be imported in this kernel."""
    if top in sys.stdlib_module_names or top == FRAMEWORK:
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return top in sys.modules
    if spec is None:
        return False
    found = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return not any(Path(place).is_relative_to(project) for place in found if place)


def _listed(module: ModuleType, wanted: Sequence[str]) -> Iterator[str]:
    for member in wanted:
        yield from getattr(module, "__all__", ()) if member == "*" else (member,)


def _without(module: ModuleType, given: Mapping[str, Any]) -> ModuleType:
    """Leave out of `import *` what earlier versions offered and the importer has from elsewhere."""
    earlier = getattr(module, "__earlier__", {})
    names = [name for name in module.__all__ if name not in earlier or name not in given]
    if len(names) == len(module.__all__):
        return module
    chosen = ModuleType(module.__name__)
    chosen.__dict__.update({name: getattr(module, name) for name in names}, __all__=names)
    return chosen


def _short(path: Path, project: Path) -> str:
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
