"""RFC 6455 as the server has it: the cases of Autobahn's groups 1 to 7 and 10, and some more.

They are written anew from the suite's descriptions. `make conformance` runs the suite itself.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from conformance import EchoHandler
from tornado.httpserver import HTTPServer
from tornado.web import Application

from tests.server.worlds import frame, upgrade
from uproot_nb.server.participants import ParticipantServer

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LIMIT = 65_536


class SmallEcho(EchoHandler):
    """The echo that Autobahn talks to, with the limits of a participant."""

    longest, unsent = LIMIT, 1 << 22


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """Serve an echo."""
    arguments = {"parts": ParticipantServer().socket_parts()}
    server = HTTPServer(Application([(r"/.*", SmallEcho, arguments)]))
    server.listen(0, "127.0.0.1")
    (opened,) = server._sockets.values()
    yield opened.getsockname()[1]
    server.stop()
    await server.close_all_connections()


@dataclass
class Heard:
    """What came back until the connection ended."""

    texts: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    close: bytes | None = None

    @property
    def code(self) -> int | None:
        """The code of the server's Close."""
        return int.from_bytes(self.close[:2], "big") if self.close else None


async def _talk(port: int, *sent: bytes, chop: int = 0, answer: bool = True) -> Heard:
    """Send frames, and read until the server ends the connection; answer its Close if it is first.

    Args:
        chop: the bytes are sent in pieces of so many.
        answer: whether this side may have to answer a Close.
    """
    raw = await upgrade(port, "/echo")
    data = b"".join(sent)
    for at in range(0, len(data), chop or max(1, len(data))):
        raw.writer.write(data[at : at + (chop or len(data))])
        if chop:
            await raw.writer.drain()
            await asyncio.sleep(0)
    heard = Heard()
    while True:
        opcode, payload = await raw.read()
        if opcode == TEXT:
            heard.texts.append(payload)
        elif opcode == PONG:
            heard.pongs.append(payload)
        elif opcode == CLOSE:
            assert heard.close is None, "a second Close"
            heard.close = payload
            if answer:
                raw.writer.write(frame(CLOSE, payload[:2]))
        elif opcode == -1:
            raw.writer.close()
            return heard


def _bye(code: int = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def _fragments(text: bytes, size: int) -> bytes:
    """Return *text* as a message in fragments of *size* bytes."""
    starts = range(0, len(text), size)
    return b"".join(
        frame(CONTINUED if at else TEXT, text[at : at + size], final=at + size >= len(text))
        for at in starts
    )


async def _echoed(port: int, sent: bytes, *texts: bytes, chop: int = 0) -> None:
    heard = await _talk(port, sent, _bye(), chop=chop, answer=False)
    assert (heard.texts, heard.code) == (list(texts), 1000)


async def _refused(port: int, code: int, *sent: bytes, chop: int = 0) -> Heard:
    heard = await _talk(port, *sent, chop=chop)
    assert heard.code == code
    return heard


# ---- 1, 9, 10: frames of all lengths --------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536])
@pytest.mark.parametrize("chop", [0, 997])
async def test_texts_of_all_lengths_come_back(port: int, size: int, chop: int) -> None:
    await _echoed(port, frame(TEXT, b"*" * size), b"*" * size, chop=chop)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
async def test_binary_is_refused_with_1003(port: int, size: int) -> None:
    await _refused(port, 1003, frame(BINARY, b"\xfe" * size))


async def test_binary_in_fragments_is_refused_with_1003(port: int) -> None:
    await _refused(port, 1003, frame(BINARY, b"a", final=False), frame(CONTINUED, b"b"))


@pytest.mark.parametrize(
    ("size", "wide"), [(5, 2), (5, 8), (200, 8), (0, 2), (0, 8), (125, 2), (65_535, 8)]
)
async def test_a_length_may_be_written_longer_than_need_be(port: int, size: int, wide: int) -> None:
    form = {2: 0xFE, 8: 0xFF}[wide]
    sent = bytes([0x81, form]) + size.to_bytes(wide, "big") + bytes(4) + b"x" * size
    await _echoed(port, sent, b"x" * size)


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1])
async def test_a_length_of_64_bits_begins_with_0(port: int, length: int) -> None:
    raw = await upgrade(port, "/echo")
    raw.writer.write(b"\x81\xff" + length.to_bytes(8, "big") + bytes(4))
    assert await raw.close_code() == 1002
    raw.writer.close()


async def test_what_is_too_large_is_refused_before_it_comes(port: int) -> None:
    raw = await upgrade(port, "/echo")
    raw.writer.write(b"\x81\xff" + (1 << 30).to_bytes(8, "big") + b"mask")
    assert await raw.close_code() == 4413
    raw.writer.close()


@pytest.mark.parametrize("opcode", [TEXT, CLOSE, PING, CONTINUED, 3])
async def test_frames_without_a_mask_are_refused(port: int, opcode: int) -> None:
    raw = await upgrade(port, "/echo")
    raw.send(opcode, b"", masked=False)
    assert await raw.close_code() == 1002
    raw.writer.close()


