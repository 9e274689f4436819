"""TimedConnection: a connection to PostgreSQL that waits for answers, but not for ever."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import dup
from typing import Any

import psycopg
from psycopg import errors, waiting
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from uproot_nb.errors import BadAddress, CorruptLog, LackingPrivilege, LogAway
from uproot_nb.log.postgres.address import DatabaseAddress

__all__ = ["ReadConnections", "TimedConnection", "connect", "naming_failures"]

ANSWER_SECONDS = 5.0
"""How long the answer to one statement of a writer may take before its connection is given up."""
READ_SECONDS = 60.0
"""The same of a reader, whose statements may go through millions of rows."""
_CONNECT_SECONDS = "3"


_SETTINGS = """
SELECT set_config('default_transaction_isolation', 'read committed', false),
    set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false),
    set_config('idle_session_timeout', '0', false),
    set_config('client_min_messages', 'error', false), set_config('jit', 'off', false),
    set_config('extra_float_digits', '1', false), set_config('bytea_output', 'hex', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
# Every read of events is a stretch of one session's numbers, in their order: the key is always
# right, and a planner that has not counted the rows yet would sometimes sort a million of them.
_BY_KEY = (
    "SELECT set_config('enable_seqscan', 'off', false), set_config('enable_sort', 'off', false)"
)


class TimedConnection(psycopg.Connection[Any]):
    """A connection whose statements fail if the server does not answer for so many seconds.

    A server behind a network that lost it would otherwise be waited for until TCP gives up.
    """

    patience = ANSWER_SECONDS

    def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Run a statement; close the connection if it is interrupted or takes too long."""
        try:
            return _wait(gen, self.pgconn.socket, self.patience)
        except psycopg.Error:
            raise
        except BaseException as error:
            self.pgconn.finish()
            if isinstance(error, (TimeoutError, OSError, ValueError)):
                raise psycopg.OperationalError(str(error)) from error
            raise

    def wait_for_notice(self, seconds: float) -> None:
        """Wait so long, or until the server sends something unasked, such as a notification."""
        _ready(self.fileno(), waiting.WAIT_R, seconds)

    def cut(self) -> None:
        """End whatever waits for this connection in another thread; it fails there."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=dup(self.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def _wait(gen: Any, fileno: int, patience: float) -> Any:
    """Drive one of psycopg's generators, each step of which waits *patience* seconds at most."""
    try:
        wanted = next(gen)
        while True:
            ready = _ready(fileno, wanted, patience)
            if not ready:
                raise TimeoutError(f"the server has not answered for {patience:g} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value


def _ready(fileno: int, wanted: int, seconds: float) -> int:
    """Wait until a socket can be read or written as *wanted*; return which, 0 for neither."""
    if not hasattr(select, "poll"):
        reading = [fileno] if wanted & waiting.WAIT_R else []
        writing = [fileno] if wanted & waiting.WAIT_W else []
        found = select.select(reading, writing, [], seconds)
        return bool(found[0]) * waiting.READY_R | bool(found[1]) * waiting.READY_W
    poll = select.poll()
    reads, writes = wanted & waiting.WAIT_R, wanted & waiting.WAIT_W
    poll.register(fileno, (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0))
    events = poll.poll(1000 * seconds)
    event = events[0][1] if events else 0
    if event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
        return waiting.READY_R if reads else waiting.READY_W  # libpq finds out what is wrong
    return bool(event & select.POLLIN) * waiting.READY_R | (
        bool(event & select.POLLOUT) * waiting.READY_W
    )


def connect(address: DatabaseAddress, *, reads: bool = False) -> TimedConnection:
    """Open a connection to a database.

    Raises:
        BadAddress: libpq cannot read the address.
        LogAway: there is no such server, it refuses, or it does not answer.
        CorruptLog: its texts are not UTF-8.
    """
    with naming_failures(address.shown, "connect"):
        connection = TimedConnection.connect(_parameters(address), autocommit=True)
        try:
            connection.patience = READ_SECONDS if reads else ANSWER_SECONDS
            connection.prepare_threshold = 1
            connection.execute(_SETTINGS)
            if reads:
                connection.execute(_BY_KEY)
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise CorruptLog(
                    address.shown, f"its encoding is {encoding}",
                    "Create a database for it: CREATE DATABASE name ENCODING 'UTF8' "
                    "TEMPLATE template0;",
                )  # fmt: skip
            connection.execute("SET client_encoding TO 'UTF8'")
        except BaseException:
            connection.close()
            raise
    return connection


def _parameters(address: DatabaseAddress) -> str:
    try:
        given = conninfo_to_dict(address.conninfo)
    except psycopg.ProgrammingError as error:
        # libpq's own sentence may quote a password that was written in the wrong place.
        raise BadAddress("PostgreSQL's programs could not read it") from _plain(error)
    own: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS, "application_name": "uproot_nb",
        "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
    }  # fmt: skip
    return make_conninfo(**{**own, **given})


def _plain(error: Exception) -> Exception:
    return ValueError(type(error).__name__)


@contextmanager
def naming_failures(path: str, what: str) -> Iterator[None]:
    """Raise errors of ours in the place of psycopg's.

    Args:
        what: what the role of the database is about to do, for the sentence about privileges.
    """
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise LackingPrivilege(path, what, reason_of(error)) from error
    except errors.DataError as error:
        raise CorruptLog(path, reason_of(error), "Look into the server's log.") from error
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise CorruptLog(path, reason_of(error), "Restore it from a backup.") from error
    except psycopg.Error as error:
        raise LogAway(path, reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """Return what a server said, in one line and without a stop at its end."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = [line.strip() for line in str(primary or error).splitlines() if line.strip()]
    return "; ".join(lines[:2]).rstrip(".") or type(error).__name__


class ReadConnections:
    """ReadConnections that wait to be used; a reading takes one, and gives it back.

    with connections.lend() as connection:
        connection.execute("SELECT 1")
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._idle: list[TimedConnection] = []
        self._lent: set[TimedConnection] = set()
        self._refusal: Exception | None = None
        self._resting = False

    @contextmanager
    def lend(self) -> Iterator[TimedConnection]:
        """Give a connection that nobody else uses meanwhile."""
        connection = self._take()
        try:
            yield connection
        except BaseException:
            # Whatever it was doing is not known to have ended.
            self._drop(connection)
            raise
        self._give_back(connection)

    def refuse(self, reason: Exception | None) -> None:
        """Lend nothing while there is a *reason*, and end what is being read; None allows it."""
        with self._lock:
            if type(self._refusal) is ValueError:  # it is closed
                return
            self._refusal = reason
            lent = list(self._lent) if reason is not None else []
        for connection in lent:
            connection.cut()
        if reason is not None:
            self.clear()

    def rest(self) -> None:
        """Keep no connection from now on."""
        self._resting = True
        self.clear()

    def clear(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> TimedConnection:
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            connection = self._idle.pop() if self._idle else None
        if connection is None or connection.closed:
            connection = connect(self._address, reads=True)
        with self._lock:
            self._lent.add(connection)
        return connection

    def _give_back(self, connection: TimedConnection) -> None:
        with self._lock:
            self._lent.discard(connection)
            is_wanted = self._refusal is None and not connection.closed and not self._resting
            if is_wanted:
                self._idle.append(connection)
        if not is_wanted:
            connection.close()

    def _drop(self, connection: TimedConnection) -> None:
        with self._lock:
            self._lent.discard(connection)
        connection.close()

    def read(self, use: Any) -> Any:
        """Return what *use* reads; a connection that died while it was idle is replaced once."""
        with self._lock:
            was_idle = bool(self._idle)
        try:
            with self.lend() as connection:
                return use(connection)
        except psycopg.OperationalError:
            if not was_idle:
                raise
        self.clear()
        with self.lend() as connection:
            return use(connection)
