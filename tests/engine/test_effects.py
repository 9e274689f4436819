"""Effects: what happens outside of a session happens once, after the commit, and not in a rerun."""
# ruff: noqa: ANN001, ANN201, ANN202, C408, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Faulty, Rejected, serving, until
from uproot_nb import (
    Page,
    StringField,
    after_commit,
    append_to_csv,
    live,
    once,
    read_csv,
    rehearse,
    rerun,
    serve,
)
from uproot_nb.errors import UprootError
from uproot_nb.experiment.waiting_rows import WaitingRows
from uproot_nb.log.codec import Codec
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.session import journal
from uproot_nb.session.world import load_state

ROOT = Path(__file__).parents[2]
FILE = "payments.csv"
paid: list[str] = []


def pay(player, amount):
    paid.append(f"{player.name} {amount}")
    player.paid = amount


async def pay_in_time(player):
    paid.append(player.name)


def fail_to_pay(player):
    raise OSError("the bank is closed")


class Payment(Page):
    """Your account."""

    allow_back = True
    fields = dict(account=StringField(label="Account"))
    stealth_fields = ("account",)

    def handle_stealth_fields(page, player, data):
        append_to_csv(FILE, {"player": player.name, "account": data["account"]})
        if data["account"] == "wrong":
            raise ValueError("no such account")


class Check(Page):
    """Is all well?"""

    allow_back = True

    @live
    def note(page, player, text):
        append_to_csv(FILE, {"player": player.name, "account": text})

    @live
    def pay(page, player):
        if once(player, "payment"):
            after_commit(pay, player, 5)
        return once(player, "payment")

    @live
    def pay_in_time(page, player):
        after_commit(pay_in_time, player)

    @live
    def fail(page, player):
        after_commit(fail_to_pay, player)
        after_commit(pay_in_time, player)


class Bonus(Page):
    """Paid when it is left."""

    def after_once(page, player):
        append_to_csv(FILE, {"player": player.name, "account": "bonus"})
        after_commit(pay, player, 1)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    paid.clear()
    yield
    assert [found.name for found in tmp_path.iterdir() if found.name.endswith(".new")] == []


def accounts() -> list[str]:
    return [row["account"] for row in read_csv(FILE)] if Path(FILE).exists() else []


@pytest.mark.long
async def test_a_row_is_in_the_file_after_its_commit_and_its_secret_not_in_the_log() -> None:
    with serving(Payment, Check) as run:
        ann = await Browser.open(run)
        assert (await ann.submit(account="DE1")).code == 303
        await until(accounts)
        assert read_csv(FILE) == [{"player": run.players[0].name, "account": "DE1"}]
        await until(lambda: not run._runtime.world.state.effects)
        assert "DE1" not in str(run.events["value"].array.texts.tolist())


@pytest.mark.long
async def test_nothing_is_written_before_the_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Faulty()
    monkeypatch.setattr("uproot_nb.log.places.MemoryLog", lambda: log)
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.02)
    with serving(Check) as run:
        ann = await Browser.open(run)
        with log.disk_full():
            asked = await ann.ask("note", "late")
            await until(lambda: log.refused > 3)
            assert accounts() == []
        await ann.answer(asked)
        await until(lambda: accounts() == ["late"])


@pytest.mark.long
async def test_a_form_that_is_corrected_after_back_is_one_row() -> None:
    with serving(Payment, Check) as run:
        ann = await Browser.open(run)
        await ann.submit(account="DE1")
        bob = await Browser.open(run, 1)
        await bob.submit(account="DE2")
        await until(lambda: accounts() == ["DE1", "DE2"])
        await ann.load()
        await ann.submit(_uproot_back="1")
        await ann.load()
        await ann.submit(account='new, "DE3"')
        await until(lambda: accounts() == ['new, "DE3"', "DE2"])


async def test_rows_of_live_methods_and_of_other_rounds_stay() -> None:
    with serving(Check) as run:
        ann = await Browser.open(run)
        for text in "aab":
            await ann.call("note", text)
        await until(lambda: accounts() == ["a", "a", "b"])


async def test_what_a_live_method_has_done_before_it_fails_stays() -> None:
    """`once` stays, too: without the row, nobody would ever be paid."""

    class Claim(Page):
        """Claim."""

        @live
        def claim(page, player):
            player.claimed = once(player, "claim")
            append_to_csv(FILE, {"player": player.name, "account": "mine"})
            raise ValueError("a bug after that")

    with serving(Claim) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("claim")
        await until(lambda: accounts() == ["mine"])
        assert run.players[0].claimed is True


