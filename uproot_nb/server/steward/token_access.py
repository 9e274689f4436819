"""TokenAccess: the monitor and the API on an address of their own, for holders of a token."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import quote, urlsplit

from tornado.log import access_log, app_log
from tornado.web import HTTPError, RequestHandler

from uproot_nb.bridge.messages import Role
from uproot_nb.server.base_handler import address_of
from uproot_nb.server.frame_policy import is_cross_site
from uproot_nb.server.limits import Visitors
from uproot_nb.server.redaction import redact
from uproot_nb.server.site import Site
from uproot_nb.server.steward.handlers import (
    ApiAddress,
    ListAddress,
    MonitorAddress,
    MonitorFile,
    RelayHandler,
    StewardHandler,
)
from uproot_nb.server.steward.hosts import is_our_host
from uproot_nb.server.steward.pages import login_page, moving_page
from uproot_nb.server.steward.tokens import StewardTokens, token_in

__all__ = ["LoginAddress", "NothingHere", "OwnAddress", "TokenAccess"]

NO_TOKEN = "Send a token that is good here, as in 'Authorization: Bearer …'."
WRONG = "That is not a token of this server. Copy the whole link that it has printed."
_MOST_WAITING = 64
"""So many wrong tokens of one address wait for their turn; further ones are refused at once."""
OTHER_HOST = "This server is not called that. Use the address that it has printed."


@dataclass(frozen=True)
class OwnAddress:
    """What the handlers of the address know of it."""

    tokens: StewardTokens
    site: Site
    guessers: Visitors
    """How many wrong tokens each network may still try at once."""
    names: Collection[str]
    """What this machine is called, beside its addresses."""
    cookie: str
    """The cookie's name; browsers send cookies to every port of a machine."""


