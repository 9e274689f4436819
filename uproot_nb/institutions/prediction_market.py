"""PredictionMarket: contracts on an uncertain outcome, priced by a logarithmic scoring rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from math import exp, expm1, log, log1p
from random import Random
from typing import Any, ClassVar

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.institutions import refusals, words
from uproot_nb.institutions.game import (
    ABSENT,
    Allocation,
    Benchmark,
    Decision,
    Endowment,
    Game,
    Result,
)
from uproot_nb.institutions.institution import AllowedAction, Fact, Institution
from uproot_nb.institutions.money import Price, difference, money_fields, plain, product, total
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = ["PredictionMarket", "scoring_rule_cost", "scoring_rule_prices"]

_CONTEXT = Context(prec=40)
"""Decimal's exponentials are the same on every machine, so prices are, too."""
_SMALLEST = Decimal("1e-12")
"""What is left of a tick beyond this many digits is an error of rounding."""
_HALF = Decimal("0.5")


def scoring_rule_cost(held: Mapping[str, Price], liquidity: Price, payout: Price) -> Decimal:
    """Return the cost function of the market maker: payout b ln Σ exp(q / b) (Hanson 2003).

    Args:
        held: how many shares of each contract are out.
        liquidity: b, in shares: the larger, the less a trade moves the price.
        payout: what a share of the right contract pays.
    """
    most = max(held.values())
    weights = [_weight(quantity, most, liquidity) for quantity in held.values()]
    logarithm = _CONTEXT.ln(sum(weights, Decimal(0)))
    scaled = _CONTEXT.add(_CONTEXT.multiply(Decimal(liquidity), logarithm), Decimal(most))
    return _CONTEXT.multiply(Decimal(payout), scaled)


def scoring_rule_prices(held: Mapping[str, Price], liquidity: Price) -> dict[str, Decimal]:
    """Return each contract's price as a share of the payout: exp(q / b) / Σ exp(q / b)."""
    most = max(held.values())
    weights = {name: _weight(quantity, most, liquidity) for name, quantity in held.items()}
    whole = sum(weights.values(), Decimal(0))
    return {name: _CONTEXT.divide(weight, whole) for name, weight in weights.items()}


def _weight(quantity: Price, most: Price, liquidity: Price) -> Decimal:
    less = difference(quantity, most)  # so that no exponential is too large
    return _CONTEXT.exp(_CONTEXT.divide(Decimal(less), Decimal(liquidity)))


def _log_of_price(held: Mapping[str, Price], contract: str, liquidity: Price) -> float:
    """Return the logarithm of a contract's price as a share of the payout, however small it is."""
    most = max(held.values())
    whole = sum((_weight(quantity, most, liquidity) for quantity in held.values()), Decimal(0))
    less = float(difference(held[contract], most)) / float(liquidity)
    return less - float(_CONTEXT.ln(whole))


