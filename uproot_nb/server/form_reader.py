"""FormReader: a posted form, read as it arrives; its files go to disk at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import tempfile
from urllib.parse import parse_qsl

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from tornado.log import app_log

from uproot_nb.bridge.owned_folders import OwnedFolder, remove_abandoned
from uproot_nb.server.limits import Limits

__all__ = [
    "MALFORMED", "TOO_LARGE", "TOO_MANY", "UNSAVED", "FormReader", "PostedFile", "Uploads",
    "bare_file_name",
]  # fmt: skip

PostedFile = tuple[str, str, str, str, int]
"""Field name, file name, content type, path on disk, size in bytes."""

MALFORMED, TOO_LARGE, TOO_MANY, UNSAVED = 400, 413, 429, 503
"""The statuses that a form may be refused with."""

_PREFIX = "uproot_nb-uploads-"
_KERNEL_READS = 600.0
"""Seconds in which a kernel has read a form's files, or never will."""
_LONGEST_BOUNDARY = 200
_LONGEST_HEAD = 8 * 1024
_LONGEST_FILE_NAME = 255
# A stranger's mistakes are counted, not printed: in a notebook they would land under some cell.
_UNHEARD = logging.Logger("forms", logging.CRITICAL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)


class Uploads:
    """The private folder of posted files, which have random names, until a kernel reads them.

    uploads = Uploads()
    descriptor, path = uploads.create()
    ...
    uploads.remove(path)
    uploads.close()
    """

    def __init__(self) -> None:
        self._folder: OwnedFolder | None = None

    def remove_abandoned(self) -> None:
        """Remove the folders of servers that were killed, unless a kernel may still read there."""
        remove_abandoned(_PREFIX, unused_for=_KERNEL_READS)

    def create(self) -> tuple[int, str]:
        """Make an empty file of mode 0600; return its open descriptor and its path."""
        if self._folder is None:
            self._folder = OwnedFolder(_PREFIX)
        return tempfile.mkstemp(dir=self._folder.path)

    def remove(self, path: str) -> None:
        """Remove one file. Idempotent."""
        with contextlib.suppress(OSError):
            os.unlink(path)

    def remove_later(self, paths: list[str], seconds: float) -> None:
        """Remove files after so many seconds, or when the folder is closed."""
        loop = asyncio.get_running_loop()
        for path in paths:
            loop.call_later(seconds, self.remove, path)

    def close(self) -> None:
        """Remove the folder and whatever is left in it. Idempotent."""
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()


class FormReader:
    """Reads a form of either kind within the limits.

    reader = FormReader("multipart/form-data; boundary=b", limits, uploads)
    reader.feed(chunk)
    if not reader.finish():
        ...                     # reader.refused is the status to answer with
    reader.fields, reader.files
    reader.discard()            # in any case: it removes the files
    """

    def __init__(self, content_type: str, limits: Limits, uploads: Uploads) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[PostedFile] = []
        self.refused = 0
        self._limits, self._uploads = limits, uploads
        self._size = 0
        self._text = bytearray()
        self._parts: _Parts | None = None
        kind, options = parse_options_header(content_type)
        self._is_form = kind == b"application/x-www-form-urlencoded"
        if kind == b"multipart/form-data":
            boundary = options.get(b"boundary", b"")
            if 0 < len(boundary) <= _LONGEST_BOUNDARY:
                self._parts = _Parts(self, boundary)
            else:
                self.refuse(MALFORMED)

    @property
    def limits(self) -> Limits:
        """The largest form that is accepted."""
        return self._limits

    def feed(self, chunk: bytes) -> None:
        """Read the next bytes of the body; after a refusal they are thrown away."""
        if self.refused:
            return
        self._size += len(chunk)
        if self._parts is not None:
            if self._size > self._limits.max_upload_bytes:
                self.refuse(TOO_LARGE)
            else:
                self._parts.feed(chunk)
        elif self._size > self._limits.max_form_bytes:
            self.refuse(TOO_LARGE)
        elif self._is_form:
            self._text += chunk

    def finish(self) -> bool:
        """Note the end of the body; return whether the form is whole and within the limits."""
        if self._parts is not None:
            self._parts.finish()
        elif not self.refused:
            self._read_text()
        return not self.refused

    def refuse(self, status: int) -> None:
        """Read nothing more, and drop everything."""
        self.refused = self.refused or status
        self.discard()

    def discard(self) -> None:
        """Remove the files, and forget the rest. Idempotent."""
        if self._parts is not None:
            self._parts.close_file()
        for _, _, _, path, _ in self.files:
            self._uploads.remove(path)
        self.files, self.fields = [], []
        self._text.clear()

    def create_file(self) -> tuple[int, str]:
        """Make a file for a part."""
        return self._uploads.create()

    def remove_file(self, path: str) -> None:
        """Remove the file of a part without one."""
        self._uploads.remove(path)

    def _read_text(self) -> None:
        try:
            pairs = parse_qsl(
                self._text.decode("latin-1"),
                keep_blank_values=True,
                encoding="latin-1",
                max_num_fields=self._limits.max_fields,
            )
        except ValueError:
            self.refuse(TOO_LARGE)
            return
        self.fields = [(_from_latin(name), _from_latin(value)) for name, value in pairs]


