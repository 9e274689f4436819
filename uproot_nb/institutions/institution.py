"""Institution: the rules of a market, apart from clocks, pages and logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Literal

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.institutions import refusals, words
from uproot_nb.institutions.game import Benchmark, Decision, Endowment, Game, Result
from uproot_nb.institutions.money import Price, money_fields, on_grid
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = ["AllowedAction", "Fact", "Feedback", "Institution", "no_formula"]

Feedback = Literal["all", "price"]
Fact = tuple[str, Any]
"""A word of `words.WORD_TEXTS`, and what a page shows beside it."""


@dataclass(frozen=True)
class AllowedAction:
    """Something that a participant can do now.

    Attributes:
        name: as in `Decision.action`.
        word: the button's text.
        inputs: the label of each amount to enter.
        targets: the choices, each with its text and price: a button for each; empty for one button.
        target_word: what the choices are.
        is_quoted: whether the page shows the cost of an amount for each choice before it is
            sent; see `Institution.quoted_costs`.
    """

    name: str
    word: str
    inputs: tuple[str, ...] = ()
    targets: tuple[tuple[str, str, Price], ...] = ()
    target_word: str = ""
    is_quoted: bool = False


@dataclass(frozen=True, kw_only=True)
class Institution:
    """The rules of a market: what participants can decide, and the result that follows.

    An institution has no state: everything follows from a `Game` and the time.

    Args:
        tick: Amounts are multiples of it. A Decimal makes them Decimals.
        feedback: What participants see at the end of a period: "all" decisions, without names,
            or the "price" and their own result.
    """

    tick: Price = 1
    feedback: Feedback = "all"

    kind: ClassVar[str] = ""
    """The institution's name in tables."""
    title: ClassVar[str] = words.MARKET
    """The heading of its pages."""
    is_sealed: ClassVar[bool] = True
    """Whether participants see no decisions of others before the period is over."""
    count_word: ClassVar[str] = words.BIDDERS
    counted_role: ClassVar[str] = "bidder"

    def __post_init__(self) -> None:
        money_fields(self, {"tick": None})
        if self.tick <= 0:
            raise BadMarket(f"tick={self.tick!r} is not positive.", "Write tick=1, or more.")
        if self.feedback not in ("all", "price"):
            raise BadMarket(f"feedback={self.feedback!r} is unknown.", 'Write "all" or "price".')

    # ---- what each institution defines ----

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return each player's endowment for a period, drawn by *seed*."""
        raise NotImplementedError

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return what a player can do now."""
        raise NotImplementedError

    def lowest_amount(self, action: str) -> Price:
        """Return the least amount that may be entered, 0 or more."""
        return 0

    def highest_amount(self, action: str) -> Price:
        """Return the greatest amount that may be entered."""
        raise NotImplementedError

    def is_over(self, game: Game, elapsed: float) -> bool:
        """Return whether the period is over: by default once everybody has decided."""
        return game.have_decided(game.endowments)

    def result(self, game: Game) -> Result:
        """Return the outcome of all decisions, whether or not the period is over."""
        raise NotImplementedError

    def benchmark(self, game: Game) -> Benchmark:
        """Return what theory predicts of the period."""
        return Benchmark()

    def stamped(self, game: Game, decision: Decision) -> Decision:
        """Return a decision with the server's additions, such as the price on a clock."""
        return decision

    def endowment_problem(self, game: Game) -> str:
        """Return what a researcher should know of the endowments, before anybody decides.

        It is "" if there is nothing wrong with them.
        """
        return ""

    def quoted_costs(self, game: Game, player: str, action: str, amount: Price) -> dict[str, Price]:
        """Return the cost of an amount for each choice of a quoted action.

        It is negative if the trade would bring money.
        """
        return {}

    def length(self) -> float | None:
        """Return the longest duration of a period in seconds; None if only decisions end it."""
        return None

    def clock(self) -> dict[str, Any] | None:
        """Return the data with which a page shows a clock's price; None without a clock."""
        return None

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return what a player reads before deciding."""
        return []

    def status(self, game: Game, player: str, elapsed: float) -> str:
        """Return a sentence for a player while the period lasts; "" if there is none."""
        return "" if self.actions(game, player, elapsed) else words.WAIT

    def public(self, game: Game, elapsed: float) -> dict[str, Any]:
        """Return what everybody sees of the period so far, for robots."""
        return {}

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return what a player reads when the period is over."""
        return []

    # ---- what robots do ----

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Return the decision of a risk-neutral equilibrium; None to wait or do nothing.

        Raises:
            BadMarket: no formula is known.
        """
        raise no_formula(self, "equilibrium")

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Return a random decision among those that cannot bring a loss."""
        raise no_formula(self, "zero intelligence")

    def best_reply(self, seen: Seen, others: Sequence[Move], chance: Random) -> Move | None:
        """Return the best decision if the others decide as they did in the period before."""
        raise no_formula(self, "best reply")

    # ---- the same for all ----

    def check(self, game: Game, decision: Decision, elapsed: float) -> Decision:
        """Return the decision, with exact amounts.

        Raises:
            OrderRefused: the player cannot do this now, or not with these amounts.
        """
        if self.is_over(game, elapsed):
            raise OrderRefused("closed", refusals.CLOSED)
        able = {one.name: one for one in self.actions(game, decision.player, elapsed)}
        action = able.get(decision.action)
        if action is None:
            done = self.is_sealed and game.made(by=decision.player)
            text = refusals.ALREADY if done else refusals.NOT_YOUR_TURN
            raise OrderRefused("already" if done else "not_now", text)
        targets = [target for target, _, _ in action.targets] or [""]
        if decision.target not in targets:
            raise OrderRefused("not_now", refusals.NOT_YOUR_TURN)
        if len(decision.amounts) != len(action.inputs):
            raise OrderRefused("no_amount", refusals.NO_AMOUNT)
        least, most = self.lowest_amount(action.name), self.highest_amount(action.name)
        amounts = tuple(
            on_grid(amount, self.step(action.name), least, most) for amount in decision.amounts
        )
        checked = Decision(decision.player, action.name, amounts, decision.target, elapsed)
        return self.stamped(game, checked)

    def step(self, action: str) -> Price:
        """Return the grid of an action's amounts."""
        return self.tick

    def deal_named(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return the endowments, if there are players.

        Raises:
            BadMarket: there are no players.
        """
        if not players:
            raise BadMarket("A period needs participants.", "Create players first: players=4.")
        return self.deal(players, seed)

    def may_act(self, game: Game, player: str) -> bool:
        """Return whether a player takes part and has not dropped out."""
        return player in game.endowments and not game.is_absent(player)


def no_formula(institution: Institution, what: str) -> BadMarket:
    """Return the error for robots that an institution does not have."""
    return BadMarket(
        f"There is no {what} for {institution!r}.",
        "Use another strategy, or write your own with a method decide(seen, chance).",
    )
