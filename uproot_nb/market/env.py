"""MarketEnv: a Gymnasium environment, in which one agent trades in a design's market."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
from numpy.typing import NDArray

from uproot_nb.errors import BadMarket
from uproot_nb.market.designs.design import Design
from uproot_nb.market.policy import FEATURES, PolicyTrader
from uproot_nb.market.traders.simulated_period import SimulatedPeriod
from uproot_nb.market.traders.simulated_timing import turn_of
from uproot_nb.market.traders.simulation import PlannedPeriod, period_of
from uproot_nb.market.traders.trader import Trader, View

try:
    import gymnasium
except ImportError as missing:
    raise ImportError(
        "The environment needs Gymnasium, which is not installed. "
        'Install it: pip install "uproot_nb[gym]"'
    ) from missing

__all__ = ["MarketEnv", "PolicyTrader"]

Observed = NDArray[numpy.float32]

_NAME, _ENTRY = "uproot_nb/Market-v0", "uproot_nb.market.env:MarketEnv"


class MarketEnv(gymnasium.Env[Observed, numpy.int64]):
    """A market in which an agent has one seat, and a design's robots have all others.

        env = MarketEnv(Design(values, ZIC, periods=3, steps=300), "b1")
        observation, info = env.reset(seed=1)
        while True:
            action = env.action_space.sample(mask=info["action_mask"])
            observation, reward, terminated, truncated, info = env.step(action)
            if terminated:
                break

    An episode is one market, with all its periods; a step is the agent's turn to quote. The market
    decides whose turn it is, and its other traders act in between. Observations, actions and their
    units are those of a `PolicyTrader`, so what is trained here trades there. The reward is the
    profit since the last step, in the money of the values, after taxes and fees; practice periods
    earn nothing. An episode is terminated with its last period, and never truncated.

    `info` has "action_mask" (int8, 1 for a legal action: `env.action_space.sample(mask=…)`),
    "period", "profit" (of the whole episode so far) and "market" (the seed of this market).

    `reset(seed=1)` seeds all markets that follow; `reset(options={"market": 7})` begins the market
    that `design.simulate(7)` simulates.

    Once this module is imported, `gymnasium.make("uproot_nb/Market-v0", design=design, seat="b1")`
    makes one, too. Within an episode an environment cannot be copied or pickled.

    Args:
        design: one arm, with robot traders who act one at a time. It names one for the agent's
            seat as well, which does not play.
        seat: the agent's, one of `design.seats`.
        levels: how many prices there are to quote, as for a `PolicyTrader`.

    Raises:
        BadMarket: there is no such seat, or no robots, or the market has no turns: it is a call, or
            robots act together (`timing="answers"` or "steps"), or `levels` is below 0; in
            `reset`, there is no such option.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(self, design: Design, seat: str, *, levels: int = 20) -> None:
        if type(levels) is not int or levels < 0:
            raise BadMarket(
                f"levels={levels!r} is not a number of prices.",
                "Write levels=20, or 0 to quote the limit at most.",
            )
        self.design, self.seat = design, seat
        self.spec = gymnasium.envs.registration.EnvSpec(
            _NAME, _ENTRY, kwargs={"design": design, "seat": seat, "levels": levels}
        )
        self._agent = self._new_agent(levels)
        self._check()
        self.observation_space = gymnasium.spaces.Box(0, 1, (len(FEATURES),), numpy.float32)
        self.action_space = gymnasium.spaces.Discrete(levels + 2)
        self._turns: Iterator[View] | None = None
        self._view: View | None = None
        self._market: int | str = 0
        self._earned, self._here = 0.0, 0.0
        """The profit of the periods before this one, and of this one."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observed, dict[str, Any]]:
        """Begin another market, and return the agent's first observation and information."""
        unknown = [name for name in options or {} if name != "market"]
        if unknown:
            raise BadMarket(
                f"reset() has no option {', '.join(map(repr, unknown))}.",
                'Write options={"market": 7}: the seed of the market to begin.',
            )
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**31))
        self._market = (options or {}).get("market", drawn)
        self._agent = self._new_agent(self._agent.levels)
        self._earned = self._here = 0.0
        self._turns = self._run(*self.design.planned(self._market))
        self._view = next(self._turns, None)
        return self._observation(), self._info()

    def step(self, action: numpy.int64 | int) -> tuple[Observed, float, bool, bool, dict[str, Any]]:
        """Do what the action says, and let the others act until it is the agent's turn again."""
        if self._turns is None:
            raise gymnasium.error.ResetNeeded("Call env.reset() first.")
        before, chosen = self._earned + self._here, int(action)
        self._agent.policy = lambda observation, mask: chosen
        self._view = next(self._turns, None)
        profit = self._earned + self._here
        return self._observation(), profit - before, self._view is None, False, self._info()

    def _run(self, traders: dict[str, Trader], plans: list[PlannedPeriod]) -> Iterator[View]:
        """Let the traders act; yield what the agent sees when it is its turn, before it acts."""
        traders[self.seat] = self._agent
        periods, clears = self.design.periods, self.design.clear_after_trade
        for plan in plans:
            one = period_of(traders, plan, periods, clears, self._market)
            turn, steps, is_timed = turn_of(one), self.design.steps, plan.rules.is_timed
            begin = float((plan.number - 1) * steps)
            for step in range(steps):
                left, time = 1 - step / steps, begin + step
                if is_timed and not one.pass_time(time):
                    continue  # trade is halted
                drawn = turn(left)
                if drawn is None:
                    break
                name, view = drawn
                if view is None:
                    continue
                if name == self.seat:
                    self._here = self._profit(one, plan)
                    yield view
                one.act(name, view, left, time)
            self._earned, self._here = self._earned + self._profit(one, plan), 0.0

    def _profit(self, one: SimulatedPeriod, plan: PlannedPeriod) -> float:
        """Return what the agent has earned in a period so far."""
        account = one.book.accounts.get(self.seat)
        if account is None or plan.is_practice:
            return 0.0
        bought = list(plan.values.values.get(self.seat, ()))[: account.bought]
        sold = list(plan.values.costs.get(self.seat, ()))[: account.sold]
        return float(account.cash) + float(sum(bought)) - float(sum(sold))

    def _observation(self) -> Observed:
        if self._view is None:
            return numpy.zeros(len(FEATURES), dtype=numpy.float32)
        return self._agent.observation(self._view)

    def _info(self) -> dict[str, Any]:
        """Return the legal actions and where the market is; once it is over, one can only wait."""
        mask = numpy.zeros(self._agent.levels + 2, dtype=numpy.int8)
        mask[0] = 1
        if self._view is not None:
            mask = self._agent.mask(self._view)
        return {
            "action_mask": mask, "period": 0 if self._view is None else self._view.period,
            "profit": self._earned + self._here, "market": self._market,
        }  # fmt: skip

    def _new_agent(self, levels: int) -> PolicyTrader:
        return PolicyTrader(lambda observation, mask: 0, levels)

    def _check(self) -> None:
        if self.design.arms:
            first, *_ = self.design.arms
            raise BadMarket(
                f"The design has {len(self.design.arms)} arms: {', '.join(self.design.arms)}.",
                f"Say which: MarketEnv(design.arm({first!r}), {self.seat!r}).",
            )
        self.design.planned(0)  # raises if there are no robots
        if self.seat not in self.design.seats:
            there = ", ".join(self.design.seats)
            raise BadMarket(f"The design has no seat {self.seat!r}.", f"There are: {there}.")
        for period in self.design.numbers:
            rules = self.design.rules_in(period)
            if rules.call or rules.timing in ("answers", "steps"):
                raise BadMarket(
                    f"In period {period} traders do not act one at a time, as in an environment.",
                    'Write rules without call, and with timing "uniform", "surplus" or "turns".',
                )


if _NAME not in gymnasium.registry:
    gymnasium.register(_NAME, _ENTRY)
