"""Embedding: put trusted markup and the content of files into a page."""

from __future__ import annotations

from base64 import b64encode

from markupsafe import Markup

from uproot_nb.errors import UprootError

__all__ = ["data_uri", "safe"]

_LONGEST_SIGNATURE = 16
_UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"wOF2", "font/woff2"),
)
"""Offset, signature and MIME type of each kind of file; the more specific first."""


def safe(text: object = "") -> Markup:
    """Mark *text* as trusted HTML, which a page shows without escaping: `safe("in <b>euros</b>")`.

    Never use it on text that a participant has written.
    """
    return Markup(text)


def data_uri(content: bytes, mime: str | None = None) -> str:
    """Return a data URI with a file's content: `<img src="{{ player.drawing_uri }}">`.

    Args:
        mime: the file's MIME type; by default it is guessed from the first bytes.

    Raises:
        UprootError: *content* is not bytes.
    """
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise UprootError(
            f"data_uri() takes bytes, not {type(content).__name__}.\n"
            "Pass a file's content: data_uri(Path('tree.png').read_bytes())."
        )
    raw = bytes(content)
    return f"data:{mime or _mime_of(raw[:_LONGEST_SIGNATURE])};base64,{b64encode(raw).decode()}"


def _mime_of(head: bytes) -> str:
    for start, mark, mime in _SIGNATURES:
        if head[start:].startswith(mark):
            return mime
    return "image/svg+xml" if head.lstrip().startswith(b"<svg") else _UNKNOWN
