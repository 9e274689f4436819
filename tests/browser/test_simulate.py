"""Pages that fill themselves in: what an app's simulate.js can do."""
# ruff: noqa: E501  (scripts read better in one line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Visit

FORM = """
<input name="price" type="number"><textarea name="note"></textarea>
<input type="radio" name="side" value="buy"><input type="radio" name="side" value="sell">
<input type="radio" name="fair" value="True"><input type="radio" name="fair" value="False">
<input type="checkbox" name="agree" value="yes">
<input type="checkbox" name="goods" value="a"><input type="checkbox" name="goods" value="b">
<input type="checkbox" name="goods" value="c">
<select name="city"><option>Bern</option><option value="2">Rome</option></select>
<button type="button" id="press" onclick="window.pressed = (window.pressed || 0) + 1">x</button>
<script>window.heard = []; document.addEventListener("input", e => heard.push(e.target.name));</script>
"""


def simulated(visit: Visit, script: str, **boot: Any) -> Visit:
    """Open a page of the app `shop` with a simulate.js of this text."""
    visit.wire.scripts["simulate.js"] = script
    told = {"simulate_scripts": ["scripts/simulate.js"]}
    return visit.open(FORM, told, **{"app": "shop", "simulate": True, **boot})


def on(body: str, key: str = "shop/Market") -> str:
    return f"uproot.simulate.on('{key}', async (sim) => {{ {body}; window.done = true; }});"


def values(visit: Visit) -> list[list[str]]:
    visit.sees("window.done", True)
    pairs: list[list[str]] = visit.page.evaluate("Array.from(new FormData(I('uproot-form')))")
    filled = [pair for pair in pairs if not pair[0].startswith("_uproot")]
    return [pair for pair in filled if pair[1] not in ("", "Bern")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("sim.fill('price', 3)", [["price", "3"]]),
        ("sim.fill({price: '3', note: 'n', side: 'sell'})", [["price", "3"], ["note", "n"], ["side", "sell"]]),
        ("sim.choose('side', 'buy').choose('fair', false)", [["side", "buy"], ["fair", "False"]]),
        ("sim.choose('fair', '1')", [["fair", "True"]]),
        ("sim.choose('fair', 0)", [["fair", "False"]]),
        ("sim.check('agree')", [["agree", "yes"]]),
        ("sim.check('agree').uncheck('agree')", []),
        ("sim.fill('agree', true)", [["agree", "yes"]]),
        ("sim.choose('goods', ['a', 'c'])", [["goods", "a"], ["goods", "c"]]),
        ("sim.choose('city', 2)", [["city", "2"]]),
        ("sim.select('city', 'Rome'.length === 4 ? '2' : '')", [["city", "2"]]),
        ("sim.oneOf('price', [5, 5])", [["price", "5"]]),
        ("sim.fill('price', sim.integer(4, 4)).fill('note', sim.random(['k']))", [["price", "4"], ["note", "k"]]),
        ("sim.fill('note', sim.value('side')).choose('side', 'buy').fill('note', sim.value('side'))", [["note", "buy"], ["side", "buy"]]),
        ("sim.field('note').value = sim.page; sim.dispatch('note', 'input')", [["note", "shop/Market"]]),
    ],
)  # fmt: skip
@pytest.mark.sample(3)
def test_a_handler_fills_the_form(visit: Visit, body: str, expected: list[list[str]]) -> None:
    simulated(visit, on(body))
    assert values(visit) == expected
    assert visit.errors == []


@pytest.mark.slow
def test_the_pages_own_script_hears_what_is_filled_in(visit: Visit) -> None:
    simulated(visit, on("sim.fill('price', 3).choose('side', 'buy').check('agree')"))
    visit.sees("heard", ["price", "side", "agree"])


@pytest.mark.slow
def test_any_radio_answers_every_group(visit: Visit) -> None:
    simulated(visit, on("sim.chooseAnyRadio()"))
    assert [name for name, _ in values(visit)] == ["side", "fair"]


@pytest.mark.slow
def test_a_chain_ends_with_submit_whatever_the_browser_would_say(visit: Visit) -> None:
    visit.wire.scripts["simulate.js"] = on("sim.fill('price', 3).submit()")
    visit.open(
        '<input name="price"><input name="name" required>',
        {"simulate_scripts": ["scripts/simulate.js"]}, app="shop", simulate=True,
    )  # fmt: skip
    visit.wire.wait_for(lambda: visit.wire.forms)
    assert visit.wire.forms[0] | {"price": "3", "name": ""} == visit.wire.forms[0]


