"""choose_connection: gateways at a broker, or a participant server on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from uproot_nb.bridge.nats.broker_address import BrokerAddress, is_broker
from uproot_nb.errors import UprootError
from uproot_nb.notebook.connecting import Connection, ServerConnection

__all__ = ["BROKER", "choose_connection"]

BROKER = "UPROOT_NB_BRIDGE"
"""The environment variable with the bridge of runs that are given none."""


def choose_connection(
    session: str,
    *,
    bridge: str | None,
    embedded: bool | None,
    port: int,
    address: str,
    public_url: str,
    server: Mapping[str, Any] | None,
    environ: Mapping[str, str] = os.environ,
) -> Connection:
    """Return the connection that the arguments of `serve` ask for.

    Raises:
        UprootError: they contradict each other.
    """
    if bridge is None and not embedded:
        bridge = environ.get(BROKER) or None
    if bridge is None or not is_broker(bridge):
        return ServerConnection(bridge, embedded, port, address, public_url, server)
    if embedded:
        raise UprootError(
            "serve(bridge='nats://…', embedded=True): a run with its own server has no gateways. "
            "Give only one of them."
        )
    from uproot_nb.notebook.nats_connection import NatsConnection  # lazy: sixteen modules

    return NatsConnection(_parse(bridge), session, public_url)


def _parse(bridge: str) -> BrokerAddress:
    try:
        return BrokerAddress.parse(bridge)
    except ValueError as error:
        raise UprootError(f"serve(bridge=…): {error}.") from error
