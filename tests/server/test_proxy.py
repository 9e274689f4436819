"""The nginx of the manual, and a real one, in front of the server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from live_jupyter import free_port

from tests.server.worlds import World, until, upgrade
from uproot_nb.bridge.messages import HttpRequest, Misuse, OpenRoom
from uproot_nb.server.networks import Proxies

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
MANUAL = Path(__file__).parents[2] / "docs" / "headless.md"
ANN = "p/token-of-ann-0123456789/"

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(NGINX is None, reason="there is no nginx: bash tools/prepare.sh proxy"),
]


def _block(server_port: int, location: str) -> str:
    """Return the manual's block, for the port of the test's server."""
    blocks = re.findall(r"```text\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.S)
    (found,) = [block for block in blocks if "proxy_pass" in block]
    block = found.replace("127.0.0.1:8600", f"127.0.0.1:{server_port}")
    return str(block.replace("location / {", f"location {location} {{"))


@contextmanager
def _nginx(block: str) -> Iterator[int]:
    """Run an nginx of the test's own; yield its port."""
    assert NGINX is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="uproot_nb-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        user = "user root;" if os.getuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = folder / "nginx.conf"
        config.write_text(
            f"{user}\npid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{temporary}"
            f"server {{\nlisten 127.0.0.1:{port};\n{block}\n}}\n}}\n"
        )
        command = [NGINX, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait(10)


async def _listens(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A server that trusts a proxy on this machine."""
    made = World("memory", tmp_path)
    await made.start()
    made.server.site.proxies = Proxies(["127.0.0.1"])
    kernel = await made.kernel()
    await kernel.serve()
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    await until(lambda: made.server.rooms.get("lab"))
    yield made
    await made.stop()


async def test_pages_sockets_and_uploads_pass_also_on_another_port(world: World) -> None:
    with _nginx(_block(world.server.port, "/")) as port:
        await _listens(port)
        page = await world.client.fetch(f"http://127.0.0.1:{port}/{ANN}")
        assert page.code == 200
        raw = await upgrade(
            port,
            f"/{ANN}ws?page=0",
            Host=f"lab.example:{port}",
            Origin=f"http://lab.example:{port}",
        )
        assert (await raw.read())[0] == 1
        raw.writer.close()
        body = (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
            + b"x" * 5_000_000
            + b"\r\n--b--"
        )
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        sent = await world.client.fetch(
            f"http://127.0.0.1:{port}/{ANN}", method="POST", body=body, headers=kind
        )
        assert sent.code == 200
        (kernel,) = world.kernels
        posted = [one for one in kernel.heard if isinstance(one, HttpRequest) and one.files]
        assert posted[0].files[0][4] == 5_000_000


async def test_everybody_keeps_an_address_of_their_own(world: World) -> None:
    with _nginx(_block(world.server.port, "/")) as port:
        await _listens(port)
        for number in (2, 3):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(f"127.0.0.{number}", 0)
            )
            claim = "X-Forwarded-For: 203.0.113.9"  # as anybody may say
            writer.write(f"GET /room/lab/ HTTP/1.0\r\nHost: x\r\n{claim}\r\n\r\n".encode())
            assert (await reader.readline()).split()[1] == b"200"
            writer.close()
        room = world.server.rooms.get("lab")
        assert room is not None
        assert set(room._visitors._known) == {"127.0.0.2", "127.0.0.3"}


@pytest.mark.parametrize("strips", [False, True])
async def test_a_path_may_be_left_or_taken_away(world: World, strips: bool, tmp_path: Path) -> None:
    public = World("memory", tmp_path)
    public.options = {"public_url": "https://lab.example.org/exp/"}
    await public.start()
    try:
        kernel = await public.kernel()
        await kernel.serve()
        block = _block(public.server.port, "/exp/")
        if strips:
            address = f"proxy_pass http://127.0.0.1:{public.server.port}"
            block = block.replace(address, f"{address}/")
        with _nginx(block) as port:
            await _listens(port)
            page = await world.client.fetch(f"http://127.0.0.1:{port}/exp/{ANN}")
            assert page.code == 200
            raw = await upgrade(
                port, f"/exp/{ANN}ws?page=0", Host="lab.example.org",
                Origin="https://lab.example.org",
            )  # fmt: skip
            assert (await raw.read())[0] == 1
            raw.writer.close()
    finally:
        await public.stop()


async def test_a_proxy_that_hides_the_port_is_named(world: World) -> None:
    block = _block(world.server.port, "/").replace("$http_host", "$host")
    with _nginx(block) as port:
        await _listens(port)
        origin = f"http://127.0.0.1:{port}"
        with pytest.raises(AssertionError, match="404"):
            await upgrade(port, f"/{ANN}ws?page=0", Origin=origin)
        told = await world.kernels[0].expect(Misuse)
        assert f"{origin} asked for 127.0.0.1." in told.what
        assert "proxy_set_header Host $http_host" in told.what
