"""UprootNB: the Jupyter server extension that serves participants."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Float, Integer, List, TraitError, Unicode, default, validate

from uproot_nb.bridge.discovery import VARIABLE
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.bridge.stream import Listener, publish_listener
from uproot_nb.errors import UprootError
from uproot_nb.server.frame_policy import check_ancestors
from uproot_nb.server.gateways.gateway import Gateway, draw_family
from uproot_nb.server.limits import Limits
from uproot_nb.server.metrics.collector import make_registry
from uproot_nb.server.metrics.jupyter_page import MetricsPage
from uproot_nb.server.metrics.timings import ServerTimings
from uproot_nb.server.mounting.addresses import MOUNT
from uproot_nb.server.mounting.hub import HubServer
from uproot_nb.server.mounting.mount import Mount, open_to_all
from uproot_nb.server.networks import Proxies
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.settings import ServerSettings
from uproot_nb.server.site import check_path
from uproot_nb.server.status import describe
from uproot_nb.server.steward.handlers import steward_routes
from uproot_nb.server.steward.jupyter_access import join_jupyter
from uproot_nb.server.steward.status_address import StatusAddress

__all__ = ["UprootNB"]


class UprootNB(ExtensionApp):
    """Serves participants beside Jupyter, on a port of their own.

    Set its traits in `jupyter_server_config.py`:

        c.UprootNB.participant_address = "0.0.0.0"
        c.UprootNB.public_url = "https://lab.example.org/"
    """

    name = "uproot_nb"
    extension_url = "/uproot_nb/status"
    load_other_extensions = True

    participant_port = Integer(
        8600,
        min=0,
        max=65535,
        help="""Participants' port; the next free one if it is in use. 0 takes any, and is the
        default behind a JupyterHub, where participants come by its address.""",
    ).tag(config=True)
    participant_address = Unicode(
        "127.0.0.1", help="The address to listen on for participants; 0.0.0.0 for all."
    ).tag(config=True)
    public_url = Unicode("", help="The address that browsers use, for example behind a proxy.").tag(
        config=True
    )
    base_path = Unicode(
        "",
        help="""The path that a proxy passes on without removing it, such as
        "/study"; by default that of the public URL.""",
    ).tag(config=True)
    mount = Bool(
        False,
        help="""Also serve participants below Jupyter's own address, for hosts with a single port.
        Their pages are sandboxed there: they get an origin of their own. True by default behind a
        JupyterHub.""",
    ).tag(config=True)
    max_calls_per_second = Float(
        200.0, min=0.0, help="Calls of one player, five seconds' worth at once; 0 = no limit."
    ).tag(config=True)
    max_frame_bytes = Integer(
        Limits.max_frame_bytes, min=1024, help="The longest message accepted from a browser."
    ).tag(config=True)
    max_unsent_bytes = Integer(
        Limits.max_unsent_bytes,
        min=65536,
        help="A browser that leaves more unread is disconnected, and resumes when it can.",
    ).tag(config=True)
    max_connections = Integer(
        Limits.max_connections, min=1, help="Open connections of all participants together."
    ).tag(config=True)

    max_upload_bytes = Integer(
        Limits.max_upload_bytes,
        min=Limits.max_form_bytes,
        help="The longest form with files accepted from a browser.",
    ).tag(config=True)

    max_connections_per_network = Integer(
        0,
        min=0,
        help="""Connections without a player's link that one address (IPv6: one /64) may hold, as
        in front of a room; 0 = three eighths of max_connections.""",
    ).tag(config=True)
    max_joins_per_second = Float(
        Limits.max_joins_per_second,
        min=0.0,
        help="""Places that one address may open by a join link or in a room, after the first 300;
        0 = no limit.""",
    ).tag(config=True)
    trusted_proxies = List(
        Unicode(),
        help="""Addresses and networks of proxies whose X-Forwarded-For header is trusted, such as
        "127.0.0.1" for one on this machine. Other proxies' headers are ignored.""",
    ).tag(config=True)

    frame_ancestors = List(
        Unicode(),
        help="""Origins that may show participants' pages in a frame, beside this machine's own:
        such as "https://hub.example.org", or "*" for all.""",
    ).tag(config=True)

    bridge = Unicode(
        "",
        help="""The address of NATS servers, such as "nats://broker:4222": participants of sessions
        that kernels elsewhere serve there come by this server, too; see the manual's Gateways.""",
    ).tag(config=True)

    metrics = Bool(
        True,
        help="""Measure how long calls, requests and commits take, and show that and more to
        Prometheus at uproot_nb/metrics, behind Jupyter's login or token.""",
    ).tag(config=True)

    limits = Dict(
        help="""Further limits by name, such as {"max_form_bytes": 2_000_000}; see the manual."""
    ).tag(config=True)

    participants: ParticipantServer = None  # type: ignore[assignment] # until initialized
    _listener: Listener | None = None
    _mount: Mount | None = None
    _gateway: Gateway | None = None
    _serving: asyncio.Task[None] | None = None

    @default("mount")
    def _mount_by_default(self) -> bool:
        return self._hub is not None

    @default("participant_port")
    def _port_by_default(self) -> int:
        return 8600 if self._hub is None else 0

    @property
    def _hub(self) -> HubServer | None:
        """The JupyterHub that has started this Jupyter server, if one has."""
        app = self.serverapp
        return None if app is None else HubServer.of(os.environ, app.base_url)

    @validate("base_path")
    def _check_base_path(self, proposal: Any) -> str:
        try:
            return check_path(proposal["value"])
        except ValueError as error:
            raise TraitError(f"UprootNB.base_path: {error}.") from error

    @validate("bridge")
    def _check_bridge(self, proposal: Any) -> str:
        checked: str = proposal["value"]
        try:
            if checked:
                BrokerAddress.parse(checked)
        except ValueError as error:
            raise TraitError(f"UprootNB.bridge: {error}.") from error
        return checked

    @validate("limits")
    def _check_limits(self, proposal: Any) -> dict[str, Any]:
        checked: dict[str, Any] = proposal["value"]
        own = [name for name in checked if self.has_trait(name)]
        try:
            if own:
                raise ValueError(f"set c.UprootNB.{own[0]} itself")
            ServerSettings.of(checked)
        except ValueError as error:
            raise TraitError(f"UprootNB.limits: {error}") from error
        return checked

    @validate("trusted_proxies")
    def _check_proxies(self, proposal: Any) -> list[str]:
        try:
            Proxies(proposal["value"])
        except ValueError as error:
            raise TraitError(f"UprootNB.trusted_proxies: {error}") from error
        checked: list[str] = proposal["value"]
        return checked

    @validate("frame_ancestors")
    def _check_ancestors(self, proposal: Any) -> list[str]:
        try:
            return check_ancestors(proposal["value"])
        except ValueError as error:
            raise TraitError(f"UprootNB.frame_ancestors: {error}") from error

    def initialize_settings(self) -> None:
        """Make the participant server; it opens its port when Jupyter's loop runs."""
        limits = replace(
            ServerSettings.of(self.limits).limits,
            max_calls_per_second=self.max_calls_per_second,
            max_frame_bytes=self.max_frame_bytes,
            max_unsent_bytes=self.max_unsent_bytes,
            max_connections=self.max_connections,
            max_connections_per_network=self.max_connections_per_network,
            max_joins_per_second=self.max_joins_per_second,
            max_upload_bytes=self.max_upload_bytes,
            max_file_bytes=self.limits.get("max_file_bytes", self.max_upload_bytes),
        )
        self.participants = ParticipantServer(
            limits,
            public_url=self.public_url,
            trusted_proxies=self.trusted_proxies,
            frame_ancestors=self.frame_ancestors,
            base_path=self.base_path,
            on_activity=self._note_activity,
            family=draw_family() if self.bridge else 0,
        )
        if self.metrics:
            self.participants.measure(ServerTimings())
        if self.bridge:
            self._gateway = Gateway(
                self.participants, BrokerAddress.parse(self.bridge), notes=self._notes_of_address
            )

    def initialize_handlers(self) -> None:
        """Add the status page, the monitor and the API, and the mount if it is configured."""
        if self.metrics:
            registry = make_registry(self.participants.health, self.participants)
            self.handlers.append((r"uproot_nb/metrics", MetricsPage, {"registry": registry}))
        parts = self.participants.steward_parts()
        shown = {"parts": parts, "describe": lambda: describe(self.participants)}
        self.handlers.append((r"uproot_nb/status((?:\.json)?)", join_jupyter(StatusAddress), shown))
        self.handlers.extend(steward_routes("uproot_nb/", join_jupyter, parts))
        if self.mount:
            self.handlers.extend(open_to_all(self.participants.routes(MOUNT, sandboxed=True)))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Open the participants' port and the kernels' socket, and publish where they are."""
        participants = self.participants
        participants.site.let_jupyter_frame(serverapp.public_url)
        participants.expected.extend()
        participants.start(self.participant_port, self.participant_address)
        if self.mount:
            hub = self._hub
            self._mount = Mount(
                serverapp, participants.site, "" if hub is None else hub.public_url, self._moved
            )
            self._mount.open()
        self._listener = await publish_listener(
            Path(serverapp.runtime_dir),
            participants.attach,
            url=participants.url,
            find_rival=participants.find_rival,
            notes=self._notes,
        )
        os.environ[VARIABLE] = str(self._listener.file)  # kernels inherit it
        self.log.info("Participants reach the experiments at %s", participants.url)
        if self._gateway is not None:
            self._serving = asyncio.create_task(self._serve_gateway(self._gateway))

    def _moved(self, url: str) -> None:
        """Let kernels know the address by which participants come."""
        self.log.info("Participants reach the experiments at %s", url)
        if self._listener is not None:
            self._listener.move(url)
        self.participants.announce_url()

    async def _serve_gateway(self, gateway: Gateway) -> None:
        try:
            await gateway.stay_open(self.log.info)
        except (UprootError, OSError) as refusal:
            self.log.error("c.UprootNB.bridge: %s", refusal)

    async def stop_extension(self) -> None:
        """Close all connections, and leave no files behind. Idempotent."""
        if self._mount is not None:
            self._mount.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._serving = None
        if self.participants is not None:
            await self.participants.stop()
        if self._gateway is not None:
            await self._gateway.close()

    def current_activity(self) -> dict[str, int] | None:
        """Return who is connected, so that an idle Jupyter server does not end an experiment."""
        server = self.participants
        opened = 0 if server is None else len(server.sockets) + len(server.rooms.sockets())
        return {"participants": opened} if opened else None

    def _notes(self) -> list[str]:
        """Return notes for researchers about this server, a sentence each."""
        culling = _notes_of_culling(self.serverapp)
        return self.participants.notes + self._notes_of_address() + culling

    def _notes_of_address(self) -> list[str]:
        return [] if self._mount is None else self._mount.notes

    def _note_activity(self, kernel: str) -> None:
        """Prevent *kernel* from being culled: participants use it, though no cell runs."""
        if self.serverapp is None:
            return
        now = datetime.now(UTC)
        self.serverapp.web_app.settings["last_activity_times"][self.name] = now
        kernels = self.serverapp.kernel_manager
        if kernel and kernel in kernels:
            # The culler reads this attribute; multi-kernel managers set it in the same way.
            setattr(kernels.get_kernel(kernel), "last_activity", now)  # noqa: B010


def _notes_of_culling(serverapp: Any) -> list[str]:
    """Return a warning if idle kernels are ended, and with them sessions without open pages."""
    kernels = getattr(serverapp, "kernel_manager", None)
    idle = int(getattr(kernels, "cull_idle_timeout", 0) or 0)
    server = int(getattr(serverapp, "shutdown_no_activity_timeout", 0) or 0)
    notes = []
    if idle > 0:
        notes.append(
            f"This Jupyter server ends kernels that have been idle for {idle} s (culling). This "
            "one runs while a participant's page is open. Without one it is ended, and links show "
            '"paused" until you run the notebook again. To prevent that: '
            "c.MappingKernelManager.cull_idle_timeout = 0, or `uproot-nb run`."
        )
    if server > 0:
        notes.append(
            f"This Jupyter server ends itself when nothing has happened for {server} s "
            "(shutdown_no_activity_timeout); it stays while a participant's page is open."
        )
    return notes
