"""What SqliteLog promises beyond the contract: about its file, and about other processes."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from uproot_nb.errors import CorruptLog, NotALog, SessionTaken, UprootError
from uproot_nb.log.events import Event
from uproot_nb.log.log import Snapshot
from uproot_nb.log.sqlite import session_lock
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.sqlite.tables import VERSION

ROOT = Path(__file__).parents[3]
PATIENCE = 60
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

PRELUDE = """
import os, signal, sys
from uproot_nb.errors import SessionTaken
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
path = sys.argv[1]

def event(seq, session="market", value="1"):
    return Event(seq, 1.0, session, "set", "player/abc", "bid", value, "", "", "", "")

def say(word):
    print(word, flush=True)
"""


def event(seq: int, session: str = "market", value: str = "1") -> Event:
    return Event(seq, 1.0, session, "set", "player/abc", "bid", value, "", "", "", "")


def events(first: int, last: int, value: str = "1") -> list[Event]:
    return [event(seq, value=value) for seq in range(first, last + 1)]


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Run a program in another process; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRELUDE + program, str(path)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE)


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def seqs(log: SqliteLog) -> list[int]:
    return [found.seq for found in log.read("market")]


def contents(folder: Path) -> dict[str, bytes]:
    return {found.name: found.read_bytes() for found in folder.iterdir() if found.is_file()}


# ---- the file -----------------------------------------------------------------------------


def test_a_missing_file_is_made_for_its_owner_alone(path: Path) -> None:
    with closing(SqliteLog(path)):
        pass
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_an_empty_file_becomes_a_log(path: Path) -> None:
    path.touch()
    with closing(SqliteLog(path)) as log:
        log.append(events(1, 1))
        assert seqs(log) == [1]


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        SqliteLog(tmp_path / "missing" / "log.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_a_log_for_reading_is_not_made(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SqliteLog(path, readonly=True)
    assert not path.exists()


def test_events_outlive_the_log_that_wrote_them(path: Path) -> None:
    with closing(SqliteLog(path, durable=True)) as log:
        secret = log.claim("market")
        log.append(events(1, 3))
        log.save_snapshot(Snapshot("market", 2, b"state"))
    with closing(SqliteLog(path)) as log:
        assert (log.claim("market"), seqs(log)) == (secret, [1, 2, 3])
        assert log.load_snapshot("market") == Snapshot("market", 2, b"state")


def test_a_closed_log_is_one_file_even_while_others_read(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 3))
        foreign = sqlite3.connect(path)
        foreign.execute("SELECT * FROM events").fetchall()
    copy = path.with_name("copy.sqlite3")
    shutil.copy(path, copy)
    foreign.close()
    with closing(SqliteLog(copy)) as log:
        assert seqs(log) == [1, 2, 3]


@pytest.mark.parametrize("name", ["späce and ?#%41.db", "a'b\".sqlite3"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    if sys.platform == "win32":
        name = name.replace("?", "").replace('"', "")
    with closing(SqliteLog(tmp_path / name)) as log:
        log.claim("market")
        log.append(events(1, 1))
        assert seqs(log) == [1]
    assert [found.name for found in tmp_path.iterdir()] == [name]


# ---- files that are not logs ----------------------------------------------------------------


def make_text(path: Path) -> None:
    path.write_text("price,quantity\n" * 500)


def make_short(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("PRAGMA journal_mode = WAL")
        foreign.execute("CREATE TABLE events(seq)")


def make_newer(path: Path) -> None:
    SqliteLog(path).close()
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute(f"PRAGMA user_version = {VERSION + 1}")


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("make", [make_text, make_short, make_foreign, make_newer, make_folder])
def test_an_alien_file_is_refused_and_left_untouched(
    path: Path, make: Callable[[Path], None], readonly: bool
) -> None:
    make(path)
    before = contents(path.parent)
    with pytest.raises(NotALog) as refusal:
        SqliteLog(path, readonly=readonly)
    assert refusal.value.path == str(path)
    assert contents(path.parent) == before


def test_a_newer_version_that_only_the_journal_tells_of_is_refused(
    path: Path, start: Start
) -> None:
    SqliteLog(path).close()
    newer = start(
        "import sqlite3\n"
        "log = sqlite3.connect(path)\n"
        f"log.execute('PRAGMA user_version = {VERSION + 1}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    newer.wait(PATIENCE)
    with pytest.raises(NotALog, match="version"):
        SqliteLog(path)


# ---- damage ---------------------------------------------------------------------------------


@pytest.fixture
def full(path: Path) -> Path:
    """A log of many pages, closed."""
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 3000, value='"' + "x" * 100 + '"'))
    return path


def test_a_truncated_file_is_torn(full: Path) -> None:
    os.truncate(full, full.stat().st_size // 2)
    with pytest.raises(CorruptLog) as refusal:
        SqliteLog(full)
    assert refusal.value.path == str(full)


@pytest.mark.parametrize("readonly", [False, True])
def test_an_overwritten_page_is_torn_when_it_is_read(full: Path, readonly: bool) -> None:
    pages = full.stat().st_size // 4096
    with full.open("r+b") as file:
        file.seek(4096 * (pages // 2))
        file.write(b"\xa5" * 4096)
    with closing(SqliteLog(full, readonly=readonly)) as log, pytest.raises(CorruptLog):
        list(log.read("market"))


@pytest.mark.long
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("missing", [1, 700, 2999, 1500])
def test_a_missing_event_is_noticed(full: Path, missing: int, newest_first: bool) -> None:
    with closing(sqlite3.connect(full, isolation_level=None)) as foreign:
        foreign.execute("DELETE FROM events WHERE seq = ?", (missing,))
    with closing(SqliteLog(full)) as log, pytest.raises(CorruptLog, match=f"event {missing} "):
        list(log.read("market", newest_first=newest_first))


def test_text_that_is_no_text_is_torn(full: Path) -> None:
    with closing(sqlite3.connect(full, isolation_level=None)) as foreign:
        foreign.execute("UPDATE events SET value = CAST(x'ff' AS TEXT) WHERE seq = 5")
    with closing(SqliteLog(full)) as log, pytest.raises(CorruptLog):
        list(log.read("market"))


@pytest.mark.parametrize("table", ["events", "sessions", "secrets", "snapshots"])
def test_a_log_without_one_of_its_tables_is_torn(full: Path, table: str) -> None:
    with closing(sqlite3.connect(full, isolation_level=None)) as foreign:
        foreign.execute(f"DROP TABLE {table}")
    with pytest.raises(CorruptLog, match=table):
        SqliteLog(full)


# ---- killed writers -------------------------------------------------------------------------


WRITE_ON_AND_ON = """
log = SqliteLog(path)
log.claim("market")
seq = log.last_seq("market")
for rows in (1, 3, 200, 1, 450) * 10_000:
    batch = [event(seq + n, value='"%s"' % ("x" * 300)) for n in range(1, rows + 1)]
    log.append(batch)
    seq += rows
    say(seq)
