"""Read the table of all changes in another framework's export, as an analyst does; say how long."""

from __future__ import annotations

import json
import sys
import time
import zipfile

import pandas


def main(path: str, rows: int) -> None:
    """Print the seconds; the file must have the rows that were written."""
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("ultralong/player.csv")]
        started = time.perf_counter()
        with archive.open(name) as file:
            table = pandas.read_csv(file, low_memory=False)
        seconds = time.perf_counter() - started
    if len(table) < rows:
        raise SystemExit(f"{len(table)} rows instead of {rows} and more")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
