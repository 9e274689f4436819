"""Market: a continuous double auction in which two traders may buy a unit and one may sell."""

from uproot.fields import *
from uproot.models import Entry, add_entry, create_model, get_entries
from uproot.smithereens import *

from uproot_nb import Refused

DESCRIPTION = "Continuous double auction"
SUGGESTED_MULTIPLE = 3


class C:
    HIGHEST = 20
    PERIODS = 2
    VALUES = [12, 9]
    COSTS = [3]
    __export__ = ["HIGHEST"]


class Offer(metaclass=Entry):
    trader: PlayerIdentifier
    period: int
    side: str
    price: int


class Trade(metaclass=Entry):
    taker: PlayerIdentifier
    period: int
    buyer: str
    seller: str
    price: int


class Context(PlayerContext):
    @property
    def trades(self):
        return [trade for _, _, trade in get_entries(self.player.group.trades, Trade)]


def new_player(player):
    player.profit = 0


class Traders(GroupCreatingWait):
    group_size = 3

    @classmethod
    def after_grouping(page, group):
        group.offers = create_model(group.session, tag="offers")
        group.trades = create_model(group.session, tag="trades")
        limits = C.VALUES + C.COSTS
        for place, player in enumerate(group.players):
            player.side = "buy" if place < len(C.VALUES) else "sell"
            player.limit = limits[place]


class Opening(SynchronizingWait):
    @classmethod
    def all_here(page, group):
        group.period = group.get("period", 0) + 1
        group.bids = {}
        group.asks = {}
        group.open = True
        for player in group.players:
            player.traded = False


class Pit(Page):
    timeout = 300

    @classmethod
    def jsvars(page, player):
        with player.group as group:
            return dict(side=player.side, limit=player.limit, state=state_of(group))

    @live
    async def offer(page, player, price: int):
        if not 0 < price <= C.HIGHEST:
            raise Refused(f"Prices go from 1 to {C.HIGHEST}.")
        with player.group as group:
            if player.traded or not group.open:
                return False
            post(player, group, price)
            take(player, group, price)
            close_if_done(group)
            notify(player, group.players, state_of(group), event="Pit")
        return True


class Results(Page):
    @classmethod
    def templatevars(page, player):
        return dict(names={p.name: f"Trader {p.member_id + 1}" for p in player.group.players})


def sides(player, group):
    """Return the offers of the player's own side, and those of the other."""
    return (group.bids, group.asks) if player.side == "buy" else (group.asks, group.bids)


def post(player, group, price):
    """Keep an offer in place of the player's last one."""
    own, _others = sides(player, group)
    own[player.name] = price
    add_entry(
        group.offers,
        player,
        Offer,
        period=group.period,
        side=player.side,
        price=price,
    )


def take(player, group, price):
    """Trade with the best offer of the other side, if the price is good enough."""
    own, others = sides(player, group)
    sign = 1 if player.side == "buy" else -1
    good = {name: p for name, p in others.items() if sign * p <= sign * price}
    if not good:
        return
    best = min(good, key=lambda name: sign * good[name])
    partner = next(other for other in group.players if other.name == best)
    agreed = good[best]
    del own[player.name]
    del others[partner.name]
    settle(player, agreed)
    with partner:
        settle(partner, agreed)
    buyer, seller = (player, partner) if player.side == "buy" else (partner, player)
    add_entry(
        group.trades,
        player,
        Trade,
        period=group.period,
        buyer=buyer.name,
        seller=seller.name,
        price=agreed,
    )


def settle(trader, agreed):
    trader.traded = True
    trader.profit += trader.limit - agreed if trader.side == "buy" else agreed - trader.limit


def close_if_done(group):
    left = {player.side for player in group.players if not player.traded}
    if len(left) < 2:
        group.open = False


def state_of(group):
    return dict(
        bids=sorted(group.bids.values(), reverse=True),
        asks=sorted(group.asks.values()),
        done=[player.name for player in group.players if player.traded],
        open=group.open,
    )


page_order = [Traders, Rounds(Opening, Pit, n=C.PERIODS), Results]
