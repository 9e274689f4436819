"""MetricsPage: metrics for Prometheus behind Jupyter's own login."""

from __future__ import annotations

from jupyter_server.base.handlers import JupyterHandler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from tornado.web import authenticated

__all__ = ["MetricsPage"]


class MetricsPage(JupyterHandler):
    """Shows the figures to whoever is logged in, or sends Jupyter's token."""

    def initialize(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @authenticated
    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(generate_latest(self._registry))
