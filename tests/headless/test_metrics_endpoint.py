"""`--metrics` of `uproot-nb run` and `uproot-nb gateway`, read as Prometheus does."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components.gateway_process import GatewayProcess
from tests.components.nats_server import NatsServer, own_nats_server
from tests.headless.test_run import EXPERIMENT, Headless, notebook
from tests.running import Browser, serving, until, until_true
from uproot_nb import Page, live

__all__ = ["own_nats_server"]

NOTE = "Prometheus reads "


class Counting(Page):
    """Counts."""

    @live
    def count(page: Counting, player: object) -> int:
        return 1


def read(address: str) -> str:
    with urllib.request.urlopen(address) as answer:
        return str(answer.read().decode())


def health(metrics: str) -> str:
    return str(json.loads(read(metrics.replace("/metrics", "/healthz")))["status"])


def figure(metrics: str, sample: str) -> float:
    """Return the value of a sample; 0 if there is none."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", read(metrics), re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Headless]:
    started = Headless(notebook(tmp_path, EXPERIMENT), "--port", "0", "--metrics", "127.0.0.1:0")
    yield started
    started.close()


@pytest.mark.slow
def test_a_run_shows_its_sessions_and_its_commits(run: Headless) -> None:
    text = run.says("the notebook says hello")
    metrics = re.findall(rf"{NOTE}(\S+)", text)[0]
    until_true(lambda: health(metrics) == "serving")
    until_true(lambda: figure(metrics, 'uproot_nb_sessions{state="running"}') == 1)
    until_true(lambda: figure(metrics, 'uproot_nb_commit_seconds_count{session="study"}') > 0)
    assert figure(metrics, 'uproot_nb_condition{condition="serving"}') == 1
    assert figure(metrics, "process_cpu_seconds_total") > 0


async def test_a_gateway_counts_its_calls_and_says_when_its_broker_is_away(
    own_nats_server: NatsServer,
) -> None:
    broker = own_nats_server
    with GatewayProcess(broker.url, "--metrics", "127.0.0.1:0") as gateway:
        metrics = gateway.read_until(NOTE).removeprefix(NOTE).strip()
        await until(lambda: health(metrics) == "serving")
        with serving(Counting, bridge=broker.url, embedded=None, name="counted") as run:
            ann = await Browser.open(run)
            assert await ann.call("count") == 1
            assert figure(metrics, 'uproot_nb_participants{session="counted"}') == 1
            assert figure(metrics, "uproot_nb_call_seconds_count") == 1
            assert health(run.url + "metrics") == "serving"
        broker.kill()
        await until(lambda: health(metrics) == "cut off")


@pytest.mark.slow
def test_the_kernel_does_not_get_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPROOT_NB_METRICS_TOKEN", "a-token-for-prometheus-0123")
    curious = "import os\nprint('TOKENS', [name for name in os.environ if 'TOKEN' in name])"
    started = Headless(notebook(tmp_path, curious, EXPERIMENT), "--port", "0")
    try:
        assert "TOKENS []" in started.says("the notebook says hello")
    finally:
        started.close()
