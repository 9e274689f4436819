"""Proxies: real programs of nginx and Caddy with the configurations of deploy/."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["DEPLOY", "caddy", "caddy_authority", "make_certificate", "nginx", "program"]

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_SYSTEM = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"
_PATIENCE = 60.0


def program(name: str) -> str:
    """Return the path of a program; skip the test where there is none."""
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM)
    if found is None:
        pytest.skip(f"There is no {name}: bash tools/prepare.sh proxy")
    return found


def make_certificate(folder: Path) -> Path:
    """Make a certificate for localhost that has signed itself: lab.pem and lab.key."""
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", "lab.key", "-out", "lab.pem",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "lab.pem"


@contextmanager
def nginx(config: str, port: int) -> Iterator[Path]:
    """Run nginx with *config* in its http block until it answers at *port*; yield its folder."""
    with _folder() as folder:
        user = "user root;" if os.getuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file = folder / "nginx.conf"
        file.write_text(
            f"{user}\npid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\n"
            f"events {{}}\nhttp {{\n{temporary}{config}\n}}\n", "utf-8"
        )  # fmt: skip
        errors = f"{folder}/error.log"
        command = [program("nginx"), "-p", str(folder), "-c", str(file), "-e", errors]
        with _running(command, port, {}):
            yield folder


@contextmanager
def caddy(config: str, port: int, environment: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Run Caddy with a Caddyfile until it answers at *port*; yield its folder of data."""
    with _folder() as folder:
        file = folder / "Caddyfile"
        file.write_text(config, "utf-8")
        own = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
        command = [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
        with _running(command, port, {**own, **(environment or {})}):
            yield folder


def caddy_authority(folder: Path) -> Path:
    """Return the certificate of the authority that this Caddy has made, for names without one."""
    return folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="uproot_nb-proxy-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def _running(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
        try:
            until = time.monotonic() + _PATIENCE
            while not _answers(port):
                output.seek(0)
                assert process.poll() is None, output.read()
                assert time.monotonic() < until, output.read()
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
