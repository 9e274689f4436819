"""Forms with files are on their way while the kernel, and then the server, is killed."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live_jupyter import LiveJupyter, free_port
from live_kernel import Kernel
from playwright.sync_api import BrowserContext, expect
from waiting import wait_until

from tests.running import BEGIN_FORM

SENDERS = 12
SIZE = 1_000_000
PATIENCE = 60.0
BOUNDARY = "--b\r\nContent-Disposition: form-data; name="
CELLS = f"""
import asyncio
from uproot_nb import *

class Photo(Page):
    '''# Your photo'''

    fields = dict(photo=FileField(label="Photo"))

    async def handle_stealth_fields(page, player, data):
        await asyncio.sleep(0.1)
        player.size = len(await data["photo"].read())

class Over(Page):
    '''# It is over'''

run = serve([Photo, Over], players={SENDERS + 1}, name="forms")
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LiveJupyter]:
    with LiveJupyter(tmp_path, participant_port=free_port()) as lab:
        yield lab


def served(lab: LiveJupyter) -> Kernel:
    kernel = lab.start_kernel("forms.ipynb")
    kernel.run(CELLS)
    return kernel


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *ignored: object) -> None:
        return None


def send(link: str) -> int:
    """Send the page's form as a browser without scripts does; return the status, or 0."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with urllib.request.urlopen(link, BEGIN_FORM, timeout=PATIENCE) as answer:
            page = answer.read().decode()
        hidden = re.findall(r'name="(_uproot_\w+)" value="([^"]*)"', page)
        parts = [f'{BOUNDARY}"{name}"\r\n\r\n{value}\r\n' for name, value in hidden]
        parts.append(f'{BOUNDARY}"photo"; filename="me.png"\r\n\r\n{"x" * SIZE}\r\n--b--\r\n')
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        body = "".join(parts).encode()
        with opener.open(urllib.request.Request(link, body, kind), timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


@pytest.mark.slow
def test_whoever_reads_that_a_form_was_sent_has_it_stored_and_a_page_sends_it_by_itself(
    lab: LiveJupyter, context: BrowserContext
) -> None:
    kernel = served(lab)
    links = kernel.value("[run.link(player) for player in run.players]")
    page = context.new_page()
    page.goto(links[-1])
    photo = {"name": "me.png", "mimeType": "image/png", "buffer": b"x" * SIZE}
    page.get_by_label("Photo").set_input_files(photo)
    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(send, link) for link in links[:-1]]
        stored = "sum(player.get('size') is not None for player in run.players)"
        wait_until(lambda: kernel.value(stored) > 1, PATIENCE, "some to be stored")
        kernel.sigkill()
        page.get_by_role("button", name="Next").click()
        kernel.restart()
        kernel.run(CELLS)
        statuses = [sent.result() for sent in sending]
    assert set(statuses) <= {303, 503}
    sizes = kernel.value("[player.get('size') for player in run.players]")
    assert [SIZE if status == 303 else None for status in statuses] == sizes[:SENDERS]
    expect(page.get_by_role("heading", name="It is over")).to_be_visible(timeout=20_000)
    assert kernel.value("run.players[-1].size") == SIZE

    kernel.run("move_to_page(run.players[-1], Photo)")
    expect(page.get_by_role("heading", name="Your photo")).to_be_visible()
    page.get_by_label("Photo").set_input_files({**photo, "buffer": b"y" * 7})
    lab.sigkill()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#uproot-unsent")).to_contain_text("not arrived yet")
    lab.start_again()
    kernel = served(lab)
    expect(page.get_by_role("heading", name="It is over")).to_be_visible(timeout=20_000)
    assert kernel.value("run.players[-1].size") == 7
    assert kernel.value("(run.events['kind'] == 'submit').sum() <= 14")
