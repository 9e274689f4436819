"""What an installation brings along, and that it is all that the package needs."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from lowest import lowest
from packaging.requirements import Requirement

import uproot_nb

REPOSITORY = Path(__file__).resolve().parent.parent
IMPORTED_BY_NOBODY = {
    "ipykernel": "a notebook needs a kernel",
    "ipywidgets": "authors put sliders beside tables and charts",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it would be published."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, so that building leaves nothing in the repository.
    source = folder / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "pytest_uproot_nb.py", "README.md", "LICENSE"):
        (source / name).write_bytes((REPOSITORY / name).read_bytes())
    for tree in ("uproot_nb", "jupyter-config"):
        for path in (REPOSITORY / tree).rglob("*"):
            if path.is_file() and not {"__pycache__", ".mypy_cache", ".ruff_cache"} & {*path.parts}:
                target = source / path.relative_to(REPOSITORY)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    _run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_that_is_not_code(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "uproot_nb").rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }
    assert {"uproot_nb/py.typed", "uproot_nb/templates/Base.html"} <= needed
    assert needed - held == set()


def test_an_installed_wheel_switches_the_extension_on(wheel: Path, tmp_path: Path) -> None:
    """Nobody has to enable anything: the data file does it."""
    # Without --ignore-installed, pip would first uninstall the package that is being tested.
    _run("-m", "pip", "install", "--no-deps", "--ignore-installed", "--prefix", tmp_path, wheel)
    packages = next(tmp_path.rglob("site-packages"))
    environment = {
        "PYTHONPATH": str(packages),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "etc" / "jupyter"),
        "PYTHONSAFEPATH": "1",
    }
    told = _run("-m", "jupyter", "server", "extension", "list", **environment)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
    assert re.search(r"uproot_nb\s+enabled", plain), plain
    assert re.search(r"uproot_nb\s+0\.\S*\s+OK", plain), plain
    where = _run("-c", "import uproot_nb; print(uproot_nb.__file__)", **environment)
    assert str(packages) in where
    assert importlib.metadata.distribution("uproot_nb").version == uproot_nb.__version__


def test_the_version_stands_in_one_place(wheel: Path) -> None:
    assert wheel.name.startswith(f"uproot_nb-{uproot_nb.__version__}-")


OPTIONAL = {
    "adbc-driver-sqlite", "gymnasium", "libcst", "matplotlib", "nats-py", "prometheus-client",
    "psycopg", "pyarrow", "pyreadstat", "schwifty", "scipy", "statsmodels", "wtforms", "xlsxwriter",
}  # fmt: skip
"""What is imported on use: by tables, exports, gateways, databases, metrics, plots, tests between
arms, authors' fields, the environment of one agent."""


@pytest.mark.long
def test_every_imported_package_is_required_and_every_required_one_imported() -> None:
    providers = importlib.metadata.packages_distributions()
    imported = {
        _normal(provider)
        for name in _third_party_imports()
        for provider in providers.get(name, [f"(nobody provides {name})"])
    }
    required = {_normal(requirement.name) for requirement in _requirements()}
    assert imported - required == OPTIONAL
    assert required - imported - set(IMPORTED_BY_NOBODY) == set()


def test_every_requirement_has_a_tested_lower_bound() -> None:
    for requirement in _requirements():
        assert [s.operator for s in requirement.specifier] == [">="], requirement


def test_the_lowest_versions_are_those_of_the_bounds() -> None:
    pinned = {Requirement(line).name: line for line in lowest(_text("setup.cfg"))}
    for requirement in _requirements():
        assert pinned[requirement.name] == str(requirement).replace(">=", "==")
    extras = configparser.ConfigParser()
    extras.read_string(_text("setup.cfg"))
    for name, lines in extras["options.extras_require"].items():
        if name not in FOR_DEVELOPMENT:
            assert {Requirement(line).name for line in lines.split()} <= set(pinned), name


FOR_DEVELOPMENT = {"bench", "demo", "docs", "hub", "lab", "notebooks", "test"}
"""Extras of which the package itself needs nothing."""


def test_conda_gets_the_same_packages() -> None:
    listed = re.findall(r"^  - ([\w-]+) (>=\S+)$", _text("environment.yml"), re.MULTILINE)
    conda = {_normal(name): bound for name, bound in listed}
    for requirement in _requirements():
        assert conda[_normal(requirement.name)] == str(requirement.specifier)


def test_importing_starts_nothing_and_loads_no_server() -> None:
    """A kernel that never serves pays little, and the star leaves IPython's `_` alone."""
    told = _run(
        "-c",
        "import sys, threading\n"
        "from uproot_nb import *\n"
        "print('_' in dir(), threading.active_count(),"
        " [n for n in ('pandas', 'jupyter_server', 'anywidget') if n in sys.modules])",
    )
    assert told.strip() == "False 1 []"


def test_pyproject_says_only_how_to_build() -> None:
    lines = _text("pyproject.toml").split()
    assert lines[0] == "[build-system]"
    assert len(_text("pyproject.toml").splitlines()) == 3


def test_the_readme_warns_of_the_other_uproot_and_names_both_commands() -> None:
    readme = _text("README.md")
    head = "\n".join(readme.splitlines()[:12])
    assert "ROOT" in head
    assert "uproot-science" in head
    for command in ("make demo", "make test"):
        assert re.search(rf"^ {{4}}{command}\b|^{command}$", readme, re.MULTILINE)
    assert "make test" in _text(".ci/run")


@pytest.mark.long
def test_no_file_names_a_machine() -> None:
    """No home folder and no private address gets into what others read."""
    private = re.compile(r"/home/(?!jovyan\b)\w|/Users/\w|/root/|/work/|://10\.|://192\.168\.")
    suffixes = {".py", ".cfg", ".toml", ".md", ".yml", ".ipynb", ".html", ".js", ".css", ".sh"}
    for path in _tracked():
        if path.suffix in suffixes and path != Path(__file__):
            assert not private.search(path.read_text("utf-8", "replace")), path


def _tracked() -> list[Path]:
    hidden = {".git", ".venv", ".venvs", "my_experiments", "build", "vendor", "node_modules"}
    found = []
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if name not in hidden and name[0] != "."]
        found += [Path(folder, name) for name in names]
    return found


def _text(name: str) -> str:
    return (REPOSITORY / name).read_text("utf-8")


def _requirements() -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read_string(_text("setup.cfg"))
    lines = setup["options"]["install_requires"].split("\n")
    return [Requirement(line) for line in lines if line.strip()]


def _third_party_imports() -> set[str]:
    names: set[str] = set()
    for path in (REPOSITORY / "uproot_nb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"uproot_nb"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(*arguments: str | Path, **environment: str) -> str:
    """Run Python; return all it says."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
