"""How a posted form is read, whatever is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.server.form_reader import FormReader, Uploads, bare_file_name
from uproot_nb.server.limits import Limits

PARTS = "multipart/form-data; boundary=b"
LIMITS = Limits(
    max_form_bytes=1000, max_upload_bytes=5000, max_file_bytes=3000, max_fields=10, max_files=3
)


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Uploads]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = Uploads()
    yield made
    made.close()
    assert not list(tmp_path.iterdir())


def part(name: str, content: bytes, *extra: str, filename: str | None = None) -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    lines = [f'Content-Disposition: form-data; name="{name}"{named}', *extra]
    return b"--b\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def read(uploads: Uploads, body: bytes, kind: str = PARTS, size: int = 7) -> FormReader:
    reader = FormReader(kind, LIMITS, uploads)
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    reader.finish()
    return reader


def left(uploads: Uploads) -> list[Path]:
    folder = uploads._folder
    return [] if folder is None else list(folder.path.iterdir())


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_fields_and_files_come_out_in_their_order(uploads: Uploads, size: int) -> None:
    photo = bytes(range(256)) * 10 + b"\r\n--b\r\r\n--"
    body = (
        part("age", b"33")
        + part("tag", "ä\r\n".encode())
        + part("photo", photo, "Content-Type: image/png", filename="me.png")
        + part("tag", b"")
        + b"--b--\r\n"
    )
    reader = read(uploads, body, size=size)
    assert reader.refused == 0
    assert reader.fields == [("age", "33"), ("tag", "ä\r\n"), ("tag", "")]
    ((name, filename, kind, path, length),) = reader.files
    assert (name, filename, kind, length) == ("photo", "me.png", "image/png", len(photo))
    assert Path(path).read_bytes() == photo
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    reader.discard()
    reader.discard()
    assert not left(uploads)


def test_an_input_in_which_no_file_was_chosen_brings_none(uploads: Uploads) -> None:
    kind = "Content-Type: application/octet-stream"
    reader = read(uploads, part("photo", b"", kind, filename="") + b"--b--")
    assert (reader.refused, reader.fields, reader.files) == (0, [], [])
    assert not left(uploads)


def test_an_empty_file_is_a_file(uploads: Uploads) -> None:
    reader = read(uploads, part("note", b"", filename="empty.txt") + b"--b--")
    assert [file[1:][0::3] for file in reader.files] == [("empty.txt", 0)]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("me.png", "me.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\me.png", "me.png"),
        ("/", ""),
        ("..", ""),
        (".", ""),
        ("  a b.txt ", "a b.txt"),
        ("a\x00b\r\n.txt", "ab.txt"),
        ("ü✓.pdf", "ü✓.pdf"),
        ("x" * 300 + ".jpeg", "x" * 250 + ".jpeg"),
    ],
)
def test_a_file_name_loses_every_folder(told: str, kept: str) -> None:
    assert bare_file_name(told) == kept


def test_names_are_read_as_browsers_write_them(uploads: Uploads) -> None:
    body = part("a%22b%0D%0A", b"1", filename="ü%22.txt") + b"--b--"
    (file,) = read(uploads, body).files
    assert file[:2] == ('a"b\r\n', 'ü".txt')


MALFORMED = {
    "no boundary": ("multipart/form-data", b"--b--"),
    "an endless boundary": (f"multipart/form-data; boundary={'b' * 300}", b"--b--"),
    "no form at all": (PARTS, b"hello"),
    "an empty body": (PARTS, b""),
    "no end": (PARTS, part("a", b"1") + part("f", b"2", filename="f")),
    "a file cut off": (PARTS, part("f", b"2" * 2000, filename="f")[:-500]),
    "a part without a name": (PARTS, b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--"),
    "a part without headers": (PARTS, b"--b\r\n\r\n1\r\n--b--"),
    "a header that is none": (PARTS, b"--b\r\n\x00\x01: 1\r\n\r\n1\r\n--b--"),
    "an attachment": (
        PARTS, b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b--',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_no_form_is_refused_and_leaves_no_file_and_no_word(
    uploads: Uploads, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, body = MALFORMED[case]
    reader = read(uploads, body, kind)
    assert reader.refused == 400
    assert not caplog.records
    assert (reader.fields, reader.files, left(uploads)) == ([], [], [])


TOO_LARGE = {
    "a long header": (PARTS, b"--b\r\nX: " + b"x" * 20_000),
    "an endless header name": (PARTS, b"--b\r\n" + b"x" * 20_000),
    "many headers": (PARTS, b"--b\r\n" + b"X: 1\r\n" * 3000),
    "many parts": (PARTS, part("a", b"") * 100_000),
    "many files": (PARTS, b"".join(part("f", b"1", filename="f") for _ in range(4))),
    "long text": (PARTS, part("a", b"x" * 500) * 3),
    "a large file": (PARTS, part("f", b"x" * 3500, filename="f")),
    "large files": (PARTS, part("f", b"x" * 2900, filename="f") * 2),
    "a long plain form": ("application/x-www-form-urlencoded", b"a=" + b"x" * 2000),
    "many plain fields": ("application/x-www-form-urlencoded", b"a=1&" * 20),
    "something else": ("text/plain", b"x" * 2000),
}  # fmt: skip


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_is_too_large_is_refused_and_leaves_no_file(uploads: Uploads, case: str) -> None:
    kind, body = TOO_LARGE[case]
    reader = FormReader(kind, LIMITS, uploads)
    for start in range(0, len(body), 65_536):
        reader.feed(body[start : start + 65_536])
    assert not reader.finish()
    assert reader.refused in (400, 413)
    assert reader.refused == 413 or "header" in case
    assert (reader.fields, reader.files, left(uploads)) == ([], [], [])


@pytest.mark.parametrize("field", [b"a&", b"a=&", b"&"], ids=repr)
def test_a_megabyte_of_fields_is_refused_without_being_taken_apart(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, field: bytes
) -> None:
    """Within the usual limits; Python counts the fields first, and unquotes none."""
    monkeypatch.setattr("urllib.parse.unquote", lambda *args, **options: pytest.fail("unquoted"))
    reader = FormReader("application/x-www-form-urlencoded", Limits(), uploads)
    for start in range(0, 1 << 20, 1 << 16):
        assert start < Limits().max_form_bytes
        reader.feed(field * ((1 << 16) // len(field)))
    assert not reader.finish()
    assert (reader.refused, reader.fields) == (413, [])


def test_a_form_within_a_form_is_only_text(uploads: Uploads) -> None:
    inner = b'--c\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--c--'
    body = part("outer", inner, "Content-Type: multipart/mixed; boundary=c") + b"--b--"
    assert read(uploads, body).fields == [("outer", inner.decode())]


@pytest.mark.parametrize("kind", ["image/png; name=x", "nonsense", "text/html\x01", "", "a/b/c"])
def test_a_files_type_is_a_type_or_just_bytes(uploads: Uploads, kind: str) -> None:
    body = part("f", b"1", f"Content-Type: {kind}", filename="f") + b"--b--"
    reader = read(uploads, body)
    if reader.refused == 0:
        assert reader.files[0][2] in ("image/png", "application/octet-stream")


def test_a_full_disk_refuses_the_form(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", no_space)
    reader = read(uploads, part("f", b"1", filename="f") + b"--b--")
    assert (reader.refused, left(uploads)) == (503, [])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=%C3%A4+%2B&a=2", [("a", "1"), ("b", "ä +"), ("a", "2")]),
        (b"a=&b", [("a", ""), ("b", "")]),
        (b"a=%ff%00", [("a", "\ufffd\x00")]),
        ("ä=ö".encode(), [("ä", "ö")]),
        (b"%%%=%zz&&=", [("%%%", "%zz"), ("", "")]),
        (b"", []),
    ],
)
def test_a_plain_form_is_read_as_browsers_write_it(
    uploads: Uploads, body: bytes, fields: list[tuple[str, str]]
) -> None:
    reader = read(uploads, body, "application/x-www-form-urlencoded; charset=UTF-8")
    assert (reader.refused, reader.fields) == (0, fields)


@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([
                b"--b", b"\r\n", b"--", b"--b--", b"Content-Disposition: form-data; name=", b'"a"',
                b'; filename="f"', b"\r\n\r\n", b":", b"--b\r\n",
            ]),
        ),
        max_size=30,
    ),
    size=st.integers(1, 50),
)  # fmt: skip
@examples(300)
def test_no_bytes_break_the_reader_or_leave_a_file(pieces: list[bytes], size: int) -> None:
    uploads = Uploads()
    try:
        reader = read(uploads, b"".join(pieces), size=size)
        assert reader.refused in (0, 400, 413)
        assert len(left(uploads)) == len(reader.files)
        reader.discard()
        assert not left(uploads)
    finally:
        uploads.close()
