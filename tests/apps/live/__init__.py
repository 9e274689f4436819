"""Live: two people bargain over a pie, in real time; the room hears of every deal."""

from uproot.fields import *
from uproot.smithereens import *

from uproot_nb import Refused

DESCRIPTION = "Bargaining in real time"
SUGGESTED_MULTIPLE = 2


class C:
    PIE = 100
    __export__ = ["PIE"]


def new_session(session):
    session.deals = 0


class Meet(GroupCreatingWait):
    group_size = 2

    @classmethod
    def after_grouping(page, group):
        group.offers = []
        group.deal = None


class Bargain(Page):
    @classmethod
    def jsvars(page, player):
        return dict(me=player.member_id, offers=player.group.offers)

    @classmethod
    def may_proceed(page, player):
        return player.group.deal is not None

    @live
    async def offer(page, player, amount: int):
        """Offer the other some of the pie."""
        if not 0 <= amount <= C.PIE:
            raise Refused(f"Please offer between 0 and {C.PIE}.")
        if player.group.deal is not None:
            raise Refused("You have a deal already.")
        player.group.offers.append((player.member_id, amount))
        notify(player, player.others_in_group, dict(by=player.member_id, amount=amount))
        return len(player.group.offers)

    @live
    async def accept(page, player, amount: int):
        """Take what the other has offered last."""
        group = player.group
        theirs = [amount for member, amount in group.offers if member != player.member_id]
        if not theirs or theirs[-1] != amount:
            raise Refused("This offer does not stand any more.")
        group.deal = amount
        player.share = amount
        player.other_in_group.share = C.PIE - amount
        for member in group.players:
            send_to_one(member, member.share, event="Deal")
        player.session.deals += 1
        send_to(player.session.players, player.session.deals, event="DealsInTheRoom")

    @live
    def forget(page, player):
        """Fail, as no bargaining should: the other must not notice."""
        raise RuntimeError("the table is on fire")


class Share(Page):
    @classmethod
    def templatevars(page, player):
        return dict(offers=len(player.group.offers))


page_order = [Meet, Bargain, Share]
