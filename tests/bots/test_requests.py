"""Requests: forms as browsers encode them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from uproot_nb.bots.questions import Attachment
from uproot_nb.bots.requests import form_body
from uproot_nb.server.form_reader import FormReader, Uploads
from uproot_nb.server.limits import Limits

texts = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.text(st.characters(codec="utf-8", exclude_characters="%\\"), min_size=1, max_size=10)
file_names = st.from_regex(r"[a-z\"ä ]{1,8}\.[a-z]{1,3}", fullmatch=True).filter(
    lambda name: name.strip() == name
)
kinds = st.sampled_from(["image/png", "text/plain"])
attachments = st.builds(Attachment, file_names, st.binary(min_size=1, max_size=200), kinds)


@settings(deadline=None)
@given(st.lists(st.tuples(names, texts), max_size=5), st.booleans())
def test_the_server_reads_every_text_as_it_was_sent(
    pairs: list[tuple[str, str]], multipart: bool
) -> None:
    """In both encodings; line breaks, quotes and boundaries in names and values included."""
    body, kind = form_body(pairs, multipart=multipart)
    with closing(Uploads()) as uploads:
        reader = FormReader(kind, Limits(), uploads)
        reader.feed(body)
        assert reader.finish(), reader.refused
        assert reader.fields == pairs


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(names, attachments), max_size=3))
def test_the_server_reads_every_file_as_it_was_sent(files: list[tuple[str, Attachment]]) -> None:
    """Its name, its type, its bytes."""
    body, kind = form_body([], files, multipart=True)
    with closing(Uploads()) as uploads:
        reader = FormReader(kind, Limits(), uploads)
        reader.feed(body)
        assert reader.finish(), reader.refused
        read = [(n, Attachment(f, Path(p).read_bytes(), k)) for n, f, k, p, _ in reader.files]
        assert read == files
