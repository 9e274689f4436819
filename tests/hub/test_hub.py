"""A real JupyterHub: two researchers serve there, and their participants have no login."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from live_jupyter import wait_until
from live_kernel import Kernel
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.components.jupyter_hub import PASSWORD, HubUser, LiveHub
from tests.hub.notebooks import serve_market

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

MOUNT = "uproot_nb/participant/"
ASK = """
async ([url, method]) => {
    try {
        const answer = await fetch(url, {method, credentials: "include"});
        return answer.status;
    } catch (error) {
        return "blocked";
    }
}
"""
CONNECT = """
url => new Promise(resolve => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
})
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    with LiveHub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture(scope="module")
def ann(hub: LiveHub) -> HubUser:
    return hub.user("ann")


@pytest.fixture(scope="module")
def bob(hub: LiveHub) -> HubUser:
    return hub.user("bob")


@pytest.fixture(scope="module")
def anns(ann: HubUser) -> Kernel:
    return ann.start_kernel()


@pytest.fixture(scope="module")
def bobs(bob: HubUser) -> Kernel:
    return bob.start_kernel()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def researcher(browser: Browser, ann: HubUser) -> Iterator[Page]:
    """Ann's own browser, logged in at the Hub and at her server."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(ann.url + "uproot_nb/status")
    page.locator("#username_input").fill("ann")
    page.locator("#password_input").fill(PASSWORD)
    page.locator("#login_submit").click()
    page.wait_for_url("**/uproot_nb/status")
    yield page
    context.close()


def played(context: BrowserContext, link: str) -> Page:
    """Open a participant's page, and play once."""
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Count").click()
    expect(page).to_have_title(re.compile(r"\d+"))
    return page


def status_of(url: str, **headers: str) -> int:
    """Return the status of an answer, at the end of redirects."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_links_carry_the_address_of_the_researchers_browser(
    anns: Kernel, ann: HubUser, researcher: Page
) -> None:
    serve_market(anns)
    wait_until(
        lambda: anns.value("run.url") == ann.url + MOUNT, 60.0, "the run to learn its address"
    )
    assert all(link.startswith(ann.url + MOUNT) for link in serve_market(anns))


def test_participants_of_both_play_without_a_login(
    hub: LiveHub, context: BrowserContext, anns: Kernel, bobs: Kernel
) -> None:
    for kernel in (anns, bobs):
        for link in serve_market(kernel):
            played(context, hub.url + urlsplit(link).path.removeprefix("/"))
        assert kernel.value("[player.clicks for player in run.players]") == [1, 1]
    assert context.cookies() == []


def test_a_page_reaches_nothing_of_jupyter_or_of_the_hub(
    hub: LiveHub, ann: HubUser, bob: HubUser, anns: Kernel, researcher: Page
) -> None:
    """Not even in the browser of a researcher who is logged in, whose cookies it has."""
    context = researcher.context
    page = played(context, serve_market(anns)[0])
    assert page.evaluate("window.origin") == "null"
    for url in (
        hub.url + "hub/api/user", hub.url + "hub/api/users", hub.url + "hub/home",
        ann.url + "api/contents", ann.url + "uproot_nb/status.json", bob.url + "api/contents",
    ):  # fmt: skip
        for method in ("GET", "POST", "DELETE"):
            assert page.evaluate(ASK, [url, method]) == "blocked"
    kernel = f"{ann.url}api/kernels/{anns.identifier}/channels".replace("http", "ws", 1)
    assert page.evaluate(CONNECT, kernel) == "refused"
    for stored in ("document.cookie", "window.localStorage", "navigator.serviceWorker.register"):
        with pytest.raises(Exception, match=r"sandbox|insecure|undefined"):
            page.evaluate(f"() => {stored}.toString()")
    assert ann.request("GET", "api/kernels")  # nothing has ended it


def test_a_key_opens_one_session_and_nothing_else(
    hub: LiveHub, ann: HubUser, bob: HubUser, anns: Kernel, bobs: Kernel
) -> None:
    link = urlsplit(serve_market(anns)[0]).path
    token = link.rstrip("/").rpartition("/")[2]
    serve_market(bobs)
    assert status_of(hub.url + link[1:]) == 200
    assert status_of(f"{bob.url}{MOUNT}p/{token}/") in (404, 503)
    for url in (
        hub.url + "hub/api/users", hub.url + "hub/api/user", ann.url + "api/contents",
        ann.url + "uproot_nb/api/v1/sessions",
    ):  # fmt: skip
        assert status_of(url, Authorization=f"token {token}") in (401, 403)
        assert status_of(url, Authorization=f"Bearer {token}") in (401, 403)


def test_the_hub_sees_that_participants_are_there(
    context: BrowserContext, hub: LiveHub, bob: HubUser, bobs: Kernel
) -> None:
    """The Hub does not ask its proxy in these tests: what it knows, the server has reported."""
    page = context.new_page()
    page.goto(hub.url + urlsplit(serve_market(bobs)[0]).path[1:])
    expect(page.get_by_role("button", name="Count")).to_be_visible()
    for _ in range(2):
        before = bob.state["last_activity"]
        wait_until(lambda: bob.state["last_activity"] > before, 60.0, "activity to be reported")  # noqa: B023


def test_named_servers_serve_beside_the_first(
    context: BrowserContext, hub: LiveHub, ann: HubUser, anns: Kernel
) -> None:
    two = hub.user("ann", "two")
    kernel = two.start_kernel("other.ipynb")
    kernel.run("import os\nos.environ['UPROOT_NB_DATABASE'] = 'two.sqlite3'")
    (first, _), (other, _) = serve_market(anns), serve_market(kernel)
    path = urlsplit(other).path
    assert path.startswith("/user/ann/two/uproot_nb/participant/")
    played(context, hub.url + path[1:])
    played(context, hub.url + urlsplit(first).path[1:])
    assert status_of(f"{two.url}{MOUNT}{path.partition(MOUNT)[2]}") == 200
    assert status_of(f"{ann.url}{MOUNT}{path.partition(MOUNT)[2]}") in (404, 503)
    two.stop()


def test_links_survive_a_restart_of_the_server(context: BrowserContext, hub: LiveHub) -> None:
    three = hub.user("bob", "three")
    kernel = three.start_kernel("three.ipynb")
    database = Path(hub.folder, "three.sqlite3")
    where = f"import os\nos.environ['UPROOT_NB_DATABASE'] = {str(database)!r}"
    kernel.run(where)
    path = urlsplit(serve_market(kernel)[0]).path
    page = played(context, hub.url + path[1:])
    expect(page).to_have_title("1")
    three.stop()
    three.start()
    kernel = three.start_kernel("three.ipynb")
    kernel.run(where)
    assert urlsplit(serve_market(kernel)[0]).path == path
    again = played(context, hub.url + path[1:])
    expect(again).to_have_title("2")