async def test_many_texts_in_one_packet_come_back_in_order(port: int) -> None:
    texts = [b"%d" % number for number in range(100)]
    await _echoed(port, b"".join(frame(TEXT, text) for text in texts), *texts)


@pytest.mark.parametrize("size", [1300, 16_384])
async def test_a_long_text_in_fragments_comes_back(port: int, size: int) -> None:
    await _echoed(port, _fragments(b"*" * LIMIT, size), b"*" * LIMIT)


# ---- 2: pings and pongs ---------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd\x00\xff", b"\xfe" * 125])
@pytest.mark.parametrize("chop", [0, 1])
async def test_a_ping_is_answered_with_its_payload(port: int, payload: bytes, chop: int) -> None:
    heard = await _talk(port, frame(PING, payload), _bye(), chop=chop, answer=False)
    assert (heard.pongs, heard.code) == ([payload], 1000)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_control_frame_has_125_bytes_at_most(port: int, opcode: int) -> None:
    await _refused(port, 1002, frame(opcode, b"\x03\xe8" + b"x" * 124))


@pytest.mark.parametrize("payload", [b"", b"unsolicited"])
async def test_a_pong_that_nobody_asked_for_is_nothing(port: int, payload: bytes) -> None:
    sent = frame(PONG, payload), frame(PING, b"ping"), _bye()
    heard = await _talk(port, *sent, answer=False)
    assert (heard.pongs, heard.code) == ([b"ping"], 1000)


@pytest.mark.parametrize("chop", [0, 1])
async def test_ten_pings_are_answered_in_order(port: int, chop: int) -> None:
    payloads = [b"payload-%d" % number for number in range(10)]
    pings = [frame(PING, payload) for payload in payloads]
    heard = await _talk(port, *pings, _bye(), chop=chop, answer=False)
    assert heard.pongs == payloads


# ---- 3, 4: what is reserved -----------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
async def test_reserved_bits_are_refused(port: int, bits: int, opcode: int) -> None:
    heard = await _refused(
        port, 1002, frame(TEXT, b"ok"), frame(opcode, b"\x03\xe8", rsv=bits << 4), frame(PING, b"")
    )
    assert (heard.texts, heard.pongs) == ([b"ok"], [])


@pytest.mark.parametrize("bits", range(1, 8))
async def test_reserved_bits_are_refused_in_fragments_and_byte_by_byte(
    port: int, bits: int
) -> None:
    begun = frame(TEXT, b"x", final=False)
    await _refused(port, 1002, begun, frame(CONTINUED, b"y", rsv=bits << 4))
    await _refused(port, 1002, frame(TEXT, b"x" * 255, rsv=bits << 4), chop=1)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"payload"])
async def test_reserved_opcodes_are_refused(port: int, opcode: int, payload: bytes) -> None:
    heard = await _refused(port, 1002, frame(TEXT, b"ok"), frame(opcode, payload), frame(PING, b""))
    assert (heard.texts, heard.pongs) == ([b"ok"], [])
    await _refused(port, 1002, frame(opcode, payload, final=False))


# ---- 5: fragments ---------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_have_no_fragments(port: int, opcode: int) -> None:
    await _refused(port, 1002, frame(opcode, b"\x03\xe8", final=False))


@pytest.mark.parametrize("chop", [0, 1])
async def test_fragments_are_one_text_also_around_pings(port: int, chop: int) -> None:
    sent = [
        frame(TEXT, b"1", final=False), frame(CONTINUED, b"2", final=False), frame(PING, b"a"),
        frame(CONTINUED, b"3", final=False), frame(PING, b"b"), frame(CONTINUED, b"4"),
    ]  # fmt: skip
    heard = await _talk(port, *sent, _bye(), chop=chop, answer=False)
    assert (heard.texts, heard.pongs, heard.code) == ([b"1234"], [b"a", b"b"], 1000)


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize(
    ("sent", "texts"),
    [
        ([frame(CONTINUED, b"x")], []),
        ([frame(CONTINUED, b"x", final=False), frame(TEXT, b"ok")], []),
        ([frame(TEXT, b"a", final=False), frame(TEXT, b"b")], []),
        ([frame(TEXT, b"a", final=False), frame(BINARY, b"b")], []),
        ([_fragments(b"ab", 1), frame(CONTINUED, b"c")], [b"ab"]),
    ],
    ids=range(5),
)
async def test_fragments_out_of_order_are_refused(
    port: int, sent: list[bytes], texts: list[bytes], chop: int
) -> None:
    assert (await _refused(port, 1002, *sent, chop=chop)).texts == texts


async def test_fragments_may_be_empty(port: int) -> None:
    empty = frame(CONTINUED, b"", final=False)
    sent = frame(TEXT, b"", final=False) + empty * 10 + frame(CONTINUED, b"end")
    await _echoed(port, sent + _fragments(b"next", 2), b"end", b"next")


