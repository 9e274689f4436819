"""The demo: a real notebook, a real kernel, and eight robots who trade with each other.

    python tools/demo.py [--seconds 12] [--seed 1]

It ends by itself; its exit code is 0 only if robots traded and the log agrees with what they saw.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from live_jupyter import LiveJupyter
from live_kernel import Kernel
from price_chart import price_chart
from random_trader import RandomTrader
from robot import Robot
from tqdm import tqdm

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "double_auction.ipynb"
PAUSE = 0.35


def main() -> int:
    """Run the whole demo; return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, _leave)
    folder = Path(tempfile.mkdtemp(prefix="uproot_nb-demo-"))
    shutil.copy(NOTEBOOK, folder)
    print("Starting a Jupyter server with the extension …", flush=True)
    with LiveJupyter(folder, participant_port=0) as jupyter:
        kernel = jupyter.start_kernel(NOTEBOOK.name)
        run_notebook(kernel, folder / NOTEBOOK.name)
        links = kernel.value("list(run.links['url'])")
        seen = asyncio.run(trade(links, options.seconds, options.seed))
        trades = pd.DataFrame(kernel.value("[dict(deal) for deal in run.session.trades]"))
        table = kernel.run("print(run.links.to_string())")
        events = kernel.value("len(run.events)")
        database = kernel.value("run.path")
        kernel.run("run.close()")
    print(f"\nThe links (they worked until the session was closed):\n{table}")
    if trades.empty:
        print("\nNobody traded: something is wrong.")
        return 1
    print(f"\nThe trades:\n{trades.to_string(index=False)}")
    print(f"\nThe price path:\n{price_chart(list(trades['price']))}")
    print(f"\nThe data: {events} events in {database}\nThe notebook: {folder / NOTEBOOK.name}")
    if (missed := missed_by(seen, trades)) > 0:
        print(f"\n{missed} of the robots did not see every trade: something is wrong.")
        return 1
    return 0


def run_notebook(kernel: Kernel, path: Path) -> None:
    """Run a notebook's code cells from top to bottom, with a progress bar."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for code in tqdm(codes, desc="Running the notebook's cells", unit="cell"):
        kernel.run(code)


async def trade(links: Sequence[str], seconds: float, seed: int) -> list[list[dict[str, Any]]]:
    """Let a robot trade at each link; return the trades that each of them was shown."""
    async with contextlib.AsyncExitStack() as open_robots:
        robots = [
            await open_robots.enter_async_context(Robot(link, f"robot {number}"))
            for number, link in enumerate(links, 1)
        ]
        traders = [RandomTrader(r, random.Random(seed + i)) for i, r in enumerate(robots)]
        over = asyncio.Event()
        bar = asyncio.create_task(_keep_time(robots[0], traders, seconds, over))
        acting = asyncio.gather(*(one.trade(over.is_set, PAUSE) for one in traders))
        try:
            await asyncio.gather(bar, acting)
            await _settle(robots)
        finally:
            bar.cancel()
        return [_trades_in(robot) for robot in robots]


async def _keep_time(
    watcher: Robot, traders: Sequence[RandomTrader], seconds: float, over: asyncio.Event
) -> None:
    """Show how the trading period passes, and end it."""
    begun = time.monotonic()
    line = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f} of {total:.0f} s{postfix}"
    with tqdm(total=seconds, desc="Trading", bar_format=line) as bar:
        try:
            while (passed := time.monotonic() - begun) < seconds and gains_left(traders):
                bar.n = passed
                bar.set_postfix_str(f"{len(_trades_in(watcher))} trades")
                await asyncio.sleep(0.1)
        finally:
            over.set()
            bar.n = seconds
            bar.set_postfix_str(f"{len(_trades_in(watcher))} trades")


def gains_left(traders: Sequence[RandomTrader]) -> bool:
    """Say whether any buyer and any seller could still both gain."""
    values = [one.view.units[0] for one in traders if one.view.buys and one.view.units]
    costs = [one.view.units[0] for one in traders if not one.view.buys and one.view.units]
    return max(values, default=0) >= min(costs, default=1_000_000)


async def _settle(robots: Sequence[Robot]) -> None:
    """Wait until everybody has been shown as many trades as anybody."""
    most = max(len(_trades_in(robot)) for robot in robots)
    if most:
        for robot in robots:
            await robot.heard(lambda e: e["event"] == "Trade" and e["data"]["number"] >= most)


def _trades_in(robot: Robot) -> list[dict[str, Any]]:
    return [event["data"] for event in robot.events if event["event"] == "Trade"]


def missed_by(seen: Sequence[Sequence[dict[str, Any]]], trades: pd.DataFrame) -> int:
    """Count the robots that were not shown exactly the trades that are in the data."""
    kept = trades[["number", "price", "buyer", "seller"]].to_dict("records")
    return sum(list(shown) != kept for shown in seen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Robots trade in a notebook's double auction.")
    parser.add_argument("--seconds", type=float, default=12.0, help="the longest trading period")
    parser.add_argument("--seed", type=int, default=1, help="what the robots' dice start from")
    return parser.parse_args()


def _leave(*_: object) -> NoReturn:
    """Leave by an exception, so that everything started is ended on the way out."""
    sys.exit(143)


if __name__ == "__main__":
    try:
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