@pytest.mark.long
async def test_a_hook_that_fails_writes_nothing() -> None:
    with serving(Payment, Check) as run:
        ann = await Browser.open(run)
        await ann.submit(account="wrong")
        await ann.load()
        await ann.submit(account="right")
        await until(accounts)
        assert accounts() == ["right"]


class Account(Page):
    """Your account."""

    fields = dict(iban=StringField(label="IBAN"))
    stealth_fields = ("iban",)

    def handle_stealth_fields(page, player, data):
        append_to_csv("accounts.csv", {"player": player.name, **data}, private=True)
        if data["iban"] == "a bug":
            raise ValueError("a bug")
        if data["iban"] == "refused":
            return "Please check."


class Done(Page):
    """Done."""


def everything() -> bytes:
    """Return what the folder's files have, with the hidden ones and without the log.

    A journal may be deleted while it is looked for.
    """
    content = []
    for file in Path.cwd().iterdir():
        if "sqlite3" not in file.name:
            with suppress(FileNotFoundError):
                content.append(file.read_bytes())
    return b"".join(content)


@pytest.mark.parametrize("iban", ["a bug", "refused"])
async def test_a_row_of_a_form_that_is_not_stored_is_in_no_file(iban: str) -> None:
    with serving(Account, Done) as run:
        ann, bob = await Browser.open(run), await Browser.open(run, 1)
        await bob.submit(iban="good")
        await ann.submit(iban=iban)
        await until(lambda: b"good" in everything() and iban.encode() not in everything())
    assert iban.encode() not in everything()


async def test_nobody_else_can_read_the_rows_that_wait() -> None:
    with serving(Account, Done) as run:
        ann = await Browser.open(run)
        await ann.submit(iban="good")
        await until(lambda: Path("accounts.csv").exists())
    for name in ("accounts.csv", ".accounts.csv.waiting"):
        assert Path(name).stat().st_mode & 0o777 == 0o600, name


async def test_at_the_end_no_row_waits_that_no_effect_needs() -> None:
    """As of a kernel that was killed before it could delete a row."""
    path = Path("accounts.csv").absolute()
    with serving(Account, Done) as run:
        ann = await Browser.open(run)
        await ann.submit(iban="good")
        await until(lambda: path.exists())
        WaitingRows(path, run.session.name).put("unknown", "", {"iban": "never committed"})
        WaitingRows(path, "another").put("other", "", {"iban": "of another session"})
    assert b"never committed" not in everything()
    assert b"of another session" in everything()


@pytest.mark.long
def test_what_a_killed_kernel_left_is_deleted_at_the_next_start() -> None:
    path = Path("accounts.csv").absolute()
    options: dict[str, Any] = {"name": "m", "embedded": True, "port": 0, "namespace": {}}
    with serve([Account], db="log.sqlite3", **options) as run, run.lock:
        run._runtime.effects.append_row(path, {"iban": "good"}, "", True)
    left = WaitingRows(path, "m")
    left.put("unknown", "", {"iban": "never committed"})
    path.with_name(".accounts.csv.new").write_bytes(b"half of a table")
    serve([Account], db="log.sqlite3", **options).close()
    assert everything() == b"iban\r\ngood\r\n"


def test_a_row_with_a_key_takes_the_place_of_the_last_one() -> None:
    for key, text in [("a", "1"), ("b", "2"), ("a", "3\nlines"), ("a", "4")]:
        append_to_csv(FILE, {"account": text}, key=key)
    assert accounts() == ["4", "2"]


def test_a_row_that_somebody_has_edited_is_not_looked_for_in_vain() -> None:
    append_to_csv(FILE, {"account": "1"}, key="a")
    Path(FILE).write_text("account\nedited\n")
    append_to_csv(FILE, {"account": "2"}, key="a")
    assert accounts() == ["edited", "2"]


HIDDEN = [Path(".payments.csv.key"), Path(".payments.csv.waiting")]


