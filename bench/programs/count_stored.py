"""Count the values of the field x that a log holds, while its run may go on."""

from __future__ import annotations

import sys

from uproot_nb.log.places import open_place


def main(database: str, session: str = "bench") -> None:
    """Print how many there are."""
    log = open_place(database, readonly=True)
    print(sum(1 for _ in log.read(session, kinds={"set"}, field="x")))
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
