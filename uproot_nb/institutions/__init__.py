"""Institutions: auctions, posted offers, oligopolies and prediction markets, without order books.

from uproot_nb.institutions import InstitutionPage, PrivateValues, SealedBidAuction
from uproot_nb.institutions import EquilibriumStrategy, institution_bot, simulate_institution
"""

from __future__ import annotations

from uproot_nb.institutions.auctions.clock import DutchClock, EnglishClock
from uproot_nb.institutions.auctions.multi_unit import MultiUnitAuction
from uproot_nb.institutions.auctions.sealed_bid import SealedBidAuction
from uproot_nb.institutions.auctions.values import CommonValue, PrivateValues
from uproot_nb.institutions.demand import LinearDemand
from uproot_nb.institutions.game import Allocation, Benchmark, Decision, Endowment, Game, Result
from uproot_nb.institutions.institution import AllowedAction, Institution
from uproot_nb.institutions.live_game import LiveGame
from uproot_nb.institutions.oligopoly import BertrandMarket, CournotMarket
from uproot_nb.institutions.page import InstitutionPage
from uproot_nb.institutions.posted_offer import PostedOffer
from uproot_nb.institutions.prediction_market import PredictionMarket
from uproot_nb.institutions.robot_moves import Move, Seen
from uproot_nb.institutions.strategies.bot import institution_bot
from uproot_nb.institutions.strategies.simulation import simulate_institution
from uproot_nb.institutions.strategies.strategy import (
    BestReply,
    EquilibriumStrategy,
    Strategy,
    ZeroIntelligence,
)
from uproot_nb.institutions.tables import InstitutionTables

__all__ = [
    "Allocation", "AllowedAction", "Benchmark", "BertrandMarket", "BestReply", "CommonValue",
    "CournotMarket", "Decision", "DutchClock", "Endowment", "EnglishClock",
    "EquilibriumStrategy", "Game", "Institution", "InstitutionPage", "InstitutionTables",
    "LinearDemand", "LiveGame", "Move", "MultiUnitAuction", "PostedOffer", "PredictionMarket",
    "PrivateValues", "Result", "SealedBidAuction", "Seen", "Strategy", "ZeroIntelligence",
    "institution_bot", "simulate_institution",
]  # fmt: skip
