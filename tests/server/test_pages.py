"""What a browser gets from the participant server by HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import pytest

from tests.server.worlds import BY_WEBSOCKET, SECRET, TOKENS, Limited, World
from uproot_nb.bridge.messages import CloseSession, HttpReply, HttpRequest, Misuse
from uproot_nb.server import participants
from uproot_nb.server.participants import ParticipantServer, start_embedded

pytestmark = pytest.mark.asyncio

ANN = "p/token-of-ann-0123456789/"
JOIN = f"join/market/{SECRET}/"


async def test_a_page_comes_from_the_kernel(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    page = await world.fetch(ANN + "?lang=de&lang=fr", headers={"Accept-Language": "de-CH"})
    request = await kernel.expect(HttpRequest)
    assert (request.session, request.player, request.action) == ("key-market", "ann", "page")
    assert request.query == [("lang", "de"), ("lang", "fr")]
    assert request.languages == "de-CH"
    assert (page.code, page.headers["X-Page"]) == (200, "yes")


async def test_a_form_reaches_the_kernel_with_every_value(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    await world.fetch(ANN, "price=3&tag=a&tag=%C3%A4&empty=")
    request = await kernel.expect(HttpRequest)
    assert (request.player, request.action) == ("ann", "submit")
    assert request.form == [("price", "3"), ("tag", "a"), ("tag", "ä"), ("empty", "")]


async def test_a_form_in_parts_reaches_the_kernel_too(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = part.format("price", "3") + part.format("note", "two\r\nlines") + "--b--\r\n"
    await world.fetch(ANN, body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    request = await kernel.expect(HttpRequest)
    assert request.form == [("price", "3"), ("note", "two\r\nlines")]


async def test_bytes_that_are_no_text_do_not_break_a_form(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert (await world.fetch(ANN, "a=%ff%00")).code == 200
    assert (await kernel.expect(HttpRequest)).form == [("a", "\ufffd\x00")]


async def test_too_long_a_form_is_refused(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    answer = await world.fetch(ANN, "a=" + "x" * 1_100_000)
    assert answer.code in (400, 413, 599)  # 599: cut off while it was still sending
    assert (await world.fetch(ANN)).code == 200
    assert (await kernel.expect(HttpRequest)).action == "page"


async def test_a_join_link_shows_a_button_and_changes_nothing(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    page = await world.fetch(JOIN)
    assert page.code == 200
    assert re.search(rb'<form method="post"[^>]*><button type="submit">Take part</', page.body)
    assert not kernel.heard


def _visit(body: bytes) -> str:
    found = re.search(rb'name="_uproot_visit" value="([\w-]{16,64})"', body)
    assert found is not None
    return found[1].decode()


async def test_a_press_whose_kernel_dies_comes_to_the_next_as_the_same(world: World) -> None:
    """Whether the first has given a place is known to its log alone."""
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    pages = [await world.fetch(JOIN) for _ in range(2)]
    visits = [_visit(page.body) for page in pages]
    assert visits[0] != visits[1]
    joining = asyncio.ensure_future(world.fetch(JOIN, f"_uproot_visit={visits[0]}"))
    first = await kernel.expect(HttpRequest)
    await kernel.die()
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    second = await kernel.expect(HttpRequest)
    assert first.form == second.form == [("_uproot_visit", visits[0])]
    kernel.send(HttpReply(second.request, 303, [("Location", "/p/new/")], b""))
    assert (await joining).code == 303


@pytest.mark.long
async def test_a_button_that_is_shown_again_stands_for_the_same_press(limited: Limited) -> None:
    world = await limited(form_patience=0.1)
    kernel = await world.kernel()
    await kernel.serve()
    visit = _visit((await world.fetch(JOIN)).body)
    await kernel.die()
    again = await world.fetch(JOIN, f"_uproot_visit={visit}")
    assert (again.code, _visit(again.body)) == (503, visit)
    odd = await world.fetch(JOIN, "_uproot_visit=%22%3E%3Cscript%3E-0123456789")
    assert b"<script>-" not in odd.body
    assert _visit(odd.body)


@pytest.mark.parametrize(
    "said", ["/p/new/", "p/new/", "../../../p/new/", "https://elsewhere.example/"]
)
async def test_joining_leads_to_the_players_page(world: World, said: str) -> None:
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    joining = asyncio.ensure_future(world.fetch(JOIN, ""))
    request = await kernel.expect(HttpRequest)
    assert (request.session, request.player, request.action) == ("key-market", "", "join")
    kernel.send(HttpReply(request.request, 303, [("Location", said)], b""))
    answer = await joining
    expected = said if said.startswith("https:") else "../../../p/new/"
    assert (answer.code, answer.headers["Location"]) == (303, expected)


async def test_links_hold_below_any_prefix(world: World) -> None:
    world.options = {"public_url": "https://lab.example.org/a/b"}
    await world.server.stop()
    await world.start()
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    joining = asyncio.ensure_future(world.fetch(JOIN, ""))
    request = await kernel.expect(HttpRequest)
    kernel.send(HttpReply(request.request, 303, [("Location", "/a/b/p/new/")], b""))
    assert (await joining).headers["Location"] == "../../../p/new/"


async def test_the_key_of_a_session_serves_as_its_label(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert (await world.fetch(f"join/key-market/{SECRET}/")).code == 200


@pytest.mark.long
async def test_joining_waits_and_then_asks_to_try_again(limited: Limited) -> None:
    world = await limited(form_patience=0.1)
    kernel = await world.kernel()
    await kernel.serve()
    await kernel.die()
    answer = await world.fetch(JOIN, "")
    assert (answer.code, answer.headers["Retry-After"]) == (503, "5")
    assert b"<button" in answer.body


NOWHERE = [
    "p/unknown/",
    "p/token-of-ann-0123456789/x",
    "p/token-of-ann-0123456789/ws",
    "p//",
    "p/%FF/",
    "p/%00/",
    "join/market/wrong/",
    f"join/other/{SECRET}/",
    "api/kernels",
    "lab",
    "tree",
    "login",
    "room/none/",
    "room/none/ws",
    "files/unknown-key-0123456789/a.js",
    "files/unknown-key-0123456789/",
    "static/1/none.js",
    "static/1/../../errors.py",
    "static/1/%2e%2e/errors.py",
    "static/1/..%2ferrors.py",
    "uproot_nb/status",
    "favicon.ico",
]


@pytest.mark.long
@pytest.mark.parametrize("path", NOWHERE)
async def test_whatever_leads_nowhere_gets_the_same_page(world: World, path: str) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    other = await world.fetch("p/another-unknown/")
    page = await world.fetch(path)
    assert page.code == other.code == 404
    assert page.body == other.body
    same = [{**dict(one.headers), "Date": ""} for one in (page, other)]
    assert same[0] == same[1]
    assert all(isinstance(message, Misuse) for message in kernel.heard)


@pytest.mark.long
@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [ANN, JOIN, "p/unknown/"])
async def test_other_methods_have_no_effect(world: World, method: str, path: str) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    answer = await world.fetch(path, method=method, allow_nonstandard_methods=True)
    assert answer.code == 405
    assert not kernel.heard


async def test_every_answer_has_careful_headers(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    for path in (ANN, JOIN, "p/unknown/", "nowhere"):
        headers = (await world.fetch(path)).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-site"
        assert not {"Server", "Etag", "X-Frame-Options"} & set(headers)
        assert ("Set-Cookie" in headers) is (path == JOIN)  # by which a browser is known again


@pytest.mark.long
async def test_a_join_link_shows_its_button_though_the_kernel_is_busy(world: World) -> None:
    """Also if its address has parameters, about which the kernel is asked."""
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    shown = await world.fetch(f"{JOIN}?source=mail")
    assert (await kernel.expect(HttpRequest)).action == "look"
    assert b"Take part" in shown.body


async def test_a_kernel_decides_neither_cookies_nor_the_connection(world: World) -> None:
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    page = asyncio.ensure_future(world.fetch(ANN))
    request = await kernel.expect(HttpRequest)
    told = [("Set-Cookie", "a=b"), ("Content-Length", "1"), ("Server", "x")]
    told += [("X-More", "1"), ("X-More", "2")]
    kernel.send(HttpReply(request.request, 299, told, b"whole"))
    answer = await page
    assert (answer.code, answer.body, answer.headers["X-More"]) == (299, b"whole", "1,2")
    assert not {"Set-Cookie", "Server"} & set(answer.headers)


async def test_static_files_may_be_kept_for_ever(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "static"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.js").write_text("let a;")
    monkeypatch.setattr(participants, "_STATIC", folder)
    await world.server.stop()
    await world.start()
    answer = await world.fetch("static/1.2.3/deep/a.js")
    assert (answer.code, answer.body) == (200, b"let a;")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = {"If-None-Match": answer.headers["Etag"]}
    assert (await world.fetch("static/1.2.3/deep/a.js", headers=again)).code == 304


async def test_the_servers_pages_speak_the_participants_language(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(CloseSession("key-market"))
    spoken = []
    for language in ("de-AT,en;q=0.5", "fr", "es;q=0.9,xx", "zz", ""):
        page = await world.fetch(ANN, headers={"Accept-Language": language})
        spoken += re.findall(r'<html lang="(..)" dir="ltr">', page.body.decode())
    assert spoken == ["de", "fr", "es", "en", "en"]


async def test_too_many_requests_of_one_player_get_429(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=2000)
    kernel = await world.kernel()
    await kernel.serve()
    assert [(await world.fetch(ANN)).code for _ in range(3)] == [200, 200, 429]
    assert (await world.fetch("p/token-of-bob-0123456789/")).code == 200


@BY_WEBSOCKET["limited"]
async def test_connections_beyond_the_limit_are_closed(limited: Limited) -> None:
    world = await limited(max_connections=3)
    kernel = await world.kernel()
    await kernel.serve()
    kept = [await world.play(), await world.play()]
    held = await asyncio.open_connection("127.0.0.1", world.server.port)
    held[1].write(b"GET ")
    await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert await kept[0].nothing_more()
    for one in (writer, held[1]):
        one.close()


async def test_the_next_free_port_is_taken() -> None:
    first, second = ParticipantServer(), ParticipantServer()
    first.start(0)
    try:
        second.start(first.port)
        assert second.port > first.port
        assert second.url == f"http://127.0.0.1:{second.port}/"
    finally:
        await first.stop()
        await second.stop()


async def test_embedded_it_serves_without_jupyter() -> None:
    heard: list[object] = []
    server, channel, url = await start_embedded(heard.extend, lambda: None, port=0)
    try:
        assert url == f"http://127.0.0.1:{server.port}/"
        assert not channel.closed
    finally:
        await server.stop()


@pytest.mark.long
async def test_no_log_ever_shows_a_token(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(1)
    for name in ("tornado.access", "tornado.general", "tornado.application", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "level", 1)
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await ann.send("nonsense")
    await ann.closed()
    for path in (
        ANN, JOIN, "p/secret-guess/", f"join/market/{SECRET}", "p/%FFsecret-guess/",
        "files/secret-guess-0123456789/a.js", "room/lab/?label=secret-guess",
    ):  # fmt: skip
        await world.fetch(path)
        await world.fetch(path, "a=1")
        await world.fetch(path, method="PUT", body="")
    kernel.answers = False
    kernel.heard.clear()
    failing = asyncio.ensure_future(world.fetch(ANN))
    request = await kernel.expect(HttpRequest)
    kernel.send(HttpReply(request.request, 200, [("X-Bad", f"http://h/{ANN}\r\nx")], b""))
    assert (await failing).code == 500
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    bad = f"GET /{ANN} HTTP/1.1\r\nHost: h\r\nReferer: http://h/{ANN}\x01\r\n\r\n"
    writer.write(bad.encode())
    await reader.read()
    writer.close()
    await kernel.die()
    assert any("p/…/ failed" in record.getMessage() for record in caplog.records)
    for secret in (*TOKENS, SECRET, "secret-guess"):
        assert secret not in caplog.text


@pytest.mark.parametrize("path", ["p/token-of-ann-0123456789", f"join/market/{SECRET}", "room/lab"])
async def test_an_address_without_its_last_slash_leads_to_the_one_with_it(
    world: World, path: str
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    for method in ("GET", "HEAD"):
        answer = await world.fetch(f"{path}?a=1&b=%2F%26", method=method)
        assert answer.code == 302
        last = path.rpartition("/")[2]
        assert answer.headers["Location"] == f"./{last}/?a=1&b=%2F%26"
    assert not kernel.heard


async def test_an_address_without_its_slash_leads_to_no_other_site(world: World) -> None:
    for path in ("p/%2F%2Fevil.example", "p/http:", "room/%5Cevil.example", "p/.."):
        answer = await world.fetch(path)
        assert answer.code == 302
        assert answer.headers["Location"].startswith("./")


async def test_whoever_types_the_name_of_the_machine_alone_reads_what_to_do(world: World) -> None:
    answer = await world.fetch("", headers={"Accept-Language": "de"})
    assert answer.code == 200
    assert "öffnen Sie bitte den Link" in answer.body.decode()
    assert (await world.fetch("", method="HEAD")).code == 200
