"""The lab: JupyterLab on copies of the notebooks, for a person.

    python tools/lab.py [--folder my_experiments] [options of jupyter lab]

The copies and the data stay in that folder, and are found again the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir
from live_jupyter import REPOSITORY, SWITCHED_ON

NOTEBOOK = "double_auction.ipynb"


def main() -> int:
    """Open the double auction in JupyterLab; return JupyterLab's exit code."""
    options, others = _options()
    copy_notebooks(options.folder)
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyter", "lab", *as_root, *others, NOTEBOOK]
    lab = subprocess.Popen(command, cwd=options.folder, env=environment())
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    with contextlib.suppress(KeyboardInterrupt):  # JupyterLab gets it as well, and asks
        print_address(lab)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return lab.wait()


def environment() -> dict[str, str]:
    """Return ours, with the extension switched on whether or not somebody has enabled it."""
    paths = [str(SWITCHED_ON), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}


def copy_notebooks(folder: Path) -> None:
    """Copy the notebooks that are not there yet; a person's own changes stay."""
    folder.mkdir(exist_ok=True)
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        if not (folder / path.name).exists():
            shutil.copy(path, folder)


def print_address(lab: subprocess.Popen[bytes]) -> None:
    """Say where participants go, as soon as the extension has opened their port."""
    while lab.poll() is None:
        for path in Path(jupyter_runtime_dir()).glob(f"uproot_nb-{lab.pid}-*.json"):
            address = json.loads(path.read_text("utf-8"))["url"]
            print(f"\n    Participants' address: {address}", flush=True)
            print("    Run the cells of the notebook; it shows a link for each of them.\n")
            return
        time.sleep(0.2)


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description="Open the notebooks in JupyterLab.")
    own = REPOSITORY / "my_experiments"
    parser.add_argument("--folder", type=Path, default=own, help="where copies and data stay")
    return parser.parse_known_args()


if __name__ == "__main__":
    sys.exit(main())
