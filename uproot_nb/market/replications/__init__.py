"""Replications: published figures of market experiments, and what our robots come to.

from uproot_nb.market.replications import REPLICATIONS, replicate
replicate("gode_sunder", runs=10)
"""

from __future__ import annotations

from uproot_nb.market.replications.experiments import REPLICATIONS, Replication
from uproot_nb.market.replications.published import PublishedFigure, published_figures
from uproot_nb.market.replications.replicate import replicate

__all__ = ["REPLICATIONS", "PublishedFigure", "Replication", "published_figures", "replicate"]
