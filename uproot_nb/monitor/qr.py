"""QR codes, for links that people open with a phone."""

from __future__ import annotations

__all__ = ["qr_code"]


def qr_code(text: str) -> str:
    """Return a QR code as a data URI of an SVG image, dark on white, with a quiet border."""
    import segno  # lazy: only monitors show one

    return str(segno.make(text, error="m", micro=False).svg_data_uri(scale=4, light="#fff"))
