"""An app's folder of static files, with what browsers may read of it and what they may not."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["HIDDEN", "KEY", "SHOWN", "make_folder"]

KEY = "folder-key-0123456789"
SHOWN = [
    ("deep/a%20b.js", "text/javascript; charset=UTF-8", "let a;"),
    ("within/a%20b.js", "text/javascript; charset=UTF-8", "let a;"),
    ("page.html", "text/html; charset=UTF-8", "<p>ä</p>"),
    ("photo.webp", "image/webp", "webp"),
    ("odd", "application/octet-stream", "\x00"),
]
"""Addresses below the folder, with the type and the text of what is there."""
HIDDEN = [
    "none.js", "deep", "deep/", "", ".hidden", ".git/config", "link.py", "up/app.py",
    "../app.py", "%2e%2e/app.py", "..%2fapp.py", "deep/..%2f..%2f..%2fapp.py", "..%5capp.py",
    "%2fetc%2fpasswd", "/etc/passwd", "deep//a%20b.js", "a%00b", "x" * 300, "%ff", "loop",
    "./page.html", "C:%5cx",
]  # fmt: skip
"""Addresses at which there is nothing for browsers."""


def make_folder(parent: Path) -> Path:
    """Make an app's folder, and a secret beside it."""
    made = parent / "app" / "_static"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "a b.js").write_text("let a;")
    (made / "page.html").write_text("<p>ä</p>", "utf-8")
    (made / "photo.webp").write_bytes(b"webp")
    (made / "odd").write_bytes(b"\x00")
    (made / ".hidden").write_text("hidden")
    (made / ".git").mkdir()
    (made / ".git" / "config").write_text("hidden")
    (made.parent / "app.py").write_text("secret")
    os.symlink(made.parent / "app.py", made / "link.py")
    os.symlink(made.parent, made / "up")
    os.symlink(made / "deep", made / "within")
    os.symlink(made / "loop", made / "loop")
    return made
