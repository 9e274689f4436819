"""A folder of simulations: what is done is not done again, and what is not ours is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.simulations.market_designs import ALL, DESIGNS, VALUES, Here, mixed, same
from uproot_nb.errors import BadMarket, SimulationsInterrupted
from uproot_nb.market import Design, InducedValues, simulate_markets
from uproot_nb.market.simulations import fingerprint, stores
from uproot_nb.market.traders import ZIC

SEEDS = [4, 5, 6]


def simulated(folder: Path | None, executor: Any = None, **more: Any) -> Any:
    given = {"tables": ALL, "folder": folder, "chunk": 2, **more}
    return simulate_markets(DESIGNS, SEEDS, executor or Here(), progress=False, **given)


@pytest.fixture(scope="module")
def reference() -> dict[str, pandas.DataFrame]:
    found: dict[str, pandas.DataFrame] = simulated(None)
    return found


@pytest.mark.long
def test_the_result_is_the_same_to_the_last_bit(tmp_path: Path, reference: Any) -> None:
    assert same(simulated(tmp_path / "new"), reference)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a call that has come to its end."""
    folder = tmp_path_factory.mktemp("finished")
    simulated(folder)
    return folder


@pytest.mark.long
@given(data=st.data())
@settings(max_examples=5)
@pytest.mark.slow
def test_a_second_call_does_only_what_is_missing(
    tmp_path_factory: pytest.TempPathFactory, finished: Path, reference: Any, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("markets") / "copy"
    shutil.copytree(finished, folder)
    files = sorted((folder / "markets").iterdir())
    lost = data.draw(st.lists(st.sampled_from(files), unique=True))
    missing = sum(len(pandas.read_parquet(path)) for path in lost)
    for path in lost:
        path.unlink()
    chunk = data.draw(st.integers(1, 5))
    executor = Here()
    assert same(simulated(folder, executor, chunk=chunk), reference)
    assert executor.tasks == -(-missing // chunk)


class Interrupted(Here):
    """Is interrupted at the third task."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if self.tasks == 2:
            raise KeyboardInterrupt
        return super().submit(fn, *args, **kwargs)


@pytest.mark.long
def test_an_interrupted_call_goes_on(tmp_path: Path, reference: Any) -> None:
    with pytest.raises(SimulationsInterrupted, match=r"4 of 9 .* The same call goes on"):
        simulated(tmp_path, Interrupted())
    rest = Here()
    assert same(simulated(tmp_path, rest), reference)
    assert rest.tasks == 3


@pytest.mark.long
def test_an_error_of_a_market_is_kept_and_one_of_a_worker_tried_again(tmp_path: Path) -> None:
    class Away(Here):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            return super().submit(fn if self.tasks != 1 else away, *args)

    def away(packed: bytes) -> None:
        raise OSError("away")

    first = simulated(tmp_path, Away())["markets"]
    assert list(first["error"].fillna("")).count("OSError") == 2
    again = Here()
    assert "OSError" not in set(simulated(tmp_path, again)["markets"]["error"])
    assert again.tasks == 1


@pytest.mark.long
def test_what_two_calls_have_both_simulated_counts_once(
    tmp_path: Path, finished: Path, reference: Any
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    for table in ("markets", "trades"):
        for path in sorted((tmp_path / table).iterdir()):
            (path.parent / f"1{path.name}").write_bytes(path.read_bytes())
    assert same(simulated(tmp_path), reference)


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"seeds": [4, 5, 7]}, "other seeds"),
        ({"designs": {**DESIGNS, "mixed": mixed(steps=61)}}, "other designs"),
        ({"designs": {"mixed": DESIGNS["mixed"]}}, "other designs"),
        ({"tables": ["trades"]}, "other tables"),
    ],
)
def test_the_folder_of_another_grid_is_refused(
    tmp_path: Path, finished: Path, more: dict[str, Any], match: str
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    other = {"designs": DESIGNS, "seeds": SEEDS, "tables": ALL, **more}
    with pytest.raises(BadMarket, match=match):
        simulate_markets(executor=Here(), progress=False, folder=tmp_path, **other)


def test_the_folder_of_another_version_is_refused(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(stores, "hash_of_market_code", lambda: "another")
    with pytest.raises(BadMarket, match="another version of uproot_nb"):
        simulated(tmp_path)


@pytest.mark.long
def test_a_trader_whose_code_has_changed_is_another_design(tmp_path: Path) -> None:
    def simulate(body: str) -> Any:
        names: dict[str, Any] = {"__name__": "__main__", "ZIC": ZIC}
        exec(f"class Mine(ZIC):\n def quote(self, view, chance):\n  {body}", names)
        designs = {"mine": Design(VALUES, names["Mine"], steps=9)}
        return simulate_markets(designs, [1], Here(), progress=False, folder=tmp_path)

    assert len(simulate("return 5")) == len(simulate("return 5")) == 1
    with pytest.raises(BadMarket, match="their traders' code has changed"):
        simulate("return 6")


def test_an_arm_without_trades_is_stored_beside_others(tmp_path: Path) -> None:
    """A file does not remember of which kind the texts are in a column without any."""
    never = InducedValues({"b1": [5]}, {"s1": [50]})
    designs = {"some": Design(VALUES, ZIC, steps=40), "none": Design(never, ZIC, steps=9)}
    kept = [
        simulate_markets(designs, [1, 2], Here(), progress=False, tables=ALL, chunk=1, folder=place)
        for place in (tmp_path, tmp_path, None)
    ]
    assert same(kept[0], kept[2])
    assert same(kept[1], kept[2])


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(BadMarket, match="has other files"):
        simulated(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("text", ["{", "[]", '{"markets": 9}'])
def test_a_folder_whose_plan_is_broken_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "simulations.json").write_text(text)
    with pytest.raises(BadMarket, match="cannot be read"):
        simulated(tmp_path)


@pytest.mark.long
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    first = min((tmp_path / "markets").iterdir())
    first.write_bytes(first.read_bytes()[:100])
    with pytest.raises(BadMarket, match=first.name):
        simulated(tmp_path)
    first.unlink()
    assert len(simulated(tmp_path)["markets"]) == 9


@pytest.mark.long
def test_a_draft_that_a_killed_process_has_left_counts_for_nothing(
    tmp_path: Path, finished: Path, reference: Any
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    first = min((tmp_path / "trades").iterdir())
    first.with_name(f".{first.name}.77").write_bytes(b"PAR1")
    assert same(simulated(tmp_path), reference)


DESCRIBE = """
from tests.market.simulations.market_designs import DESIGNS
from uproot_nb.market.simulations.fingerprint import hash_of
from uproot_nb.market.traders import ZIC

LEAST = {least}

class Mine(ZIC):
    '''A docstring changes nothing.'''
    names = {{"a", "b", "c"}}

    def quote(self, view, chance):
        return shaded(view.limit, LEAST) if view.side in {{"buy", "sell"}} else None

def shaded(price, least):
    return max(least, price - {shade})

print(hash_of([Mine, Mine(), DESIGNS]))
"""


def described(seed: str, **values: int) -> str:
    found = subprocess.run(
        [sys.executable, "-c", DESCRIBE.format(**{"least": 1, "shade": 2, **values})],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    return found.stdout


@pytest.mark.slow
def test_code_is_described_alike_in_every_process_and_with_all_that_it_uses() -> None:
    assert described("1") == described("2")
    assert len({described("1"), described("1", least=3), described("1", shade=4)}) == 3


def test_the_hash_of_the_package_is_of_its_source() -> None:
    assert len(fingerprint.hash_of_market_code()) == 12


def test_the_plan_is_readable(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    plan = json.loads((tmp_path / "simulations.json").read_text("utf-8"))
    assert plan["markets"] == 9
    assert list(plan["designs"]) == list(DESIGNS)
