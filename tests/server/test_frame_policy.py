"""Which other pages may show participants' pages, and post to them."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.worlds import Limited, World, upgrade
from uproot_nb.bridge.messages import HttpReply, HttpRequest, Misuse, OpenRoom
from uproot_nb.server.frame_policy import check_ancestors, frame_policy, is_at, same_origin
from uproot_nb.server.participants import ParticipantServer

ANN = "p/token-of-ann-0123456789/"
JOIN = "join/market/join-secret-0123456789/"


async def _served(world: World) -> World:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    return world


# ---- frames -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ANN, JOIN, "room/lab/", "nowhere", "p/unknown/", "files/k/x"])
async def test_every_page_says_who_may_frame_it(world: World, path: str) -> None:
    await _served(world)
    world.server.site.frame_ancestors = check_ancestors(["https://hub.example.org/"])
    world.server.site.let_jupyter_frame("https://jupyter.example.org:8888/lab?token=secret")
    answer = await world.fetch(path, headers={"Host": "lab.example.org:8600"})
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("frame-ancestors 'self' http://lab.example.org:* https://lab.")
    assert " http://localhost:*" in policy
    assert " https://jupyter.example.org:8888 " in policy
    assert policy.endswith(" https://hub.example.org")
    assert "secret" not in policy
    assert "*" not in policy.split()


async def test_a_policy_of_the_authors_is_one_more(world: World) -> None:
    await _served(world)
    (kernel,) = world.kernels
    kernel.answers = False
    asking = asyncio.ensure_future(world.fetch(ANN))
    request = await kernel.expect(HttpRequest)
    kernel.send(HttpReply(request.request, 200, [("content-security-policy", "img-src x")], b""))
    first, second = (await asking).headers.get_list("Content-Security-Policy")
    assert (first[:15], second) == ("frame-ancestors", "img-src x")


@pytest.mark.parametrize("host", ["[::1]:8600", "a b", "x;y", "'none'", "x,y", ""])
def test_a_host_that_is_none_gets_into_no_policy(host: str) -> None:
    assert frame_policy(host, []) == frame_policy("localhost", []).replace(
        "https://localhost:*", "https://localhost:*"
    )


@pytest.mark.parametrize("one", ["a b", "x; script-src *", "x,y", "'none'", "", "http://a/b"])
def test_who_could_not_frame_is_named(one: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        check_ancestors([one])


# ---- posts --------------------------------------------------------------------------------

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://["},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
]
OWN = [
    {},
    {"Origin": "http://127.0.0.1:{port}"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.long
@pytest.mark.parametrize("path", ["room/lab/", JOIN])
@pytest.mark.parametrize("headers", FOREIGN, ids=range(len(FOREIGN)))
async def test_a_foreign_page_sends_nobody_in(
    world: World, path: str, headers: dict[str, str]
) -> None:
    await _served(world)
    (kernel,) = world.kernels
    assert (await world.fetch(path, "label=x", headers=headers)).code == 403
    told = await kernel.expect(Misuse)
    assert told.what.startswith("foreign origin: ")
    assert not [one for one in kernel.heard if isinstance(one, HttpRequest)]


@pytest.mark.parametrize("path", ["room/lab/", JOIN])
@pytest.mark.parametrize("headers", OWN, ids=range(len(OWN)))
async def test_the_own_page_sends_people_in(
    world: World, path: str, headers: dict[str, str]
) -> None:
    await _served(world)
    headers = {name: value.format(port=world.server.port) for name, value in headers.items()}
    assert (await world.fetch(path, "label=x", headers=headers)).code == 200


async def test_the_address_behind_a_proxy_is_no_foreign_one(limited: Limited) -> None:
    world = await limited()
    await _served(world)
    world.server.site.public_url = "https://lab.example.org/exp/"
    headers = {"Origin": "https://lab.example.org"}
    assert (await world.fetch("room/lab/", "label=x", headers=headers)).code == 200


async def test_a_foreign_origin_is_named_with_what_to_set(world: World) -> None:
    """A proxy that hides the port makes the own origin look foreign, and sockets never open."""
    await _served(world)
    (kernel,) = world.kernels
    with pytest.raises(AssertionError, match="404"):
        await upgrade(
            world.server.port, f"/{ANN}ws?page=0",
            Host="lab.example.org", Origin="https://lab.example.org:8443",
        )  # fmt: skip
    told = await kernel.expect(Misuse)
    assert (told.player, told.what) == (
        "ann",
        "foreign origin: https://lab.example.org:8443 asked for lab.example.org. If participants' "
        "pages are at https://lab.example.org:8443, set public_url to "
        "'https://lab.example.org:8443/', or let the proxy pass their Host on "
        "(nginx: proxy_set_header Host $http_host)",
    )
    with pytest.raises(AssertionError, match="404"):
        await upgrade(world.server.port, "/room/lab/ws", Origin="https://evil.example")
    told = await kernel.expect(Misuse)
    assert (told.player, told.what[:43]) == ("", "foreign origin: https://evil.example asked ")


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://lab.example.org", "lab.example.org", True),
        ("https://lab.example.org", "lab.example.org:443", True),
        ("http://lab.example.org", "LAB.example.org:80", True),
        ("https://lab.example.org:8443", "lab.example.org:8443", True),
        ("https://lab.example.org:8443", "lab.example.org", False),
        ("https://lab.example.org", "lab.example.org:80", False),
        ("https://[2001:db8::1]:8600", "[2001:db8::1]:8600", True),
        ("https://[2001:db8::1]", "[2001:db8::1]", True),
        ("https://evil.example@lab.example.org", "lab.example.org", False),
        ("null", "null", False),
        ("", "", False),
    ],
)
def test_an_origin_is_compared_with_its_port(origin: str, host: str, same: bool) -> None:
    assert same_origin(origin, host) is same
    assert is_at(origin, origin) is (origin[:4] == "http" and "@" not in origin)


# ---- a path before all others ---------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "exp/"])
async def test_a_proxy_may_leave_the_public_path_or_take_it_away(
    limited: Limited, prefix: str, tmp_path: object
) -> None:
    world = World("memory", tmp_path)  # type: ignore[arg-type]
    world.options = {"public_url": "https://lab.example.org/exp/"}
    await world.start()
    try:
        await _served(world)
        assert (await world.fetch(prefix + ANN)).code == 200
        assert (await world.fetch(prefix + "room/lab/")).code == 200
        raw = await upgrade(world.server.port, f"/{prefix}{ANN}ws?page=0")
        assert (await raw.read())[0] == 1
        raw.writer.close()
    finally:
        await world.stop()


async def test_a_path_that_no_one_knows_of_is_named(world: World) -> None:
    await _served(world)
    (kernel,) = world.kernels
    assert (await world.fetch("exp/" + ANN)).code == 404
    told = await kernel.expect(Misuse)
    assert told.player == "ann"
    assert told.what.startswith(
        "unknown address: a player's page was asked for below /exp/. Set public_url"
    )


def test_a_server_that_nobody_could_frame_does_not_start() -> None:
    with pytest.raises(ValueError, match="'x; y' is not an origin"):
        ParticipantServer(frame_ancestors=["x; y"])
