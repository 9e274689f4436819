"""Composed: the processes of deploy/compose.yaml, with its arguments, on this machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
import yaml

from tests.components.nats_server import nats_program
from tests.components.postgres import PostgresCluster
from tests.components.proxies import DEPLOY, caddy_authority, program
from tests.running import until_true

__all__ = ["Composed"]

OURS = "uproot_nb"
_PATIENCE = 120.0


class Composed:
    """All services but the database's, whose program is started as the tests' own cluster.

        with Composed(cluster, {"SITE": "localhost", …}) as composed:
            composed.start()
            composed.kill("gateway-1")

    Names of services become this machine, and each service's ports become free ones; all
    else is as in the file: commands, environment, configurations.
    """

    def __init__(self, cluster: PostgresCluster, variables: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="uproot_nb-composed-"))
        self.folder.chmod(0o755)
        self._cluster, self._variables = cluster, dict(variables)
        self.services: dict[str, dict[str, Any]] = {}
        self._ports: dict[tuple[str, str], int] = {("database", "5432"): cluster.port}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._processes):
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def port(self, service: str, port: str) -> int:
        """Return the free port in place of a service's."""
        if (service, port) not in self._ports:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._ports[service, port] = probe.getsockname()[1]
        return self._ports[service, port]

    def start(self, *names: str) -> None:
        """Start services; the database's role and its database are made as the image makes them."""
        for name in names:
            if name == "database":
                self._prepare_database()
            else:
                self._start(name, self.services[name])

    def text(self, service: str) -> str:
        """Return what a service has written."""
        return (self.folder / f"{service}.log").read_text("utf-8", "replace")

    def wait_for(self, service: str, words: str) -> str:
        """Wait until a service has written *words*; return all that it has written."""

        def is_there() -> bool:
            ended = self._processes[service].poll() is not None
            assert not ended or words in self.text(service), self.text(service)
            return words in self.text(service)

        until_true(is_there, _PATIENCE)
        return self.text(service)

    def kill(self, service: str) -> None:
        """End a service's processes at once. Idempotent."""
        process = self._processes[service]
        if process.poll() is None:
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        process.wait()

    @property
    def authority(self) -> Path:
        """The certificate of the authority that has signed Caddy's."""
        return caddy_authority(self.folder)

    def _prepare_database(self) -> None:
        values = {key: self._filled(text) for key, text in self._environment("database").items()}
        user, password = values["POSTGRES_USER"], values["POSTGRES_PASSWORD"]
        self._cluster.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        self._cluster.execute(f"CREATE DATABASE {values['POSTGRES_DB']} OWNER {user}")

    def _start(self, name: str, service: dict[str, Any]) -> None:
        command = [self._placed(name, self._filled(word)) for word in service["command"]]
        command = [self._mounted(name, word) for word in command]
        environment = {
            key: self._placed(name, self._filled(text))
            for key, text in self._environment(name).items()
        }
        own = {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        ports = {}
        if name == "proxy":
            ports = {key: str(self.port(name, port)) for key, port in _HTTP.items()}
        runtime = {"JUPYTER_RUNTIME_DIR": str(self.folder / f"{name}-runtime")}
        with open(self.folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                [*self._program(service["image"]), *command], stdout=log, stderr=log,
                cwd=self.folder, env={**os.environ, **own, **runtime, **ports, **environment},
            )  # fmt: skip

    def _program(self, image: str) -> list[str]:
        """Return the entry point of an image."""
        name = image.partition(":")[0]
        if name == OURS:
            found = re.search(r'ENTRYPOINT \["(.*)"\]', (DEPLOY / "Dockerfile").read_text("utf-8"))
            assert found is not None
            assert found[1] == "uproot-nb"
            return [sys.executable, "-m", "uproot_nb.cli"]
        return [nats_program()] if name == "nats" else []

    def _environment(self, name: str) -> dict[str, str]:
        return dict(self.services[name].get("environment", {}))

    def _filled(self, text: str) -> str:
        """Fill variables in as compose does."""

        def value(found: re.Match[str]) -> str:
            given = self._variables.get(found[1], "")
            if not given and found[2] == ":?":
                raise AssertionError(f"{found[1]} is missing")
            return given or (found[3] if found[2] == ":-" else "")

        return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text)

    def _placed(self, name: str, text: str) -> str:
        """Replace the names of services and their ports by this machine and free ports."""
        for service in self.services:
            text = re.sub(
                rf"(?<![\w-]){re.escape(service)}:(\d+)",
                lambda found, service=service: f"127.0.0.1:{self.port(service, found[1])}", text,
            )  # fmt: skip
        text = re.sub(
            r"^(--port=)(\d+)$", lambda found: f"{found[1]}{self.port(name, found[2])}", text
        )
        text = re.sub(
            r"\b0\.0\.0\.0:(\d+)", lambda found: f"127.0.0.1:{self.port(name, found[1])}", text
        )
        text = text.replace("--address=0.0.0.0", "--address=127.0.0.1")
        text = text.replace("trusted_proxies=172.30.0.0/24", "trusted_proxies=127.0.0.1")
        site = f"https://{self._variables['SITE']}/"
        return text.replace(site, f"{site[:-1]}:{self.port('proxy', '443')}/")

    def _mounted(self, name: str, word: str) -> str:
        """Return the file that is mounted at *word*, with the places of this test."""
        for volume in self.services[name].get("volumes", []):
            source, _, target = self._filled(volume).partition(":")
            if target.partition(":")[0] == word:
                return self._copied(name, (DEPLOY / source).resolve())
        return program("caddy") if word == "caddy" else word

    def _copied(self, name: str, source: Path) -> str:
        made = self.folder / source.name
        made.write_text(self._placed(name, source.read_text("utf-8")), "utf-8")
        return str(made)


_HTTP = {"HTTP_PORT": "80", "HTTPS_PORT": "443"}