"""


@pytest.mark.parametrize(
    "heard", [1, 60, *(pytest.param(heard, marks=pytest.mark.slow) for heard in (2, 17, 150))]
)
def test_a_killed_writer_loses_nothing_it_acknowledged(
    path: Path, start: Start, heard: int
) -> None:
    for _ in range(2):  # the second writer goes on where the first was killed
        writer = start(WRITE_ON_AND_ON)
        for _ in range(heard):
            hear(writer)
        writer.kill()
        said = writer.communicate(timeout=PATIENCE)[0].splitlines(keepends=True)
        acknowledged = [int(word) for word in said if word.endswith("\n")]
        with closing(SqliteLog(path)) as log:
            found = seqs(log)
            assert found == list(range(1, len(found) + 1))
            assert len(found) >= max(acknowledged, default=heard)
            log.claim("market")
            log.append([event(len(found) + 1)])


@pytest.fixture
def torn(path: Path, start: Start) -> tuple[Path, list[int]]:
    """The journal of a killed process, and its size after each of twenty commits."""
    writer = start("""
log = SqliteLog(path)
log.claim("market")
for seq in range(1, 21):
    log.append([event(seq, value='"%s"' % ("x" * 900))])
    say(os.path.getsize(path + "-wal"))
os.kill(os.getpid(), signal.SIGKILL)
""")
    sizes = [int(word) for word in writer.communicate(timeout=PATIENCE)[0].split()]
    path.with_name(f"{path.name}-shm").unlink()
    journal = path.with_name(f"{path.name}-wal")
    assert journal.stat().st_size == sizes[-1]
    return journal, sizes


@pytest.mark.parametrize("cut", [1, 100, 4000, 4200, 30_000])
@pytest.mark.sample(2)
def test_a_torn_journal_keeps_every_commit_before_the_tear(
    path: Path, torn: tuple[Path, list[int]], cut: int
) -> None:
    journal, sizes = torn
    os.truncate(journal, sizes[-1] - cut)
    whole = sum(size <= sizes[-1] - cut for size in sizes)
    with pytest.warns(UserWarning, match="were committed"):
        log = SqliteLog(path)
    with closing(log):
        assert seqs(log) == list(range(1, whole + 1))
        log.append([event(whole + 1)])


@pytest.mark.parametrize("back", [1, 3000, 9000, 40_000])
@pytest.mark.sample(2)
def test_a_garbled_journal_keeps_every_commit_before_the_damage(
    path: Path, torn: tuple[Path, list[int]], back: int
) -> None:
    journal, sizes = torn
    with journal.open("r+b") as file:
        file.seek(sizes[-1] - back)
        byte = file.read(1)[0]
        file.seek(sizes[-1] - back)
        file.write(bytes([byte ^ 0x55]))
    whole = sum(size <= sizes[-1] - back for size in sizes)
    with pytest.warns(UserWarning, match="were committed"):
        log = SqliteLog(path)
    with closing(log):
        assert seqs(log) == list(range(1, whole + 1))


def test_garbage_after_the_journal_is_passed_over(path: Path, torn: tuple[Path, list[int]]) -> None:
    with torn[0].open("ab") as file:
        file.write(os.urandom(10_000))
    with closing(SqliteLog(path)) as log:
        assert seqs(log) == list(range(1, 21))


def test_a_process_killed_while_its_journal_was_taken_over_loses_nothing(
    path: Path, torn: tuple[Path, list[int]], tmp_path: Path
) -> None:
    (tmp_path / "done").mkdir()
    done = tmp_path / "done" / path.name
    for found in (path, torn[0]):
        shutil.copy(found, done.with_name(found.name))
    SqliteLog(done).close()
    with path.open("r+b") as file:  # the first page, and nothing else yet
        file.write(done.read_bytes()[:4096])
    assert path.stat().st_size < done.stat().st_size
    with closing(SqliteLog(path)) as log:
        assert seqs(log) == list(range(1, 21))


# ---- readers --------------------------------------------------------------------------------


def test_reading_leaves_no_trace(full: Path) -> None:
    before = contents(full.parent)
    with closing(SqliteLog(full, readonly=True)) as log:
        assert len(seqs(log)) == log.sessions()[0].last_seq == 3000
    assert contents(full.parent) == before


def test_reading_a_killed_writers_log_changes_neither_file_nor_journal(
    path: Path, torn: tuple[Path, list[int]]
) -> None:
    before = path.read_bytes(), torn[0].read_bytes()
    with closing(SqliteLog(path, readonly=True)) as log:
        assert seqs(log) == list(range(1, 21))
    assert (path.read_bytes(), torn[0].read_bytes()) == before


def test_a_log_for_reading_cannot_be_written(full: Path) -> None:
    with closing(SqliteLog(full, readonly=True)) as log:
        for write in (
            lambda: log.claim("market"),
            lambda: log.append(events(3001, 3001)),
            lambda: log.save_snapshot(Snapshot("market", 1, b"")),
        ):
            with pytest.raises(io.UnsupportedOperation, match="reading only"):
                write()


def test_another_process_reads_beside_a_living_writer(path: Path, start: Start) -> None:
    SqliteLog(path).close()
    with closing(SqliteLog(path, readonly=True)) as log:
        assert log.last_seq("market") == 0
        writer = start("""
