"""Projects: folders of apps as they are written for the framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

__all__ = ["write_app", "write_files"]

HEAD = "from uproot.fields import *\nfrom uproot.smithereens import *\n\n"


def write_app(project: Path, name: str, code: str, /, *, head: str = HEAD, **files: str) -> Path:
    """Write an app folder: its code (after the usual imports), and files by name ("Hello_html")."""
    folder = project / name
    written = {file.replace("_html", ".html").replace("_py", ".py"): t for file, t in files.items()}
    write_files(folder, {"__init__.py": head + dedent(code), **written})
    return folder


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
