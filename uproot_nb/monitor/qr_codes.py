"""qr_code: an address as an image that phones read."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["qr_code"]


@lru_cache(maxsize=64)
def qr_code(text: str) -> str:
    """Return a QR code as a data URI of an SVG image, dark on white, with a quiet border."""
    import segno  # lazy: only monitors show one

    return str(segno.make(text, error="m", micro=False).svg_data_uri(scale=4, light="#fff"))
