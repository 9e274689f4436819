"""Addresses of brokers: what is read from them, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.bridge.nats.broker_address import BrokerAddress, is_broker


def test_several_servers_of_a_cluster_share_user_and_password() -> None:
    address = BrokerAddress.parse("nats://lab:s3cret@one:4222,two:4223")
    assert address.servers == ["nats://lab:s3cret@one:4222", "nats://lab:s3cret@two:4223"]
    assert address.shown == "nats://one:4222,nats://two:4223"


def test_what_admits_us_is_never_shown() -> None:
    address = BrokerAddress.parse("tls://lab:s3cret@one:4222?creds=/etc/lab.creds")
    assert "s3cret" not in repr(address) + address.shown
    assert "lab.creds" not in repr(address) + address.shown


def test_files_and_the_prefix_come_after_the_question_mark(tmp_path: Path) -> None:
    (tmp_path / "lab.creds").write_text("…", "utf-8")
    (tmp_path / "token").write_text("t0ken\n", "utf-8")
    address = BrokerAddress.parse(
        f"nats://one?creds={tmp_path}/lab.creds&token_file={tmp_path}/token&prefix=lab.two"
    )
    assert address.prefix == "lab.two"
    assert address.options() == {"user_credentials": f"{tmp_path}/lab.creds", "token": "t0ken"}


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.creds"):
        BrokerAddress.parse("nats://one?creds=/missing.creds").options()


def test_tls_verifies_the_server() -> None:
    context = BrokerAddress.parse("tls://one:4222").options()["tls"]
    assert context.check_hostname


@pytest.mark.parametrize(
    "text",
    ["", "nats://", "nats:one", "http://one", "nats://one?cred=x", "nats://one:port",
     "nats://one,:4222", "nats://one?prefix=a b", "nats://one?prefix=*", "/run/bridge.json"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_advice(text: str) -> None:
    with pytest.raises(ValueError, match=r"give nats://|port|Port|prefix="):
        BrokerAddress.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for found in (text, f"nats://{text}"):
        try:
            address = BrokerAddress.parse(found)
        except ValueError:
            continue
        assert is_broker(found)
        assert address.servers
