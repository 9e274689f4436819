"""Participant: a robot in a test, who reads pages, answers, calls live methods and gets pushes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from bs4 import BeautifulSoup

from uproot_nb.bots.client import Client
from uproot_nb.bots.notes import Note
from uproot_nb.bots.questions import Question
from uproot_nb.bots.refusals import CallRefused, FormRefused
from uproot_nb.bots.requests import Body
from uproot_nb.experiment.pages import Page
from uproot_nb.session.entities import Player
from uproot_nb.testing.memory_server import Answer, MemoryLine, MemoryServer

__all__ = ["Bot", "Participant", "Stage"]

T = TypeVar("T")
Bot = Callable[[Client], Awaitable[Any]]

PATIENCE = 60.0
"""Seconds of the test's clock after which an answer that has not come counts as missing."""


class Stage(Protocol):
    """What a participant needs of the session that a test serves."""

    server: MemoryServer

    def do(self, what: str, coroutine: Coroutine[Any, Any, T], within: float) -> T:
        """Run a coroutine on the run's loop; time passes until it is done."""


class _MemoryRequests:
    """A client's HTTP, without a network."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    async def ask(self, url: str, body: Body | None = None) -> Answer:
        return await self._server.ask(url, body)

    async def ask_until_answered(self, url: str, body: Body | None = None) -> Answer:
        return await self._server.ask(url, body)

    async def pause(self, attempt: int) -> None:
        await asyncio.sleep(1.0)

    async def close(self) -> None:
        return


class _MemoryClient(Client):
    """A client of the wire whose server is in memory."""

    def __init__(
        self, server: MemoryServer, link: str, name: str, *, polling: bool = False
    ) -> None:
        super().__init__(link, name, polling=polling)
        self._server = server

    def _make_requests(self) -> Any:
        return _MemoryRequests(self._server)

    def _make_line(self) -> Any:
        by = "polling" if self._polling else ""
        return MemoryLine(self._server, self._address, self._opened, self._receive, self._lost, by)


class Participant:
    """A participant in a test; made by `served`.

        ann, bob = session
        ann.submit(contribution=5)
        assert bob.push("Contribution").data == 5
        bob.assert_on(Results)

    Each step returns when everything that it causes has happened, except for what takes time:
    `session.advance(seconds)` lets time pass.
    """

    def __init__(self, session: Stage, link: str, player: Player) -> None:
        self._session, self._link = session, link
        self.player = player
        """The player, with the data: `ann.player.contribution`."""
        self._client = _MemoryClient(session.server, link, player.name)
        self.is_here = False
        """Whether the browser is open."""
        self._is_attentive = True

    # ---- coming and going ----

    def arrive(self, *, polling: bool = False) -> str:
        """Open the page, or come back; return the page's name.

        Args:
            polling: connect as a browser does where WebSockets are blocked.
        """
        if not self.is_here:
            self._client = _MemoryClient(
                self._session.server, self._link, self.player.name, polling=polling
            )
            self._client.is_attentive = self._is_attentive
            self._do("the page", self._client.open())
            self.is_here = True
        return self.page

    def leave(self) -> None:
        """Close the browser."""
        if self.is_here:
            self.is_here = False
            self._do("the end of the connection", self._client.close())

    @property
    def is_attentive(self) -> bool:
        """Whether the participant answers "Are you still there?" on wait pages.

        Set it to False for a participant who looks away, and to True again to let them answer.
        """
        return self._is_attentive

    @is_attentive.setter
    def is_attentive(self, is_attentive: bool) -> None:
        self._is_attentive = self._client.is_attentive = is_attentive
        if is_attentive and self.is_here:
            self._do("an answer", self._answer())

    async def _answer(self) -> None:
        self._client.answer_idle({"idle": self.player._state.idle})

    # ---- what the participant sees ----

    @property
    def page(self) -> str:
        """The name of the page's class; "" past the last page."""
        return self._client.page

    @property
    def text(self) -> str:
        """The text of the page as it was loaded: its main part, without markup."""
        page = BeautifulSoup(self.html, "html.parser")
        main = page.main or page
        for element in main.find_all(_UNSEEN):
            element.decompose()
        for element in main.find_all(_BLOCKS):
            element.insert_before(" ")
            element.insert_after(" ")
        return " ".join(main.get_text().split())

    @property
    def html(self) -> str:
        """The page's HTML as it was loaded, without later changes by its script."""
        return self._client.html

    @property
    def fields(self) -> dict[str, Question]:
        """The page's questions by name, each with its `label`, `kind`, `choices`, `min`, `max` …"""
        return {question.name: question for question in self._client.form}

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong with the answers that were sent last, by field."""
        return self._client.errors

    @property
    def vars(self) -> dict[str, Any]:
        """What the page's `jsvars` returned."""
        return self._client.vars

    @property
    def messages(self) -> list[str]:
        """What the researcher has written with `run.message`."""
        return self._client.messages

    @property
    def redirected(self) -> str:
        """The address to which the experiment has sent the participant away; "" if it has not."""
        return self._client.redirected

    @property
    def waits(self) -> bool:
        """Whether this is a wait page."""
        return self._client.waits

    @property
    def at_end(self) -> bool:
        """Whether the participant is past the last page, or was sent elsewhere."""
        return self._client.at_end

    # ---- what the participant does ----

    def submit(self, /, **answers: Any) -> str:
        """Answer the page's questions and press Next; return the next page's name.

        Questions that you leave out are sent as the page shows them. Use True and False for
        boxes, a list for several boxes, a `pathlib.Path` for a file, None for no answer.

        Raises:
            FormRefused: the page came back; `.errors` are the sentences by field.
            LookupError: the form has no such field.
        """
        return self._do(f"the page after {self.page}", self._client.submit(**answers))

    def go_back(self) -> str:
        """Press Back; return the name of the page that this leads to."""
        return self._do(f"the page before {self.page}", self._client.go_back())

    def decline(self) -> str:
        """Decline what a consent page asks; return the name of the page that this leads to."""
        return self._do(f"the page after {self.page}", self._client.decline())

    def reload(self) -> str:
        """Load the page again; return its name."""
        return self._do("the page", self._reload())

    def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a live method of the page; return what it returns.

        Raises:
            CallRefused: the method refused; the message is what the participant reads.
        """
        return self._do(f"the answer to {method}()", self._client.call(method, *args, **kwargs))

    def push(self, event: str | None = None, *, within: float = 0.0) -> Note:
        """Return the page's next unread push, or the next one of that name.

        A push has `.event` and `.data`. Pushes of earlier pages are gone.

        Args:
            within: how many seconds of the test's clock may pass until it comes.

        Raises:
            AssertionError: it did not come; the message names those that did.
        """
        what = "a push" if event is None else f"the push {event!r}"
        try:
            return self._session.do(what, self._client.next_note(event), within)
        except TimeoutError:
            unread = [note.event for note in self._client.unread]
            raise AssertionError(
                f"{self!r} did not get {what} within {within:g} s. Unread pushes: {unread}."
            ) from None

    @property
    def pushes(self) -> list[Note]:
        """The page's unread pushes, oldest first; they stay unread."""
        return self._client.unread

    def play(self, bot: Bot, *, within: float = 3600.0) -> None:
        """Let a bot go on from here: any `async def my_bot(client)`, such as `random_forms`."""
        self._do(f"the end of {getattr(bot, '__name__', 'the bot')}", self._played(bot), within)

    # ---- assertions ----

    def assert_on(self, page: type[Page] | str) -> None:
        """Fail unless the participant is on *page*; "" is past the last page."""
        name = page if isinstance(page, str) else page.__name__
        if self.page != name:
            where = self.page or "(past the last page)"
            raise AssertionError(
                f"{self.player.name} is on {where}, not on {name or '(past the last page)'}.\n"
                f"The page reads: {_shortened(self.text)}"
            )

    def assert_reads(self, text: str) -> None:
        """Fail unless the page as it was loaded contains *text*; line breaks count as spaces."""
        if " ".join(text.split()) not in self.text:
            raise AssertionError(
                f"{self.player.name} does not read {text!r} on {self.page or 'the last page'}.\n"
                f"The page reads: {_shortened(self.text)}"
            )

    def assert_form_refused(self, /, **answers: Any) -> dict[str, list[str]]:
        """Send answers that are not accepted, and return the sentences by field."""
        page = self.page
        try:
            after = self.submit(**answers)
        except FormRefused as refused:
            return refused.errors
        raise AssertionError(f"{page} accepted {answers!r} and led to {after or 'the end'}.")

    def assert_call_refused(self, method: str, /, *args: Any, **kwargs: Any) -> str:
        """Make a call that is refused, and return the sentence that the participant reads."""
        try:
            result = self.call(method, *args, **kwargs)
        except CallRefused as refused:
            return refused.message
        given = ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())])
        raise AssertionError(f"{method}({given}) was not refused; it returned {result!r}.")

    def __repr__(self) -> str:
        return f"<Participant {self.player.name} on {self.page or 'the end'}>"

    # ---- steps ----

    def _do(self, what: str, coroutine: Coroutine[Any, Any, T], within: float = PATIENCE) -> T:
        try:
            return self._session.do(what, coroutine, within)
        except TimeoutError:
            raise AssertionError(f"{self!r} did not get {what} within {within:g} s.") from None

    async def _reload(self) -> str:
        await self._client.reload()
        return self._client.page

    async def _played(self, bot: Bot) -> None:
        await bot(self._client)


_UNSEEN = frozenset({"head", "noscript", "script", "style", "template"})
_BLOCKS = frozenset({
    "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "label", "legend", "li", "option", "p", "td",
    "th", "tr",
})  # fmt: skip


def _shortened(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"
