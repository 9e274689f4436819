"""GatewayHub: a run's one channel to all gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from uproot_nb.bridge.channel import Gone, Receive
from uproot_nb.bridge.messages import (
    FAMILY_BITS,
    Action,
    AddPlayers,
    AnswerStored,
    AppFileAsked,
    AppFileFound,
    AppPiece,
    AppPieceWanted,
    Audience,
    AudiencePush,
    Backlog,
    BridgeMessage,
    CloseRoom,
    CloseSession,
    CloseSocket,
    CommitTimes,
    FilePiece,
    FileWanted,
    FromServer,
    Gateways,
    Hello,
    HttpPart,
    HttpReply,
    HttpRequest,
    OpenRoom,
    OpenSession,
    Presence,
    Push,
    Refusal,
    Reply,
    RoomNews,
    RoomWaiting,
    ServeFiles,
    SetState,
    SiteMoved,
    StewardNews,
    Welcome,
)
from uproot_nb.bridge.nats.broker import Broker
from uproot_nb.bridge.nats.envelopes import Envelope
from uproot_nb.bridge.nats.gateway_link import MANY, GatewayLink
from uproot_nb.bridge.nats.incoming_files import PREFIX, IncomingFiles
from uproot_nb.bridge.nats.learned_site import LearnedSite
from uproot_nb.bridge.nats.nats_channel import (
    SILENCE_SECONDS,
    Inbox,
    NatsChannel,
    encode_message,
)
from uproot_nb.bridge.nats.offer import Offer
from uproot_nb.bridge.nats.served_files import ServedFiles
from uproot_nb.bridge.nats.stored_answers import StoredAnswers
from uproot_nb.bridge.nats.subjects import Beacon, Opening, Subjects, new_id
from uproot_nb.bridge.owned_folders import remove_abandoned

__all__ = ["GatewayHub"]

_BEACON_SECONDS = 1.0
_MOST_LABELS = 200


class GatewayHub:
    """Sends each gateway what its participants need, and receives from all.

        hub = GatewayHub(broker, hello, "market", receive, gone, LearnedSite())
        await hub.start()
        hub.send(OpenSession(...))        # also for gateways that start later
        await hub.close_all()

    When a gateway goes, the hub reports to the run that its sockets have closed. `gone` is
    called only if the broker is away for longer than a channel lasts.

    Args:
        hello: who this kernel is, and the session that it serves.
        name: the session's name, which gateways may go by.
        site: the root of participants' links, which gateways may know.
    """

    def __init__(
        self,
        broker: Broker,
        hello: Hello,
        name: str,
        receive: Receive,
        gone: Gone,
        site: LearnedSite,
    ) -> None:
        self._broker, self._hello, self._name, self._site = broker, hello, name, site
        self._receive, self._gone = receive, gone
        self._subjects = Subjects(broker.address.prefix)
        self._id = new_id()
        self._inbox = Inbox(broker, self._opened)
        self._offer, self._answers = Offer(), StoredAnswers()
        self._files = IncomingFiles(self.send)
        self._served_files = ServedFiles(self.send, self.drain)
        self._links: dict[int, GatewayLink] = {}
        self._audience = Audience("", 0, [], [])
        """Who got the last push to many."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._arrival = asyncio.Event()
        self.show: Callable[[str], None] = lambda text: None
        """Shows a sentence to the researcher."""
        self._refused: Refusal | None = None
        """Why the last gateway has refused this kernel."""
        self.closed = False
        to_one: Callable[[Any], None] = self._send_to_one
        self._send_by: dict[type[BridgeMessage], Callable[[Any], None]] = {
            Reply: lambda message: self._send_to(message.call, message),
            Backlog: lambda message: self._send_to(message.socket, message),
            CloseSocket: lambda message: self._send_to(message.socket, message),
            StewardNews: lambda message: self._send_to(message.socket, message),
            HttpReply: to_one,
            HttpPart: to_one,
            FileWanted: lambda message: self._send_to(message.request, message),
            Push: self._send_push,
            Action: self._send_action,
            ServeFiles: self._serve_files,
            AppFileFound: lambda message: self._send_to(message.request, message),
            AppPiece: lambda message: self._send_to(message.request, message),
            **dict.fromkeys(_TO_ALL, self._send_to_all),
        }
        self._take_by: dict[type[BridgeMessage], Callable[[Any], None]] = {
            AnswerStored: self._answers.store,
            FilePiece: self._files.take,
            AppFileAsked: self._served_files.find,
            AppPieceWanted: self._served_files.read,
        }

    # ---- gateways -------------------------------------------------------------------------

    async def start(self) -> None:
        """Let gateways find this kernel; remove what killed kernels had received."""
        await asyncio.to_thread(remove_abandoned, PREFIX)
        self._broker.on_change = self._note_broker
        await self._inbox.listen(self._subjects.kernel(self._id))
        await self._broker.subscribe(self._subjects.kernels, lambda data: self._announce())
        self._beat()

    async def meet(self) -> Refusal | None:
        """Wait until a gateway lets us in; return why the last one did not, if that comes first."""
        while True:
            if any(self._admitted()):
                return None
            if self._refused is not None:
                return self._refused
            self._arrival.clear()
            await self._arrival.wait()

    def _beat(self) -> None:
        self._timers["beacon"] = asyncio.get_running_loop().call_later(_BEACON_SECONDS, self._beat)
        self._announce()
        self._report_presence()

    def _report_presence(self) -> None:
        """Let all gateways know who is connected at any of them, if that has changed."""
        links = list(self._admitted())
        participants = len(set().union(*(link.players for link in links)))
        sockets = sum(link.sockets for link in links)
        news = self._offer.presence(participants, sockets, len(links))
        if news is not None:
            self.send(news)

    def _announce(self) -> None:
        if self._broker.connected and not self.closed:
            beacon = msgspec.msgpack.encode(Beacon(self._id, self._name))
            self._broker.publish(self._subjects.gateways, beacon)

    def _opened(self, envelope: Envelope) -> None:
        """Meet a gateway that has opened a stream to us."""
        opening = msgspec.msgpack.decode(envelope.body, type=Opening)
        if self.closed:
            return
        before = self._links.pop(opening.family, None)
        if before is not None:
            self._part(before)
        peer = self._subjects.gateway(opening.gateway)
        channel, _ = self._inbox.channel(peer, FromServer, envelope.stream)
        link = self._links[opening.family] = GatewayLink(channel, opening.family)
        channel.open(partial(self._receive_from, link), partial(self._lost, link))
        channel.send(self._hello)

    def _lost(self, link: GatewayLink) -> None:
        if self._links.get(link.family) is link:
            del self._links[link.family]
            self._divide()
        self._report_left(link)

    def _divide(self) -> None:
        """Give each gateway its part of what this kernel may have unanswered."""
        links = list(self._admitted())
        self._send_encoded(links, Gateways(len(links)))

    def _part(self, link: GatewayLink) -> None:
        link.channel.close()
        self._report_left(link)

    def _report_left(self, link: GatewayLink) -> None:
        self._files.drop(link.family)
        farewell = link.farewell()
        if farewell and not self.closed:
            self._receive([self._summed(message) for message in farewell])

    def _note_broker(self, connected: bool) -> None:
        timer = self._timers.pop("broker", None)
        if timer is not None:
            timer.cancel()
        if connected:
            self._inbox.resume()
            self._announce()
        elif not self.closed:
            later = asyncio.get_running_loop().call_later
            self._timers["broker"] = later(SILENCE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Be gone: the broker is away for too long."""
        if not self.closed:
            self.closed = True
            self._stop()
            self._files.leave()
            self._served_files.close()
            self._gone()

    # ---- receiving ------------------------------------------------------------------------

    def _receive_from(self, link: GatewayLink, messages: list[BridgeMessage]) -> None:
        if self.closed:
            return
        if not link.admitted:
            messages = self._greet(link, messages)
        for message in messages:
            link.note(message)
            if isinstance(message, SiteMoved):
                self._learn_site(link, message.url)
            if len(self._links) > 1:
                self._charge_elsewhere(link, message)
        passed = [self._summed(message) for message in messages if self._may_pass(message)]
        if passed:
            self._receive(passed)

    def _charge_elsewhere(self, link: GatewayLink, message: BridgeMessage) -> None:
        """Let what a player asks of one gateway count at the others: the rate is one."""
        charge = link.charges.note(message)
        if charge is not None:
            self._send_encoded([one for one in self._admitted() if one is not link], charge)

    def _greet(self, link: GatewayLink, messages: list[BridgeMessage]) -> list[BridgeMessage]:
        """Read the gateway's answer to our greeting; return the messages after it."""
        match messages[:1]:
            case [Welcome() as welcome]:
                link.admitted, self._refused = True, None
                self._learn_site(link, welcome.url)
                for note in welcome.notes if link.family == self._site.family else ():
                    self.show(note)
                for message in self._offer.messages():
                    link.channel.send(message)
                self._divide()
                self._arrival.set()
            case [Refusal() as refusal]:
                self._refused = refusal
                self._arrival.set()
        return messages[1:] if link.admitted else []

    def _learn_site(self, link: GatewayLink, url: str) -> None:
        """Let the run know if its links begin in another way now."""
        if self._site.learn(link.family, url):
            self._receive([SiteMoved(url)])

    def _may_pass(self, message: BridgeMessage) -> bool:
        """Deal with what is not for the run; return whether *message* is."""
        take = self._take_by.get(type(message))
        if take is not None:
            take(message)
            return False
        if not isinstance(message, HttpRequest):
            return not isinstance(message, SiteMoved)
        if message.action == "answer":
            stored = self._answers.take(message.player, message.path)
            self._answer(message, stored or HttpReply(message.request, 404, [], b""))
            return False
        if message.files:
            self._files.fetch(message, lambda fetched: self._receive([fetched]))
            return False
        return True

    def _answer(self, asked: HttpRequest, reply: HttpReply) -> None:
        self.send(HttpReply(asked.request, reply.status, reply.headers, reply.body))

    def _summed(self, message: BridgeMessage) -> BridgeMessage:
        """Return the number of those who wait in a room at all gateways together."""
        if not isinstance(message, RoomWaiting):
            return message
        rooms = [link.rooms.get(message.name) for link in self._links.values()]
        waiting = [room for room in rooms if room is not None and room.session == message.session]
        labels = dict.fromkeys(label for room in waiting for label in room.labels)
        total = sum(room.count for room in waiting)
        return RoomWaiting(message.session, message.name, total, [*labels][:_MOST_LABELS])

    # ---- sending --------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that some gateway has not taken yet."""
        return max((link.channel.unsent for link in self._admitted()), default=0)

    def send(self, message: BridgeMessage) -> None:
        """Send *message* to the gateways that it concerns; never waits."""
        if not self.closed:
            self._send_by[type(message)](message)

    async def drain(self, number: int = 0) -> None:
        """Wait until the gateway of this socket or request has taken most of what was sent."""
        channel = self._channel_of(number)
        if channel is not None:
            await channel.drain()

    def _admitted(self) -> Iterable[GatewayLink]:
        return (link for link in self._links.values() if link.admitted)

    def _channel_of(self, number: int) -> NatsChannel | None:
        link = self._links.get(number >> FAMILY_BITS)
        return link.channel if link is not None and link.admitted else None

    def _send_to(self, number: int, message: BridgeMessage) -> None:
        channel = self._channel_of(number)
        if channel is not None:
            channel.send(message)

    def _send_to_one(self, message: HttpReply | HttpPart) -> None:
        if isinstance(message, HttpReply):
            self._files.note_answered(message.request)
        link = self._links.get(message.request >> FAMILY_BITS)
        if link is not None and link.admitted:
            link.note_sent(message)
            link.channel.send(message)

    def _send_to_all(self, message: BridgeMessage) -> None:
        self._offer.note(message)
        self._send_encoded(list(self._admitted()), message)

    def _send_action(self, message: Action) -> None:
        concerned = [link for link in self._admitted() if link.concerns(message.players)]
        self._send_encoded(concerned, message)

    def _send_push(self, message: Push) -> None:
        concerned = [link for link in self._admitted() if link.concerns(message.players)]
        if len(message.players) < MANY:
            self._send_encoded(concerned, message)
            return
        if not self._is_audience(message):
            number = self._audience.number + 1
            self._audience = Audience(message.session, number, message.players, message.positions)
        audience = self._audience
        self._send_encoded([one for one in concerned if one.audience != audience.number], audience)
        for link in concerned:
            link.audience = audience.number
        push = AudiencePush(message.session, message.seq, audience.number, message.frame)
        self._send_encoded(concerned, push)

    def _is_audience(self, push: Push) -> bool:
        """Return whether a push is for the same players on the same pages as the last large one."""
        last = self._audience
        return push.players == last.players and push.positions == last.positions

    def _send_encoded(self, links: list[GatewayLink], message: BridgeMessage) -> None:
        """Send a message, which is encoded once, to several gateways."""
        if links:
            encoded = encode_message(message)
            for link in links:
                link.channel.send_encoded(encoded)

    def _serve_files(self, message: ServeFiles) -> None:
        """Serve a folder's files to gateways, which do not learn where it is."""
        self._served_files.serve(message)
        self._send_to_all(ServeFiles(message.session, message.key, ""))

    # ---- the end --------------------------------------------------------------------------

    def close(self) -> None:
        """Deliver what was sent, then close. Idempotent."""
        if not self.closed:
            self.closed = True
            for link in list(self._links.values()):
                link.channel.close()

    async def close_all(self, patience: float = 1.0) -> None:
        """Close, and disconnect from the broker when the gateways have got everything."""
        self.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while any(link.channel.unsent for link in self._links.values()) and loop.time() < until:
            await asyncio.sleep(0.002)
        self._stop()
        self._files.close()
        self._served_files.close()
        await self._broker.close()

    def _stop(self) -> None:
        self._inbox.close()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


_TO_ALL = (
    OpenSession,
    AddPlayers,
    SetState,
    CloseSession,
    OpenRoom,
    CloseRoom,
    RoomNews,
    CommitTimes,
    Presence,
)
