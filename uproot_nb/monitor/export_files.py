"""export_to_file: an export that a monitor requests, written beside the notebook."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from uproot_nb.steering.host import Host

__all__ = ["export_to_file", "file_stem"]


def file_stem(session: str) -> str:
    """Return a session's name as the beginning of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", session).strip(".") or "session"


def export_to_file(host: Host, name: str, format: str, anonymous: bool) -> dict[str, str]:
    """Write a ZIP into the kernel's folder, under a name of its own; return a `text` about it.

    It is named by the session and the time, and says if it is anonymous; one of before stays.
    """
    stem = f"{file_stem(name)}-anonymous" if anonymous else file_stem(name)
    path = Path(f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}.zip")
    options: dict[str, Any] = {"anonymous": True} if anonymous else {}
    written = host.export(path, format=format, progress=False, **options)
    return {"text": f"Exported to {Path(written).absolute()}."}
