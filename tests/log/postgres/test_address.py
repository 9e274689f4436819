"""Addresses of databases: what is shown of them, and what is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import BadAddress
from uproot_nb.log.places import is_file, shown_place
from uproot_nb.log.postgres.address import DatabaseAddress, is_database

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://lab:hunter2@db.org/study", "postgresql://lab@db.org/study"),
        ("postgres://lab:hunter2@/study", "postgres://lab@/study"),
        ("postgresql://lab@[::1]:5433/study", "postgresql://lab@[::1]:5433/study"),
        ("postgresql://db.org/study?password=hunter2", "postgresql://db.org/study"),
        (
            "postgresql://db.org/study?sslmode=verify-full&sslpassword=hunter2",
            "postgresql://db.org/study?sslmode=verify-full",
        ),
        (
            "postgresql://lab:hunter2@a:5432,b:5433/study?target_session_attrs=read-write",
            "postgresql://lab@a:5432,b:5433/study?target_session_attrs=read-write",
        ),
        (
            "postgresql://lab:hunter2@db.org/study?schema=autumn",
            "postgresql://lab@db.org/study?schema=autumn",
        ),
        ("postgresql:///study?host=/var/run", "postgresql:///study?host=/var/run"),
    ],
)
def test_an_address_is_shown_without_its_password(written: str, shown: str) -> None:
    address = DatabaseAddress.of(written)
    assert str(address) == address.shown == shown_place(written) == shown
    assert SECRET not in repr(address)
    assert pickle.loads(pickle.dumps(address)).shown == shown
    assert SECRET.encode() not in pickle.dumps(address)


def test_the_driver_gets_the_password_and_not_our_own_parameter() -> None:
    address = DatabaseAddress.of("postgresql://lab:hun%40ter@db.org/study?schema=autumn&sslmode=a")
    assert address.conninfo == "postgresql://lab:hun%40ter@db.org/study?sslmode=a"
    assert address.schema == "autumn"
    assert DatabaseAddress.of("postgresql://db.org/study").schema == "uproot_nb"


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://lab:hun@ter2@db.org/study",
        "postgresql://lab:hun/ter2@db.org/study",
        "postgresql://lab:hun?ter2@db.org/study",
        "postgresql://lab:12/hunter2@db.org/study",
        "postgresql://lab:hun#ter2@a@db.org/study",
        "postgresql://db.org/study?schema=Robert'; DROP TABLE events",
    ],
)
def test_what_could_be_read_as_something_else_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        DatabaseAddress.of(written)
    assert "ter2" not in str(refusal.value)
    assert "%40" in str(refusal.value)


@given(st.text(min_size=4), st.text(min_size=1))
def test_no_password_is_shown_wherever_it_stands(password: str, user: str) -> None:
    """A written address is refused, or shown without what stands behind the user's colon."""
    marked = f"S3CRET{password}S3CRET"
    try:
        shown = DatabaseAddress.of(f"postgresql://{user}:{marked}@db.org/study").shown
    except BadAddress as refusal:
        shown = str(refusal)
    assert "S3CRET" not in shown


def test_files_are_no_databases() -> None:
    assert is_database("postgres://db.org/x")
    assert is_database("postgresql://")
    assert not is_database("postgresql.sqlite3")
    assert is_file("postgresql:/x.sqlite3")
    assert not is_file(":memory:")
