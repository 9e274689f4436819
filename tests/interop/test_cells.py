"""The framework's names in cells."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from uproot_nb.errors import MissingName
from uproot_nb.interop.cells import install_names, remove_names
from uproot_nb.realtime import author_functions as realtime

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("uproot") is not None, reason="a package 'uproot' is installed"
)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    remove_names()


def run_cell(code: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(code, names)
    return names


def test_a_cell_may_import_from_the_framework_by_its_name() -> None:
    install_names()
    names = run_cell("from uproot.smithereens import send_to, reload\nimport uproot.models as um")
    assert names["reload"] is realtime.reload
    assert isinstance(names["um"], ModuleType)


def test_a_star_gives_fields_and_pages() -> None:
    install_names()
    names = run_cell("from uproot.fields import *\nfrom uproot.smithereens import *")
    assert {"RadioField", "Page", "_"} <= set(names)


def test_nothing_stays_when_the_names_are_removed() -> None:
    install_names()
    run_cell("import uproot.smithereens")
    remove_names()
    assert not [name for name in sys.modules if name.partition(".")[0] == "uproot"]
    with pytest.raises(ModuleNotFoundError):
        run_cell("import uproot.smithereens")


def test_installing_and_removing_twice_is_as_once() -> None:
    before = list(sys.meta_path)
    install_names()
    install_names()
    assert len(sys.meta_path) == len(before) + 1
    remove_names()
    remove_names()
    assert sys.meta_path == before


def test_an_installed_package_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uproot.py").write_text("KIND = 'reader of ROOT files'\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    install_names()
    try:
        assert run_cell("from uproot import KIND")["KIND"] == "reader of ROOT files"
        with pytest.raises(ImportError):
            run_cell("from uproot.smithereens import send_to")
    finally:
        sys.modules.pop("uproot", None)


def test_an_installed_package_without_such_a_module_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uproot").mkdir()
    (tmp_path / "uproot" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    install_names()
    try:
        with pytest.raises(MissingName, match="another package 'uproot'"):
            run_cell("from uproot.smithereens import send_to")
    finally:
        sys.modules.pop("uproot", None)
