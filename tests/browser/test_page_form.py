"""How a page's form is sent: by Next, by Back, by the page's script, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Visit

REQUIRED = '<input id="price" name="price" required>'


def test_the_form_names_its_page_and_visit(visit: Visit) -> None:
    visit.open("<p></p>", page=4, visit="w7")
    visit.page.get_by_role("button", name="Next").click()
    visit.wire.wait_for(lambda: visit.wire.forms == [{"_uproot_page": "4", "_uproot_visit": "w7"}])


def test_the_back_button_asks_for_nothing_that_is_required(visit: Visit) -> None:
    visit.open(REQUIRED, back=True)
    visit.page.get_by_role("button", name="Back").click()
    visit.submits({"price": "", "_uproot_back": "1"})


@pytest.mark.slow
def test_go_back_does_as_the_back_button(visit: Visit) -> None:
    visit.open(f"{{% set buttons = false %}}{REQUIRED}", back=True)
    visit.page.evaluate("uproot.goBack()")
    visit.submits({"price": "", "_uproot_back": "1"})


def test_enter_goes_on_and_not_back(visit: Visit) -> None:
    visit.open(REQUIRED, back=True)
    visit.page.fill("#price", "3")
    visit.page.press("#price", "Enter")
    visit.submits({"price": "3"})


@pytest.mark.slow
def test_next_stands_last_and_is_reached_first(visit: Visit) -> None:
    visit.open(REQUIRED, back=True)
    back = visit.page.locator("#uproot-back").bounding_box()
    after = visit.page.locator("#uproot-next").bounding_box()
    assert back is not None
    assert after is not None
    assert back["x"] + back["width"] < after["x"]
    visit.page.focus("#price")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "uproot-next"


@pytest.mark.slow
def test_a_page_that_allows_no_way_back_has_none(visit: Visit) -> None:
    visit.open(REQUIRED)
    assert visit.page.get_by_role("button", name="Back").count() == 0
    visit.page.evaluate("uproot.goBack()")
    visit.page.fill("#price", "3")
    visit.page.evaluate("uproot.submit()")
    visit.submits({"price": "3"})


@pytest.mark.parametrize("call", ["submit", "goBack"])
@pytest.mark.sample(1)
def test_a_wait_page_is_not_sent_by_scripts(visit: Visit, call: str) -> None:
    visit.open("<p></p>", wait=True)
    visit.page.evaluate(f"uproot.{call}()")
    visit.page.evaluate("uproot.invoke('after')")
    assert visit.wire.forms == []


@pytest.mark.slow
def test_a_field_may_be_called_submit(visit: Visit) -> None:
    visit.open('<input name="submit" value="1"><input name="requestSubmit" value="2">')
    visit.page.evaluate("uproot.submit()")
    visit.submits({"submit": "1", "requestSubmit": "2"})


@pytest.mark.slow
def test_a_script_that_refuses_keeps_the_form_as_it_was(visit: Visit) -> None:
    visit.open(
        f"""{REQUIRED}<script>
        document.addEventListener("submit", (event) => event.preventDefault(), {{once: true}});
        </script>""",
        back=True,
    )
    visit.page.evaluate("uproot.goBack()")
    assert visit.page.evaluate("I('uproot-form').noValidate") is False
    assert visit.page.locator("[type=hidden][name=_uproot_back]").count() == 0
    visit.page.fill("#price", "3")
    visit.page.evaluate("uproot.submit()")
    visit.submits({"price": "3"})


def test_a_form_with_a_file_input_sends_files(visit: Visit) -> None:
    visit.open('<input type="file" name="photo">')
    picture = {"name": "cat.png", "mimeType": "image/png", "buffer": b"x"}
    visit.page.set_input_files("[name=photo]", [picture])
    visit.page.evaluate("uproot.submit()")
    visit.submits({"photo": "cat.png"})


@pytest.mark.slow
def test_a_form_that_the_server_knows_to_have_files_is_multipart(visit: Visit) -> None:
    visit.open("<p></p>", {"multipart": True})
    assert visit.page.evaluate("I('uproot-form').enctype") == "multipart/form-data"


def test_what_is_on_its_way_is_shown_and_a_lost_submission_can_be_tried_again(
    visit: Visit,
) -> None:
    visit.page.clock.install(time=0)
    visit.open("<p></p>")
    visit.page.route("**/p/token/", lambda route: None)  # an answer that never comes
    visit.page.clock.pause_at(60_000)
    visit.page.evaluate("""() => {
        window.went = 0;
        window.addEventListener("submit", (event) => {
            if (!event.defaultPrevented) window.went += 1;
            event.preventDefault();
        });
        uproot.submit();
        uproot.submit();
    }""")
    assert visit.page.locator("#uproot-form.uproot-sending").count() == 1
    visit.page.clock.run_for(8_001)
    assert visit.page.locator("#uproot-form.uproot-sending").count() == 0
    visit.page.evaluate("uproot.submit()")
    assert visit.page.evaluate("went") == 2


@pytest.mark.slow
def test_a_page_that_was_sent_and_comes_back_from_the_cache_is_asked_for_anew(
    visit: Visit,
) -> None:
    visit.open("<p></p>")
    visit.page.evaluate("""() => {
        window.addEventListener("submit", (event) => event.preventDefault());
        uproot.submit();
        window.dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}));
    }""")
    visit.loads_again()


# ---- the rest of what a page's script has ------------------------------------------------------


@pytest.mark.slow
def test_a_page_may_connect_by_itself(visit: Visit) -> None:
    shown = type("Market", (), {"template": "{% set disable_auto_start = true %}\n<p></p>"})
    visit.page.goto(visit.wire.serve(shown))
    visit.page.evaluate("new Promise(done => setTimeout(done, 20))")
    assert visit.wire.sockets == []
    visit.page.evaluate("uproot.init(); uproot.init()")
    visit.sees("Alpine.store('uproot').connected", True)
    assert len(visit.wire.sockets) == 1


@pytest.mark.slow
def test_a_page_may_stay_silent_about_its_connection(visit: Visit) -> None:
    visit.open("{% set disable_connection_lost_modal = true %}<p></p>")
    visit.wire.refuse = 1013
    visit.wire.drop()
    visit.sees("Alpine.store('uproot').connected", False)
    visit.wire.refuse = 0
    visit.sees("Alpine.store('uproot').connected", True)
    assert visit.page.locator("#uproot-connection").text_content() == ""


def test_scripts_translate_as_templates_do(visit: Visit) -> None:
    visit.open("<p></p>", texts={"Hello, {name}": "Hallo, {name}"})
    assert visit.page.evaluate("_('Hello, {name}', {name: 'Ann'})") == "Hallo, Ann"
    assert visit.page.evaluate("_('constructor')") == "constructor"


@pytest.mark.slow
def test_a_page_may_keep_the_underscore_for_itself(visit: Visit) -> None:
    visit.open("{% set disable_terms = true %}<p></p>")
    assert visit.page.evaluate("typeof window._") == "undefined"


@pytest.mark.slow
def test_a_page_does_without_bootstrap(visit: Visit) -> None:
    visit.open("{% set disable_bootstrap = true %}<p></p>")
    visit.page.evaluate("void uproot.alert('hello')")
    visit.page.get_by_role("dialog").get_by_text("hello").wait_for()
    assert visit.page.evaluate("typeof bootstrap") == "undefined"
    box = visit.page.locator("#uproot-announcer").bounding_box()
    assert box is not None
    assert box["width"] <= 1


def test_an_api_is_asked_relative_to_its_address(visit: Visit) -> None:
    visit.wire.scripts["answer"] = "42"
    visit.open("<p></p>", api="scripts/")
    got = visit.page.evaluate("uproot.api('answer').then(answer => answer.text())")
    assert got == "42"


@pytest.mark.slow
def test_the_api_of_an_experiment_without_one_is_an_error(visit: Visit) -> None:
    visit.open("<p></p>")
    got = visit.page.evaluate("uproot.api('x').catch(error => [error.name, error.message])")
    assert got[0] == "NoApi"
    assert "Define api(request, session)" in got[1]


@pytest.mark.slow
def test_constants_are_there_under_their_own_name_unless_the_page_has_one(visit: Visit) -> None:
    visit.open("<script>const page = C.ROUNDS;</script>", C={"ROUNDS": 3})
    assert visit.page.evaluate("page") == 3
    visit.open("<script>const C = 7;</script>", C={"ROUNDS": 3})
    assert visit.page.evaluate("C") == 7
    assert visit.errors == []