class TokenAccess(RequestHandler):
    """Finds the role by a token, or by the cookie that a browser has got for one."""

    own: OwnAddress
    _turn: asyncio.Future[bool] | None = None
    _is_gone = False

    @property
    def is_encrypted(self) -> bool:
        """Whether the browser came by https, if need be to a proxy."""
        return self.request.protocol == "https" or (
            self._is_at_public_url and self.own.site.public_url.startswith("https:")
        )

    @property
    def _is_at_public_url(self) -> bool:
        return urlsplit(self.own.site.public_url).netloc == self.request.host

    def set_default_headers(self) -> None:
        if isinstance(self, StewardHandler):
            self.send_strict_headers()

    async def prepare(self) -> None:
        assert isinstance(self, StewardHandler)
        if not is_our_host(self.request.host, self.own.names):
            await self.refuse(403, OTHER_HOST)
        elif isinstance(self, (MonitorFile, LoginAddress)):
            self.role = "viewer"  # scripts and styles are no secret
        elif self._asks_by_query():
            await self._take_token(self.get_query_argument("token"))
        else:
            self.role = self._find_role()
            if self.role is None:
                await self.refuse_token(is_guess=self._shows_something())

    def _find_role(self) -> Role | None:
        authorization = self.request.headers.get("Authorization", "")
        if authorization or self._is_api():
            return self.own.tokens.role_of(token_in(authorization))
        return self.own.tokens.role_of_cookie(self.get_cookie(self.own.cookie) or "")

    def _is_api(self) -> bool:
        """Return whether no cookie counts: what a page of another site sends has none then."""
        return isinstance(self, ApiAddress)

    def _shows_something(self) -> bool:
        return "Authorization" in self.request.headers or bool(self.get_cookie(self.own.cookie))

    def _asks_by_query(self) -> bool:
        is_page = isinstance(self, (ListAddress, MonitorAddress))
        return is_page and "token" in self.request.query_arguments

    async def _take_token(self, token: str) -> None:
        """Give the browser a cookie, and lead it to the address without the token.

        It goes there by itself, because browsers do not send this cookie along a redirect from
        another site, such as an e-mail's.
        """
        role = self.own.tokens.role_of(token)
        if role is None:
            await self.refuse_token(is_guess=True, sentence=WRONG)
            return
        self.give_cookie(role)
        await self.finish(moving_page(self.request.path.rpartition("/")[0].rpartition("/")[2]))

    def give_cookie(self, role: Role) -> None:
        """Let this browser come with *role* from now on, until it is closed."""
        root = self.own.site.root
        if not (self._is_at_public_url or self.request.path.startswith(f"{root}/")):
            root = ""
        self.set_cookie(
            self.own.cookie, self.own.tokens.cookie(role), path=f"{root}/monitor", httponly=True,
            samesite="Strict", secure=self.is_encrypted,
        )  # fmt: skip

    async def refuse_token(self, *, is_guess: bool, sentence: str = "") -> None:
        """Ask for a token; after very many wrong ones, the answers come one after the other."""
        if is_guess and not await self._wait_for_turn():
            self.set_header("Retry-After", "5")
        if self._is_gone:
            return
        self.set_header("WWW-Authenticate", "Bearer")
        await self.refuse(401, sentence)

    async def _wait_for_turn(self) -> bool:
        """Wait until this wrong token may be answered; return whether that was at once.

        Who has a right one never waits: what others at the same address try does not hold up those
        who steer, and nobody guesses a token however fast.
        """
        guesses = self.own.guessers.get(address_of(self.request, self.own.site.proxies)).guesses
        if guesses.waiting >= _MOST_WAITING:
            return False
        self._turn = asyncio.ensure_future(guesses.wait())
        try:
            return await self._turn
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            return False

    def on_connection_close(self) -> None:
        """Give the turn to others: the browser is gone."""
        super().on_connection_close()
        self._is_gone = True
        if self._turn is not None:
            self._turn.cancel()

    async def refuse(self, status: int, sentence: str) -> None:
        """ApiAnswer with a sentence, or the page that asks for a token."""
        self.set_status(status)
        if status == 401 and isinstance(self, (ListAddress, MonitorAddress, LoginAddress)):
            below = isinstance(self, MonitorAddress)
            target = self.path_args[0] if below else self.get_body_argument("next", "")
            await self.finish(login_page("../" if below else "", target, sentence))
        elif isinstance(self, RelayHandler):
            await self.finish({"error": sentence or NO_TOKEN})
        else:
            self.set_header("Content-Type", "text/plain; charset=UTF-8")
            await self.finish(sentence or NO_TOKEN)

    def check_origin(self, origin: str) -> bool:
        """Return whether a page of *origin* may open the monitor's WebSocket."""
        return self.own.site.allows_origin(origin, self.request.host)

    def check_xsrf_cookie(self) -> None:
        """Do nothing: only the login takes what a browser posts, and looks where it comes from."""

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if not isinstance(value, HTTPError):  # whose message may quote the address
            shown = "".join(traceback.format_exception(typ, value, tb))
            app_log.error("%s %s failed:\n%s", self.request.method, self._place, redact(shown))

    @property
    def _place(self) -> str:
        """The address without what may be secret, for logs."""
        return type(self).__name__

    def _log(self) -> None:
        took = 1000.0 * self.request.request_time()
        access_log.debug(
            "%d %s %s %.1f ms", self.get_status(), self.request.method, self._place, took
        )


class LoginAddress(StewardHandler):
    """Takes a token that somebody has typed in, or that a link had after its "#"."""

    async def get(self) -> None:
        """Lead to the list: what was typed in is not asked for again."""
        if self.is_let_in():
            self.redirect("./")

    async def post(self) -> None:
        if not self.is_let_in():
            return
        assert isinstance(self, TokenAccess)
        if is_cross_site(self.request.headers, lenient=False):
            await self.refuse(403, OTHER_HOST)
            return
        role = self.own.tokens.role_of(self.get_body_argument("token", ""))
        if role is None:
            await self.refuse_token(is_guess=True, sentence=WRONG)
            return
        self.give_cookie(role)
        target = self.get_body_argument("next", "")
        self.set_status(303)
        self.set_header("Location", f"./{quote(target, safe='')}/" if target else "./")
        await self.finish()


class NothingHere(StewardHandler):
    """Every other address."""

    async def get(self, *ignored: str) -> None:
        if self.is_let_in():
            raise HTTPError(404)

    head = post = put = patch = delete = get
