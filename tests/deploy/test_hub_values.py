"""The values for zero-to-jupyterhub agree with what the servers do."""

from __future__ import annotations

import yaml

from tests.components.proxies import DEPLOY
from uproot_nb.server.limits import Limits


def test_proxies_wait_longer_than_the_pings_take() -> None:
    values = yaml.safe_load((DEPLOY / "hub" / "values.yaml").read_text("utf-8"))
    flags = values["proxy"]["chp"]["extraCommandLineFlags"]
    waits = [int(flag.partition("=")[2]) / 1000 for flag in flags]
    assert len(waits) == 2
    assert all(wait > 2 * Limits.ping_interval for wait in waits)
    assert values["hub"]["config"]["JupyterHub"]["public_url"].endswith("/")
