"""Models: a market for one good, with a book of orders and a ledger of trades."""

from uproot.fields import *
from uproot.models import *
from uproot.smithereens import *
from uproot.types import *

from uproot_nb import Refused

DESCRIPTION = "An order book"


class C:
    CASH = cu("10")
    GOODS = 2


class Order(metaclass=Entry):
    pid: PlayerIdentifier
    side: str
    price: Decimal


class Trade(metaclass=Entry):
    book: ModelIdentifier
    order: str
    buyer: PlayerIdentifier
    seller: PlayerIdentifier
    price: Decimal


def new_session(session):
    session.book = create_model(session, tag="book")
    session.trades = create_model(session, tag="trades")
    get_storage(session.book).is_open = True


def new_player(player):
    player.cash = C.CASH
    player.goods = C.GOODS


def standing(session, side):
    """The orders of a side that nobody has taken, the best first."""
    taken = {trade.order for _, _, trade in get_entries(session.trades, Trade)}
    orders = filter_entries(session.book, Order, side=side)
    left = [(identifier, order) for identifier, _, order in orders if str(identifier) not in taken]
    return sorted(left, key=lambda row: row[1].price, reverse=side == "buy")


def listed(session):
    """What everybody may know of the market."""
    book = {
        side: [dict(id=identifier, price=fmtnum(order.price)) for identifier, order in rows]
        for side, rows in ((side, standing(session, side)) for side in ("buy", "sell"))
    }
    return dict(**book, traded=len(get_entries(session.trades, Trade)))


class Everybody(SynchronizingWait):
    synchronize = "session"


class Trading(Page):
    @classmethod
    def jsvars(page, player):
        return dict(me=player.id, book=listed(player.session))

    @live
    async def place(page, player, side: str, price: Decimal):
        """Put an order into the book."""
        if side not in ("buy", "sell"):
            raise Refused("Please buy or sell.")
        if side == "buy" and price > player.cash:
            raise Refused("You do not have so much.")
        identifier = add_entry(player.session.book, player, Order, side=side, price=price)
        notify(player, player.session.players, listed(player.session), event="Book")
        return identifier

    @live
    async def take(page, player, order: UUID):
        """Take an order of somebody else."""
        found = filter_entries(player.session.book, Order, id=order)
        if not found or filter_entries(player.session.trades, Trade, order=str(order)):
            raise Refused("This order is gone.")
        ((_, _, wanted),) = found
        maker = materialize(wanted.pid)
        if maker == player:
            raise Refused("This order is your own.")
        buyer, seller = (maker, player) if wanted.side == "buy" else (player, maker)
        add_entry(
            player.session.trades,
            player,
            Trade,
            book=identify(player.session.book),
            order=str(order),
            buyer=~buyer,
            seller=~seller,
            price=wanted.price,
        )
        buyer.cash -= wanted.price
        seller.cash += wanted.price
        buyer.goods += 1
        seller.goods -= 1
        notify(player, player.session.players, listed(player.session), event="Book")


class Close(SynchronizingWait):
    synchronize = "session"

    @classmethod
    def all_here(page, session):
        get_storage(session.book).is_open = False
        session.last_price = get_latest_entry(session.trades, Trade)[2].price
        add_raw_entry(session.book, dict(pid=~session.players[0], side="none", price=cu("0")))


class Account(Page):
    @classmethod
    def templatevars(page, player):
        mine = filter_entries(
            player.session.trades,
            Trade,
            predicate=lambda trade: ~player in (trade.buyer, trade.seller),
        )
        return dict(
            trades=[(trade.buyer == ~player, trade.price) for _, _, trade in mine],
            is_open=get_field(player.session.book, "is_open"),
        )


page_order = [Everybody, Trading, Close, Account]
