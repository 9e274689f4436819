"""The demo: a real notebook, a real kernel, and eight robots who trade with each other.

    python tools/demo.py [--seconds 12] [--seed 1]

It ends by itself; its exit code is 0 only if robots traded and the log agrees with what they saw.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pandas as pd
from live_jupyter import LiveJupyter
from live_kernel import Kernel
from price_chart import price_chart
from tqdm import tqdm

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "double_auction.ipynb"
PAUSE = 0.35
COLUMNS = ["trade", "price", "quantity", "buyer", "seller", "initiator"]


BOTS = """
from uproot_nb.market.traders import ZIC, market_bot
seen = {{place: [] for place in range(len(run.players))}}
bots = run.bots(
    {{place: market_bot(ZIC(), pace={pace}, on_trade=seen[place].append) for place in seen}},
    seed={seed},
)
"""
STATISTICS = ["maximum_surplus", "surplus", "efficiency", "alpha"]


def main() -> int:
    """Run the whole demo; return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has it ignored
    folder = Path(tempfile.mkdtemp(prefix="uproot_nb-demo-"))
    shutil.copy(NOTEBOOK, folder)
    print("Starting a Jupyter server with the extension …", flush=True)
    with LiveJupyter(folder, participant_port=0) as jupyter:
        kernel = jupyter.start_kernel(NOTEBOOK.name)
        run_notebook(kernel, folder / NOTEBOOK.name)
        trade(kernel, options.seconds, options.seed)
        trades = pd.DataFrame(kernel.value(f"run.market().trades[{COLUMNS}].to_dict('records')"))
        told = kernel.value(f"run.market().periods[{STATISTICS}].to_dict('records')")
        seen = kernel.value("[[deal[0] for deal in deals] for deals in seen.values()]")
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
    for name, value in told[0].items():
        print(f"{name.replace('_', ' '):>16}  {value:.3f}")
    print(f"\nThe data: {events} events in {database}\nThe notebook: {folder / NOTEBOOK.name}")
    if missed := missed_by(seen, list(trades["trade"])):
        print(f"\n{missed} of the robots saw trades that are not in the data: something is wrong.")
        return 1
    return 0


def run_notebook(kernel: Kernel, path: Path) -> None:
    """Run a notebook's code cells from top to bottom, with a progress bar."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for code in tqdm(codes, desc="Running the notebook's cells", unit="cell"):
        kernel.run(code)


def trade(kernel: Kernel, seconds: float, seed: int) -> None:
    """Let a robot trade at each place, until nobody can gain any more or the time is up."""
    begun = time.monotonic()
    line = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f} of {total:.0f} s{postfix}"
    if seconds > 0:
        kernel.run(BOTS.format(pace=PAUSE, seed=seed))
    else:
        kernel.run("seen = {}")
    with tqdm(total=seconds, desc="Trading", bar_format=line) as bar:
        while (passed := time.monotonic() - begun) < seconds:
            bar.n = passed
            found = kernel.value("len(run.market().trades)")
            bar.set_postfix_str(f"{found} trades")
            time.sleep(0.2)
        bar.n = seconds
    if seconds > 0:
        kernel.run("bots.stop()")


def missed_by(seen: Sequence[Sequence[int]], trades: Sequence[int]) -> int:
    """Count the robots that saw something else than the trades in the data, up to their last."""
    return sum(list(numbers) != list(trades)[: len(numbers)] for numbers in seen)


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