async def test_fragments_without_end_are_too_large(port: int) -> None:
    heard = await _talk(
        port, frame(TEXT, b"", final=False), *[frame(CONTINUED, b"", final=False)] * 1100
    )
    assert heard.code == 4413


# ---- 6: UTF-8 -------------------------------------------------------------------------------

GOOD = [
    "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000",
    "\ufffd", "\ufffe", "\uffff", "\ufeffx", "\ufdd0", "\U00010000", "\U0001fffe", "\U0010ffff",
]  # fmt: skip
BAD = [
    b"\x80", b"\xbf", b"\x80\xbf", b"ok\xc3ok", b"\xc0\x20", b"\xe0\x20", b"\xf0\x20", b"\xc3",
    b"\xe0\xa0", b"\xf0\x90\x80", b"\xfe", b"\xff", b"\xc0\xaf", b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80",
    b"\xed\xa0\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80", "κόσμε".encode() + b"\xed\xa0\x80edited",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD, ids=ascii)
async def test_text_of_every_length_in_utf_8_comes_back(port: int, text: str) -> None:
    sent = text.encode()
    await _echoed(port, frame(TEXT, sent) + _fragments(sent, 1), sent, sent)


@pytest.mark.parametrize("text", BAD, ids=bytes.hex)
async def test_what_is_not_utf_8_is_refused_with_1007(port: int, text: bytes) -> None:
    await _refused(port, 1007, frame(TEXT, text))
    await _refused(port, 1007, _fragments(text, 1))


GREEK = "κόσμε".encode()


@pytest.mark.parametrize(
    "bad", [b"\xf4\x90", b"\xed\xa0", b"\xff", b"\xc0", b"\xf8"], ids=bytes.hex
)
@pytest.mark.parametrize("way", ["fragment", "part of a frame", "byte by byte"])
async def test_what_cannot_become_utf_8_is_refused_before_the_rest_comes(
    port: int, bad: bytes, way: str
) -> None:
    raw = await upgrade(port, "/echo")
    if way == "fragment":
        raw.writer.write(frame(TEXT, GREEK, final=False) + frame(CONTINUED, bad, final=False))
    else:
        begun = frame(TEXT, GREEK + bad + b"x" * 100)[: 6 + len(GREEK + bad)]
        step = 1 if way == "byte by byte" else len(begun)
        for at in range(0, len(begun), step):
            raw.writer.write(begun[at : at + step])
            await raw.writer.drain()
            await asyncio.sleep(0)
    assert await raw.close_code() == 1007
    raw.writer.close()


# ---- 7: closing -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        *[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
        *[3000, 3999, 4000, 4999],
    ],
)
async def test_a_close_is_answered_with_its_code(port: int, code: int) -> None:
    heard = await _talk(port, _bye(code, b"reason"), answer=False)
    assert heard.close == struct.pack("!H", code)


async def test_a_close_without_a_code_is_answered_without_one(port: int) -> None:
    assert (await _talk(port, frame(CLOSE, b""), answer=False)).close == b""


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
)
async def test_a_code_that_is_none_is_answered_with_1002(port: int, code: int) -> None:
    assert (await _talk(port, _bye(code), answer=False)).code == 1002


async def test_half_a_code_is_answered_with_1002(port: int) -> None:
    assert (await _talk(port, frame(CLOSE, b"\x03"), answer=False)).code == 1002


@pytest.mark.parametrize("reason", [b"\xff", GREEK + b"\xed\xa0\x80edited", b"\xc3"])
async def test_a_reason_that_is_not_utf_8_is_answered_with_1007(port: int, reason: bytes) -> None:
    assert (await _talk(port, _bye(1000, reason), answer=False)).code == 1007


async def test_a_reason_may_have_123_bytes_and_no_more(port: int) -> None:
    assert (await _talk(port, _bye(1000, b"*" * 123), answer=False)).code == 1000
    assert (await _talk(port, _bye(1000, b"*" * 124), answer=False)).code == 1002


@pytest.mark.parametrize(
    "late",
    [frame(TEXT, b"late"), frame(PING, b"late"), _bye(), frame(CONTINUED, b"late")],
    ids=range(4),
)
async def test_nothing_is_read_after_a_close(port: int, late: bytes) -> None:
    heard = await _talk(port, frame(TEXT, b"a", final=False), _bye(), late, answer=False)
    assert (heard.texts, heard.pongs, heard.code) == ([], [], 1000)


async def test_what_came_before_a_close_is_answered_first(port: int) -> None:
    long = b"B" * LIMIT
    sent = frame(PING, b"x"), frame(TEXT, long), _bye(), frame(PING, b"")
    heard = await _talk(port, *sent, answer=False)
    assert (heard.pongs, heard.texts, heard.code) == ([b"x"], [long], 1000)


@pytest.mark.parametrize(
    ("garbage", "code"), [(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002), (bytes(64), 1002)]
)
async def test_garbage_is_refused(port: int, garbage: bytes, code: int) -> None:
    raw = await upgrade(port, "/echo")
    raw.writer.write(garbage)
    assert await raw.close_code() == code
    raw.writer.close()
