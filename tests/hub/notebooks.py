"""A notebook that researchers at a Hub serve."""

from __future__ import annotations

from live_kernel import Kernel

__all__ = ["serve_market"]

MARKET = """
from uproot_nb import *

class Market(Page):
    "Count."

    template = '''{% extends "Base.html" %}
    {% block main %}<button type="button" onclick="uproot.invoke('count').then(
        n => document.title = n)">Count</button>{% endblock %}'''

    @live
    def count(page, player):
        player.clicks = player.get("clicks", 0) + 1
        return player.clicks

run = serve([Market], players=2, name="market")
"""


def serve_market(kernel: Kernel) -> list[str]:
    """Run the notebook's cells; return the links of its two players."""
    kernel.run(MARKET)
    links: list[str] = kernel.value("list(run.links['url'])")
    return links