log = SqliteLog(path)
log.claim("market")
seq = 0
for _ in sys.stdin:
    seq += 1
    log.append([event(seq)])
    say(seq)
log.close()
""")
        assert writer.stdin is not None
        for seq in (1, 2, 3):
            writer.stdin.write("go\n")
            writer.stdin.flush()
            assert hear(writer) == str(seq)
            assert seqs(log) == list(range(1, seq + 1))
        writer.communicate(timeout=PATIENCE)
        assert seqs(log) == [1, 2, 3]


@needs_fork
def test_a_log_is_read_in_a_folder_that_cannot_be_written() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with closing(SqliteLog(folder / "log.sqlite3")) as log:
            log.append(events(1, 3))
        (folder / "log.sqlite3").chmod(0o444)
        folder.chmod(0o555)

        def read() -> None:
            if os.geteuid() == 0:  # to root every folder is open
                os.setuid(65534)
            with pytest.raises(PermissionError):
                SqliteLog(folder / "log.sqlite3")
            with closing(SqliteLog(folder / "log.sqlite3", readonly=True)) as guest:
                assert seqs(guest) == [1, 2, 3]

        assert in_forked_child(read) == ""
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_threads_read_whole_prefixes_while_another_writes(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        done = threading.Event()
        readings: list[int] = []
        failures: list[BaseException] = []

        def read() -> None:
            try:
                last = 0
                while not done.is_set() or last < 3000:
                    found = seqs(log)
                    assert found == list(range(1, len(found) + 1))
                    assert len(found) >= last
                    last = len(found)
                    readings.append(last)
            except BaseException as failure:
                failures.append(failure)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for first in range(1, 3001, 30):
            log.append(events(first, first + 29))
        done.set()
        for reader in readers:
            reader.join(PATIENCE)
        assert failures == []
        assert readings.count(3000) >= 3


@pytest.mark.long
def test_a_dawdling_reader_does_not_make_the_journal_grow(path: Path) -> None:
    value = '"' + "x" * 4000 + '"'
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 2000, value))
        reading = log.read("market")
        next(reading)
        for first in range(2001, 8001, 100):
            log.append(events(first, first + 99, value))
        assert path.with_name(f"{path.name}-wal").stat().st_size < 12_000_000
        assert sum(1 for _ in reading) == 1999


@pytest.mark.parametrize(("rows", "characters"), [(40_000, 1), (600, 100_000)])
def test_reading_takes_little_memory_whatever_the_log_holds(
    path: Path, rows: int, characters: int
) -> None:
    """Many small events or few large ones: only a page of them is in memory at a time."""
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        for first in range(1, rows + 1, 200):
            log.append(events(first, first + 199, "1" * characters))
        tracemalloc.start()
        try:
            assert sum(1 for _ in log.read("market")) == rows
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 16_000_000


def test_a_reading_may_pass_from_thread_to_thread(full: Path) -> None:
    with closing(SqliteLog(full)) as log:
        reading = log.read("market")
        found = [read.seq for read in islice(reading, 1500)]
        thread = threading.Thread(target=lambda: found.extend(read.seq for read in reading))
        thread.start()
        thread.join(PATIENCE)
        assert found == list(range(1, 3001))


def test_a_reading_ends_when_the_log_is_closed(full: Path) -> None:
    log = SqliteLog(full)
    reading = log.read("market")
    next(reading)
    log.close()
    with pytest.raises(ValueError, match="closed"):
        list(reading)


# ---- writers --------------------------------------------------------------------------------


def test_two_logs_of_one_process_do_not_share_a_session(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "link.sqlite3"
    with closing(SqliteLog(path)) as first:
        other.symlink_to(path)
        with closing(SqliteLog(other)) as second:
            first.claim("market")
            with pytest.raises(SessionTaken):
                second.claim("market")
            second.claim("another")
            first.close()
            second.claim("market")


def test_looking_into_a_log_does_not_unlock_it_for_others(path: Path, start: Start) -> None:
    """Closing a file drops the process's locks on it; SQLite must not lose its own that way."""
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 1))
        SqliteLog(path, readonly=True).close()
        guest = start("""
import sqlite3
other = sqlite3.connect(path)
other.execute("SELECT * FROM events").fetchall()
other.close()
say(os.path.exists(path + "-wal"))
""")
        assert hear(guest) == "True"
        log.append(events(2, 2))
        assert seqs(log) == [1, 2]