def test_nobody_can_try_account_numbers_on_what_is_left_of_a_row() -> None:
    append_to_csv(FILE, {"account": "DE89"}, key="a")
    secret, left = (path.read_bytes() for path in HIDDEN)
    line = b"DE89"
    assert [path.stat().st_mode & 0o777 for path in HIDDEN] == [0o600] * 2
    assert len(secret) == 32
    assert secret not in left
    for text in (line, line + b"\n", line + b"\r\n"):
        digest = hashlib.sha256(text)
        assert digest.digest() not in left
        assert digest.hexdigest().encode() not in left


def test_digests_that_an_earlier_version_wrote_get_a_key() -> None:
    Path(FILE).write_bytes(b"account\r\n1\r\n")
    digest = hashlib.sha256(b"1").hexdigest()
    with closing(sqlite3.connect(HIDDEN[1])) as store, store:
        store.execute("CREATE TABLE written(key TEXT PRIMARY KEY, digest TEXT NOT NULL)")
        store.execute("INSERT INTO written VALUES ('key/a', ?)", (digest,))
    append_to_csv(FILE, {"account": "2"}, key="b")
    assert digest.encode() not in HIDDEN[1].read_bytes()
    append_to_csv(FILE, {"account": "3"}, key="a")
    assert accounts() == ["3", "2"]


def test_without_the_table_or_the_key_no_row_is_known_again() -> None:
    append_to_csv(FILE, {"account": "1"}, key="a")
    HIDDEN[0].unlink()
    append_to_csv(FILE, {"account": "2"}, key="a")
    assert accounts() == ["1", "2"]
    Path(FILE).unlink()
    WaitingRows(Path(FILE)).retain_only(set())
    assert not any(path.exists() for path in HIDDEN)
    append_to_csv(FILE, {"account": "3"}, key="a")
    assert accounts() == ["3"]


GOING: list[str] = []
"""What the hooks that wait have reached, and what they may do."""


class Patient(Page):
    """Its hooks wait after they have stored the account."""

    fields = dict(iban=StringField(label="IBAN"))
    stealth_fields = ("iban",)

    async def handle_stealth_fields(page, player, data):
        append_to_csv("accounts.csv", {"player": player.name, **data}, private=True)
        await asyncio.sleep(0)

    async def after_once(page, player):
        after_commit(pay, player, 1)
        GOING.append("stored")
        while "go on" not in GOING:
            await asyncio.sleep(0)
        if "fail" in GOING:
            raise RuntimeError("broken")


@pytest.mark.parametrize("fails", [True, False])
async def test_what_a_hook_that_waits_does_outside_happens_once_it_has_ended(fails: bool) -> None:
    GOING[:] = ["fail"] if fails else []
    paid.clear()
    with serving(Patient, Done) as run:
        ann = await Browser.open(run)
        leaving = asyncio.create_task(ann.submit(iban="good"))
        await until(lambda: "stored" in GOING)
        world = run._runtime.world
        await until(lambda: world.journal.committed == world.journal.seq)
        run._runtime.wait_for(run._runtime.effects.settle())
        assert not Path("accounts.csv").exists()
        assert (len(world.state.effects), paid) == (2, [])
        GOING.append("go on")
        assert (await leaving).code == (500 if fails else 303)
        await until(lambda: not world.state.effects)
    assert Path("accounts.csv").exists() is not fails
    assert bool(paid) is not fails
    assert not fails or b"good" not in everything()


