"""TradeRow: a trade with the values and costs of its units, as a row of the table `trades`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.units import Units
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.outcomes import OrderEvent

__all__ = ["TradeRow", "trade_rows"]


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """A trade; the fields are the columns of `trades`, money as floats."""

    trade: int
    seq: int
    time: float
    period: int
    price: float
    quantity: int
    buyer: str
    seller: str
    maker_order: int
    taker_order: int
    initiator: str
    value: float
    cost: float
    buyer_tax: float
    seller_tax: float
    buyer_fee: float
    seller_fee: float
    buyer_surplus: float
    seller_surplus: float


def trade_rows(its: PeriodEvents, units: Units) -> list[TradeRow]:
    """Return a period's trades, oldest first, and count in *units* what was traded."""
    return list(_trades(its, units))


def _trades(its: PeriodEvents, units: Units) -> Iterator[TradeRow]:
    makers: dict[int, OrderEvent] = {}
    rows = zip(its.seqs, its.times, its.events, strict=True)
    for seq, time, event in [row for row in rows if row[2].trade is not None]:
        number = event.trade
        assert number is not None
        maker = makers.pop(number, None)
        if maker is None:
            makers[number] = event
        else:
            yield _trade(seq, time, its.period, maker, event, units)


def _trade(
    seq: int, time: float, period: int, maker: OrderEvent, taker: OrderEvent, units: Units
) -> TradeRow:
    assert taker.trade is not None
    assert taker.price is not None
    buys, sells = (taker, maker) if taker.side == "buy" else (maker, taker)
    buyer, seller = buys.player, sells.player
    quantity, price = taker.quantity, float(taker.price)
    value, cost = units.take(buyer, "buy", quantity), units.take(seller, "sell", quantity)
    buyer_tax, seller_tax = _charge(buys.tax), _charge(sells.tax)
    buyer_fee, seller_fee = _charge(buys.fee), _charge(sells.fee)
    return TradeRow(
        taker.trade, seq, time, period, price, quantity, buyer, seller, maker.order, taker.order,
        taker.side, value, cost, buyer_tax, seller_tax, buyer_fee, seller_fee,
        value - price * quantity - buyer_tax - buyer_fee,
        price * quantity - cost - seller_tax - seller_fee,
    )  # fmt: skip


def _charge(paid: Price | None) -> float:
    """Return a tax or fee of a fill; 0 where there is none."""
    return 0.0 if paid is None or paid != paid else float(paid)