def test_a_released_session_is_whole_in_the_one_file(path: Path) -> None:
    """Whoever copies the file has all of it, though others go on with theirs."""
    with closing(SqliteLog(path)) as log, closing(SqliteLog(path)) as other:
        other.claim("another")
        log.claim("market")
        log.append(events(1, 300))
        log.release("market")
        copy = shutil.copy(path, path.with_name("copy.sqlite3"))
        with pytest.warns(UserWarning, match="journal"):
            copied = SqliteLog(copy, readonly=True)
        with closing(copied):
            assert seqs(copied) == list(range(1, 301))
        other.append([event(1, "another")])


@pytest.mark.long
def test_a_session_can_be_released_while_somebody_reads(path: Path) -> None:
    """Then the newest events stay in the journal, where readers find them."""
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 1))
        with closing(sqlite3.connect(path, isolation_level=None)) as guest:
            guest.execute("BEGIN")
            guest.execute("SELECT * FROM events").fetchall()
            log.append(events(2, 2))
            log.release("market")
            log.claim("market")
        assert seqs(log) == [1, 2]


def test_another_process_cannot_claim_a_session_until_its_writer_dies(
    path: Path, start: Start
) -> None:
    holder = start("""
log = SqliteLog(path)
log.claim("market")
log.append([event(1)])
say("claimed")
sys.stdin.read()
""")
    assert hear(holder) == "claimed"
    with closing(SqliteLog(path)) as log:
        with pytest.raises(SessionTaken):
            log.claim("market")
        log.claim("another")
        holder.kill()
        holder.wait(PATIENCE)
        log.claim("market")
        assert seqs(log) == [1]