@pytest.mark.long
def test_a_row_that_comes_while_the_file_of_waiting_rows_is_removed_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file is removed when it is empty; until then another thread or kernel may open it."""
    first, second = WaitingRows(Path(FILE)), WaitingRows(Path(FILE))
    first.put("a", "", {"account": "1"})
    putting = threading.Thread(target=second.put, args=("b", "", {"account": "2"}))
    unlink = Path.unlink

    def put_before_it(path: Path) -> None:
        putting.start()
        putting.join(0.1)  # it has put its row, or waits until the file is gone
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", put_before_it)
        first.write("a")
    putting.join()
    second.write("b")
    assert accounts() == ["1", "2"]


@pytest.mark.long
def test_rows_of_many_threads_are_all_written_once() -> None:
    def pay(name: int) -> None:
        rows = WaitingRows(Path(FILE))
        for number in range(25):
            rows.put(f"{name}-{number}", "", {"account": f"{name}-{number}"})
            rows.write(f"{name}-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pay, range(4)))
    assert sorted(accounts()) == sorted(f"{n}-{m}" for n in range(4) for m in range(25))


@pytest.mark.parametrize("written", [b"", b"account\r\n1\r\n"])
def test_a_row_whose_writing_was_cut_off_is_written_once(written: bytes) -> None:
    rows = WaitingRows(Path(FILE))
    rows.put("t", "", {"account": "1"})
    # The process was killed right before or after it wrote.
    rows._change(lambda store: store.execute("UPDATE waiting SET size = 0"))
    Path(FILE).write_bytes(written)
    for _ in range(2):
        WaitingRows(Path(FILE)).write("t")
    assert accounts() == ["1"]
    assert [found.name for found in Path.cwd().iterdir()] == [FILE]


async def test_a_function_is_called_after_the_commit_and_once() -> None:
    with serving(Check) as run:
        ann, player = await Browser.open(run), run.players[0]
        assert await ann.call("pay") is False
        assert await ann.call("pay") is False
        await until(lambda: player.get("paid") == 5)
        await ann.call("pay_in_time")
        await until(lambda: len(paid) > 1)
        assert paid == [f"{player.name} 5", player.name]


async def test_an_effect_that_fails_is_reported_and_holds_no_other_up() -> None:
    with serving(Check) as run:
        ann = await Browser.open(run)
        await ann.call("fail")
        await until(lambda: paid)
        await until(lambda: "OSError" in run.errors["type"].tolist())
        assert not run._runtime.world.state.effects


def test_once_is_the_first_time() -> None:
    with serving(Check) as run:
        ann, bob = run.players
        assert [once(ann, "payment"), once(ann, "payment"), once(bob, "payment")] == [
            True, False, True,
        ]  # fmt: skip
        assert once(run.session, "draw")
        assert run.state["once_payment"].tolist() == [True, True]
        for wrong in ("two words", 3):
            with pytest.raises(UprootError, match="name"):
                once(ann, wrong)  # type: ignore[arg-type]
        with pytest.raises(UprootError, match="player"):
            once("ann", "payment")  # type: ignore[arg-type]


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(UprootError, match="cannot be called"):
        after_commit("pay")  # type: ignore[arg-type]


@pytest.mark.long
async def test_a_rerun_and_a_rehearsal_touch_nothing() -> None:
    with serving(Bonus, Check) as run:
        ann = await Browser.open(run)
        await ann.submit()
        await until(lambda: accounts() == ["bonus"] and paid)
        again = rerun(run, [Bonus, Check], namespace={})
        assert again.first is None
    rehearse([Bonus, Check], players=2, seconds=10, namespace={}, embedded=True)
    assert accounts() == ["bonus"]
    assert len(paid) == 1


PROGRAM = """
import os, signal, sys
sys.path.insert(0, os.environ["ROOT"])
from tests.engine.test_effects import Payment, pay
from uproot_nb import append_to_csv, after_commit, serve
from uproot_nb.experiment.waiting_rows import WaitingRows
run = serve([Payment], players=1, db="log.sqlite3", name="m", embedded=True, port=0, namespace={})
player, world = run.players[0], run._runtime.world
outside = run._runtime.effects
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "before":
    world.log.append = die
else:
    outside._do = die
with run.lock:
    outside.append_row(__import__("pathlib").Path("payments.csv").absolute(), {"account": "1"}, "")
    outside.call_later(pay, (player, 7))
run._runtime.loop.call_soon_threadsafe(world.journal.commit)
signal.pause()
"""


@pytest.mark.parametrize(("when", "happened"), [("before", False), ("after", True)])
def test_a_kill_between_commit_and_effect_loses_and_doubles_nothing(
    when: str, happened: bool, tmp_path: Path
) -> None:
    """Killed before the commit nothing has happened; killed after it, the next serve does it."""
    env = {**os.environ, "ROOT": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", PROGRAM, when], env=env, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert accounts() == []
    for _ in range(2):
        options: dict[str, Any] = {"name": "m", "embedded": True, "port": 0, "namespace": {}}
        run = serve([Payment], db="log.sqlite3", **options)
        player = run.players[0]
        run.close()
    assert accounts() == (["1"] if happened else [])
    assert paid == ([f"{player.name} 7"] if happened else [])
    state = load_state(SqliteLog("log.sqlite3", readonly=True), "m", Codec())
    assert state.effects == {}
