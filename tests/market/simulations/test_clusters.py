"""Clusters: Dask, ipyparallel and MPI give the same result as this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.market.simulations.market_designs import ALL, DESIGNS, VALUES, Here, same
from uproot_nb.errors import UprootError
from uproot_nb.market import Design, simulate_markets
from uproot_nb.market.traders import ZIC

ROOT = Path(__file__).resolve().parents[3]
SEEDS = [1, 2, 3]
pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def reference() -> dict[str, pandas.DataFrame]:
    return simulate_markets(DESIGNS, SEEDS, Here(), progress=False, tables=ALL)


@pytest.fixture
def dask() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_dask_gives_the_same_to_the_last_bit(dask: Any, reference: Any) -> None:
    executor = dask.get_executor()
    found = simulate_markets(DESIGNS, SEEDS, executor, progress=False, tables=ALL, chunk=2)
    assert same(found, reference)


class Deadly(ZIC):
    """Kills its worker."""

    def quote(self, view: Any, chance: Any) -> Any:
        os._exit(1)


def test_what_kills_dasks_workers_is_a_row_with_the_error(dask: Any) -> None:
    designs = {"calm": Design(VALUES, ZIC, steps=9), "deadly": Design(VALUES, Deadly)}
    found = simulate_markets(designs, [1, 2], dask.get_executor(), progress=False, chunk=2)
    assert list(found["error"].fillna("")) == ["", "", "KilledWorker", "KilledWorker"]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    ipyparallel = pytest.importorskip("ipyparallel")
    folder = tmp_path_factory.mktemp("ipython")
    with ipyparallel.Cluster(n=2, ipython_dir=str(folder)) as client:
        yield client
        client.shutdown(hub=True)


def test_ipyparallel_gives_the_same_to_the_last_bit(engines: Any, reference: Any) -> None:
    executor = engines.load_balanced_view().executor
    found = simulate_markets(DESIGNS, SEEDS, executor, progress=False, tables=ALL, chunk=2)
    assert same(found, reference)


def test_a_view_that_gives_everything_to_everybody_is_refused(engines: Any) -> None:
    with pytest.raises(UprootError, match="load_balanced_view"):
        simulate_markets(DESIGNS, SEEDS, engines[:].executor, progress=False)


MPI = """
import pickle, sys
from mpi4py.futures import MPIPoolExecutor
from tests.market.simulations.market_designs import ALL, DESIGNS
from uproot_nb.market import simulate_markets

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        found = simulate_markets(DESIGNS, [1, 2, 3], executor, progress=False, tables=ALL, chunk=2)
    with open(sys.argv[1], "wb") as file:
        pickle.dump(found, file)
"""


def test_mpi_gives_the_same_to_the_last_bit(tmp_path: Path, reference: Any) -> None:
    found = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    if found is None:
        pytest.skip("There is no mpiexec: install the package mpich or openmpi-bin.")
    script, result = tmp_path / "study.py", tmp_path / "result.pickle"
    script.write_text(MPI, "utf-8")
    subprocess.run(
        [found, "-n", "3", sys.executable, "-m", "mpi4py.futures", str(script), str(result)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert same(pandas.read_pickle(result), reference)
