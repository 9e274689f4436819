"""Wire: how one system says "call this live method" and "here is what somebody posted"."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["WIRES", "Wire"]

_SEQ = re.compile(rb'"seq": ?(\d+)')


@dataclass(frozen=True)
class Wire:
    """The frames of one system.

    `call` has the gaps %(method)s, %(x)s, %(n)d (counts a client's calls) and %(who)s (its page
    load). `reply`, `error` and `push` are bytes that only a good reply, only a bad one, only a push
    contains. `hello` is what a browser says first. Every `ack_seconds` seconds a browser that was
    pushed something says `ack`, with the gap %(seq)d.
    """

    call: str
    reply: bytes
    error: bytes
    push: bytes
    hello: str = ""
    ack: str = ""
    ack_seconds: float = 0.0

    def call_frame(self, method: str, x: str, n: int, who: str) -> bytes:
        """Return the frame that calls *method* with *x*: the *n*-th call of the page load *who*."""
        return (self.call % {"method": method, "x": x, "n": n, "who": who}).encode()

    def ack_frame(self, pushed: bytes) -> bytes | None:
        """Return the frame that acknowledges *pushed*, None for a push without a seq."""
        found = _SEQ.search(pushed)
        return (self.ack % {"seq": int(found[1])}).encode() if found else None


_INVOKE = '{"op":"invoke","id":"%(who)s-%(n)d","method":"%(method)s","args":["%(x)s"],"kwargs":{}}'

WIRES = {
    "bare": Wire(
        call=_INVOKE, reply=b'"op":"invoke"', error=b'"op":"error"', push=b'"op":"invoke"'
    ),
    "uproot_nb": Wire(
        call=_INVOKE,
        reply=b'"op":"result"',
        error=b'"op":"error"',
        push=b'"op":"event"',
        ack='{"op":"ack","seq":%(seq)d}',
        ack_seconds=0.3,
    ),
    "uproot": Wire(
        call='{"endpoint":"invoke","payload":{"mname":"%(method)s","args":["%(x)s"],"kwargs":{}},'
        '"future":%(n)d}',
        reply=b'"error":false',
        error=b'"error":true',
        push=b'"kind":"queue"',
        hello='{"endpoint":"hello","payload":null,"future":0}',
    ),
    "otree": Wire(
        call='{"method":"%(method)s","x":"%(x)s"}',
        reply=b'"otree_success": true',
        error=b'"otree_success": false',
        push=b'"otree_success": true',
    ),
}
"""The systems by name. "bare" sends what uproot_nb sends: both carry the same bytes."""