def test_a_released_session_leaves_no_lock_file(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.release("market")
        assert [found for found in path.parent.iterdir() if found.suffix == ".lock"] == []


def test_a_note_that_cannot_be_written_undoes_no_commit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the same events were written again, and refused as another writer's, for ever."""

    def full(*ignored: object) -> None:
        raise OSError(28, "No space left on device")

    with closing(SqliteLog(path)) as log:
        log.claim("market")
        with monkeypatch.context() as patch:
            patch.setattr("uproot_nb.log.sqlite.session_lock._write_at", full)
            log.append(events(1, 1))
        log.append(events(2, 2))
        assert log.last_seq("market") == 2


def test_a_lock_file_removed_while_it_was_being_locked_locks_nobody_out_of_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last holder may remove the file between our opening and our locking it."""
    locking = session_lock._lock
    removed: list[Path] = []

    def remove_first(descriptor: int) -> bool:
        if not removed:
            removed.extend(path.parent.glob("*.lock"))
            removed[0].unlink()
        return locking(descriptor)

    with closing(SqliteLog(path)) as first, closing(SqliteLog(path)) as second:
        monkeypatch.setattr(session_lock, "_lock", remove_first)
        first.claim("market")
        with pytest.raises(SessionTaken):
            second.claim("market")
        assert removed


def test_many_processes_claiming_at_once_get_one_writer_and_one_secret(
    path: Path, start: Start
) -> None:
    program = """
log = SqliteLog(path)
say("ready")
sys.stdin.readline()
for _ in range(30):
    try:
        secret = log.claim("market")
    except SessionTaken:
        continue
    seq = log.last_seq("market") + 1
    log.append([event(seq, value='"%s"' % secret.hex())])
    log.release("market")
say("done")
"""
    claimers = [start(program) for _ in range(3)]
    for claimer in claimers:
        assert hear(claimer) == "ready"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    for claimer in claimers:
        assert hear(claimer) == "done"
    with closing(SqliteLog(path)) as log:
        found = list(log.read("market"))
        assert found
        assert {read.value for read in found} == {f'"{log.claim("market").hex()}"'}


def test_two_processes_write_two_sessions_of_one_file(path: Path, start: Start) -> None:
    program = """
log = SqliteLog(path)
log.claim(NAME)
for seq in range(1, 1001, 5):
    log.append([event(seq + n, NAME, '"%s"' % ("x" * 500)) for n in range(5)])
say("done")
"""
    names = ["one", "two"]
    writers = [start(program.replace("NAME", repr(name))) for name in names]
    assert [hear(writer) for writer in writers] == ["done", "done"]
    with closing(SqliteLog(path)) as log:
        for name in names:
            assert [read.seq for read in log.read(name)] == list(range(1, 1001))


@pytest.mark.parametrize("taken", [2, 450])
def test_a_foreign_writers_event_stops_the_append_before_anything_is_written(
    path: Path, taken: int
) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 1))
        with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
            foreign.execute(
                f"INSERT INTO events({','.join(Event._fields)})"
                f" VALUES ({','.join('?' * len(Event._fields))})",
                event(taken),
            )
            with pytest.raises(SessionTaken):
                log.append(events(2, 600))
            kept = foreign.execute("SELECT seq FROM events ORDER BY seq").fetchall()
        assert kept == [(1,), (taken,)]


def test_an_event_that_no_column_takes_is_refused_whole(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        with pytest.raises(sqlite3.IntegrityError):
            log.append([event(1), event(2)._replace(time=float("nan"))])
        log.append(events(1, 1))
        assert seqs(log) == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
def test_a_full_disk_raises_and_leaves_nothing_half_written(path: Path, start: Start) -> None:
    writer = start("""
import resource, sqlite3
log = SqliteLog(path)
log.claim("market")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
seq = 0
try:
    while True:
        batch = [event(seq + n, value='"%s"' % ("x" * 300)) for n in range(1, 501)]
        log.append(batch)
        seq += 500
except sqlite3.OperationalError as error:
    assert log.last_seq("market") == seq, (log.last_seq("market"), seq)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.append([event(seq + 1)])
    say(seq + 1)
""")
    last = int(hear(writer))
    assert last > 500
    with closing(SqliteLog(path)) as log:
        assert seqs(log) == list(range(1, last + 1))


# ---- forked children ------------------------------------------------------------------------


def in_forked_child(check: Callable[[], None]) -> str:
    """Run *check* in a forked child and return what went wrong there."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            check()
            os.write(writing, b"")
        except BaseException as failure:
            os.write(writing, f"{type(failure).__name__}: {failure}".encode()[:4000] or b"?")
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@needs_fork
def test_a_forked_child_cannot_write_its_parents_log(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 2))
        list(log.read("market"))

        def misuse() -> None:
            for write in (lambda: log.append(events(3, 3)), lambda: log.claim("another")):
                with pytest.raises(SessionTaken):
                    write()
            with pytest.raises(ValueError, match="forked"):
                log.last_seq("market")
            with pytest.raises(UprootError, match="forked"):
                SqliteLog(path)
            with closing(SqliteLog(path, readonly=True)) as guest:
                assert seqs(guest) == [1, 2]
            log.close()

        assert in_forked_child(misuse) == ""
        log.append(events(3, 3))
        assert seqs(log) == [1, 2, 3]
        with closing(SqliteLog(path)) as other, pytest.raises(SessionTaken):
            other.claim("market")


@needs_fork
def test_a_forked_child_does_not_keep_its_dead_parents_session(path: Path, start: Start) -> None:
    parent = start("""
log = SqliteLog(path)
log.claim("market")
log.append([event(1)])
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.write(writing, b"x")
    sys.stdin.read()
    os._exit(0)
os.read(reading, 1)
say(child)
sys.stdin.read()
""")
    child = int(hear(parent))
    parent.kill()
    parent.wait(PATIENCE)
    try:
        with closing(SqliteLog(path)) as log:
            log.claim("market")
            os.kill(child, 0)  # it is there still
            log.append([event(2)])
            assert seqs(log) == [1, 2]
    finally:
        os.kill(child, signal.SIGKILL)
