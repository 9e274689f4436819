"""The public API: it is what tests/public_api.txt says, and old names warn before they go."""

from __future__ import annotations

import difflib
import re
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.public_api import current, stored, with_versions
from tests.silence import without_warning
from uproot_nb.deprecation import (
    Renamed,
    RenamedAttribute,
    deprecated,
    renamed_names,
    renamed_parameter,
)


def test_the_code_has_the_public_api_that_the_file_lists() -> None:
    diff = difflib.unified_diff(stored(), with_versions(current()), "stored", "code", n=0)
    changes = [line for line in diff if not line.startswith("@@")]
    assert not changes, (
        "The public API has changed. If a name goes or changes its meaning, keep the old one with "
        "uproot_nb.deprecation. If the change is wanted, run 'python -m tests.public_api' and "
        "describe it in CHANGELOG.md:\n" + "\n".join(changes)
    )


def test_each_name_is_listed_once_with_a_version() -> None:
    names = [re.split(r"[(:]| <| =", line.split("  ", 1)[1])[0] for line in stored()]
    assert len(names) == len(set(names))
    assert all(re.match(r"\d+\.\d+\.\d+  \S", line) for line in stored())


class TestAModulesOldNames:
    """They are found by the module's `__getattr__`."""

    @pytest.fixture
    def module(self, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
        found = ModuleType("renaming")
        found.New = object()
        found.__getattr__ = renamed_names("renaming", {"Old": Renamed("New", "0.2", "0.4")})
        monkeypatch.setitem(sys.modules, "renaming", found)
        return found

    def test_an_old_name_warns_and_is_the_new_one(self, module: Any) -> None:
        match = r"renaming.Old is deprecated since uproot_nb 0.2: use renaming.New. It goes in 0.4"
        with pytest.warns(DeprecationWarning, match=match):
            assert module.Old is module.New

    @pytest.mark.long
    @pytest.mark.usefixtures("module")
    def test_the_warning_belongs_to_the_cell_that_uses_an_old_name(self, shell: Any) -> None:
        """IPython shows such warnings for cells, and only for cells."""
        with pytest.warns(DeprecationWarning, match="Old is deprecated") as seen:
            shell.run_cell("from renaming import Old")
        assert "ipython-input" in seen.pop(DeprecationWarning).filename

    def test_an_unknown_name_is_unknown_as_ever(self, module: Any) -> None:
        with pytest.raises(AttributeError, match="module 'renaming' has no attribute 'Older'"):
            module.Older  # noqa: B018


def test_a_deprecated_function_warns_its_caller_and_works() -> None:
    @deprecated(use="double()", since="0.2", until="0.4")
    def twice(n: int) -> int:
        return 2 * n

    with pytest.warns(
        DeprecationWarning, match=r"twice\(\) is deprecated since uproot_nb 0.2"
    ) as seen:
        assert twice(3) == 6
    assert seen.pop(DeprecationWarning).filename == __file__


def test_a_renamed_parameter_is_taken_by_both_names_and_not_twice() -> None:
    @renamed_parameter("amount", "n", since="0.2", until="0.4")
    def twice(n: int) -> int:
        return 2 * n

    with without_warning():
        assert twice(n=3) == 6
    with pytest.warns(DeprecationWarning, match=r"twice\(amount=...\)") as seen:
        assert twice(amount=3) == 6  # type: ignore[call-arg]
    assert seen.pop(DeprecationWarning).filename == __file__
    with pytest.raises(TypeError, match="'amount' is the old name of 'n'"):
        twice(n=3, amount=3)  # type: ignore[call-arg]


def test_a_renamed_attribute_is_read_and_set_by_its_old_name() -> None:
    class Run:
        formats = ("csv",)
        kinds = RenamedAttribute(Renamed("formats", "0.2", "0.4"))

    run = Run()
    with pytest.warns(DeprecationWarning, match="Run.kinds is deprecated") as seen:
        run.kinds = ("parquet",)
    with pytest.warns(DeprecationWarning, match="use Run.formats"):
        assert run.kinds == ("parquet",) == run.formats
    with pytest.warns(DeprecationWarning, match="use Run.formats"):
        assert Run.kinds == ("csv",)
    assert seen.pop(DeprecationWarning).filename == __file__
