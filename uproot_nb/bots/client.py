"""Client: a participant without a browser, who uses the same protocol as a page's script."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol, Self
from urllib.parse import urljoin, urlsplit

from tornado.httpclient import HTTPResponse

from uproot_nb.bots.line import BAD_FRAME, BAD_TOKEN, ENDED, TOO_LARGE, Line
from uproot_nb.bots.notes import Note, Notes
from uproot_nb.bots.pending_calls import PendingCalls
from uproot_nb.bots.questions import SeenForm
from uproot_nb.bots.refusals import (
    Disconnected,
    FormRefused,
    NoPage,
    PageLeft,
    SessionEnded,
)
from uproot_nb.bots.requests import Body, Requests, form_body
from uproot_nb.bots.seen_page import BEGIN, SeenPage, asks_to_begin, read_page
from uproot_nb.errors import UprootError

__all__ = ["Client", "Watcher"]

ACK_EVERY = 0.3
IDLE_EVENT = "_uproot_idle"
"""The push with whether a participant who waits is asked "Are you still there?"."""
HERE = json.dumps({"op": "report", "what": "wait", "data": {"what": "here"}})
"""The answer."""
CLOSE_WITHIN = 5.0


class Watcher(Protocol):
    """Gets what a client does, and how long it took."""

    def took(self, kind: str, what: str, seconds: float) -> None:
        """A "page", "submission" or "call" is over; *what* is its page or method."""

    def heard(self, seq: int, at: float) -> None:
        """A push has come, at a Unix time."""


class Client:
    """One participant, from the first page to the last.

        async with Client(link) as client:
            await client.submit(age=30, consent=True)
            await client.call("post_offer", 42)
            trade = await client.next_note("Trade", timeout=10)

    A page may change at every `await`, as for a person. After a lost connection the client
    connects again, and repeats calls that had no answer; the server runs none of them twice.

    Args:
        link: a player's link, or a join link.
        name: what to call the client in messages; under `run.bots`, the player's name.
        rng: random numbers for the bot, such as `random_forms`.
        watcher: gets everything that takes time.
        polling: connect by long polling, as a browser does where WebSockets are blocked.
    """

    def __init__(
        self,
        link: str,
        name: str = "bot",
        *,
        rng: random.Random | None = None,
        watcher: Watcher | None = None,
        polling: bool = False,
    ) -> None:
        self.link, self.name = link.partition("?")[0], name
        self._polling = polling
        self._query = link[len(self.link) :]
        self.rng = random.Random() if rng is None else rng
        self.state = "running"
        """The session's: "running", "paused" or "closed"."""
        self.messages: list[str] = []
        """What the researcher wrote by `run.message`."""
        self.redirected = ""
        """The address to which the experiment has sent the participant away, if it has."""
        self.calls = self.submissions = 0
        """How many were answered, refused or not."""
        self.active_at = time.monotonic()
        """When a page, a reply or a push came last."""
        self.deadline: float | None = None
        """When the page's time is up (monotonic seconds), if it has a timeout."""
        self.is_attentive = True
        """Whether the bot answers a wait page's question "Are you still there?" at once."""
        self._watcher = watcher
        self._seen = SeenPage("")
        self._noted: int | None = None
        # Ids of calls are unique and pauses random, whatever the bot's seed.
        self._chance = random.Random()
        self._notes, self._calls = Notes(), PendingCalls(self._chance)
        self._failure: UprootError | None = None
        self._line: Line | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            return await self.open()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(self, *ignored: object) -> None:
        await self.close()

    async def open(self) -> Self:
        """Get the page, and connect.

        Raises:
            NoPage: the link leads nowhere, or the page failed.
        """
        self._requests = self._make_requests()
        self._turn, self._something = asyncio.Lock(), asyncio.Event()
        if "/join/" in urlsplit(self.link).path:
            await self._join()
        async with self._turn:
            await self._load()
        self._noted = self.visit
        return self

    async def close(self) -> None:
        """Leave, as by closing the window. Idempotent."""
        line, self._line = self._line, None
        if line is not None:
            self._tasks.add(asyncio.create_task(line.close()))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN)
        if hasattr(self, "_requests"):
            await self._requests.close()

    # ---- the page ----

    @property
    def page(self) -> str:
        """The name of the page's class; "" past the last page."""
        return str(self._boot.get("name", ""))

    @property
    def app(self) -> str:
        """The page's app; "" in a notebook."""
        return str(self._boot.get("app", ""))

    @property
    def form(self) -> SeenForm:
        """The page's form: `client.form["age"].max`."""
        return self._seen.form

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong with the answers that were sent last, by field."""
        return self._seen.errors

    @property
    def html(self) -> str:
        """The whole page."""
        return self._seen.html

    @property
    def vars(self) -> dict[str, Any]:
        """What the page's `jsvars` returned."""
        return dict(self._boot.get("vars") or {})

    @property
    def constants(self) -> dict[str, Any]:
        """The experiment's public constants, `C`."""
        return dict(self._boot.get("C") or {})

    @property
    def kind(self) -> str:
        """The kind of page, if there are bots for it: "market"; else ""."""
        return str(self._boot.get("kind", ""))

    @property
    def waits(self) -> bool:
        """Whether this is a wait page."""
        return bool(self._boot.get("wait"))

    @property
    def at_end(self) -> bool:
        """Whether there is nothing more to do: past the last page, or sent elsewhere."""
        return bool(self._boot.get("end")) or self.redirected != ""

    @property
    def position(self) -> int:
        """The page's place in the page order, from 0."""
        return int(self._boot.get("page", -1))

    @property
    def visit(self) -> int:
        """A number that changes whenever the player enters a page."""
        return int(self._boot.get("entered", -1))

    @property
    def connected(self) -> bool:
        """Whether the page's WebSocket is open now."""
        return self._line is not None and self._line.is_open

    @property
    def _boot(self) -> dict[str, Any]:
        return self._seen.boot or {}

    async def submit(self, /, **answers: Any) -> str:
        """Press Next, with these answers; return the page that follows.

        Questions that you leave out are sent as the page shows them. Use True and False for
        boxes, lists for several boxes, `Attachment` or a `Path` for files, None for no answer.

        Raises:
            FormRefused: the page came back; `.errors` says what is wrong, by field.
            LookupError: the form has no such field.
            PageLeft: the server has moved the player meanwhile.
        """
        self._check()
        return await self._submit(dict(answers), {})

    async def go_back(self) -> str:
        """Press Back; return the page that follows."""
        self._check()
        return await self._submit({}, {"_uproot_back": "1"})

    async def decline(self) -> str:
        """Decline what a consent page asks; return the page that follows, "" at the end.

        Raises:
            LookupError: the page does not ask for consent.
        """
        self._check()
        if self.kind != "consent":
            raise LookupError(f"{self.page or 'The end'} does not ask for consent.")
        return await self._submit({}, {"decline": "1"})

    async def reload(self) -> None:
        """Load the page again, as the browser's button does."""
        self._check()
        await self._follow(None)

    async def proceeded(self, timeout: float | None = None) -> str:
        """Wait until the page differs from the one that the last step led to; return its name.

        A step is `open`, `submit`, `go_back` or `proceeded`. Returns at once at the end.

        Raises:
            TimeoutError: it was not within *timeout* seconds.
        """
        await self._until(lambda: self.visit != self._noted or self.at_end, timeout)
        self._noted = self.visit
        return self.page

    # ---- live ----

    async def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a live method of the page; return what it returns.

        Raises:
            CallRefused: it refused; the message is the participant's sentence.
            PageLeft: the player went on to another page before the answer came.
        """
        self._check()
        page, call = self.page, self._calls.make(method, args, kwargs)
        if self._line is not None:
            self._line.send(call.text)
        try:
            return await call.answer
        except PageLeft:
            raise PageLeft(page, f"'{method}' was answered") from None
        finally:
            self._calls.forget(call)

    async def notifications(self) -> AsyncIterator[Note]:
        """Yield the page's pushes as they come, until the player leaves the page."""
        visit = self.visit
        while True:
            while self.visit == visit and (note := self._notes.find()) is not None:
                yield self._notes.read(note)
            if self.visit != visit or self.at_end:
                return
            await self._until(lambda: self._notes.find() is not None or self.visit != visit)

    async def next_note(self, event: str | None = None, timeout: float | None = None) -> Note:
        """Return the page's next push, or the next of that name; others stay unread.

        Raises:
            TimeoutError: none came within *timeout* seconds.
            PageLeft: the player went on to another page.
        """
        visit, page = self.visit, self.page
        await self._until(
            lambda: self._notes.find(event) is not None or self.visit != visit, timeout
        )
        note = self._notes.find(event)
        if note is None or self.visit != visit:
            raise PageLeft(page, "the expected push came")
        return self._notes.read(note)

    @property
    def unread(self) -> list[Note]:
        """The page's unread pushes, oldest first."""
        return self._notes.unread

    # ---- waiting ----

    async def _until(self, condition: Callable[[], bool], timeout: float | None = None) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._check()
                self._something.clear()
                await self._something.wait()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _fail(self, failure: UprootError) -> None:
        self._failure = self._failure or failure
        self._calls.refuse_all(self._failure)
        self._something.set()

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        async def do() -> None:
            try:
                await coroutine
            except UprootError as error:
                self._fail(error)

        task = asyncio.create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _took(self, kind: str, what: str, begun: float) -> None:
        self.active_at = time.monotonic()
        if self._watcher is not None:
            self._watcher.took(kind, what, time.perf_counter() - begun)

    # ---- pages over HTTP ----

    async def _join(self) -> None:
        response = await self._requests.ask_until_answered(self.link + self._query, form_body([]))
        place = response.headers.get("Location", "")
        if response.code != 303 or not place:
            raise NoPage(response.code, self.name, "it has no place left, or is not a join link")
        self.link = urljoin(self.link, place)

    async def _load(self) -> None:
        """Get the page on which the player is now."""
        begun = time.perf_counter()
        response = await self._requests.ask_until_answered(self.link)
        if asks_to_begin(response.body):
            await self._begin()
            response = await self._requests.ask_until_answered(self.link)
        self._adopt(response)
        self._took("page", self.page or "(end)", begun)

    async def _begin(self) -> None:
        """Press the button of a personal link, as a page's script does once it is connected."""
        body = form_body([(BEGIN, "1")])
        response = await self._requests.ask_until_answered(self.link + self._query, body)
        if response.code != 303:
            self._adopt(response)

    async def _submit(
        self, answers: dict[str, Any], extra: dict[str, str], is_step: bool = True
    ) -> str:
        page, visit = self._seen, self.visit
        pairs, files = page.form.filled(answers)
        body = form_body([*pairs, *extra.items()], files, page.form.multipart)
        async with self._turn:
            if self.visit != visit:
                raise PageLeft(page.name, "its form was sent")
            refused = await self._post(body, page.name)
        if is_step:
            self._noted = self.visit
        self.submissions += 1
        if refused:
            raise FormRefused(page.name, self._seen.errors, self._seen.form_errors)
        return self.page

    async def _post(self, body: Body, page: str) -> bool:
        """Send a form until it is answered, and show what comes; return whether it was refused."""
        visit, attempt = self.visit, 0
        while self.visit == visit:
            begun = time.perf_counter()
            response = await self._requests.ask(self.link, body)
            if response is not None:
                self._took("submission", page, begun)
                if response.code != 303:
                    self._adopt(response)
                    return True
                await self._load()
                return False
            await self._requests.pause(attempt)
            attempt += 1
            await self._load()  # whether it was handled shows on the page
        return False

    def _adopt(self, response: HTTPResponse) -> None:
        """Show the page that came."""
        if response.code == 410:
            raise SessionEnded(self.name)
        if response.code == 500:
            raise NoPage(500, self.name, "the experiment's own code failed; see run.errors")
        if response.code not in (200, 422):
            raise NoPage(response.code, self.name, f"{self.link} leads nowhere")
        page = read_page(response.body.decode("utf-8", "replace"))
        if page.boot is None or "page" not in page.boot:
            raise NoPage(response.code, self.name, "the answer is not a page of an experiment")
        visit, self._seen = self.visit, page
        left = page.boot.get("timeout")
        self.deadline = None if left is None else time.monotonic() + left / 1000
        self.state = page.boot.get("state", self.state)
        if self.visit != visit or self._line is None:
            self._enter(page.boot)
        else:
            self._show_full()  # the entrance before the page has its visit, too
        self._something.set()

    def _enter(self, boot: dict[str, Any]) -> None:
        """Begin with a new page: nothing of the old one counts any more."""
        self._notes.begin(int(boot["since"]))
        self._calls.refuse_all(PageLeft("", ""))
        old = self._line
        self._line = self._make_line()
        if old is not None:
            self._spawn(old.close())

    def _make_requests(self) -> Requests:
        return Requests(self._chance, self._check)

    def _make_line(self) -> Line:
        return Line(
            self._address, self._opened, self._receive, self._lost, self._chance,
            polling=self._polling,
        )  # fmt: skip

    # ---- frames ----

    def _address(self) -> str:
        root = self.link.replace("http", "ws", 1)
        return f"{root}ws?page={self.position}&since={self._notes.since}"

    def _opened(self) -> None:
        if self._line is not None:
            for text in self._calls.texts():
                self._line.send(text)
            self.answer_idle(self._boot.get("waiting"))
            self._show_client(self._boot.get("requires"))
            self._show_full()

    def _show_full(self) -> None:
        """Report a page in full screen whose clock waits for it."""
        if self._boot.get("fullscreen") and self._boot.get("stopped"):
            self._report("fullscreen", {"visit": self._boot["entered"]})

    def _show_client(self, needs: dict[str, Any] | None) -> None:
        """Report a browser that has what the page requires."""
        if needs is not None:
            client = {
                "width": max(1280, needs["min_width"] or 0),
                "height": max(800, needs["min_height"] or 0), "is_touch": bool(needs["touch"]),
                "has_mouse": not needs["touch"], "has_fullscreen": True,
            }  # fmt: skip
            self._report("client", client)

    def _report(self, what: str, data: dict[str, Any]) -> None:
        if self._line is not None:
            self._line.send(json.dumps({"op": "report", "what": what, "data": data}))

    def _lost(self, code: int) -> bool:
        if code == ENDED:
            self._fail(SessionEnded(self.name))
        elif code in (BAD_FRAME, BAD_TOKEN) or (
            code == TOO_LARGE and not self._calls.refuse_largest()
        ):
            self._fail(Disconnected(code, self.name))
        return self._failure is None

    def _receive(self, text: str) -> None:
        frame = json.loads(text)
        match frame["op"]:
            case "result" | "error":
                self._settle(frame)
            case "event":
                self._deliver(frame)
            case "action":
                self._act(frame)
            case "status":
                self.state = frame["state"]
        self._something.set()

    def _settle(self, frame: dict[str, Any]) -> None:
        call = self._calls.settle(frame)
        if call is not None:
            self.calls += 1
            self._took("call", call.method, call.begun)
        if frame.get("error") == "StalePage":
            self._spawn(self._follow(None))

    def _deliver(self, frame: dict[str, Any]) -> None:
        if self._notes.acknowledged == self._notes.since:
            asyncio.get_running_loop().call_later(ACK_EVERY, self._acknowledge, self._line)
        if frame.get("event") == IDLE_EVENT:
            self.answer_idle(frame.get("data"))
        note = self._notes.take(frame)
        if note is not None:
            self.active_at = time.monotonic()
            if self._watcher is not None:
                self._watcher.heard(note.seq, time.time())

    def answer_idle(self, data: Any) -> None:
        """Answer "Are you still there?", if a wait page's *data* say that it is asked."""
        is_asked = isinstance(data, dict) and bool(data.get("idle"))
        if is_asked and self.is_attentive and self._line is not None:
            self._line.send(HERE)

    def _acknowledge(self, line: Line | None) -> None:
        if line is not None and line is self._line:
            self._notes.acknowledged = self._notes.since
            line.send(json.dumps({"op": "ack", "seq": self._notes.since}))

    def _act(self, frame: dict[str, Any]) -> None:
        match frame["action"]:
            case "reload":
                self._spawn(self._follow(frame.get("entered")))
            case "redirect":
                self._redirect(urljoin(self.link, frame["url"]))
            case "submit":
                self._spawn(self._submit_as_it_is(bool(frame.get("timeout")), frame.get("page")))
            case "message":
                self.messages.append(str(frame.get("text", frame.get("data", ""))))

    async def _follow(self, entered: int | None) -> None:
        """Load the page again, unless the player has come there already."""
        async with self._turn:
            if entered is None or entered != self.visit:
                await self._load()

    def _redirect(self, url: str) -> None:
        if url.partition("?")[0] == self.link:
            self._spawn(self._follow(None))
        else:
            self.redirected = url
            if self._line is not None:
                self._spawn(self._line.close())

    async def _submit_as_it_is(self, is_timeout: bool, position: int | None) -> None:
        """Send the form as it is: the time is up, or the server asks for it."""
        if position is None or position == self.position:
            extra = {"_uproot_timeout": "1"} if is_timeout else {}
            with contextlib.suppress(PageLeft, FormRefused):
                await self._submit({}, extra, is_step=False)