class _Parts:
    """The parts of a multipart form, one after the other."""

    def __init__(self, reader: FormReader, boundary: bytes) -> None:
        self._reader = reader
        self._heads: dict[bytes, bytes] = {}
        self._head_name, self._head_value = bytearray(), bytearray()
        self._head_size = 0
        self._name, self._file_name, self._kind = "", "", ""
        self._value: bytearray | None = None
        self._descriptor = -1
        self._path = ""
        self._size = 0
        self._count = 0
        self._text_size = 0
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )
        self._parser.logger = _UNHEARD

    def feed(self, chunk: bytes) -> None:
        """Cut *chunk* into parts."""
        try:
            self._parser.write(chunk)
        except _TooMuch:
            self._reader.refuse(TOO_LARGE)
        except FormParserError:
            self._reader.refuse(MALFORMED)
        except OSError as error:
            app_log.error("A posted file could not be saved: %s.", error.strerror)
            self._reader.refuse(UNSAVED)

    def finish(self) -> None:
        """Refuse the form if its end has not come."""
        if not self._ended:
            self._reader.refuse(MALFORMED)

    def close_file(self) -> None:
        """Remove the file that was being written, if there is one."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._reader.remove_file(self._path)

    # ---- the parser's events --------------------------------------------------------------

    def _on_part_begin(self) -> None:
        self._count += 1
        if self._count > self._reader.limits.max_fields:
            raise _TooMuch
        self._heads, self._head_size = {}, 0
        self._head_name.clear()
        self._head_value.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._take_head(self._head_name, data, start, end)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._take_head(self._head_value, data, start, end)

    def _take_head(self, head: bytearray, data: bytes, start: int, end: int) -> None:
        self._head_size += end - start
        if self._head_size > _LONGEST_HEAD:
            raise _TooMuch
        head += data[start:end]

    def _on_header_end(self) -> None:
        self._heads[bytes(self._head_name).lower()] = bytes(self._head_value)
        self._head_name.clear()
        self._head_value.clear()

    def _on_headers_finished(self) -> None:
        disposition = self._heads.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition.decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise FormParserError("a part without a name")
        self._name = _unescaped(options[b"name"])
        self._kind = _media_type(self._heads.get(b"content-type", b""))
        if b"filename" in options:
            self._file_name = bare_file_name(_unescaped(options[b"filename"]))
            self._open_file()
        else:
            self._value = bytearray()

    def _open_file(self) -> None:
        if len(self._reader.files) >= self._reader.limits.max_files:
            raise _TooMuch
        self._value, self._size = None, 0
        self._descriptor, self._path = self._reader.create_file()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        size, limits = end - start, self._reader.limits
        if self._value is not None:
            self._text_size += size
            if self._text_size > limits.max_form_bytes:
                raise _TooMuch
            self._value += data[start:end]
            return
        self._size += size
        if self._size > limits.max_file_bytes:
            raise _TooMuch
        view = memoryview(data)[start:end]
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _on_part_end(self) -> None:
        if self._value is not None:
            value = self._value.decode("utf-8", "replace")
            self._reader.fields.append((self._name, value))
        elif self._file_name or self._size:
            os.close(self._descriptor)
            self._descriptor = -1
            posted = (self._name, self._file_name or "file", self._kind, self._path, self._size)
            self._reader.files.append(posted)
        else:
            self.close_file()  # an input for a file in which none was chosen
        self._value = None

    def _on_end(self) -> None:
        self._ended = True


class _TooMuch(Exception):
    """A limit was exceeded: parsing stops at once."""


def bare_file_name(path: str) -> str:
    """Return the name of a file without any folder, or "" if *path* has none."""
    name = _CONTROLS.sub("", path).replace("\\", "/").rpartition("/")[2].strip()
    if name.strip(".") == "":
        return ""
    if len(name) > _LONGEST_FILE_NAME:
        stem, dot, ending = name.rpartition(".")
        suffix = dot + ending if stem and len(ending) <= 20 else ""
        name = name[: _LONGEST_FILE_NAME - len(suffix)] + suffix
    return name


def _media_type(header: bytes) -> str:
    kind = parse_options_header(header.decode("latin-1"))[0].decode("latin-1")
    return kind if _MEDIA_TYPE.fullmatch(kind) else "application/octet-stream"


def _unescaped(name: bytes) -> str:
    """Undo what browsers do to quotes and line breaks in names."""
    text = name.decode("utf-8", "replace")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%22", '"')


def _from_latin(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")
