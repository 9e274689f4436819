"""PostgresCluster: a private PostgreSQL server in a temporary folder; fixtures that start one."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any

import psycopg
import pytest

__all__ = ["PostgresCluster", "postgres", "postgres_cluster"]

MISSING = "There is no PostgreSQL server: run 'bash tools/prepare.sh postgres'."
_NAMES = itertools.count(1)
_PATIENCE = 60


class PostgresCluster:
    """A PostgreSQL server of the tests' own, on a free port; nobody needs a password by default.

        with PostgresCluster() as cluster:
            cluster.execute("CREATE ROLE analyst LOGIN")
            PostgresLog(cluster.address("analyst"))

    Args:
        administrator: the role that exists from the beginning, and may do everything.
    """

    def __init__(self, administrator: str = "lab") -> None:
        self._administrator = administrator
        self.folder = Path(tempfile.mkdtemp(prefix="uproot_nb-postgres-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._account = server_account()
        if self._account:
            shutil.chown(self.folder, self._account)
        self._run("initdb", "-D", str(self.data), "-U", administrator, "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-instructions")  # fmt: skip
        self.start()

    def __enter__(self) -> PostgresCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        command = [
            program("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder),
            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60",
        ]  # fmt: skip
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, **account_options(self._account)
            )
        self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-t", str(_PATIENCE))
        while self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False):
            assert self._process.poll() is None, (self.folder / "server.log").read_text()

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: "fast" ends connections, "immediate" is a crash."""
        self._end(signal.SIGQUIT if mode == "immediate" else signal.SIGINT)

    def kill(self) -> None:
        """Kill the server and its children, as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            for child in children_of(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def address(self, role: str = "lab", database: str = "postgres", **parameters: str) -> str:
        """Return the address of a database, as a role."""
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        address = f"postgresql://{role}@127.0.0.1:{self.port}/{database}"
        return f"{address}?{query}" if query else address

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, and return its rows."""
        address = self.address(self._administrator, database)
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def own(self, folder: Path) -> None:
        """Give a folder to the account of the server."""
        if self._account:
            shutil.chown(folder, self._account)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None

    def _run(self, name: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [program(name), *arguments], capture_output=True, **account_options(self._account)
        )
        if check and name == "initdb":
            assert done.returncode == 0, done.stderr.decode()
        return done.returncode


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; skip the test where there is none."""
    newest_last = sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"))
    found = newest_last[-1] if newest_last else shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


def server_account() -> str:
    """Return the account of the server: PostgreSQL does not run as root."""
    if os.name == "nt" or os.geteuid() != 0:
        return ""
    import pwd  # not on Windows

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def account_options(account: str) -> dict[str, Any]:
    """Return what makes a process run as an account."""
    if not account:
        return {}
    import pwd  # not on Windows

    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started."""
    import psutil

    return [child.pid for child in psutil.Process(process).children(recursive=True)]


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A server for tests that share it; each has a schema of its own there."""
    with PostgresCluster() as cluster:
        yield cluster


@pytest.fixture
def postgres(postgres_cluster: PostgresCluster) -> str:
    """The address of a schema without tables."""
    return postgres_cluster.address(schema=f"test_{os.getpid()}_{next(_NAMES)}")
