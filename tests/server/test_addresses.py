"""Links lead to an address that participants can reach, and the choice is said."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from tests.server.worlds import World, until
from uproot_nb.bridge.messages import OpenRoom, RoomShared, SetState
from uproot_nb.server import site
from uproot_nb.server.app import _notes_of_culling
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.site import choose_address, own_addresses


@pytest.mark.parametrize(
    ("addresses", "by_default", "chosen", "others"),
    [
        ({"eth0": "192.0.2.5"}, "192.0.2.5", "192.0.2.5", ()),
        ({"eth0": "192.0.2.5"}, "", "192.0.2.5", ()),  # a lab's switch, without the internet
        ({"eth0": "192.0.2.5", "docker0": "198.51.100.17"}, "192.0.2.5", "192.0.2.5", ()),
        ({"tun0": "198.51.100.2", "eth0": "192.0.2.5"}, "", "192.0.2.5", ("198.51.100.2",)),
        ({"tun0": "198.51.100.2", "en0": "192.0.2.5"}, "198.51.100.2", "192.0.2.5",
         ("198.51.100.2",)),
        ({"en0": "192.0.2.5", "en1": "203.0.113.5"}, "203.0.113.5", "203.0.113.5", ("192.0.2.5",)),
        ({"utun3": "198.51.100.2"}, "198.51.100.2", "198.51.100.2", ()),
        ({"docker0": "198.51.100.17"}, "", "198.51.100.17", ()),
        ({}, "192.0.2.5", "192.0.2.5", ()),
    ],
)  # fmt: skip
def test_the_local_network_comes_before_tunnels_and_others_are_offered(
    addresses: dict[str, str], by_default: str, chosen: str, others: tuple[str, ...]
) -> None:
    at, note = choose_address(addresses, by_default)
    assert at == chosen
    assert bool(note) == bool(others)
    assert all(f"{other} (" in note for other in others)
    assert not note or f"http://{others[0]}:" in note


def test_without_any_network_it_says_that_links_work_here_alone() -> None:
    at, note = choose_address({}, "")
    assert at == "127.0.0.1"
    assert "no network address" in note


def test_the_loopback_is_no_address_for_others() -> None:
    assert "127.0.0.1" not in own_addresses().values()


async def test_a_server_says_what_it_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"eth0": "192.0.2.5", "tun0": "198.51.100.2"}
    monkeypatch.setattr(site, "own_addresses", lambda: known)
    monkeypatch.setattr(site, "_address_by_default", lambda: known["tun0"])
    server = ParticipantServer()
    server.start(0, "0.0.0.0")
    assert server.url == f"http://192.0.2.5:{server.port}/"
    assert "198.51.100.2 (tun0)" in server.notes[0]
    await server.stop()
    named = ParticipantServer(public_url="https://lab.example.org/")
    named.start(0, "0.0.0.0")
    assert named.notes == []
    await named.stop()


async def test_a_port_that_is_in_use_is_said_with_the_one_instead() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        server = ParticipantServer()
        server.start(taken)
        assert server.port != taken
        assert f"Port {taken} is in use" in server.notes[0]
        assert f"by port {server.port}." in server.notes[0]
        await server.stop()


# ---- rooms, and kernels in use ----


async def test_two_living_sessions_that_claim_one_room_are_both_told(world: World) -> None:
    first, second = await world.kernel(), await world.kernel()
    await first.serve("key-monday", {})
    await second.serve("key-tuesday", {})
    first.send(OpenRoom("key-monday", "lab", 1.0))
    await until(lambda: world.server.rooms.get("lab"))
    second.send(OpenRoom("key-tuesday", "lab", 2.0))
    assert await first.expect(RoomShared) == RoomShared("key-monday", "lab", "tuesday", True)
    assert await second.expect(RoomShared) == RoomShared("key-tuesday", "lab", "monday", False)


async def test_a_session_that_is_gone_claims_nothing_against_the_next(world: World) -> None:
    first, second = await world.kernel(), await world.kernel()
    await first.serve("key-monday", {})
    first.send(OpenRoom("key-monday", "lab", 1.0))
    await until(lambda: world.server.rooms.get("lab"))
    await first.die()
    await second.serve("key-tuesday", {})
    second.send(OpenRoom("key-tuesday", "lab", 2.0))
    second.send(SetState("key-tuesday", "paused"))
    session = world.server.sessions.get("key-tuesday")
    await until(lambda: session is not None and session.state == "paused")
    assert not [message for message in second.heard if isinstance(message, RoomShared)]


async def test_a_kernel_whose_participants_only_wait_is_in_use(world: World) -> None:
    """They send nothing for an hour, and Jupyter's culler would end it as idle."""
    kernel, idle = await world.kernel("kernel-id"), await world.kernel("idle-id")
    await kernel.serve()
    await idle.serve("key-other", {})
    await world.play()
    touched: list[str] = []
    world.server._on_activity = touched.append
    world.server._note_use()
    assert touched == ["kernel-id"]


def test_the_researcher_reads_that_idle_kernels_are_ended() -> None:
    kernels = SimpleNamespace(cull_idle_timeout=900)
    jupyter = SimpleNamespace(kernel_manager=kernels, shutdown_no_activity_timeout=3600)
    culling, ending = _notes_of_culling(jupyter)
    assert "idle for 900 s" in culling
    assert "cull_idle_timeout = 0" in culling
    assert "3600 s" in ending
    assert _notes_of_culling(SimpleNamespace(kernel_manager=SimpleNamespace())) == []
    assert _notes_of_culling(None) == []
