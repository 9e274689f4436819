"""The proxies' configurations in deploy/proxies/, with the real programs and TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from live_jupyter import free_port
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import websocket_connect

from tests.components.proxies import DEPLOY, caddy, caddy_authority, make_certificate, nginx
from tests.server.worlds import World, until
from uproot_nb.bridge.messages import HttpRequest, OpenRoom
from uproot_nb.server.networks import Proxies

PROXIES = DEPLOY / "proxies"
ANN = "p/token-of-ann-0123456789/"
ADDRESS = "127.0.0.1:8600"
LARGE = 5_000_000


def changed(name: str, changes: dict[str, str]) -> str:
    """Return a file's text for this test's ports; all that is changed must be there."""
    text = (PROXIES / name).read_text("utf-8")
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


class Behind:
    """A server behind a proxy, as browsers reach it."""

    def __init__(self, world: World, port: int, authority: Path) -> None:
        self.world, self.port = world, port
        self.root = f"https://localhost:{port}/"
        self._trusted = ssl.create_default_context(cafile=str(authority))

    def request(self, path: str, **options: Any) -> HTTPRequest:
        return HTTPRequest(f"{self.root}{path}", ssl_options=self._trusted, **options)

    async def fetch(self, path: str, **options: Any) -> HTTPResponse:
        return await AsyncHTTPClient().fetch(self.request(path, **options), raise_error=False)

    async def first_frame(self) -> Any:
        """Open Ann's socket as her browser does, and return what comes first."""
        headers = {"Origin": self.root.rstrip("/")}
        address = self.request(f"{ANN}ws?page=0", headers=headers)
        address.url = address.url.replace("https:", "wss:")
        connection = await websocket_connect(address)
        frame = await connection.read_message()
        connection.close()
        return frame


@contextmanager
def by_nginx(server_port: int, folder: Path) -> Iterator[tuple[int, Path]]:
    port, plain = free_port(), free_port()
    authority = make_certificate(folder)
    config = changed("nginx.conf", {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "lab.example.org": "localhost", "/etc/ssl/lab.pem": str(authority),
        "/etc/ssl/lab.key": str(folder / "lab.key"), ADDRESS: f"127.0.0.1:{server_port}",
    })  # fmt: skip
    with nginx(config, port):
        yield port, authority


@contextmanager
def by_caddy(server_port: int, folder: Path) -> Iterator[tuple[int, Path]]:
    port, plain = free_port(), free_port()
    site = changed("Caddyfile", {
        "lab.example.org": f"localhost:{port}", ADDRESS: f"127.0.0.1:{server_port}",
    })  # fmt: skip
    options = f"{{\nadmin off\nskip_install_trust\nhttp_port {plain}\nhttps_port {port}\n}}\n"
    with caddy(options + site, port) as data:
        yield port, caddy_authority(data)


def greets(port: int, authority: Path) -> bool:
    """Return whether a proxy has a certificate for localhost."""
    trusted = ssl.create_default_context(cafile=str(authority))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            trusted.wrap_socket(plain, server_hostname="localhost").close()
    except OSError:  # among them ssl.SSLError
        return False
    return True


@pytest_asyncio.fixture(params=[by_nginx, by_caddy], ids=["nginx", "Caddy"])
async def behind(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Behind]:
    world = World("memory", tmp_path)
    await world.start()
    world.server.site.proxies = Proxies(["127.0.0.1"])
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    await until(lambda: world.server.rooms.get("lab"))
    with request.param(world.server.port, tmp_path) as (port, authority):
        await until(lambda: greets(port, authority))  # Caddy signs its certificate while it listens
        yield Behind(world, port, authority)
    await world.stop()


@pytest.mark.long
async def test_pages_and_sockets_pass_by_tls(behind: Behind) -> None:
    assert (await behind.fetch(ANN)).code == 200
    assert "running" in str(await behind.first_frame())


@pytest.mark.long
async def test_a_large_form_passes_and_one_that_is_too_large_does_not(behind: Behind) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    body = head + b"x" * LARGE + b"\r\n--b--"
    sent = await behind.fetch(ANN, method="POST", body=body, headers=kind)
    assert sent.code == 200
    (kernel,) = behind.world.kernels
    posted = [one for one in kernel.heard if isinstance(one, HttpRequest) and one.files]
    assert posted[0].files[0][4] == LARGE
    refused = await behind.fetch(
        ANN, method="POST", body=b"x" * 23_000_000, headers=kind, request_timeout=60
    )
    assert refused.code >= 400


@pytest.mark.long
async def test_pages_without_sockets_pass(behind: Behind) -> None:
    answer = await behind.fetch(
        f"{ANN}poll?page=0", method="POST", body='{"op":"open"}',
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip
    assert answer.code == 200
    assert b'"link"' in answer.body


@pytest.mark.long
async def test_nobody_can_claim_another_address(behind: Behind) -> None:
    claim = {"X-Forwarded-For": "203.0.113.9"}
    assert (await behind.fetch("room/lab/", headers=claim)).code == 200
    room = behind.world.server.rooms.get("lab")
    assert room is not None
    assert set(room._visitors._known) <= {"127.0.0.1", "::/64"}
    assert room._visitors._known


def test_traefiks_files_lead_to_one_service_and_agree() -> None:
    """The program is not available here: only the content of the files is checked."""
    static = yaml.safe_load((PROXIES / "traefik.yml").read_text("utf-8"))
    routes = yaml.safe_load((PROXIES / "traefik-routes.yml").read_text("utf-8"))["http"]
    (router,) = routes["routers"].values()
    (service,) = routes["services"].values()
    assert router["service"] in routes["services"]
    assert set(router["entryPoints"]) <= set(static["entryPoints"])
    assert router["tls"]["certResolver"] in static["certificatesResolvers"]
    balancer = service["loadBalancer"]
    assert balancer["healthCheck"]["path"] == "/healthz"
    assert balancer["servers"] == [{"url": f"http://{ADDRESS}"}]
    assert static["providers"]["file"]["filename"].endswith("/routes.yml")
