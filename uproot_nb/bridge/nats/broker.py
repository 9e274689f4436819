"""Broker: one connection to NATS, which reconnects automatically."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.errors import BrokerRefused, BrokerSilent, UprootError

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from uproot_nb.bridge.nats.prompt_client import PromptClient

__all__ = ["Broker", "open_broker"]

_CONNECT_SECONDS = 5
_RETRY_SECONDS = 0.25
_PING_SECONDS = 1
_PINGS = 2
"""Pings without an answer after which a connection counts as lost."""
_NO_LIMIT = 0
"""Of the bytes that nats-py may hold: our streams' credit bounds them."""

_log = logging.getLogger("uproot_nb.bridge")

Listen = Callable[[bytes], None]


class Broker:
    """Publishes and subscribes, in its loop's thread.

    broker = await open_broker(BrokerAddress.parse("nats://127.0.0.1:4222"))
    await broker.subscribe("uproot_nb.v8.gateways", print)
    broker.publish("uproot_nb.v8.gateways", b"...")
    await broker.close()
    """

    def __init__(self, client: PromptClient, address: BrokerAddress) -> None:
        from nats import errors  # lazy: an extra

        self.address = address
        self._client, self._failure = client, errors.Error
        self.ended = asyncio.Event()
        """Set when the connection does not come back: it was closed, or is no longer admitted."""
        self.on_change: Callable[[bool], None] = lambda connected: None
        """Called when the connection is lost, and when it is back."""

    @property
    def connected(self) -> bool:
        """Whether what is published leaves this machine."""
        return bool(self._client.is_connected)

    @property
    def largest(self) -> int:
        """The most bytes of a message."""
        return int(self._client.max_payload)

    def publish(self, subject: str, data: bytes) -> None:
        """Send *data*, after what was published before; never waits.

        What nobody is connected for is dropped: streams notice what is missing.
        """
        coroutine = self._client.publish(subject, data)
        try:
            coroutine.send(None)  # with no limit of pending bytes it never waits
        except StopIteration:
            return
        except self._failure as error:
            _log.debug("A message could not be sent over NATS: %r.", error)
        else:
            coroutine.close()
            _log.error("A message was not sent over NATS: nats-py wanted to wait.")

    def together(self) -> AbstractContextManager[None]:
        """Send what is published in a block in one piece, at its end."""
        return self._client.held()

    async def subscribe(self, subject: str, listen: Listen) -> None:
        """Let *listen* have what is published to *subject* from now on."""

        def take(data: bytes) -> None:
            try:
                listen(data)
            except Exception:  # the border around one message: those that follow are read
                _log.exception("A message over NATS could not be read.")

        async def take_message(message: Msg) -> None:
            take(message.data)

        subscription = await self._client.subscribe(
            subject, cb=take_message, pending_msgs_limit=0, pending_bytes_limit=0
        )  # the streams' credit bounds what waits
        self._client.hand_over(subscription, take)
        await self._client.flush()
        _obey_cancellation()

    async def close(self) -> None:
        """Send what was published, and disconnect. Idempotent."""
        self.on_change = lambda connected: None
        if not self._client.is_closed:
            # nats-py may wait for a connection for which a task that it has cancelled waited, too.
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await self._client.close()
            _obey_cancellation()

    async def note_lost(self) -> None:
        """Report that the connection is lost."""
        self.on_change(False)

    async def note_back(self) -> None:
        """Report that the connection is back."""
        self.on_change(True)

    async def note_ended(self) -> None:
        """Note that the connection does not come back."""
        self.ended.set()


async def open_broker(address: BrokerAddress, name: str = "") -> Broker:
    """Connect to NATS as *name*, which its own tools show.

    Raises:
        BrokerSilent: no server answers.
        BrokerRefused: the server does not admit us.
    """
    try:
        from uproot_nb.bridge.nats.prompt_client import PromptClient  # lazy: an extra
    except ImportError as error:
        raise UprootError(
            f"{address.shown} is a NATS server; its client is not installed.\n"
            "Run: pip install 'uproot_nb[nats]'"
        ) from error
    client = PromptClient()
    broker = Broker(client, address)
    try:
        await _connect(client, broker, address, name)
        _obey_cancellation()
    except asyncio.CancelledError:
        await _give_up(client)
        raise
    return broker


async def _connect(client: PromptClient, broker: Broker, address: BrokerAddress, name: str) -> None:
    from nats import errors  # lazy: an extra

    options: dict[str, Any] = address.options()
    options |= {
        "name": name, "error_cb": _note_error, "closed_cb": broker.note_ended,
        "disconnected_cb": broker.note_lost, "reconnected_cb": broker.note_back,
        "connect_timeout": _CONNECT_SECONDS, "reconnect_time_wait": _RETRY_SECONDS,
        "max_reconnect_attempts": -1, "ping_interval": _PING_SECONDS,
        "max_outstanding_pings": _PINGS, "pending_size": _NO_LIMIT,
    }  # fmt: skip
    try:
        await _within(_CONNECT_SECONDS, client.connect(address.servers, **options))
    except (errors.Error, OSError, TimeoutError) as error:
        cause = client.last_error or error  # nats-py tries again, whatever the reason is
        await _give_up(client)
        refused = isinstance(cause, errors.Error)
        failure = BrokerRefused if refused else BrokerSilent
        raise failure(address.shown, f"{_reason(cause)}.") from error


async def _within(seconds: float, attempt: Coroutine[Any, Any, Any]) -> None:
    """Await an attempt for so long; nats-py may catch the cancellation, and would try for ever.

    Raises:
        TimeoutError: it was not done.
    """
    task = asyncio.ensure_future(attempt)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it is not missed
    try:
        if not (await asyncio.wait({task}, timeout=seconds))[0]:
            raise TimeoutError
        task.result()
    finally:
        task.cancel()


async def _give_up(client: PromptClient) -> None:
    with contextlib.suppress(Exception):  # it was never connected
        await _within(_CONNECT_SECONDS, client.close())


def _obey_cancellation() -> None:
    """Raise the cancellation of the running task, which nats-py may have caught."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _reason(error: BaseException) -> str:
    return str(error).removeprefix("nats: ").rstrip(".") or type(error).__name__


async def _note_error(error: Exception) -> None:
    _log.debug("NATS: %r", error)
