"""ApiClient: asks a REST API elsewhere, and waits for its answers."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from uproot_nb.errors import AttachFailed
from uproot_nb.experiment.hints import advise
from uproot_nb.notebook.attached.place import Place
from uproot_nb.server.networks import is_loopback_host

__all__ = ["ApiClient"]

PATIENCE = 90.0
"""Seconds of silence after which the server counts as away; it answers within 60 itself."""
_PART_BYTES = 64 * 1024
_LONGEST_ERROR = 64 * 1024


class ApiClient:
    """Asks an API with a token; what it refuses is raised with its own sentence.

        client = ApiClient(place_of("http://127.0.0.1:8610/", token))
        client.get("sessions", "pilot", "players")

    The token is sent nowhere else: redirects are not followed. Any thread may call.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        host = urlsplit(place.roots[0]).hostname or ""
        self._opener = _opener(is_here := is_loopback_host(host))
        if not is_here and urlsplit(place.roots[0]).scheme == "http":
            advise(
                f"The way to {host} is not encrypted: whoever can read along in the network gets "
                "the token. Use an https address, or a tunnel: ssh -L 8610:127.0.0.1:8610 "
                f"{host}, and attach to http://127.0.0.1:8610/."
            )
        self.root = self._find_root()

    def get(self, *path: str, **query: Any) -> Any:
        """Return what stands at a path.

        Raises:
            AttachFailed: the server refuses, or cannot be reached.
        """
        return self._get(self.root, path, query)

    def lines(self, *path: str, **query: Any) -> Iterator[bytes]:
        """Yield the lines of an answer that are not empty, as they come."""
        with self._open(self._request(self.root, path, query)) as answer:
            yield from filter(None, _lines_of(answer))

    def post(self, *path: str, **body: Any) -> Any:
        """Return what is answered to a JSON object sent to a path.

        Raises:
            TypeError: something in it is no JSON.
        """
        request = self._request(self.root, path, {})
        request.data = json.dumps(body, allow_nan=False).encode()
        request.add_header("Content-Type", "application/json")
        with self._open(request) as answer:
            return _from_json(answer.read())

    def _get(self, root: str, path: tuple[str, ...], query: Mapping[str, Any]) -> Any:
        with self._open(self._request(root, path, query)) as answer:
            return _from_json(answer.read())

    def _find_root(self) -> str:
        """Return the root at which there is an API."""
        answers = [self._try_root(root) for root in self._place.roots]
        found = [
            root for root, answer in zip(self._place.roots, answers, strict=True) if not answer
        ]
        if found:
            return found[0]
        raise AttachFailed(
            f"There is no monitor at {self._place.roots[0]}: {answers[-1]}\nGive the address that "
            "`uproot-nb run --monitor` prints, or that of a Jupyter server with uproot_nb."
        )

    def _try_root(self, root: str) -> str:
        """Return why there is no API at a root; "" if there is one."""
        try:
            sessions = self._get(root, ("sessions",), {})
        except AttachFailed as error:
            if error.is_ours or error.status == 0:
                raise
            return _lower(str(error))
        is_list = isinstance(sessions, list) and all(map(_is_session, sessions))
        return "" if is_list else "the server answers with something else."

    def _request(self, root: str, path: tuple[str, ...], query: Mapping[str, Any]) -> Request:
        url = root + "/".join(quote(part, safe="") for part in path)
        url += f"?{urlencode(query)}" if query else ""
        headers = {"Authorization": f"Bearer {self._place.token}", "Accept": "*/*"}
        return Request(url, headers=headers)

    @contextmanager
    def _open(self, request: Request) -> Iterator[Any]:
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                yield answer
        except HTTPError as error:
            with error:
                raise _refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AttachFailed(_no_answer(error, urlsplit(request.full_url).netloc)) from None


def _lines_of(answer: Any) -> Iterator[bytes]:
    """Yield an answer's lines; `readline` would take one that is cut off for the whole."""
    begun: list[bytes] = []
    while part := answer.read1(_PART_BYTES):
        end, *more = part.split(b"\n")
        begun.append(end)
        if more:
            yield b"".join(begun)
            yield from more[:-1]
            begun = [more[-1]]
    if any(begun):
        raise http.client.IncompleteRead(begun[-1])


def _from_json(body: bytes) -> Any:
    """Return what an answer says.

    Raises:
        AttachFailed: it is a web page.
        ValueError: it is not JSON, or not all of it.
    """
    if body.lstrip()[:1] == b"<":
        raise AttachFailed("The server answers with a web page.", 200)
    return json.loads(body)


def _no_answer(error: Exception, host: str) -> str:
    """Return why a server gave no answer, and what to do."""
    reason: Any = getattr(error, "reason", None) or error or type(error).__name__
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {host} is not trusted here: {reason.verify_message}.\nGive the "
            "name that the certificate is for; if your lab signs its own, name its file in the "
            "environment variable SSL_CERT_FILE. Or attach through a tunnel."
        )
    if isinstance(reason, ssl.SSLError) and isinstance(error, URLError):
        return (
            f"{host} does not speak proper HTTPS: {reason.reason or reason}.\nIf it is the "
            "address that `uproot-nb run --monitor` prints, write http:// as it does."
        )
    return (
        f"{host} gave no complete answer: {reason}.\nIs the server running, and the address "
        "right? The last request may have been carried out even so."
    )


def _is_session(one: Any) -> bool:
    return isinstance(one, dict) and "name" in one


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _refusal(error: HTTPError) -> AttachFailed:
    """Return the error that a server's answer means."""
    body = error.read(_LONGEST_ERROR)
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or set(answer) != {"error"}:  # the participants' site has more
        return AttachFailed(f"The server answers {error.code} {error.reason}.", error.code)
    return AttachFailed(str(answer["error"]), error.code, is_ours=True)


class _NoRedirects(HTTPRedirectHandler):
    """Lets a redirect be an error: the token is for one server."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(is_here: bool) -> OpenerDirector:
    proxies = [ProxyHandler({})] if is_here else []
    return build_opener(_NoRedirects(), *proxies)
