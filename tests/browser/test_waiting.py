"""What a wait page shows while it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe import violations
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

WAIT = '{% extends "uproot_nb/Wait.html" %}\n'


def waits(visit: Visit, here: int = 0, needed: int | None = None, **boot: Any) -> Visit:
    """Open a wait page on which so many are here, of so many who are needed."""
    return visit.open(WAIT, {"waiting": {"here": here, "needed": needed}}, wait=True, **boot)


def news(visit: Visit, here: int, needed: int | None) -> None:
    visit.wire.push({"here": here, "needed": needed}, "_uproot_wait")


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (1, "Please wait for 3 more participants."),
        (3, "Please wait for one more participant."),
        (4, "Everybody is here."),
    ],
)
@pytest.mark.sample(1)
def test_it_shows_how_many_are_missing(visit: Visit, here: int, words: str) -> None:
    waits(visit, 2, 4)
    awaited = visit.page.locator("#uproot-awaited")
    assert awaited.text_content() == "Please wait for 2 more participants."
    visit.sees("I('uproot-gathered').textContent", "Here: 2 of 4")
    news(visit, here, 4)
    visit.sees("I('uproot-awaited').textContent", words)
    visit.sees("document.querySelectorAll('.uproot-here').length", here)
    visit.sees("document.title", f"({here}/4) Please wait")


@pytest.mark.slow
def test_who_is_needed_may_be_unknown(visit: Visit) -> None:
    waits(visit)
    assert visit.page.title() == "Please wait"
    visit.page.get_by_text("Please wait for the others.").wait_for()
    news(visit, 1, None)
    news(visit, 1, 2)
    visit.sees("document.title", "(1/2) Please wait")
    news(visit, 1, None)
    visit.sees("document.title", "Please wait")
    visit.sees("I('uproot-places').children.length", 0)


@pytest.mark.slow
def test_many_participants_are_shown_as_text_only(visit: Visit) -> None:
    waits(visit, 10, 200)
    visit.sees("I('uproot-places').children.length", 0)
    visit.sees("I('uproot-awaited').textContent", "Please wait for 190 more participants.")


@pytest.mark.parametrize("data", [None, 3, "x", [], {"here": "<b>", "needed": {}}, {"needed": -1}])
@pytest.mark.sample(1)
def test_strange_news_break_nothing(visit: Visit, data: Any) -> None:
    waits(visit, 1, 2)
    visit.wire.push(data, "_uproot_wait")
    news(visit, 2, 2)
    visit.sees("I('uproot-awaited').textContent", "Everybody is here.")
    assert visit.errors == []


@pytest.mark.slow
def test_a_screen_reader_hears_the_newest_news_and_not_all_of_it(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    waits(visit, 1, 20)
    visit.sees("I('uproot-wait-status').textContent", "Please wait for 19 more participants.")
    visit.page.clock.pause_at(60_000)
    visit.page.evaluate("""() => {
        window.heard = [];
        new MutationObserver(() => heard.push(I("uproot-wait-status").textContent))
            .observe(I("uproot-wait-status"), {childList: true});
    }""")
    for here in range(2, 12):
        news(visit, here, 20)
    visit.sees("I('uproot-awaited').textContent", "Please wait for 9 more participants.")
    visit.page.clock.run_for(5_000)
    visit.sees("heard", ["Please wait for 9 more participants."])


@pytest.mark.slow
def test_something_moves_gently_unless_the_device_asks_for_calm(visit: Visit) -> None:
    moving = "document.getAnimations().filter(a => a.playState === 'running').length"
    waits(visit, 1, 2)
    assert visit.page.evaluate(moving) == 3
    visit.page.emulate_media(reduced_motion="reduce")
    visit.sees(moving, 0)


def test_a_participant_in_another_tab_sees_by_the_title_that_it_goes_on(visit: Visit) -> None:
    hidden = "Object.defineProperty(Document.prototype, 'hidden', {get: () => !window.looked})"
    visit.page.add_init_script(hidden)
    waits(visit, 1, 2)
    visit.open("{% block title %}Your decision{% endblock %}{% block main %}{% endblock %}")
    visit.sees("document.title", "● Ready to continue")
    visit.page.evaluate(
        "window.looked = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    visit.sees("document.title", "Your decision")


@pytest.mark.slow
def test_a_participant_on_the_page_sees_the_plain_title(visit: Visit) -> None:
    waits(visit, 1, 2)
    visit.open("{% block title %}Your decision{% endblock %}{% block main %}{% endblock %}")
    assert visit.page.title() == "Your decision"


@pytest.mark.slow
def test_an_authors_words_replace_ours(visit: Visit) -> None:
    template = f"{WAIT}{{% block prose %}}<p>We pair you up.</p>{{% endblock %}}"
    visit.open(template, wait=True)
    visit.page.get_by_text("We pair you up.").wait_for()
    assert visit.page.get_by_text("Please wait for the others.").count() == 0


def test_the_server_moves_the_page_on(visit: Visit) -> None:
    waits(visit, 1, 2)
    visit.wire.send({"op": "action", "action": "reload"})
    visit.loads_again()


# ---- who is still there ----

HIDE = """(() => {
    let hidden = false;
    Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
    const state = () => (hidden ? "hidden" : "visible");
    Object.defineProperty(Document.prototype, "visibilityState", { get: state });
    window.hide = (now) => {
        hidden = now;
        document.dispatchEvent(new Event("visibilitychange"));
    };
})();"""
"""Lets a test hide the tab: `hide(true)`."""

AUDIO = """(() => {
    window.heard = [];
    window.allowed = %s;
    const nothing = () => {};
    const part = () => ({
        setValueAtTime: nothing, linearRampToValueAtTime: nothing,
        exponentialRampToValueAtTime: nothing,
    });
    window.AudioContext = class {
        get state() { return window.allowed ? "running" : "suspended"; }
        async resume() { window.allowed = true; }
        createGain() { return { gain: part(), connect: (to) => to }; }
        createOscillator() {
            const tone = new EventTarget();
            return Object.assign(tone, {
                frequency: {}, connect: (to) => to, start() {},
                stop() {
                    heard.push(tone.frequency.value);
                    setTimeout(() => tone.dispatchEvent(new Event("ended")), 0);
                },
            });
        }
    };
})();"""
"""Writes down each tone; `%s` says whether the browser lets a page sound without a press."""

NOTIFICATIONS = """(() => {
    window.asked = 0;
    window.notes = [];
    window.Notification = class {
        static permission = "%s";
        static async requestPermission() {
            window.asked += 1;
            Notification.permission = "granted";
            return "granted";
        }
        constructor(title, options) { notes.push([title, options.body]); }
        close() { notes.push("closed"); }
    };
})();"""
"""Writes down each notification; `%s` is the permission at first."""

WAKE_LOCK = """(() => {
    window.locks = [];
    const request = async () => {
        const lock = { released: false, release: async () => { lock.released = true; } };
        locks.push(lock);
        return lock;
    };
    Object.defineProperty(Navigator.prototype, "wakeLock", { get: () => ({ request }) });
})();"""

LOBBY = {"here": 1, "needed": 2, "idle": "", "idle_after": 120, "idle_answer": 15, "leave_in": None}


def lobby(visit: Visit, *scripts: str, **waiting: Any) -> Visit:
    """Open a wait page of which the kernel says this."""
    for script in scripts:
        visit.page.add_init_script(script)
    said = {**LOBBY, **waiting}
    return visit.open(WAIT, {"waiting": said}, wait=True, waiting=said, entered=1)


def pushes(visit: Visit, **waiting: Any) -> None:
    visit.wire.push({**LOBBY, **waiting}, "_uproot_idle")


def reported(visit: Visit) -> list[Any]:
    frames = [frame for frame in visit.wire.received if frame["op"] == "report"]
    return [frame["data"] for frame in frames if frame["what"] == "wait"]


@pytest.mark.slow
def test_a_touch_is_reported_a_few_times_in_the_time_after_which_one_is_asked(
    visit: Visit,
) -> None:
    visit.page.clock.install(time=0)
    lobby(visit)
    visit.page.mouse.move(10, 10, steps=2)
    visit.wire.wait_for(lambda: len(reported(visit)) == 1)
    visit.page.clock.pause_at(600)
    for step in range(20):
        visit.page.mouse.move(20 + step, 10)
        visit.page.clock.run_for(1_000)
    visit.page.clock.run_for(15_000)
    visit.wire.wait_for(lambda: len(reported(visit)) == 3)
    ago = [one["ago"] for one in reported(visit)]
    assert max(ago[:2]) <= 1
    assert 9 <= ago[2] <= 13


@pytest.mark.slow
def test_a_pointer_that_rests_while_the_page_changes_touches_nothing(visit: Visit) -> None:
    rest = "window.dispatchEvent(new PointerEvent('pointermove', {screenX: 7, screenY: %d}))"
    lobby(visit)
    visit.page.evaluate(";".join([rest % 9] * 3))
    news(visit, 2, 2)
    visit.sees("I('uproot-awaited').textContent", "Everybody is here.")
    assert reported(visit) == []
    visit.page.evaluate(rest % 10)
    visit.wire.wait_for(lambda: len(reported(visit)) == 1)


@pytest.mark.slow
def test_a_page_that_asks_nobody_reports_no_touches(visit: Visit) -> None:
    lobby(visit, idle_after=None)
    visit.page.mouse.move(10, 10, steps=2)
    visit.page.mouse.click(10, 10)
    pushes(visit, idle_after=60)
    visit.sees("1", 1)
    visit.page.keyboard.press("Shift")
    visit.wire.wait_for(lambda: len(reported(visit)) == 1)


@pytest.mark.slow
def test_a_hidden_tab_is_not_touched_until_somebody_comes_back(visit: Visit) -> None:
    lobby(visit, HIDE)
    visit.page.evaluate("hide(true)")
    visit.page.mouse.move(10, 10, steps=2)
    assert reported(visit) == []
    visit.page.evaluate("hide(false)")
    visit.wire.wait_for(lambda: [one["what"] for one in reported(visit)] == ["touched"])


def test_who_is_asked_answers_by_a_press_or_by_keyboard(visit: Visit) -> None:
    lobby(visit)
    pushes(visit, idle="asked")
    question = visit.page.get_by_role("alertdialog", name="Are you still there?")
    question.wait_for()
    visit.page.get_by_text("Please answer within 15 seconds.").wait_for()
    assert violations(visit.page) == []
    visit.page.keyboard.press("Enter")
    visit.wire.wait_for(lambda: {"what": "here"} in reported(visit))
    question.wait_for(state="detached")
    pushes(visit, idle="")
    pushes(visit, idle="asked")
    question.wait_for()
    visit.page.keyboard.press("Escape")
    question.wait_for(state="detached")
    visit.wire.wait_for(lambda: reported(visit).count({"what": "here"}) == 2)
    assert visit.errors == []


def test_the_question_counts_down_and_stays_when_nobody_answers(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    lobby(visit, idle="asked")
    visit.page.get_by_text("Please answer within 15 seconds.").wait_for()
    visit.page.clock.pause_at(10)
    pushes(visit, idle="asked", idle_answer=3)
    visit.page.get_by_text("Please answer within 3 seconds.").wait_for()
    visit.page.clock.run_for(2_000)
    visit.page.get_by_text("Please answer within 1 seconds.").wait_for()
    visit.page.clock.run_for(2_000)
    visit.page.get_by_text("You will not be put into a group until you answer.").wait_for()
    pushes(visit, idle="away")
    visit.page.get_by_role("button", name="Yes, I am here").click()
    visit.wire.wait_for(lambda: {"what": "here"} in reported(visit))


@pytest.mark.slow
def test_an_answer_without_a_connection_is_sent_when_it_is_back(visit: Visit) -> None:
    lobby(visit, idle="away")
    visit.page.get_by_role("alertdialog").wait_for()
    visit.wire.drop()
    visit.page.evaluate("document.querySelector('.uproot-dialog button').click()")
    visit.wire.wait_for(lambda: {"what": "here"} in reported(visit))


@pytest.mark.slow
def test_who_answered_in_another_tab_is_not_asked_here(visit: Visit) -> None:
    lobby(visit, idle="asked")
    visit.page.get_by_role("alertdialog").wait_for()
    pushes(visit, idle="")
    visit.page.get_by_role("alertdialog").wait_for(state="detached")
    assert reported(visit) == []


@pytest.mark.parametrize("data", [None, 3, "x", [], {"idle": 7, "idle_answer": "soon"}])
@pytest.mark.sample(1)
def test_strange_questions_break_nothing(visit: Visit, data: Any) -> None:
    lobby(visit)
    visit.wire.push(data, "_uproot_idle")
    news(visit, 2, 2)
    visit.sees("I('uproot-awaited').textContent", "Everybody is here.")
    assert visit.errors == []


# ---- the way out ----


def test_the_way_out_appears_when_it_is_time_and_is_asked_twice(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    lobby(visit)
    visit.page.clock.pause_at(600)
    pushes(visit, leave_in=3.0)
    news(visit, 2, 2)
    visit.sees("I('uproot-awaited').textContent", "Everybody is here.")
    way_out = visit.page.locator("#uproot-leave-button")
    visit.page.clock.run_for(2_000)
    assert way_out.is_hidden()
    visit.page.clock.run_for(2_000)
    way_out.click()
    dialog = visit.page.get_by_role("alertdialog", name="Do you want to leave the study?")
    dialog.get_by_role("button", name="Go on waiting").click()
    dialog.wait_for(state="detached")
    left = {"what": "left"}
    assert left not in reported(visit)
    way_out.click()
    dialog.get_by_role("button", name="Leave the study").click()
    visit.wire.wait_for(lambda: left in reported(visit))
    pushes(visit, leave_in=1.0)  # a browser's clock was ahead
    way_out.wait_for(state="hidden")
    visit.page.clock.run_for(2_000)
    way_out.wait_for()


LEFT = {"what": "left"}
BACK_SOON = "You will leave the study as soon as the connection is back."


def offline(visit: Visit) -> None:
    """Let every attempt to connect fail from now on, and the connection be lost."""
    visit.page.evaluate("""() => {
        window.Attempts = window.UprootConnection;
        window.UprootConnection = class {
            constructor() { setTimeout(() => this.onclose && this.onclose({ code: 1006 }), 0); }
            close() {}
        };
    }""")
    visit.wire.drop()
    visit.sees("Alpine.store('uproot').connected", False)


def online(visit: Visit) -> None:
    """Let attempts to connect succeed again."""
    visit.page.evaluate("void (window.UprootConnection = window.Attempts)")
    visit.page.evaluate("dispatchEvent(new Event('online'))")


def presses_leave(visit: Visit, answer: str = "Leave the study") -> None:
    visit.page.locator("#uproot-leave-button").click()
    dialog = visit.page.get_by_role("alertdialog", name="Do you want to leave the study?")
    dialog.get_by_role("button", name=answer).click()


def says(visit: Visit, words: str) -> None:
    visit.sees("I('uproot-leaving').textContent", words)


@pytest.mark.slow
def test_who_leaves_without_a_connection_reads_so_at_once_and_leaves_when_it_is_back(
    visit: Visit,
) -> None:
    lobby(visit, leave_in=0)
    offline(visit)
    presses_leave(visit)
    says(visit, BACK_SOON)
    assert violations(visit.page) == []
    assert LEFT not in reported(visit)
    online(visit)
    visit.wire.wait_for(lambda: LEFT in reported(visit))
    says(visit, "")


@pytest.mark.slow
def test_on_a_phone_the_notice_is_within_the_window(phone: Visit) -> None:
    lobby(phone, leave_in=0, here=0, needed=2)
    offline(phone)
    presses_leave(phone)
    says(phone, BACK_SOON)
    expect(phone.page.locator("#uproot-leaving")).to_be_in_viewport(ratio=1)
    assert phone.page.evaluate("scrollY") > 0


@pytest.mark.slow
def test_who_changes_their_mind_without_a_connection_stays(visit: Visit) -> None:
    lobby(visit, leave_in=0)
    offline(visit)
    presses_leave(visit)
    says(visit, BACK_SOON)
    presses_leave(visit, "Go on waiting")
    says(visit, "")
    online(visit)
    visit.sees("Alpine.store('uproot').connected", True)
    visit.page.mouse.move(5, 5, steps=2)
    visit.wire.wait_for(lambda: [one["what"] for one in reported(visit)] == ["touched"])


@pytest.mark.slow
def test_a_press_that_a_dead_connection_has_swallowed_is_sent_by_the_next_one(
    visit: Visit,
) -> None:
    """The socket looks open; a ping that gets no answer shows that it is not."""
    lobby(visit, leave_in=0)
    visit.wire.alive = False
    presses_leave(visit)
    visit.wire.wait_for(lambda: {"op": "ping"} in visit.wire.received)
    visit.wire.wait_for(lambda: reported(visit).count(LEFT) >= 2)


@pytest.mark.slow
def test_a_press_is_still_there_after_a_reload_and_belongs_to_its_visit_alone(visit: Visit) -> None:
    lobby(visit, leave_in=0)
    visit.page.evaluate("uproot.inner.link.rest()")
    presses_leave(visit)
    says(visit, BACK_SOON)
    visit.page.reload()
    visit.wire.wait_for(lambda: LEFT in reported(visit))
    visit.page.goto("about:blank")
    visit.wire.wait_for(lambda: not visit.wire.open_sockets())
    visit.wire.received.clear()
    waiting = {**LOBBY, "leave_in": 0}
    context = {"waiting": waiting}
    visit.open(WAIT, context, wait=True, waiting=waiting, entered=5, visit="v5")
    visit.page.mouse.move(5, 5, steps=2)
    visit.wire.wait_for(lambda: [one["what"] for one in reported(visit)] == ["touched"])


@pytest.mark.slow
def test_a_press_in_a_pause_counts_when_the_study_continues(visit: Visit) -> None:
    lobby(visit, leave_in=0)
    visit.wire.send({"op": "status", "state": "paused"})
    visit.sees("Alpine.store('uproot').state", "paused")
    presses_leave(visit)
    says(visit, "You will leave the study as soon as it continues.")
    assert LEFT not in reported(visit)
    visit.wire.send({"op": "status", "state": "running"})
    visit.wire.wait_for(lambda: LEFT in reported(visit))
    says(visit, "")


@pytest.mark.slow
def test_a_press_that_came_too_early_for_the_server_counts_when_it_is_time(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    lobby(visit, leave_in=0)
    presses_leave(visit)
    visit.wire.wait_for(lambda: reported(visit).count(LEFT) == 1)
    visit.page.clock.pause_at(600)
    pushes(visit, leave_in=3.0)
    visit.page.locator("#uproot-leave-button").wait_for(state="hidden")
    visit.page.clock.run_for(3_100)
    visit.wire.wait_for(lambda: reported(visit).count(LEFT) == 2)


@pytest.mark.slow
def test_a_page_without_a_way_out_offers_none(visit: Visit) -> None:
    lobby(visit)
    assert visit.page.locator("#uproot-leave").is_hidden()


# ---- being called back ----

DECIDE = "{% block title %}Your decision{% endblock %}{% block main %}{% endblock %}"


def goes_on(visit: Visit) -> None:
    """Let the player be on another page, and the wait page hear of it."""
    shown = type("Market", (), {"template": f"{DECIDE}\n", "__doc__": None})
    visit.wire.serve(shown, entered=2)
    visit.wire.send({"op": "action", "action": "reload", "entered": 2})


@pytest.mark.slow
def test_a_press_lets_the_page_sound_and_asks_for_permission_to_notify(visit: Visit) -> None:
    lobby(visit, AUDIO % "false", NOTIFICATIONS % "default")
    button = visit.page.get_by_role("button", name="Alert me when it continues")
    assert button.get_attribute("aria-pressed") == "false"
    assert visit.page.evaluate("asked") == 0
    button.click()
    visit.sees("[heard, asked, I('uproot-alert').ariaPressed]", [[660, 880], 1, "true"])
    button.click()
    visit.sees("I('uproot-alert').ariaPressed", "false")
    assert visit.page.evaluate("asked") == 1


@pytest.mark.slow
def test_where_the_browser_lets_pages_sound_it_is_on_without_a_press(visit: Visit) -> None:
    lobby(visit, AUDIO % "true", NOTIFICATIONS % "default")
    visit.sees("I('uproot-alert').ariaPressed", "true")
    assert visit.page.evaluate("[heard, asked]") == [[], 0]


def test_a_hidden_tab_sounds_before_it_goes_on_and_notifies_afterwards(visit: Visit) -> None:
    remember = "window.heardBefore = sessionStorage.getItem('heard');"
    lobby(visit, HIDE + remember, AUDIO % "false", NOTIFICATIONS % "granted")
    visit.page.get_by_role("button", name="Alert me when it continues").click()
    visit.sees("heard.length", 2)
    visit.page.add_init_script("window.hide(true)")
    visit.page.evaluate("""() => {
        heard.length = 0;
        window.addEventListener("pagehide", () => sessionStorage.setItem("heard", heard.join()));
        hide(true);
    }""")
    goes_on(visit)
    visit.loads_again()
    visit.sees("[document.title, heardBefore]", ["● Ready to continue", "660,880"])
    visit.sees("notes", [["Ready to continue", "Your decision"]])
    visit.page.evaluate("hide(false)")
    visit.sees("[document.title, notes.length]", ["Your decision", 2])


@pytest.mark.slow
def test_a_tab_that_somebody_looks_at_goes_on_without_a_sound(visit: Visit) -> None:
    remember = "window.heardBefore = sessionStorage.getItem('heard');"
    lobby(visit, remember, AUDIO % "true", NOTIFICATIONS % "granted")
    visit.page.evaluate(
        "addEventListener('pagehide', () => sessionStorage.setItem('heard', heard.join()))"
    )
    goes_on(visit)
    visit.loads_again()
    visit.sees("[document.title, heardBefore, notes]", ["Your decision", "", []])


@pytest.mark.slow
def test_who_is_asked_in_a_hidden_tab_is_called_back(visit: Visit) -> None:
    lobby(visit, HIDE, AUDIO % "true")
    visit.page.evaluate("hide(true)")
    pushes(visit, idle="asked")
    visit.sees("[document.title, heard]", ["● Are you still there?", [660, 880]])
    visit.page.evaluate("hide(false)")
    visit.sees("document.title", "(1/2) Please wait")


@pytest.mark.slow
def test_a_browser_without_sound_or_notifications_waits_all_the_same(visit: Visit) -> None:
    nothing = (
        "delete window.AudioContext; delete window.webkitAudioContext; delete window.Notification;"
    )
    lobby(visit, nothing)
    visit.page.get_by_role("button", name="Alert me when it continues").click()
    visit.sees("I('uproot-alert').ariaPressed", "true")
    goes_on(visit)
    visit.loads_again()
    assert visit.errors == []


# ---- on a phone ----


@pytest.mark.slow
def test_a_phones_screen_stays_awake_while_somebody_waits(phone: Visit) -> None:
    visit = phone
    states = "locks.map((lock) => lock.released)"
    lobby(visit, HIDE, WAKE_LOCK)
    visit.sees(states, [False])
    visit.page.evaluate("locks[0].released = true; hide(true)")  # as browsers do
    visit.sees(states, [True])
    visit.page.evaluate("hide(false)")
    visit.sees(states, [True, False])
    pushes(visit, idle="asked")
    visit.sees(states, [True, True])  # nobody seems to look at it
    visit.page.get_by_role("button", name="Yes, I am here").click()
    visit.sees(states, [True, True, False])


@pytest.mark.slow
def test_a_computers_screen_is_left_alone(visit: Visit) -> None:
    lobby(visit, WAKE_LOCK)
    visit.page.mouse.move(5, 5, steps=2)
    visit.wire.wait_for(lambda: len(reported(visit)) == 1)
    assert visit.page.evaluate("locks.length") == 0


def test_all_of_it_fits_a_phone_and_axe_finds_nothing(phone: Visit) -> None:
    visit = phone
    lobby(visit, leave_in=0, here=1, needed=3)
    visit.page.get_by_role("button", name="Leave the study").wait_for()
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not visit.page.evaluate(wide)
    assert violations(visit.page) == []
    visit.page.get_by_role("button", name="Alert me").click()
    assert violations(visit.page) == []
    visit.page.get_by_role("button", name="Leave the study").click()
    visit.page.get_by_role("button", name="Go on waiting").wait_for()
    assert violations(visit.page) == []
    visit.page.keyboard.press("Escape")
    pushes(visit, idle="asked", leave_in=0)
    visit.page.get_by_role("button", name="Yes, I am here").wait_for()
    assert not visit.page.evaluate(wide)
    assert violations(visit.page) == []
