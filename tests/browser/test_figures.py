"""What scripts of the framework's apps find in `uproot`: figures, names, events, long lists."""
# ruff: noqa: E501  (scripts read better in one line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Visit


FIGURES: list[tuple[str, Any]] = [
    ("uproot.sum([1, 2, 3.5])", 6.5),
    ("uproot.sum([])", 0),
    ("uproot.mean([1, 2, 6])", 3),
    ("uproot.sd([2, 4, 4, 4, 5, 5, 7, 9]).toFixed(6)", "2.138090"),
    ("uproot.sort(['b10', 'B2', 'a'])", ["a", "B2", "b10"]),
    ("uproot.sort([10, 9, 1])", [1, 9, 10]),
    ("uproot.sort([{n: 2}, {n: 1}], (one) => one.n)", [{"n": 1}, {"n": 2}]),
    ("uproot.sort([1, 3, 2], (a, b) => b - a)", [3, 2, 1]),
    ("((list) => uproot.sort(list) === list)([2, 1])", True),
    ("/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uproot.uuid())", True),
    ("uproot.uuid() === uproot.uuid()", False),
    ("uproot.getParam('nothing')", None),
    ("uproot.looseJSONtoJSON('{ a: 2 * 3, b: [1, 2,], // c\\n }')", '{"a":6,"b":[1,2]}'),
    ("[uproot.sname, uproot.uname]", ["pilot", "ann"]),
    ("[uproot.sum([1, , 3]), uproot.mean([1, , 4]), uproot.mean([1, null, 4])]", [4, 2.5, 2.5]),
    ("[uproot.sd([1, , 3]).toFixed(6), String(uproot.mean([,])), uproot.mean(new Set([1, 2]))]", ["1.414214", "NaN", 1.5]),
    ("uproot.mean((function* () { yield 1; yield 2; })())", 1.5),
    ("[1.005, 2.345, 0.125, 2.675, -0.001, 1e21, '12.5'].map((x) => uproot.fmtnum(x))",
     ["1.01", "2.35", "0.13", "2.68", "0.00", "1000000000000000000000.00", "12.50"]),
    ("[NaN, '<b>', undefined].map((x) => uproot.fmtnum(x, {pre: '$'}))", ["$NaN"] * 3),
    ("uproot.fmtnum(-Infinity)", "−Infinity"),
    ("[-1, 2.5, 'x'].map((x) => { try { uproot.fmtnum(1, {places: x}) } catch (e) { return e.name } })",
     ["RangeError"] * 3),
    ("[uproot.fmtnum(1e-7, {places: 8}), uproot.fmtnum(2.5, {places: 0})]", ["0.00000010", "3"]),
    ("[uproot.formatForInterface('nothing', -3), uproot.defaultFormatter(5)]", ["−3", "5"]),
    ("(priceFormatter = (x) => x + ' ECU', uproot.formatForInterface('price', 2))", "2 ECU"),
    ("[uproot.escape(null), uproot.escape(0)]", ["", "0"]),
]  # fmt: skip


def test_a_script_calculates(visit: Visit) -> None:
    visit.open("<p>Figures</p>", session="pilot", player="ann")
    for expression, value in FIGURES:
        visit.sees(expression, value)
    assert visit.errors == []


@pytest.mark.slow
def test_amounts_in_an_app_read_as_in_the_framework(visit: Visit) -> None:
    visit.open("<p>Figures</p>", app="game")
    visit.sees("uproot.fmtnum(1234.5, {post: ' ECU'})", "1,234.50\N{NO-BREAK SPACE}ECU")
    visit.sees("uproot.fmtnum(1234.5, {sep: ' ', use_nbsp: false})", "1 234.50")
    visit.sees("['abc', '<b>'].map((x) => uproot.fmtnum(x, {pre: '$'}))", ["$abc", "$&lt;b&gt;"])
    visit.sees("uproot.mean([1, , 4])", 5 / 3)


def test_pushes_without_a_name_reach_everybody_who_listens(visit: Visit) -> None:
    script = """<script>
        window.heard = [];
        uproot.onQueue((event) => heard.push(["queue", event.detail.data]));
        uproot.onInternalEvent("Received", (event) => heard.push(["received", event.detail.data]));
        uproot.receive = (data) => heard.push(["receive", data]);
        uproot.onCustomEvent("Named", (event) => heard.push(["named", event.detail.data]));
    </script>"""
    visit.open(script)
    visit.wire.push({"n": 3})
    visit.wire.push(4, event="Named")
    wanted = [["received", {"n": 3}], ["queue", {"n": 3}], ["receive", {"n": 3}], ["named", 4]]
    visit.sees("heard", wanted)


@pytest.mark.slow
def test_an_image_without_an_address_is_no_error(visit: Visit) -> None:
    script = '<script>addEventListener("error", () => { window.failed = true; }, true);</script>'
    visit.open(f'{script}<img id="later" src=""><img src="gone.png">')
    visit.sees("window.failed", True)
    visit.wire.wait_for(lambda: failures(visit))
    assert all("gone.png" in message for message in failures(visit))


def failures(visit: Visit) -> list[str]:
    return [one["message"] for one in visit.wire.received if one["op"] == "script_error"]


LIST = """
<div class="uproot-pagination" data-items-per-page="2">
<div class="uproot-pagination-item" data-pagination-label="First"><input name="a"></div>
<div class="uproot-pagination-item"><input name="b"></div>
<div class="uproot-pagination-item"><input name="c" required></div>
</div>
"""
SHOWN = "Array.from(document.querySelectorAll('.uproot-pagination-item')).map(one => one.checkVisibility())"
BUTTONS = "Array.from(document.querySelectorAll('.pagination button')).map(one => one.textContent)"


@pytest.mark.slow
def test_a_long_list_is_shown_in_parts(visit: Visit) -> None:
    visit.open(LIST)
    visit.sees(SHOWN, [True, True, False])
    visit.sees(BUTTONS, ["«", "First", "2", "»"])
    visit.page.get_by_role("button", name="2").click()
    visit.sees(SHOWN, [False, False, True])
    visit.page.get_by_role("button", name="Back").click()
    visit.sees(SHOWN, [True, True, False])


def test_what_is_wrong_in_a_hidden_part_is_shown(visit: Visit) -> None:
    visit.open(LIST)
    visit.sees(SHOWN, [True, True, False])
    visit.page.get_by_role("button", name="Next", exact=True).last.click()
    visit.sees(SHOWN, [False, False, True])


@pytest.mark.slow
def test_a_short_list_has_no_numbers(visit: Visit) -> None:
    visit.open(LIST.replace('"2"', '"3"'))
    visit.sees("document.readyState", "complete")
    visit.sees(SHOWN, [True, True, True])
    visit.sees(BUTTONS, [])
