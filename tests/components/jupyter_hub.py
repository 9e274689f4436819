"""LiveHub: a private JupyterHub with its proxy, and the people who have Jupyter servers there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from live_jupyter import REPOSITORY, SWITCHED_ON, free_port, wait_until
from live_kernel import Kernel

__all__ = ["HubUser", "LiveHub"]

PASSWORD = "a password of the tests"
MISSING = "There is no JupyterHub with its proxy: run 'bash tools/prepare.sh hub'."
_PATIENCE = 120.0

_CONFIG = """
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.base_url = {base_url!r}
c.JupyterHub.public_url = {public_url!r}
c.JupyterHub.last_activity_interval = {proxy_seconds}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.Authenticator.allowed_users = {{"ann", "bob"}}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/{{username}}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {environment!r}
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "tests", "services": ["tests"],
    "scopes": ["admin:users", "admin:servers", "access:servers", "read:metrics"],
}}]
"""


class LiveHub:
    """A JupyterHub on free ports of this machine, with the accounts "ann" and "bob".

        with LiveHub(folder) as hub:
            ann = hub.user("ann")
            kernel = ann.start_kernel()

    Args:
        public_url: whether the Hub's administrator has set c.JupyterHub.public_url.
        proxy_seconds: how often the Hub asks its proxy when servers were used; 0 = never.
    """

    def __init__(self, folder: Path, *, public_url: bool = False, proxy_seconds: int = 0) -> None:
        self.folder, self.token = folder, secrets.token_hex(24)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        """The Hub's root."""
        self.log = folder / "hub.log"
        self._users: list[HubUser] = []
        config = folder / "jupyterhub_config.py"
        config.write_text(
            _CONFIG.format(
                url=f"http://127.0.0.1:{port}", hub_port=free_port(), api_port=free_port(),
                base_url="/", public_url=self.url if public_url else "", folder=folder,
                password=PASSWORD, python=sys.executable, proxy=_proxy(), token=self.token,
                environment=_environment(), patience=_PATIENCE, proxy_seconds=proxy_seconds,
            ),
            "utf-8",
        )  # fmt: skip
        self._process = self._start(config)
        try:
            wait_until(self._answers, _PATIENCE, "the Hub to answer")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def user(self, name: str, server: str = "") -> HubUser:
        """Start somebody's Jupyter server, by name or the unnamed one, and return it."""
        user = HubUser(self, name, server)
        self._users.append(user)
        user.start()
        return user

    def request(self, method: str, path: str, data: Any = None) -> Any:
        """Ask the Hub's REST API as an administrator; return what it answers."""
        return _ask(self.url + "hub/api/" + path, method, data, self.token)

    def close(self) -> None:
        """End the Hub, its proxy, and everybody's servers. Idempotent."""
        for user in self._users:
            user.hang_up()
        self._users.clear()
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._process.pid).children(recursive=True)
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.kill()
        self._process.wait()

    def _start(self, config: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(config)]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.folder,
            )  # fmt: skip

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"The Hub ended at once:\n{self.log.read_text()[-3000:]}")
        try:
            return self.request("GET", "users") is not None
        except OSError:
            return False


class HubUser:
    """One person's Jupyter server at a Hub; by `start_kernel` it runs notebooks' cells."""

    def __init__(self, hub: LiveHub, name: str, server: str = "") -> None:
        self.hub, self.name, self.server, self.token = hub, name, server, hub.token
        self.prefix = f"/user/{name}/{server}/" if server else f"/user/{name}/"
        self.url = hub.url + self.prefix.removeprefix("/")
        self._kernels: list[Kernel] = []

    @property
    def state(self) -> dict[str, Any]:
        """What the Hub knows of the server; {} if it does not run."""
        known = self.hub.request("GET", f"users/{self.name}")["servers"]
        found: dict[str, Any] = known.get(self.server, {})
        return found

    @property
    def runs(self) -> bool:
        return bool(self.state.get("ready"))

    def start(self) -> None:
        """Have the Hub start the server, and wait until it runs."""
        self.hub.request("POST", self._place, {})
        self._follow_progress()
        assert self.runs, self.hub.log.read_text()[-3000:]

    def stop(self) -> None:
        """Have the Hub stop the server, as its button does, and wait until it has ended."""
        self.hang_up()
        self.hub.request("DELETE", self._place)
        wait_until(lambda: not self.state, _PATIENCE, f"the server of {self.name} to stop")

    def start_kernel(self, notebook: str = "notebook.ipynb") -> Kernel:
        """Open a notebook's session as JupyterLab does, and return its kernel when it is ready."""
        wanted = {
            "path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"},
        }  # fmt: skip
        session = self.request("POST", "api/sessions", wanted)
        kernel = Kernel(self, session["kernel"]["id"])
        self._kernels.append(kernel)
        return kernel

    def request(self, method: str, path: str, data: Any = None) -> Any:
        """Ask the server's REST API through the proxy; return what it answers."""
        return _ask(self.url + path, method, data, self.token)

    def hang_up(self) -> None:
        """Let the kernels' lines go. Idempotent."""
        for kernel in self._kernels:
            kernel.close()
        self._kernels.clear()

    def _follow_progress(self) -> None:
        """Read the Hub's news of the start, which end when the server runs."""
        request = urllib.request.Request(
            f"{self.hub.url}hub/api/{self._place}/progress",
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE) as news:
            news.read()

    @property
    def _place(self) -> str:
        place = f"users/{self.name}/server"
        return f"{place}s/{self.server}" if self.server else place


def _ask(url: str, method: str, data: Any, token: str) -> Any:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if data is None else json.dumps(data).encode(),
        headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60.0) as response:
        body = response.read()
    return json.loads(body) if body else None


def _environment() -> dict[str, str]:
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "JUPYTER_CONFIG_PATH": str(SWITCHED_ON),
        "JUPYTERHUB_ACTIVITY_INTERVAL": "1",
    }


def _proxy() -> list[str]:
    """Return the command of the Hub's proxy; skip the test where there is none."""
    name = "configurable-http-proxy"
    beside = Path(sys.executable).parent.parent / "lib/hub/node_modules/.bin" / name
    found = str(beside) if beside.exists() else shutil.which(name)
    with contextlib.suppress(ImportError):
        import jupyterhub  # noqa: F401 # the tests' own extra

        if found is not None:
            return [found]
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)
