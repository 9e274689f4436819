"""Form marks: marks that show whether two posted forms have the same content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

__all__ = ["NO_FORM", "form_mark"]

NO_FORM = ""
"""The mark of a visit that ended without a form, as by Back."""


def form_mark(pairs: Iterable[Sequence[str]] | None) -> str | None:
    """Return a mark of a form's names and texts; None of one that is not in the log.

    Line breaks are the same however a browser writes them: a repeated form may write others.
    """
    if pairs is None:
        return None
    digest = blake2b(digest_size=12)
    for name, text in pairs:
        for part in (name, text.replace("\r\n", "\n").replace("\r", "\n")):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
