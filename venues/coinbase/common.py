"""What the frames of both of Coinbase's feeds share: whose side a trade names, and empty texts."""

from __future__ import annotations

from typing import Literal

from venues.integers import counted
from venues.messages import BestBidAsk, Side, Trade
from venues.numbers import ScaledNumbers

__all__ = ["best_bid_ask", "maker_trade", "optional"]


def maker_trade(
    trade_id: str, price: int, quantity: int, maker: Literal["buy", "sell", "BUY", "SELL"], time_micros: int
) -> Trade:
    """A trade whose frame names the maker's side: the taker's is the other one (sections 8.1, 8.2 and 11)."""
    taker: Side = "SELL" if maker in {"buy", "BUY"} else "BUY"
    return Trade(trade_id, price, quantity, taker, time_micros, sequence=counted(trade_id))


def optional(scaled: ScaledNumbers, text: str) -> int | None:
    """A number that may be missing or empty."""
    return scaled[text] if text else None


def best_bid_ask(
    scaled: ScaledNumbers,
    update_id: int,
    bid: tuple[str, str],
    ask: tuple[str, str],
    time_micros: int | None,
) -> BestBidAsk:
    """Price and quantity of both sides; a side without a price, or with price 0, is empty."""
    bid_price, ask_price = optional(scaled, bid[0]) or None, optional(scaled, ask[0]) or None
    return BestBidAsk(
        update_id,
        bid_price,
        optional(scaled, bid[1]) if bid_price else None,
        ask_price,
        optional(scaled, ask[1]) if ask_price else None,
        time_micros,
    )
