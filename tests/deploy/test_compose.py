"""The processes of deploy/compose.yaml run a whole study, and a gateway and the kernel die."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tornado import simple_httpclient

from tests.components.postgres import PostgresCluster
from tests.components.proxies import DEPLOY
from tests.deploy.composed import Composed
from tests.driving.recruited import Robot, Robots
from tests.running import until_true
from uproot_nb import open_log

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

VARIABLES = {
    "SITE": "localhost", "DATABASE_PASSWORD": "d0123456789", "KERNEL_PASSWORD": "k0123456789",
    "GATEWAY_PASSWORD": "g0123456789",
}  # fmt: skip
GIVEN = 5
PEOPLE = [f"{number:024x}" for number in range(1, 5)]


async def give(robot: Robot) -> None:
    await robot.client.submit(given=GIVEN)


ACTS: dict[str, Any] = {
    "Consent": lambda robot: robot.client.submit(agreed=True),
    "Question": lambda robot: robot.client.submit(devices="A computer"),
    "Give": give,
    "Result": lambda robot: robot.client.submit(),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    with PostgresCluster() as made:
        yield made


@pytest.fixture
def composed(cluster: PostgresCluster) -> Iterator[Composed]:
    with Composed(cluster, VARIABLES) as made:
        made.start("database", "broker", "gateway-1", "gateway-2", "proxy", "kernel")
        made.wait_for("kernel", "Session study in")
        made.start("standby")
        until_true(made.authority.exists)
        trust(made.authority)
        yield made


def trust(authority: Path) -> None:
    """Let bots trust an authority, as a browser does whose machine trusts it."""
    defaults: Any = simple_httpclient._client_ssl_defaults
    context = defaults() if callable(defaults) else defaults
    context.load_verify_locations(str(authority))


def test_a_study_runs_to_its_end_though_a_gateway_and_the_kernel_die(
    composed: Composed, cluster: PostgresCluster
) -> None:
    root = f"https://localhost:{composed.port('proxy', '443')}/"
    assert root in composed.text("kernel")
    address = f"{root}room/study/"
    with Robots() as robots:
        people = [
            Robot(label, f"{address}?PROLIFIC_PID={label}&STUDY_ID=s&SESSION_ID=x{label}", ACTS,
                  robots.opened)
            for label in PEOPLE
        ]  # fmt: skip
        robots.begin(people)
        robots.open("Consent")
        robots.open("Question")
        until_true(lambda: all(page_of(robot) == "Give" for robot in people))
        composed.kill("gateway-1")
        robots.open("Give")
        until_true(lambda: all(page_of(robot) == "Result" for robot in people))
        composed.kill("kernel")
        robots.open("Result")
        robots.finish(240.0)
    database = f"postgresql://study@127.0.0.1:{cluster.port}/study"
    run = open_log(database, "study")
    state = run.state
    assert sorted(state["label"]) == PEOPLE
    # Each keeps 15 of 20 points, and gets the share of 10 points, in three rounds.
    assert sorted(float(payoff) for payoff in state["payoff"]) == [63.0, 63.0, 72.0, 72.0]


def page_of(robot: Robot) -> str:
    client = getattr(robot, "client", None)
    return "" if client is None else str(client.page)


def test_every_variable_is_explained_in_the_example() -> None:
    example = (DEPLOY / "example.env").read_text("utf-8")
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
    assert asked == set(re.findall(r"^#?(\w+)=", example, re.MULTILINE))


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    ours = [one for one in services.values() if one["image"] == "uproot_nb"]
    assert len(ours) == 4
    for one in ours:
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert any(word.startswith("--metrics=") for word in one["command"])


def test_the_image_runs_without_root_and_asks_for_its_health() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    assert lines[-2:] == ['ENTRYPOINT ["uproot-nb"]', 'CMD ["--help"]']
    assert "USER 10001" in lines
    assert any("127.0.0.1:9100/healthz" in line for line in lines)