@pytest.mark.slow
def test_a_chain_waits_for_what_takes_time(visit: Visit) -> None:
    simulated(
        visit,
        on("""
        setTimeout(() => sim.element("main").insertAdjacentHTML("beforeend", "<i id='late'></i>"), 60);
        const got = await sim.wait(10).waitFor("#late").fill("note", "after").invoke("bid", 3, {a: 1});
        sim.fill("price", got.args[0]).click("press").click("#press")"""),
    )
    visit.sees("window.pressed", 2)
    assert values(visit) == [["price", "3"], ["note", "after"]]
    assert visit.wire.calls()[0]["kwargs"] == {"a": 1}


@pytest.mark.parametrize("key", ["shop/Market", "Market"])
@pytest.mark.sample(1)
def test_pages_are_named_with_or_without_their_app(visit: Visit, key: str) -> None:
    simulated(visit, on("sim.fill('price', 1)", key))
    assert values(visit) == [["price", "1"]]


@pytest.mark.parametrize(
    ("key", "boot"),
    [("shop/Other", {}), ("bank/Market", {}), ("shop/Market", {"simulate": False}),
     ("shop/Market", {"end": True})],
)  # fmt: skip
@pytest.mark.sample(1)
def test_other_pages_and_real_sessions_are_left_alone(
    visit: Visit, key: str, boot: dict[str, Any]
) -> None:
    simulated(
        visit,
        on("window.ran = true", key)
        + "uproot.onReady(() => setTimeout(() => { window.later = true; }, 50));",
        **boot,
    )
    visit.sees("window.later", True)
    assert visit.page.evaluate("window.ran") is None


@pytest.mark.slow
def test_a_script_may_look_at_the_page_itself(visit: Visit) -> None:
    simulated(
        visit,
        """if (uproot.currentPage === "shop/Market" && !sessionStorage.once) {
            sessionStorage.once = "yes";
            document.querySelector("[name=price]").value = 9;
            uproot.submit();
        }""",
    )
    visit.wire.wait_for(lambda: visit.wire.forms)
    assert visit.wire.forms[0]["price"] == "9"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sim.fill('prise', 3)", "there is no field 'prise'"),
        ("sim.choose('side', 'hold')", "the field 'side' has no choice 'hold'"),
        ("sim.choose('city', 'Oslo')", "the field 'city' has no choice 'Oslo'"),
        ("sim.click('#nothing')", "there is no element '#nothing'"),
        ("sim.random([])", "at least one value"),
        ("sim.assertPage('shop/Other')", "this is not shop/Other"),
        ("sim.wait(1).waitFor('#never', 60)", "did not come within 60 ms"),
        ("await sim.wait(1).fill('prise', 3)", "there is no field 'prise'"),
    ],
)
@pytest.mark.sample(2)
def test_a_mistake_is_reported_with_its_place(visit: Visit, body: str, said: str) -> None:
    simulated(visit, on(body))
    with visit.page.expect_console_message(lambda m: said in m.text) as message:
        visit.page.reload()
    assert "shop/Market" in message.value.text


@pytest.mark.slow
def test_a_page_that_keeps_coming_back_is_tried_ever_more_slowly(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    simulated(visit, on("window.ran = true"))
    visit.page.evaluate("sessionStorage.setItem('uproot-simulated-v0', '20')")
    visit.page.reload()
    visit.sees("Alpine.store('uproot').connected", True)
    visit.page.clock.pause_at(60_000)
    visit.page.clock.run_for(5_001)
    visit.sees("window.ran", True)
    assert visit.page.evaluate("sessionStorage.getItem('uproot-simulated-v0')") == "21"


@pytest.mark.slow
def test_files_are_chosen(visit: Visit) -> None:
    visit.wire.scripts["simulate.js"] = on("sim.fill('photo', new File(['x'], 'cat.png')).submit()")
    visit.open(
        '<input type="file" name="photo">',
        {"simulate_scripts": ["scripts/simulate.js"]}, app="shop", simulate=True,
    )  # fmt: skip
    visit.wire.wait_for(lambda: visit.wire.forms)
    assert visit.wire.forms[0]["photo"] == "cat.png"


@pytest.mark.parametrize(
    ("boot", "expected"),
    [({"end": True, "name": ""}, [True, False, False]), ({"name": "Market"}, [False, True, True])],
)
@pytest.mark.sample(1)
def test_what_comes_after_the_last_page_is_called_as_in_the_framework(
    visit: Visit, boot: dict[str, Any], expected: list[bool]
) -> None:
    keys = "['End.html', 'shop/Market', /Market/]"
    script = f"window.found = {keys}.map((key) => uproot.simulate.isPage(key));"
    simulated(visit, script, **boot).sees("window.found", expected)
