"""What the `uproot` object does in a real browser, with a server that is steered by hand."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from uproot_nb.templating.texts import INTERRUPTED

if TYPE_CHECKING:
    from conftest import Visit

COLLECT = """
<p>Market</p>
<script>
window.got = [];
uproot.receive = (data) => got.push(["", data]);
uproot.onCustomEvent("Offer", (event) => got.push([event.detail.event, event.detail.data]));
uproot.onReady(() => got.push("ready"));
uproot.onReconnect(() => got.push("reconnect"));
uproot.onDisconnect(() => got.push("disconnect"));
</script>
"""


def kept(call: dict[str, Any]) -> None:
    """Answer a call never, as a server does that dies before it could."""


# ---- calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "args", "kwargs"),
    [
        ("invoke('bid', 3, 'x')", [3, "x"], {}),
        ("invoke('bid', 3, {price: 4})", [3], {"price": 4}),
        ("invoke('bid', {price: 4}, 3)", [{"price": 4}, 3], {}),
        ("invoke('bid', [{price: 4}])", [[{"price": 4}]], {}),
        ("invoke('bid', null)", [None], {}),
        ("invoke('bid', new Date(0))", ["1970-01-01T00:00:00.000Z"], {}),
        ("invoke('bid')", [], {}),
    ],
)
@pytest.mark.sample(1)
def test_a_trailing_plain_object_holds_keyword_arguments(
    visit: Visit, call: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    visit.open("<p></p>")
    answer = visit.page.evaluate(f"uproot.{call}")
    assert answer == {"method": "bid", "args": args, "kwargs": kwargs}


def test_calls_made_before_the_socket_is_open_wait_for_it_in_order(visit: Visit) -> None:
    visit.open("""<script>
        window.answers = [];
        for (const n of [1, 2, 3]) uproot.invoke("bid", n).then(a => answers.push(a.args[0]));
    </script>""")
    visit.sees("answers", [1, 2, 3])
    assert [call["args"] for call in visit.wire.calls()] == [[1], [2], [3]]


@pytest.mark.slow
def test_ids_are_one_word_per_page_load_and_a_rising_number(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.page.evaluate("Promise.all([uproot.invoke('a'), uproot.invoke('b')])")
    visit.page.reload()
    visit.page.evaluate("uproot.invoke('c')")
    (a, b, c) = (call["id"].split("-") for call in visit.wire.calls())
    assert (a[1], b[1], c[1]) == ("1", "2", "1")
    assert a[0] == b[0] != c[0]
    assert re.fullmatch(r"[a-z0-9]{24}", a[0])


def test_a_call_that_is_refused_rejects_with_name_message_and_parameter(visit: Visit) -> None:
    visit.wire.answer = lambda call: {
        "op": "error",
        "id": call["id"],
        "error": "BadArguments",
        "message": "price: must be positive",
        "parameter": "price",
    }
    visit.open("<p></p>")
    caught = visit.page.evaluate(
        "uproot.invoke('bid').catch(e => [e instanceof Error, e.name, e.message, e.parameter])"
    )
    assert caught == [True, "BadArguments", "price: must be positive", "price"]


@pytest.mark.slow
def test_a_failed_call_has_a_message_in_the_participants_language(visit: Visit) -> None:
    visit.wire.answer = lambda call: {
        "op": "error", "id": call["id"], "error": "Interrupted", "message": INTERRUPTED,
    }  # fmt: skip
    visit.open("<p></p>", {"language": "de"}, texts={INTERRUPTED: "Das wurde unterbrochen."})
    caught = visit.page.evaluate("uproot.invoke('bid').catch(e => e.message)")
    assert caught == "Das wurde unterbrochen."


@pytest.mark.slow
def test_what_json_cannot_hold_rejects_and_sends_nothing(visit: Visit) -> None:
    visit.open("<p></p>")
    name = visit.page.evaluate("uproot.invoke('bid', 1n).catch(error => error.name)")
    assert name == "TypeError"
    assert visit.page.evaluate("uproot.invoke('next')")["method"] == "next"
    assert [call["id"].split("-")[1] for call in visit.wire.calls()] == ["1"]


def test_unanswered_calls_are_sent_again_in_order_with_the_same_ids(visit: Visit) -> None:
    wire = visit.wire
    visit.open("<script>window.answers = []</script>")
    wire.answer = kept
    visit.page.evaluate("""() => {
        for (const n of [1, 2]) uproot.invoke("bid", n).then(a => answers.push(a.args[0]));
    }""")
    wire.wait_for(lambda: len(wire.calls()) == 2)
    wire.answer = wire_echo
    wire.drop()
    visit.sees("answers", [1, 2])
    first, again = wire.calls()[:2], wire.calls()[2:]
    assert again == first


@pytest.mark.slow
def test_an_answered_call_is_not_sent_again(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.page.evaluate("uproot.invoke('bid', 1)")
    visit.wire.drop()
    visit.sees("got.includes('reconnect')", True)
    visit.page.evaluate("uproot.invoke('bid', 2)")
    assert [call["args"] for call in visit.wire.calls()] == [[1], [2]]


def wire_echo(call: dict[str, Any]) -> dict[str, Any]:
    return {"op": "result", "id": call["id"], "data": {"args": call["args"]}}


def test_a_call_for_a_page_that_is_over_reloads_it(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.wire.answer = lambda call: {
        "op": "error",
        "id": call["id"],
        "error": "StalePage",
        "message": "",
    }
    visit.page.evaluate("void uproot.invoke('bid')")
    visit.loads_again()


# ---- pushes --------------------------------------------------------------------------------


def test_pushes_reach_their_handlers_in_order(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.wire.push(1)
    visit.wire.push({"price": 2}, "Offer")
    visit.wire.push(3)
    visit.wire.push("unheard", "Other")
    visit.wire.push(4)
    visit.sees("got", ["ready", ["", 1], ["Offer", {"price": 2}], ["", 3], ["", 4]])


@pytest.mark.slow
def test_what_was_pushed_between_rendering_and_connecting_arrives_at_every_early_handler(
    visit: Visit,
) -> None:
    wire = visit.wire
    wire.log = [{"op": "event", "seq": n, "event": "E", "data": n} for n in (1, 2, 3)]
    listen = "uproot.onCustomEvent('E', e => got.push(['%s', e.detail.data]))"
    visit.open(
        f"""<div x-data="{{ init() {{ {listen % "alpine"} }} }}"></div>
        <script>
        window.got = [];
        {listen % "inline"};
        document.addEventListener("DOMContentLoaded", () => {listen % "loaded"});
        </script>""",
        since=1,
    )
    visit.sees("got.length", 6)
    got = visit.page.evaluate("got")
    for who in ("inline", "alpine", "loaded"):
        assert [data for name, data in got if name == who] == [2, 3]


def test_reconnects_miss_nothing_and_double_nothing(visit: Visit) -> None:
    wire = visit.wire
    visit.open(COLLECT)
    for round_ in range(4):
        wire.push(2 * round_)
        wire.drop()
        wire.log.append({"op": "event", "seq": len(wire.log) + 1, "event": None, "data": "away"})
        wire.wait_for(lambda: wire.open_sockets())
    wire.send(*wire.log)
    wire.push("last")
    visit.sees("got[got.length - 1]", ["", "last"])
    data = [entry[1] for entry in visit.page.evaluate("got") if isinstance(entry, list)]
    assert data == [0, "away", 2, "away", 4, "away", 6, "away", "last"]


@pytest.mark.slow
def test_a_reconnect_asks_for_what_follows_the_last_push_seen(visit: Visit) -> None:
    visit.open(COLLECT, since=0, page=3)
    visit.wire.push("x")
    visit.sees("got.length", 2)
    visit.wire.drop()
    visit.wire.wait_for(lambda: len(visit.wire.addresses) == 2)
    assert visit.wire.addresses == [
        "/lab/user/ann/p/token/ws?page=3&since=0",
        "/lab/user/ann/p/token/ws?page=3&since=1",
    ]


@pytest.mark.slow
def test_many_pushes_are_acknowledged_by_few_messages(visit: Visit) -> None:
    wire = visit.wire
    visit.open(COLLECT)
    for number in range(200):
        wire.push(number)

    def acks() -> list[int]:
        return [frame["seq"] for frame in wire.received if frame["op"] == "ack"]

    wire.wait_for(lambda: 200 in acks())
    assert acks() == sorted(set(acks()))
    assert len(acks()) <= 10


@pytest.mark.slow
def test_an_exception_in_one_handler_stops_no_other(visit: Visit) -> None:
    visit.open("""<script>
        window.got = [];
        uproot.onCustomEvent("Offer", () => { throw new Error("first is broken"); });
        uproot.onCustomEvent("Offer", (event) => got.push(event.detail.data));
        uproot.receive = () => { throw new Error("receive is broken"); };
    </script>""")
    visit.wire.push(1, "Offer")
    visit.wire.push(2)
    visit.wire.push(3, "Offer")
    visit.sees("got", [1, 3])
    assert any("first is broken" in error for error in visit.errors)
    assert any("receive is broken" in error for error in visit.errors)


@pytest.mark.slow
def test_a_push_that_nobody_receives_is_noted_and_harms_nothing(visit: Visit) -> None:
    visit.open("<script>uproot.onCustomEvent('E', () => { window.heard = true; })</script>")
    visit.wire.push("lost")
    visit.wire.push("found", "E")
    visit.sees("window.heard", True)
    assert visit.errors == []


# ---- the connection ------------------------------------------------------------------------


def test_ready_once_then_disconnect_and_reconnect(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.wire.drop()
    visit.sees("got", ["ready", "disconnect", "reconnect"])
    assert visit.page.evaluate("new Promise(uproot.onReady).then(() => 'at once')") == "at once"


@pytest.mark.slow
def test_a_lasting_loss_is_shown_politely_and_mends_itself(visit: Visit) -> None:
    wire, status = visit.wire, visit.page.locator("#uproot-connection")
    visit.open("<p></p>")
    wire.refuse = 1012
    wire.drop()
    status.get_by_text("Reconnecting…").wait_for()
    assert status.get_attribute("role") == "status"
    assert status.get_attribute("aria-live") == "polite"
    visit.sees("Alpine.store('uproot').connected", False)
    wire.refuse = 0
    visit.sees("I('uproot-connection').textContent", "")
    visit.sees("Alpine.store('uproot').connected", True)


@pytest.mark.slow
def test_a_blip_does_not_flicker(visit: Visit) -> None:
    visit.open(
        COLLECT
        + """<script>
        uproot.onStart(() => new MutationObserver(() => got.push("flicker")).observe(
            I("uproot-connection"), {childList: true, characterData: true, subtree: true}));
        </script>"""
    )
    visit.wire.drop()
    visit.sees("got", ["ready", "disconnect", "reconnect"])


@pytest.mark.slow
def test_a_link_that_died_in_the_phones_sleep_is_replaced_on_return(visit: Visit) -> None:
    wire = visit.wire
    visit.open(COLLECT)
    visit.freeze()
    wire.alive = False
    visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wire.wait_for(lambda: wire.received[-1:] == [{"op": "ping"}])
    wire.alive = True
    visit.page.clock.run_for(4000)
    wire.wait_for(lambda: len(wire.sockets) == 2)
    wire.push("after")
    visit.sees("got[got.length - 1]", ["", "after"])


@pytest.mark.slow
def test_a_heartbeat_keeps_asking_whether_the_server_is_there(visit: Visit) -> None:
    wire = visit.wire
    visit.page.clock.install()
    visit.open(COLLECT)
    visit.sees("got", ["ready"])
    visit.page.clock.run_for(20_000)
    wire.wait_for(lambda: wire.received == [{"op": "ping"}])
    assert len(wire.sockets) == 1


@pytest.mark.slow
def test_back_online_it_reconnects_without_waiting(visit: Visit) -> None:
    wire = visit.wire
    visit.open(COLLECT)
    visit.freeze()
    wire.drop()
    visit.sees("got", ["ready", "disconnect"])
    assert len(wire.sockets) == 1
    visit.page.evaluate("window.dispatchEvent(new Event('online'))")
    wire.wait_for(lambda: len(wire.sockets) == 2)


@pytest.mark.slow
def test_a_page_that_comes_back_from_the_browsers_cache_listens_again(visit: Visit) -> None:
    wire = visit.wire
    visit.open(COLLECT)
    visit.page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    wire.wait_for(lambda: not wire.open_sockets())
    wire.log.append({"op": "event", "seq": 1, "event": None, "data": "meanwhile"})
    visit.page.evaluate(
        "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    visit.sees("got[got.length - 1]", ["", "meanwhile"])


# ---- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [4400, 4403])
@pytest.mark.sample(1)
def test_a_refused_page_shows_that_and_stops_trying(visit: Visit, code: int) -> None:
    wire = visit.wire
    visit.open("<p></p>")
    visit.freeze()
    wire.answer = kept
    refused = visit.page.evaluate_handle("({answer: uproot.invoke('bid').catch(e => e.name)})")
    wire.wait_for(lambda: wire.calls())
    wire.drop(code)
    assert refused.evaluate("held => held.answer") == "Disconnected"
    banner = visit.page.get_by_text("The connection was lost.")
    banner.wait_for()
    visit.page.clock.run_for(60_000)
    visit.page.evaluate("window.dispatchEvent(new Event('online'))")
    assert visit.page.evaluate("uproot.invoke('bid').catch(e => e.name)") == "Disconnected"
    assert len(wire.addresses) == 1
    visit.page.clock.resume()
    visit.page.get_by_role("button", name="Reload").click()
    visit.loads_again()


@pytest.mark.slow
def test_a_page_of_an_ended_session_shows_that_and_stops_trying(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.freeze()
    visit.wire.drop(4404)
    visit.page.get_by_text("This session has ended.").wait_for()
    visit.page.clock.run_for(60_000)
    assert visit.page.evaluate("uproot.invoke('bid').catch(e => e.name)") == "SessionClosed"
    assert visit.page.evaluate("Alpine.store('uproot').state") == "closed"
    assert len(visit.wire.addresses) == 1
    assert visit.page.get_by_role("button", name="Reload").count() == 0


@pytest.mark.slow
def test_too_slow_reconnects_at_once(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.freeze()
    visit.wire.drop(4408)
    visit.sees("got", ["ready", "disconnect"])
    visit.page.clock.run_for(1)
    visit.wire.wait_for(lambda: len(visit.wire.sockets) == 2)


@pytest.mark.slow
def test_too_fast_backs_off_and_goes_on(visit: Visit) -> None:
    wire = visit.wire
    visit.open(COLLECT)
    visit.freeze()
    wire.drop(4429)
    visit.sees("got", ["ready", "disconnect"])
    visit.page.clock.run_for(1500)
    assert visit.page.locator("#uproot-connection").text_content() == "One moment, please…"
    assert len(wire.addresses) == 1
    visit.page.clock.run_for(2000)
    wire.wait_for(lambda: len(wire.sockets) == 2)
    visit.sees("I('uproot-connection').textContent", "")


@pytest.mark.slow
def test_a_page_that_waited_for_its_kernel_connects_again_at_once(visit: Visit) -> None:
    """However long it has waited, and with the calls that were made meanwhile."""
    wire = visit.wire
    visit.open(COLLECT)
    visit.freeze()
    for _ in range(5):
        count = len(wire.sockets)
        wire.drop(1012)
        visit.sees("Alpine.store('uproot').connected", False)
        visit.page.clock.run_for(10_000)
        wire.wait_for(lambda count=count: len(wire.sockets) == count + 1)
    wire.answer = kept
    call = visit.page.evaluate_handle("({answer: uproot.invoke('bid')})")
    wire.wait_for(lambda: wire.calls())
    wire.answer = wire_echo
    wire.drop(4425)
    visit.sees("Alpine.store('uproot').connected", False)
    visit.page.clock.run_for(1000)
    wire.wait_for(lambda: len(wire.sockets) == 7)
    assert call.evaluate("held => held.answer") == {"args": []}


@pytest.mark.slow
def test_a_call_that_is_too_large_is_refused_and_the_others_go_on(visit: Visit) -> None:
    wire = visit.wire
    visit.open("<p></p>")
    wire.answer = kept
    calls = visit.page.evaluate_handle("""({
        small: uproot.invoke("small"),
        large: uproot.invoke("large", "x".repeat(5000)).catch(e => e.name),
    })""")
    wire.wait_for(lambda: len(wire.calls()) == 2)
    wire.answer = wire_echo
    wire.drop(4413)
    assert calls.evaluate("held => held.large") == "TooLarge"
    assert calls.evaluate("held => held.small") == {"args": []}
    assert [call["method"] for call in wire.calls()] == ["small", "large", "small"]


@pytest.mark.slow
def test_a_server_that_refuses_is_asked_ever_more_rarely(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.freeze()
    visit.page.evaluate("""() => {
        window.tries = [Date.now()];
        window.fetch = () => Promise.reject(new Error("refused"));
        window.WebSocket = class {
            constructor() {
                tries.push(Date.now());
                setTimeout(() => this.onclose({code: 1013}), 0);
            }
            close() {}
        };
    }""")
    visit.wire.drop(1013)
    visit.sees("got", ["ready", "disconnect"])
    visit.page.clock.run_for(60_000)
    tries = visit.page.evaluate("tries")
    waits = [after - before for before, after in pairwise(tries)]
    assert len(waits) >= 8
    for number, wait in enumerate(waits):
        longest = min(10_000, 200 * 2**number)
        assert longest / 2 <= wait <= longest + 2, waits


# ---- what the server tells the page --------------------------------------------------------


def test_paused_shows_a_calm_banner_and_running_hides_it(visit: Visit) -> None:
    visit.open("<p></p>")
    banner = visit.page.locator("#uproot-banner")
    visit.wire.send({"op": "status", "state": "paused"})
    banner.get_by_text("The study is paused.").wait_for()
    assert banner.get_attribute("aria-live") == "polite"
    visit.sees("Alpine.store('uproot').state", "paused")
    visit.wire.send({"op": "status", "state": "running"})
    banner.wait_for(state="hidden")
    visit.wire.send({"op": "status", "state": "closed"})
    banner.get_by_text("This session has ended.").wait_for()


@pytest.mark.slow
def test_a_page_rendered_in_a_pause_shows_that(visit: Visit) -> None:
    visit.open("<p></p>", state="paused")
    visit.page.get_by_text("The study is paused.").wait_for()
    assert visit.page.evaluate("Alpine.store('uproot').state") == "paused"


def test_a_message_is_shown_as_text_until_it_is_closed(visit: Visit) -> None:
    visit.open("<p></p>")
    hostile = "<img src=x onerror='window.hacked = true'> hello"
    visit.wire.send({"op": "action", "action": "message", "data": hostile})
    toast = visit.page.locator(".uproot-toast")
    toast.get_by_text(hostile).wait_for()
    assert visit.page.get_by_role("log").get_by_text(hostile).count() == 1
    toast.get_by_role("button", name="Close").press("Enter")
    toast.wait_for(state="detached")
    assert visit.page.evaluate("window.hacked") is None


@pytest.mark.slow
def test_the_server_can_reload_the_page(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.wire.send({"op": "action", "action": "reload"})
    visit.loads_again()


def test_the_server_can_redirect_to_web_addresses_only(visit: Visit) -> None:
    visit.open("<p></p>")
    for url in ("javascript:window.hacked=1", "data:text/html,x", "file:///etc/passwd"):
        visit.wire.send({"op": "action", "action": "redirect", "url": url})
    visit.wire.send({"op": "action", "action": "redirect", "url": "./?thanks"})
    visit.page.wait_for_url("**/p/token/?thanks")
    assert sum("is not followed" in error for error in visit.errors) == 3


@pytest.mark.slow
def test_the_server_can_submit_a_form_that_is_not_complete(visit: Visit) -> None:
    visit.open('<input name="price" required>', page=5)
    visit.wire.send({"op": "action", "action": "submit"})
    visit.submits({"price": ""}, page=5)


@pytest.mark.slow
def test_unknown_frames_are_passed_over(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.wire.send(
        {"op": "news"}, {"op": "action", "action": "dance"}, {"op": "result", "id": "?"}
    )
    visit.wire.push(1)
    visit.sees("got", ["ready", ["", 1]])
    assert visit.errors == []


# ---- the form ------------------------------------------------------------------------------


@pytest.mark.slow
def test_submit_asks_for_what_is_required_first(visit: Visit) -> None:
    visit.open('<input id="price" name="price" required>', page=5)
    visit.page.evaluate("uproot.submit()")
    assert visit.page.evaluate("I('price').matches(':focus:invalid')")
    visit.page.fill("#price", "7")
    visit.page.evaluate("uproot.submit()")
    visit.submits({"price": "7"}, page=5)


@pytest.mark.slow
def test_submit_works_where_the_browser_is_old(visit: Visit) -> None:
    visit.open("<script>delete HTMLFormElement.prototype.requestSubmit</script>", page=5)
    visit.page.evaluate("uproot.submit()")
    visit.submits({}, page=5)


def test_a_double_click_on_next_submits_once(visit: Visit) -> None:
    visit.open(
        COLLECT + "<script>document.addEventListener('submit', () => got.push('s'))</script>"
    )
    visit.page.evaluate("""() => {
        window.went = [];
        window.addEventListener("submit", (event) => {
            went.push(!event.defaultPrevented);
            event.preventDefault();
        });
        I("uproot-next").click();
        I("uproot-next").click();
    }""")
    visit.sees("went", [True, False])


# ---- dialogs -------------------------------------------------------------------------------


def test_an_alert_is_announced_focused_and_shown_until_it_is_closed(visit: Visit) -> None:
    visit.open('<button type="button" id="before">x</button>')
    visit.page.focus("#before")
    visit.page.evaluate("void uproot.alert('You <b>bought</b>.').then(() => { window.done = 1; })")
    dialog = visit.page.get_by_role("dialog", name="Message")
    dialog.get_by_text("You bought.").wait_for()
    assert dialog.locator("b").text_content() == "bought"
    assert dialog.get_attribute("aria-modal") == "true"
    visit.sees("document.activeElement.textContent", "OK")
    visit.page.keyboard.press("Enter")
    visit.sees("window.done", 1)
    dialog.wait_for(state="detached")
    visit.sees("document.activeElement.id", "before")


@pytest.mark.slow
def test_nothing_in_a_dialog_can_run(visit: Visit) -> None:
    visit.open("<p></p>")
    hostile = (
        "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
        "<b onclick='window.hacked=1'>b</b><a href='javascript:1'>a</a>"
        "<svg onload='window.hacked=1'>"
    )
    visit.page.evaluate("html => void uproot.error(html)", hostile)
    dialog = visit.page.get_by_role("dialog", name="There is a problem")
    dialog.wait_for()
    markup = dialog.locator(".uproot-dialog-text").inner_html()
    assert "<b>b</b>a" in markup
    assert not re.search(r"<(?!/?b>)", markup)
    assert visit.page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    ("keys", "answer"), [(["Control+a", "7", "Enter"], "7"), (["Enter"], "3"), (["Escape"], None)]
)
@pytest.mark.sample(1)
def test_a_prompt_is_answered_by_keyboard(
    visit: Visit, keys: list[str], answer: str | None
) -> None:
    visit.open("<p></p>")
    visit.page.evaluate(
        "void uproot.prompt('Your price?', '3').then(a => { window.answer = [a]; })"
    )
    visit.page.get_by_role("textbox", name="Your price?").wait_for()
    visit.sees("document.activeElement.tagName", "INPUT")
    for key in keys:
        visit.page.keyboard.press(key)
    visit.sees("window.answer", [answer])
    assert visit.wire.forms == []


@pytest.mark.slow
def test_dialogs_come_one_after_another(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.page.evaluate("void uproot.alert('first'); void uproot.alert('second')")
    visit.page.get_by_text("first").wait_for()
    assert visit.page.get_by_text("second").count() == 0
    visit.sees("document.activeElement.textContent", "OK")
    visit.page.keyboard.press("Enter")
    visit.page.get_by_text("second").wait_for()


@pytest.mark.slow
def test_the_browsers_alert_does_not_stop_the_page(visit: Visit) -> None:
    visit.open(COLLECT)
    visit.page.evaluate("void alert('<b>text</b>')")
    visit.page.get_by_text("<b>text</b>").wait_for()
    visit.wire.push(1)
    visit.sees("got", ["ready", ["", 1]])


# ---- small things --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("uproot.vars.price", 7),
        ("uproot.C.ROUNDS", 3),
        ("uproot.escape('<a href=\"x\">&\\'')", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"),
        ("uproot.fmtnum(-1234567.891, {pre: '$', sep: ','})", "−$1,234,567.89"),
        ("uproot.fmtnum(-0.001)", "0.00"),
        ("uproot.fmtnum(5, {post: ' ECU', places: 0})", "5 ECU"),
        ("uproot.selectedValue('side')", "buy"),
        ("uproot.selectedValue('good')", "b"),
        ("uproot.selectedValue('none')", None),
        ("uproot.I('x') === I('x') && I('x').tagName", "P"),
    ],
)
@pytest.mark.sample(3)
def test_small_things_that_pages_use(visit: Visit, expression: str, value: Any) -> None:
    visit.open(
        """<p id="x"></p>
        <input type="radio" name="side" value="sell">
        <input type="radio" name="side" value="buy" checked>
        <input type="radio" name="none" value="x">
        <select name="good"><option>a</option><option selected>b</option></select>""",
        vars={"price": 7},
        C={"ROUNDS": 3},
    )
    assert visit.page.evaluate(expression) == value


@pytest.mark.slow
def test_alpine_shows_the_state_of_the_connection(visit: Visit) -> None:
    visit.open(
        """<p id="x" x-data x-text="$store.uproot.connected + ' ' + $store.uproot.state"></p>"""
    )
    visit.sees("I('x').textContent", "true running")
    visit.wire.send({"op": "status", "state": "paused"})
    visit.sees("I('x').textContent", "true paused")


@pytest.mark.slow
def test_hostile_variables_stay_data(visit: Visit) -> None:
    text = "</script><script>window.hacked=1</script><!--\u2028"
    visit.open("<p></p>", vars={"said": text})
    assert visit.page.evaluate("uproot.vars.said") == text
    assert visit.page.evaluate("window.hacked") is None


@pytest.mark.slow
def test_the_page_after_the_last_still_hears_pushes(visit: Visit) -> None:
    visit.open(COLLECT, end=True)
    visit.wire.push("bye")
    visit.sees("got", ["ready", ["", "bye"]])


# ---- how it is used ------------------------------------------------------------------------


def test_the_keyboard_reaches_the_content_and_the_next_button(visit: Visit) -> None:
    visit.open('<label for="price">Price</label> <input id="price" name="price">')
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "price"
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "uproot-next"
    outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    visit.page.keyboard.press("Enter")
    visit.submits({"price": ""})


def test_a_phone_shows_everything_without_scrolling_sideways(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 568})
    visit.open(f"<h2>Market</h2><p>{'W' * 200}</p><p>Text</p>")
    visit.wire.send(
        {"op": "status", "state": "paused"},
        {"op": "action", "action": "message", "data": "x" * 200},
    )
    visit.page.locator(".uproot-toast").wait_for()
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 320
    button = visit.page.locator("#uproot-next").bounding_box()
    assert button is not None
    assert button["height"] >= 40


@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
@pytest.mark.sample(1)
def test_the_page_follows_the_colours_of_the_device(
    visit: Visit, scheme: Any, bright: bool
) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.open("<p></p>")
    assert visit.page.evaluate("document.documentElement.dataset.bsTheme") == scheme
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", background)[0]) > 127) is bright


def test_nothing_is_fetched_from_elsewhere(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.open("<p></p>")
    root = visit.wire.url.removesuffix("p/token/")
    assert [url for url in asked if not url.startswith((root, "data:"))] == []
    assert visit.errors == []


# ---- what goes wrong in a page's script ------------------------------------------------------


def reports(visit: Visit) -> list[dict[str, Any]]:
    return [frame for frame in visit.wire.received if frame["op"] == "script_error"]


def test_errors_of_a_pages_script_are_reported_equal_ones_as_one(visit: Visit) -> None:
    """Also those from before the connection; the address, which is a secret, stays here."""
    visit.open("""<script>
        throw new TypeError("no such " + location.href);
        </script><script>Promise.reject(new RangeError("too far"));</script>""")
    visit.wire.wait_for(lambda: len(reports(visit)) == 2)
    first, second = reports(visit)
    assert first["message"].startswith("TypeError: no such http://")
    assert "/token" not in first["message"] + first["source"]
    assert (first["source"], first["line"] > 0, first["count"]) == ("the page itself", True, 1)
    assert (second["message"], second["count"]) == ("RangeError: too far", 1)
    visit.page.evaluate("""() => {
        for (let n = 0; n < 1000; n += 1) setTimeout(() => { throw new Error("again"); });
        uproot.receive = () => { throw new Error("not received"); };
    }""")
    visit.wire.push("news")
    visit.wire.wait_for(lambda: sum(r["count"] for r in reports(visit)) == 1003)
    assert len(reports(visit)) <= 6
    assert "Error: not received" in [report["message"] for report in reports(visit)]


@pytest.mark.slow
def test_a_page_reports_so_many_kinds_of_errors_and_no_more(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.page.evaluate("""() => {
        for (let n = 0; n < 50; n += 1) setTimeout(() => { throw new Error("kind " + n); });
    }""")
    visit.wire.wait_for(lambda: len(reports(visit)) == 20)


@pytest.mark.slow
def test_half_an_emoji_is_sent_as_a_sign_that_stands_for_it(visit: Visit) -> None:
    """A text that was cut ends with one by accident; a whole one stays what it is."""
    visit.open("<p></p>")
    got = visit.page.evaluate("uproot.invoke('say', 'ab😀'.slice(0, 3), {text: '😀'})")
    assert (got["args"], got["kwargs"]) == (["ab\N{REPLACEMENT CHARACTER}"], {"text": "😀"})


@pytest.mark.slow
def test_a_call_that_is_too_large_is_reported_to_the_author_with_its_size(visit: Visit) -> None:
    visit.open("<p></p>")
    visit.wire.answer = lambda call: None
    visit.page.evaluate("""() => {
        window.got = [];
        uproot.invoke("paint", "x".repeat(70_000)).catch((error) => got.push(error.name));
    }""")
    visit.wire.wait_for(lambda: visit.wire.calls() != [])
    visit.wire.drop(4413)
    visit.sees("got", ["TooLarge"])
    (told,) = [error for error in visit.errors if "paint" in error]
    assert "70,090 bytes" in told
    assert "max_frame_bytes" in told


@pytest.mark.parametrize(
    ("how", "is_one"),
    [("", True), (", isComposing: true", False), (", keyCode: 229", False)],
)
@pytest.mark.sample(1)
def test_enter_that_ends_a_word_of_an_input_method_is_none(
    visit: Visit, how: str, is_one: bool
) -> None:
    """Safari says so by a code alone."""
    visit.open("<p></p>")
    event = f"new KeyboardEvent('keydown', {{key: 'Enter'{how}}})"
    assert visit.page.evaluate(f"uproot.inner.isEnter({event})") is is_one


@pytest.mark.slow
def test_an_object_with_tojson_is_an_argument_like_others(visit: Visit) -> None:
    """Keyword arguments are an object in any case: a call without is refused with its page."""
    visit.open("<p></p>")
    got = visit.page.evaluate("uproot.invoke('say', {toJSON: () => 5})")
    assert (got["args"], got["kwargs"]) == ([5], {})