@dataclass(frozen=True)
class PredictionMarket(Institution):
    """Traders buy and sell shares of contracts; those of the right one pay (Hanson 2003, 2007).

        PredictionMarket(("rain", "sun"), liquidity=50, payout=100, accuracy=Decimal("0.7"))

    One contract is right, each with the same probability. A market maker quotes a price for each
    at any time; their sum is the payout. Each trader gets a hint, which is right with a known
    probability; else it names one of the other contracts. What a trade costs is rounded to the tick
    in the market maker's favour, whose loss is at most payout × liquidity × ln(number of
    contracts).

    Args:
        contracts: Their names.
        liquidity: b, in shares: buying b shares multiplies odds by e.
        payout: What a share of the right contract pays.
        accuracy: The probability that a hint is right, at least that of a guess.
        cash: What each trader can spend.
        max_shares: The largest trade.
    """

    contracts: tuple[str, ...] = ("A", "B")
    liquidity: Price = 50
    payout: Price = 100
    accuracy: Decimal = Decimal("0.7")
    cash: Price = 10_000
    max_shares: int = 1_000

    kind: ClassVar[str] = "prediction_market"
    is_sealed: ClassVar[bool] = False
    count_word: ClassVar[str] = words.TRADERS
    counted_role: ClassVar[str] = "trader"

    def __post_init__(self) -> None:
        super().__post_init__()
        money_fields(self, {"liquidity": Decimal("0.001"), "payout": self.tick, "cash": 0})
        names = self.contracts
        are_names = isinstance(names, tuple) and all(isinstance(n, str) and n for n in names)
        if not are_names or len(set(names)) != len(names) or len(names) < 2:
            raise BadMarket(
                f"contracts={names!r} are not two or more different names.",
                'Write contracts=("rain", "sun").',
            )
        if not isinstance(self.accuracy, Decimal) or not Decimal(1) > self.accuracy > 0:
            raise BadMarket(
                f"accuracy={self.accuracy!r} is not a probability between 0 and 1.",
                'Write accuracy=Decimal("0.7").',
            )
        if self.accuracy * len(names) < 1:
            raise BadMarket(
                f"accuracy={self.accuracy!r} makes hints worse than a guess among {len(names)} "
                "contracts.",
                f'Write 1/{len(names)} or more, as accuracy=Decimal("0.7").',
            )
        if type(self.max_shares) is not int or self.max_shares < 1:
            raise BadMarket(
                f"max_shares={self.max_shares!r} is not a number of shares.",
                "Write max_shares=100.",
            )

    def right_contract(self, seed: str) -> str:
        """Return the contract that pays, drawn by *seed*."""
        return Random(f"{seed}/contract").choice(self.contracts)

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return each trader's cash and hint."""
        right, chance = self.right_contract(seed), Random(f"{seed}/hints")
        others = [name for name in self.contracts if name != right]

        def hint() -> str:
            return right if chance.random() < float(self.accuracy) else chance.choice(others)

        return {name: Endowment("trader", signal=hint(), cash=self.cash) for name in players}

    # ---- shares and money ----

    def shares(self, game: Game, player: str = "") -> dict[str, Price]:
        """Return the outstanding shares of each contract, or a trader's."""
        held: dict[str, Price] = dict.fromkeys(self.contracts, 0)
        for one in game.made("buy", "sell", by=player):
            sign = 1 if one.action == "buy" else -1
            held[one.target] = total((held[one.target], product(sign, one.amounts[0])))
        return held

    def prices(self, game: Game) -> dict[str, Price]:
        """Return the price of an infinitely small share of each contract, to the tick."""
        shares = scoring_rule_prices(self.shares(game), self.liquidity)
        whole = _CONTEXT.divide(Decimal(self.payout), Decimal(self.tick))
        ticks = {name: _CONTEXT.multiply(share, whole) for name, share in shares.items()}
        return {name: product(self.tick, int(count + _HALF)) for name, count in ticks.items()}

    def cost(self, game: Game, contract: str, shares: Price) -> Price:
        """Return what shares cost now, negative for a sale, rounded up to the tick."""
        before = self.shares(game)
        after = {**before, contract: total((before[contract], shares))}
        found = _CONTEXT.subtract(
            scoring_rule_cost(after, self.liquidity, self.payout),
            scoring_rule_cost(before, self.liquidity, self.payout),
        )
        ticks = _CONTEXT.quantize(_CONTEXT.divide(found, Decimal(self.tick)), _SMALLEST)
        return product(self.tick, int(ticks.to_integral_value(ROUND_CEILING)))

    def cash_left(self, game: Game, player: str) -> Price | None:
        """Return what a trader can spend; None for no limit."""
        cash = game.endowments[player].cash
        return None if cash is None else difference(cash, self._spent(game, player))

    def _spent(self, game: Game, player: str) -> Price:
        return total(one.amounts[1] for one in game.made("buy", "sell", by=player))

    # ---- deciding ----

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return buying any contract, and selling those that the trader has."""
        if not self.may_act(game, player) or game.made("done", by=player):
            return []
        prices, held = self.prices(game), self.shares(game, player)
        every = tuple((name, name, price) for name, price in prices.items())
        own = tuple(target for target in every if held[target[0]])
        found = [AllowedAction("buy", words.BUY, (words.QUANTITY,), every, is_quoted=True)]
        if own:
            found.append(AllowedAction("sell", words.SELL, (words.QUANTITY,), own, is_quoted=True))
        return [*found, AllowedAction("done", words.DONE)]

    def endowment_problem(self, game: Game) -> str:
        """Return that nobody can buy a share, and so nobody can sell one, if that is so."""
        least = min(self.cost(game, name, 1) for name in self.contracts)
        left = [self.cash_left(game, name) for name in game.endowments]
        if not left or any(cash is None or cash >= least for cash in left):
            return ""
        return (
            f"nobody has the {least} that a share costs, so nobody can buy. Give the traders cash: "
            'PredictionMarket(…, cash=10_000), or Endowment("trader", cash=10_000) in endow().'
        )

    def quoted_costs(self, game: Game, player: str, action: str, amount: Price) -> dict[str, Price]:
        """Return the current cost of that many shares of each contract; negative for a sale.

        Empty for an amount that cannot be traded, and without contracts of which the trader has
        less.
        """
        if type(amount) is not int or not 1 <= amount <= self.max_shares:
            return {}
        if action == "buy":
            return {name: self.cost(game, name, amount) for name in self.contracts}
        held = self.shares(game, player) if action == "sell" else {}
        return {name: self.cost(game, name, -amount) for name, n in held.items() if n >= amount}

    def step(self, action: str) -> Price:
        """Return 1: shares are whole."""
        return 1

    def lowest_amount(self, action: str) -> Price:
        """Return one share."""
        return 1

    def highest_amount(self, action: str) -> Price:
        """Return the largest trade."""
        return self.max_shares

    def stamped(self, game: Game, decision: Decision) -> Decision:
        """Return a trade with its cost; negative for a sale.

        Raises:
            OrderRefused: the trader lacks the money or the shares.
        """
        if decision.action not in ("buy", "sell"):
            return decision
        shares, contract = decision.amounts[0], decision.target
        if decision.action == "sell":
            if self.shares(game, decision.player)[contract] < shares:
                raise OrderRefused("no_units", refusals.NO_UNITS)
            shares = difference(0, shares)
        paid = self.cost(game, contract, shares)
        cash = self.cash_left(game, decision.player)
        if cash is not None and paid > cash:
            raise OrderRefused("no_cash", refusals.NO_CASH)
        amounts = (decision.amounts[0], paid)
        return Decision(decision.player, decision.action, amounts, contract, decision.elapsed)

    def is_over(self, game: Game, elapsed: float) -> bool:
        """Return whether nobody wants to trade any more."""
        gone = {one.player for one in game.made("done", ABSENT)}
        return gone >= set(game.endowments)

    def result(self, game: Game) -> Result:
        """Return what the shares pay; the price is that of the first contract."""
        right = self.right_contract(game.seed)
        allocations = {}
        for name in game.endowments:
            units = self.shares(game, name)[right]
            worth, paid = product(self.payout, units), self._spent(game, name)
            allocations[name] = Allocation(units, worth, paid, difference(worth, paid))
        revenue = difference(0, total(one.profit for one in allocations.values()))
        out = total(self.shares(game).values())
        return Result(self.prices(game)[self.contracts[0]], out, allocations, revenue)

    def benchmark(self, game: Game) -> Benchmark:
        """Return payout × probability of the first contract given all hints, by Bayes' rule."""
        hints = [own.signal for own in game.endowments.values()]
        likelihood = dict.fromkeys(self.contracts, 1.0)
        for name in likelihood:
            for hint in hints:
                likelihood[name] *= self._chance_of(hint, name)
        share = likelihood[self.contracts[0]] / sum(likelihood.values())
        return Benchmark(float(self.payout) * share, {})

    def _chance_of(self, hint: Any, right: str) -> float:
        accuracy = float(self.accuracy)
        return accuracy if hint == right else (1 - accuracy) / (len(self.contracts) - 1)

    # ---- what pages show ----

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return the hint, the cash, and the shares of each contract."""
        own, held = game.endowments[player], self.shares(game, player)
        shares = [(name, plain(count)) for name, count in held.items() if count]
        left = self.cash_left(game, player)
        cash = [] if left is None else [(words.CASH, plain(left))]
        return [(words.HINT, own.signal), *cash, *shares]

    def status(self, game: Game, player: str, elapsed: float) -> str:
        """Return a sentence for traders who have to wait."""
        return "" if self.actions(game, player, elapsed) else words.WAIT

    def public(self, game: Game, elapsed: float) -> dict[str, Any]:
        """Return the outstanding shares."""
        return {"shares": {name: plain(count) for name, count in self.shares(game).items()}}

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return the right contract, what the shares pay, and the profit."""
        own = result.allocations[player]
        return [
            (words.OUTCOME, self.right_contract(game.seed)), (words.RECEIVED, plain(own.worth)),
            (words.PROFIT, plain(own.profit)),
        ]  # fmt: skip

    # ---- robots ----

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Take the price as the others' information, and move it by the trader's own hint, once.

        This means buying b ln(r) shares of the hinted contract, where r is how much likelier the
        hint is if it is right. With hints that are independent given the truth,
        trading so at once is an equilibrium (Chen and others 2010, "Gaming prediction markets").
        """
        hint = seen.endowment.signal
        if seen.own or not isinstance(hint, str):
            return Move("done") if "done" in seen.actions else None
        ratio = float(self.accuracy) * (len(self.contracts) - 1) / (1 - float(self.accuracy))
        shares = round(float(self.liquidity) * log(ratio)) if ratio > 1 else 0
        shares = min(shares, self.max_shares, self._affordable(seen, hint))
        return Move("buy", (shares,), hint) if shares > 0 else Move("done")

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Buy up to ten shares of any contract as long as there is money, ten times on average."""
        if chance.random() < 0.1:
            return Move("done")
        contract = chance.choice(self.contracts)
        shares = min(chance.randint(1, 10), self._affordable(seen, contract), self.max_shares)
        return Move("buy", (shares,), contract) if shares > 0 else Move("done")

    def _affordable(self, seen: Seen, contract: str) -> int:
        """Return how many shares the trader's cash buys, one tick for rounding left aside."""
        if seen.endowment.cash is None:
            return self.max_shares
        spent = sum(float(move.amounts[1]) for move in seen.own if len(move.amounts) > 1)
        cash = float(seen.endowment.cash) - spent - float(self.tick)
        if cash <= 0:
            return 0
        out = {name: Decimal(count) for name, count in seen.public["shares"].items()}
        b = float(self.liquidity)
        # cash = payout b ln(1 - p + p exp(n / b)), solved for n in logarithms: p may be tiny
        growth = cash / (float(self.payout) * b)
        odds = growth + log(-expm1(-growth)) - _log_of_price(out, contract, self.liquidity)
        return int(b * (max(odds, 0.0) + log1p(exp(-abs(odds)))))
