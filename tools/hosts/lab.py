"""HostLab: kernel, standby, two gateways, database and broker, each on a host of its own."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
from waiting import wait_until

from hosts.market_notebook import NAME, cells
from hosts.networks import PEOPLE, Network
from hosts.processes import Program
from tests.components.nats_server import nats_program
from tests.components.postgres import account_options, program, server_account
from tests.components.run_process import write_notebook

__all__ = ["GATEWAYS", "HOSTS", "KERNELS", "HostLab"]

KERNELS, GATEWAYS = ("kernel", "standby"), ("gateway-1", "gateway-2")
HOSTS = (*KERNELS, *GATEWAYS, "database", "broker")
_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 300.0
_LOOK_SECONDS = 0.2
_RESTART_SECONDS = 1.0
"""As `RestartSec` of our systemd units."""
_EXPECTED = {3}
"""The exit code of a kernel that was taken over, which its service manager starts again."""


class HostLab:
    """Runs the programs of six hosts, and starts again what has ended, as a service manager does.

    lab = HostLab(network, folder, players=20)
    lab.open("http://127.0.0.1:8080/")
    lab.links
    lab.programs["gateway-1"].end()
    lab.start("gateway-1")
    lab.close()
    """

    def __init__(
        self, network: Network, folder: Path, players: int, say: Callable[[str], None] = print
    ) -> None:
        self.network, self.folder, self._players, self._say = network, folder, players, say
        self._account = server_account()
        self._ports = {host: network.port(host, _USUAL.get(host, 0)) for host in HOSTS}
        self.programs: dict[str, Program] = {}
        self.complaints: list[str] = []
        """Programs that have ended though nobody has ended them."""
        self._orphans: list[psutil.Process] = []
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_up, daemon=True)

    @property
    def database(self) -> str:
        """The address of the database for this process."""
        address, _ = self._place(PEOPLE, "database")
        return f"{self._address}?hostaddr={address}"

    @property
    def gateways(self) -> list[tuple[str, int]]:
        """Where participants reach the gateways."""
        return [self._place(PEOPLE, host) for host in GATEWAYS]

    @property
    def links(self) -> list[str]:
        """The paths of participants' links."""
        text = "".join(self.programs[host].text for host in KERNELS)
        found = re.findall(r"^player +\S+ +\S+?(p/\S+)$", text, re.MULTILINE)
        return list(dict.fromkeys(found))

    def open(self, url: str) -> None:
        """Start everything; participants will come by *url*."""
        self._make_database()
        for host, command in self._commands(url).items():
            place = self.folder / host
            place.mkdir()
            environment = {
                "JUPYTER_RUNTIME_DIR": str(place / "runtime"), "PYTHONPATH": str(_ROOT),
                "PGHOSTADDR": self._place(host, "database")[0],
            }  # fmt: skip
            whole = [*self.network.inside(host), *command]
            self.programs[host] = Program(whole, place / "output.txt", environment)
        for host in ("database", "broker", *GATEWAYS):
            self.start(host)
        self._start_kernel("kernel", lambda: len(self.links) >= self._players)
        self._start_kernel("standby", lambda: self.condition("standby") == "standby")
        self._keeper.start()

    def _start_kernel(self, host: str, is_ready: Callable[[], bool]) -> None:
        one = self.programs[host]
        one.start()
        try:
            wait_until(lambda: is_ready() or not one.pid, _PATIENCE, f"{host}")
            assert one.pid, f"{host} ended with {one.code}"
        except (AssertionError, TimeoutError) as failure:
            raise RuntimeError(f"{failure}\n{one.text}") from failure

    def start(self, host: str) -> None:
        """Start what runs on *host*, and wait until a server takes connections. Idempotent."""
        one = self.programs[host]
        if host == "database":
            wait_until(lambda: not self.orphans(), _PATIENCE, "the database's processes to end")
        one.start()
        one.held = False
        if host not in KERNELS:
            ends = _PATIENCE
            wait_until(lambda: self._answers(host), ends, f"{host} to take connections")

    def take_away(self, host: str, number: int = signal.SIGKILL, alone: bool = False) -> None:
        """End what runs on *host*, until it is started.

        Args:
            alone: leave the processes that it has started; they have to end by themselves.
        """
        one = self.programs[host]
        one.held = True
        if alone:
            self._orphans += one.chosen("children")
            one.send(number, "itself")
        else:
            one.end(number)

    def orphans(self) -> list[psutil.Process]:
        """Return the processes that have not ended though what had started them was killed."""
        self._orphans = [one for one in self._orphans if _lives(one)]
        return self._orphans

    def close(self) -> None:
        """End everything. Idempotent."""
        self._closing.set()
        if self._keeper.is_alive():
            self._keeper.join(30)
        for one in self.programs.values():
            one.held = True
            one.end()

    def condition(self, host: str) -> str:
        """Return what a kernel's host does, as its service manager reads it; "" without answer."""
        address, port = self._place(PEOPLE, host)
        try:
            with urllib.request.urlopen(f"http://{address}:{port}/healthz", timeout=1.0) as answer:
                return str(json.load(answer)["status"])
        except (OSError, ValueError):
            return ""

    def has_kernel(self) -> bool:
        """Return whether some kernel serves, or can take over."""
        return any(self.condition(host) in ("serving", "standby") for host in KERNELS)

    def last_words(self) -> str:
        """Return the last lines that each program has written."""
        return "\n".join(f"  {host}:{_last_lines(one)}" for host, one in self.programs.items())

    # ---- what runs where ----

    def _commands(self, url: str) -> dict[str, list[str]]:
        uproot = [sys.executable, "-m", "uproot_nb.cli"]
        notebook = write_notebook(self.folder / f"{NAME}.ipynb", *cells(self._players))
        found: dict[str, list[str]] = {}
        for host in KERNELS:
            found[host] = [
                *uproot, "run", str(notebook), "--plain", "--standby", "--public-url", url,
                "--db", self._address, "--bridge", self._broker_for(host),
                "--metrics", f"{self.network.listens_at(host)}:{self._ports[host]}",
            ]  # fmt: skip
        for host in GATEWAYS:
            found[host] = [
                *uproot, "gateway", "--bridge", self._broker_for(host), "--public-url", url,
                "--address", self.network.listens_at(host), "--port", str(self._ports[host]),
            ]  # fmt: skip
        found["database"] = [
            *self._as_account(), program("postgres"), "-D", str(self.folder / "data"),
            "-k", str(self.folder), "-p", str(self._ports["database"]),
            "-c", f"listen_addresses={self.network.listens_at('database')}",
        ]  # fmt: skip
        found["broker"] = [
            nats_program(), "-a", self.network.listens_at("broker"),
            "-p", str(self._ports["broker"]),
        ]  # fmt: skip
        return found

    def _make_database(self) -> None:
        data = self.folder / "data"
        command = [program("initdb"), "-D", str(data), "-U", "lab", "-A", "trust", "-E", "UTF8",
                   "--locale=C", "--no-instructions"]  # fmt: skip
        if self._account:
            shutil.chown(self.folder, self._account)
            self.folder.chmod(0o755)
        subprocess.run(command, check=True, capture_output=True, **account_options(self._account))
        with open(data / "pg_hba.conf", "a", encoding="utf-8") as rules:
            rules.write("host all all 0.0.0.0/0 trust\n")

    def _as_account(self) -> list[str]:
        if not self._account:
            return []
        options = account_options(self._account)
        return [
            "setpriv", f"--reuid={options['user']}", f"--regid={options['group']}",
            "--clear-groups",
        ]  # fmt: skip

    def _place(self, seen_from: str, host: str) -> tuple[str, int]:
        return self.network.place(seen_from, host, self._ports[host])

    @property
    def _address(self) -> str:
        """The database's one address; PGHOSTADDR tells each host the way."""
        return f"postgresql://lab@database:{self._ports['database']}/postgres"

    def _broker_for(self, host: str) -> str:
        address, port = self._place(host, "broker")
        return f"nats://{address}:{port}"

    def _answers(self, host: str) -> bool:
        """Return whether a server of *host* takes connections there, whatever the lines do."""
        where = self.network.listens_at(host), self._ports[host]
        if host == "database":
            asked = [program("pg_isready"), "-h", where[0], "-p", str(where[1]), "-t", "5"]
        else:
            asked = [sys.executable, "-c", _CONNECT, where[0], str(where[1])]
        done = subprocess.run([*self.network.inside(host), *asked], capture_output=True)
        return done.returncode == 0

    # ---- a service manager ----

    def _keep_up(self) -> None:
        """Start again whatever has ended, unless somebody wants it to be away."""
        while not self._closing.wait(_LOOK_SECONDS):
            for host, one in self.programs.items():
                if one.pid or one.held:
                    continue
                if one.code not in _EXPECTED:
                    self._complain(host, one)
                self._closing.wait(_RESTART_SECONDS)
                if not one.held and not self._closing.is_set():
                    one.start()

    def _complain(self, host: str, one: Program) -> None:
        words = f"{host} ended with {one.code}:{_last_lines(one)}"
        self.complaints.append(words)
        self._say(words)


_USUAL = {
    "database": 5432, "broker": 4222, **dict.fromkeys(GATEWAYS, 8600),
    **dict.fromkeys(KERNELS, 9100),
}  # fmt: skip
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"


def _last_lines(one: Program, count: int = 6) -> str:
    return "".join(f"\n    {line}" for line in one.text.strip().splitlines()[-count:])


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
