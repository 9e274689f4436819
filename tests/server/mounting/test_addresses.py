"""How a browser reaches Jupyter is read from its request; other programs' requests say nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders

from uproot_nb.server.mounting.addresses import browser_origin, is_loopback
from uproot_nb.server.mounting.hub import HubServer

CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0"
PAGE = "https://hub.example.org/user/ann/lab"


def asked(host: str = "hub.example.org", agent: str = CHROMIUM, **headers: str) -> str:
    """Return the origin read from a request to *host* that a trusted proxy has passed on."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser_origin(request_of(host, {"User-Agent": agent, **named}), trust_proxy=True)


def request_of(host: str, headers: dict[str, str]) -> Any:
    """Return what is read of a request that came over plain HTTP."""
    return SimpleNamespace(headers=HTTPHeaders(headers), host=host, protocol="http")


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, "http://hub.example.org"),
        ({"X_Forwarded_Proto": "https"}, "https://hub.example.org"),
        ({"X_Forwarded_Proto": "https,http"}, "https://hub.example.org"),
        ({"X_Scheme": "https", "X_Forwarded_Proto": "http"}, "https://hub.example.org"),
        ({"X_Forwarded_Proto": "gopher"}, "http://hub.example.org"),
        ({"Referer": PAGE}, "https://hub.example.org"),
        ({"Origin": "https://hub.example.org", "X_Forwarded_Proto": "http"},
         "https://hub.example.org"),
        ({"Referer": "https://elsewhere.example.org/"}, "http://hub.example.org"),
        ({"Origin": "null"}, "http://hub.example.org"),
        ({"Referer": "https://["}, "http://hub.example.org"),
        ({"Sec_Fetch_Site": "same-origin"}, "http://hub.example.org"),
        ({"Sec_Fetch_Site": "cross-site"}, ""),
        ({"Sec_Fetch_Site": "same-site"}, ""),
    ],
)  # fmt: skip
def test_the_scheme_is_the_one_that_the_browser_sees(headers: dict[str, str], origin: str) -> None:
    assert asked(**headers) == origin


def test_the_port_is_part_of_the_address() -> None:
    assert asked("Hub.example.org:8443", Referer="https://hub.example.org:8443/hub/home") == (
        "https://hub.example.org:8443"
    )


@pytest.mark.parametrize("agent", ["", "curl/8.5.0", "Tornado/6.5", "python-requests/2.32"])
def test_programs_that_are_no_browsers_say_nothing(agent: str) -> None:
    assert asked(agent=agent) == ""


@pytest.mark.parametrize("host", ["", "hub example", "hub.example.org/evil", "a@b", "[::1"])
def test_a_host_that_is_none_says_nothing(host: str) -> None:
    assert asked(host) == ""


def test_what_a_proxy_reports_counts_only_where_jupyter_trusts_it() -> None:
    request = request_of("lab", {"User-Agent": CHROMIUM, "X-Forwarded-Proto": "https"})
    assert browser_origin(request, trust_proxy=False) == "http://lab"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000", True), ("http://localhost:8888", True), ("http://[::1]", True),
        ("http://a.localhost", True), ("https://hub.example.org", False),
        ("http://172.16.0.1", False),
    ],
)  # fmt: skip
def test_a_loopback_address_is_known(url: str, here: bool) -> None:
    assert is_loopback(url) is here


@pytest.mark.parametrize(
    ("prefix", "base", "is_hub"),
    [
        ("/user/ann/", "/user/ann/", True),
        ("/user/ann/two/", "/user/ann/two/", True),
        ("/user/ann", "/user/ann/", True),
        ("/user/ann/", "/", False),  # a second Jupyter server, started in a terminal of the first
        ("", "/", False),
    ],
)
def test_a_hubs_server_is_known_by_its_path(prefix: str, base: str, is_hub: bool) -> None:
    environ = {"JUPYTERHUB_SERVICE_PREFIX": prefix}
    assert (HubServer.of(environ, base) is not None) is is_hub
    assert HubServer.of({}, base) is None
