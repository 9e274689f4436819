"""Write docs/openapi.json, the description of the REST API: `python tools/openapi.py`."""

from __future__ import annotations

import json
from pathlib import Path

from uproot_nb.monitor.rest.openapi import describe_api

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def text() -> str:
    """Return what the file has to be."""
    return json.dumps(describe_api(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
