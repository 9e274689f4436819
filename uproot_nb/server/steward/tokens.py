"""StewardTokens: the two tokens of the monitor's own address, and the cookies that replace them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from uproot_nb.bridge.messages import Role

__all__ = ["STEWARD_VARIABLE", "VIEWER_VARIABLE", "StewardTokens", "token_in"]

STEWARD_VARIABLE, VIEWER_VARIABLE = "UPROOT_NB_STEWARD_TOKEN", "UPROOT_NB_VIEWER_TOKEN"
"""The environment variables by which the tokens stay the same from one start to the next."""
_SHORTEST = 20
_LONGEST = 512
_SCHEMES = frozenset({"bearer", "token"})


class StewardTokens:
    """Who has which token has which role; without a token given, one is drawn.

        tokens = StewardTokens()
        tokens.role_of(tokens.steward)   # "steward"
        tokens.role_of("a guess")        # None

    A browser that has shown a token gets a cookie instead, from which the token does not follow.
    It holds as long as the token.

    Raises:
        ValueError: a token that was given is too short, too odd, or the other one; the message
            does not contain it.
    """

    def __init__(self, steward: str = "", viewer: str = "") -> None:
        for variable, token in ((STEWARD_VARIABLE, steward), (VIEWER_VARIABLE, viewer)):
            _check(variable, token)
        if steward and steward == viewer:
            raise ValueError(
                f"{STEWARD_VARIABLE} and {VIEWER_VARIABLE} are the same: viewers could steer"
            )
        self.drawn = [
            role for role, given in (("steward", steward), ("viewer", viewer)) if not given
        ]
        """The roles whose token was not given."""
        self.steward = steward or secrets.token_urlsafe(24)
        self.viewer = viewer or secrets.token_urlsafe(24)
        both: Sequence[tuple[Role, str]] = (("steward", self.steward), ("viewer", self.viewer))
        self._tokens = [(role, _digest(token)) for role, token in both]
        self._cookies = [(role, _digest(_cookie_for(token))) for role, token in both]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> StewardTokens:
        """Return the tokens that *environment* has; those that it lacks are drawn."""
        return cls(environment.get(STEWARD_VARIABLE, ""), environment.get(VIEWER_VARIABLE, ""))

    def token(self, role: Role) -> str:
        """Return the token of *role*."""
        return self.steward if role == "steward" else self.viewer

    def cookie(self, role: Role) -> str:
        """Return the value of the cookie that stands for the token of *role*."""
        return _cookie_for(self.token(role))

    def role_of(self, token: str) -> Role | None:
        """Return the role of whoever shows *token*; it takes as long whatever was guessed."""
        return _match(self._tokens, token)

    def role_of_cookie(self, cookie: str) -> Role | None:
        """Return the role of the browser that has *cookie*."""
        return _match(self._cookies, cookie)


def token_in(authorization: str) -> str:
    """Return the token in an Authorization header, "Bearer …" or "token …"; "" in others."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() in _SCHEMES else ""


def _check(variable: str, token: str) -> None:
    if token and not (_SHORTEST <= len(token) <= _LONGEST and token.isascii()):
        raise ValueError(
            f"{variable} must have {_SHORTEST} to {_LONGEST} plain characters, such as those of "
            "`python -c 'import secrets; print(secrets.token_urlsafe())'`"
        )
    if token != token.strip() or " " in token:
        raise ValueError(f"{variable} must have no spaces")


def _digest(secret: str) -> bytes:
    return blake2b(secret.encode(errors="replace"), digest_size=32).digest()


def _cookie_for(token: str) -> str:
    return blake2b(b"cookie of the monitor", key=_digest(token), digest_size=32).hexdigest()


def _match(known: Sequence[tuple[Role, bytes]], shown: str) -> Role | None:
    found: Role | None = None
    offered = _digest(shown[: _LONGEST + 1])
    for role, right in known:
        if hmac.compare_digest(right, offered):
            found = role
    return found
