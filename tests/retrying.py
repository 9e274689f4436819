"""Retrying: a second attempt for tests whose browser or Jupyter server may have been too slow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.starting import starts_a_process

__all__ = ["retry_once"]


def retry_once(items: Iterable[pytest.Item], folder: Path) -> None:
    """Let the tests below *folder* that start a browser or a Jupyter server fail once.

    The summary at the end names each that was run again.
    """
    below = f"{folder}{os.sep}"
    for item in items:
        if str(item.path).startswith(below) and _is_driving(item):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _is_driving(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and starts_a_process(item)
