"""Nothing that takes seconds to import is imported while everybody waits for the lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from uproot_nb import *

class A(Page):
    "Somewhere."

held = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "numpy"):
            held.append((name, run is not None and run._runtime.lock.owned()))
        return None

run = None
sys.meta_path.insert(0, Watch())
options = dict(players=1, db=sys.argv[1], name="a", embedded=True, port=0)
if len(sys.argv) > 2:
    import pandas
    run = serve([A], **options)
    run.session.table = pandas.DataFrame({"x": [1]})
    run.close()
else:
    run = serve([A], **options)
    LOOK
    run.close()
    print(held)
"""


@pytest.mark.parametrize(
    "look",
    [
        pytest.param("run.state", marks=pytest.mark.slow),
        pytest.param("run.session_state", marks=pytest.mark.slow),
        "run.market()",
        "run.session.table",
    ],
)
@pytest.mark.sample(2)
def test_pandas_is_imported_before_the_lock_is_taken(tmp_path: Path, look: str) -> None:
    """At the first look at a table, and where a stored one is first read after a restart."""
    action = "try: run.market()\n    except UprootError: pass" if look == "run.market()" else look
    script, path = SCRIPT.replace("LOOK", action), str(tmp_path / "log.sqlite3")
    if look == "run.session.table":
        subprocess.run([sys.executable, "-c", script, path, "write"], check=True)
    told = subprocess.run(
        [sys.executable, "-c", script, path], check=True, capture_output=True, text=True
    )
    held = dict(eval(told.stdout.splitlines()[-1]))
    assert held["pandas"] is False
