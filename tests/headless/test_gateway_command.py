"""`uproot-nb gateway`, as the manual's page on gateways starts it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.gateway_process import GatewayProcess
from tests.components.nats_server import NatsServer, nats_server
from tests.running import serving, until_true
from uproot_nb import Page
from uproot_nb.cli import main
from uproot_nb.errors import BrokerRefused, BrokerSilent, UprootError

__all__ = ["nats_server"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gateways.md"


class Hello(Page):
    """Hello."""


def fence(containing: str) -> str:
    """Return the block of the manual's page that has this text."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if containing in block)


def test_the_commands_of_the_page_start_two_gateways(nats_server: NatsServer) -> None:
    lines = [line for line in fence("$ uproot-nb").splitlines() if "gateway" in line]
    assert len(lines) == 2
    for line in lines:
        _, _, command, *options = shlex.split(line)
        assert command == "gateway"
        options[options.index("--bridge") + 1] = nats_server.url
        options[options.index("--port") + 1] = "0"
        with GatewayProcess("", *options) as gateway:
            gateway.read_until("Connected to")
            with serving(Hello, bridge=nats_server.url, embedded=None) as run:
                assert run.url == "https://lab.example.org/"
            assert gateway.terminate() == 0


def test_the_bridge_may_be_given_by_the_environment(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPROOT_NB_BRIDGE", nats_server.url)
    with GatewayProcess("") as gateway, serving(Hello, embedded=None) as run:
        assert run.url == f"http://127.0.0.1:{gateway.port}/"


@pytest.mark.slow
def test_a_gateway_waits_for_a_broker_that_starts_later() -> None:
    with NatsServer() as broker:
        broker.kill()
        with GatewayProcess(broker.url) as gateway:
            gateway.read_until(f"No NATS server answers at {broker.url}")
            gateway.read_until("This gateway tries again")
            broker.start()
            gateway.read_until("Connected to")


def make_certificate(folder: Path) -> None:
    """Make a certificate for this machine that has signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("There is no openssl.")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "server.key", "-out", "server.pem", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def test_the_configuration_of_the_page_admits_each_side_to_what_it_needs(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    config = fence("authorization").replace("/etc/nats", str(tmp_path))
    config = re.sub(r"listen:.*\n", "", config)
    config = re.sub(r'(user: (\w+), password: )"[^"]*"', r'\1"\2-secret"', config)
    with NatsServer(config) as broker:
        place = f"localhost:{broker.port}?ca={tmp_path}/server.pem"
        with (
            GatewayProcess(f"tls://gateway:gateway-secret@{place}") as gateway,
            serving(Hello, bridge=f"tls://kernel:kernel-secret@{place}", embedded=None) as run,
        ):
            assert run.url == f"http://127.0.0.1:{gateway.port}/"
            until_true(lambda: "-secret" not in broker.log)
        with pytest.raises(BrokerRefused, match="Authorization") as refused:
            serving(Hello, bridge=f"tls://kernel:wrong@{place}", embedded=None).__enter__()
        assert "wrong" not in str(refused.value)
        assert "permissions violation" not in broker.log.lower()


@pytest.mark.parametrize(
    ("bridge", "message"),
    [("", "--bridge: give nats://"), ("market.ipynb", "--bridge: give nats://"),
     ("nats://localhost:1?creds=/missing.creds", "missing.creds")],
)  # fmt: skip
def test_a_gateway_that_cannot_start_says_why(
    bridge: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UPROOT_NB_BRIDGE", raising=False)
    assert main(["gateway", "--bridge", bridge, "--port", "0"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_gateway_that_is_not_admitted_ends_with_status_2() -> None:
    with NatsServer("authorization { token: right }") as broker:
        command = [sys.executable, "-m", "uproot_nb.cli", "gateway", "--port", "0", "--bridge"]
        wrong = broker.url.replace("//", "//wrong@")
        ended = subprocess.run([*command, wrong], capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert "refused the connection" in ended.stderr
        assert "wrong" not in ended.stderr + ended.stdout


@pytest.mark.long
def test_serve_says_what_is_wrong_with_a_bridge() -> None:
    with pytest.raises(BrokerSilent, match="No NATS server answers at nats://"):
        serving(Hello, bridge="nats://127.0.0.1:1", embedded=None).__enter__()
    with pytest.raises(UprootError, match="Give only one of them"):
        serving(Hello, bridge="nats://127.0.0.1:1", embedded=True).__enter__()
    with pytest.raises(UprootError, match="prefix= is a part"):
        serving(Hello, bridge="nats://127.0.0.1:1?prefix=*", embedded=None).__enter__()
