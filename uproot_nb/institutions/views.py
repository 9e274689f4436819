"""Views: what one participant sees of a period, as JSON, on pages and in simulations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from uproot_nb.institutions import words
from uproot_nb.institutions.game import ABSENT, Endowment, Game, Result, gone_before
from uproot_nb.institutions.institution import AllowedAction, Institution
from uproot_nb.institutions.robot_moves import Move
from uproot_nb.market.orderbook.amounts import plain

__all__ = ["known_endowment", "spectator_view", "view_of"]


def view_of(
    institution: Institution, game: Game, player: str, period: int, times: tuple[float, float],
    result: Result | None,
) -> dict[str, Any]:  # fmt: skip
    """Return everything that a participant sees of a period.

    Args:
        times: what time it is, and when the period began, in seconds of the same clock.
        result: the outcome, once the period is over.
    """
    (now, started), is_open = times, result is None
    elapsed = now - started
    actions = institution.actions(game, player, elapsed) if is_open else []
    roles = _roles(game)
    own = [Move(one.action, one.amounts, one.target) for one in _acts(game, player)]
    facts = [*_counts(institution, roles), *institution.facts(game, player, elapsed)]
    if result is not None:
        facts += institution.result_facts(game, player, result)
    return {
        "period": period, "open": is_open,
        "now": now, "started": started,
        # how many others have sealed a decision is nobody's business
        "decisions": len(own if is_open and institution.is_sealed else game.decisions),
        "endowment": known_endowment(game.endowments[player]).plain(),
        "players": {role: roles.count(role) for role in dict.fromkeys(roles)},
        "actions": [_plain_action(action) for action in actions],
        "own": [move.plain() for move in own],
        "facts": [list(fact) for fact in facts],
        "status": _status(institution, game, player, elapsed, is_open),
        "clock": _clock(institution, game) if is_open else None,
        "public": institution.public(game, elapsed),
        "report": None if result is None else _report(institution, game, player, result),
    }  # fmt: skip


def spectator_view(period: int, is_open: bool) -> dict[str, Any]:
    """Return what somebody sees who does not take part."""
    return {
        "period": period, "open": is_open, "now": 0.0, "started": 0.0,
        "decisions": 0, "endowment": None,
        "players": {}, "actions": [], "own": [], "facts": [], "status": words.NOTHING_HERE,
        "clock": None, "public": {}, "report": None,
    }  # fmt: skip


def known_endowment(own: Endowment) -> Endowment:
    """Return what a participant knows of its own endowment: no value that it only estimates."""
    return own if own.signal is None else replace(own, values=())


def _acts(game: Game, player: str) -> list[Any]:
    return [one for one in game.made(by=player) if one.action != ABSENT]


def _roles(game: Game) -> list[str]:
    """Return the participants' roles, without those who were gone before anybody decided."""
    gone = gone_before(game)
    return [own.role for name, own in game.endowments.items() if name not in gone]


def _clock(institution: Institution, game: Game) -> dict[str, Any] | None:
    """Return the clock's data, with the length that it has if nobody decides anything more."""
    clock = institution.clock()
    if clock is not None and institution.is_over(game, clock["every"]):
        clock["length"] = clock["every"]
    return clock


def _counts(institution: Institution, roles: list[str]) -> list[tuple[str, Any]]:
    return [(institution.count_word, roles.count(institution.counted_role))]


def _status(
    institution: Institution, game: Game, player: str, elapsed: float, is_open: bool
) -> str:
    if not is_open:
        return words.OVER
    found = institution.status(game, player, elapsed)
    return found or _invitation(institution)


def _invitation(institution: Institution) -> str:
    """Return what tells a screen reader that one may act now; of a sealed period, the form does."""
    if institution.is_sealed:
        return ""
    return words.DECIDE_NOW if institution.clock() is None else words.CLOCK_RUNS


def _plain_action(action: AllowedAction) -> dict[str, Any]:
    return {
        "name": action.name, "word": action.word, "inputs": list(action.inputs),
        "targets": [[target, text, plain(price)] for target, text, price in action.targets],
        "targetWord": action.target_word, "quoted": action.is_quoted,
    }  # fmt: skip


def _report(institution: Institution, game: Game, player: str, result: Result) -> dict[str, Any]:
    """Return the outcome as everybody sees it: decisions without names, the own ones marked."""
    acts = [one for one in game.decisions if one.action != ABSENT]
    shown = acts if institution.feedback == "all" else _acts(game, player)
    return {
        "price": plain(result.price), "units": plain(result.units),
        "profit": plain(result.allocations[player].profit),
        "decisions": [
            [Move(one.action, one.amounts, one.target).plain(), one.player == player]
            for one in shown
        ],
    }  # fmt: skip
