"""Instruments from the product lists of Coinbase's Exchange and Advanced Trade, and when one of them is open."""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE
from venues.coinbase import wire
from venues.messages import Instrument
from venues.numbers import ScaledNumbers

__all__ = ["advanced_instruments", "exchange_instruments"]

_CLOSING = ("is_disabled", "trading_disabled", "cancel_only", "post_only", "auction_mode")
"""With any of these nothing is matched as usual; ``limit_only`` refuses market orders and is otherwise open (USDT-USDC)."""


def exchange_instruments(body: bytes, scaled: ScaledNumbers) -> Sequence[Instrument]:
    """``/products``. BASE-QUOTE is of the exchange's own currencies; raises :class:`FrameError`."""
    try:
        products = wire.read_exchange_products(body)
    except UNREADABLE as error:
        raise FrameError(f"Coinbase /products cannot be read: {error}.") from error
    return [
        _instrument(
            product,
            product.id,
            product.base_currency,
            product.quote_currency,
            tick=scaled[product.quote_increment],
            lot=scaled[product.base_increment],
        )
        for product in products
    ]


def advanced_instruments(body: bytes, scaled: ScaledNumbers) -> Sequence[Instrument]:
    """``products`` of Advanced Trade: spot products that have a book of their own; raises :class:`FrameError`."""
    try:
        products = wire.read_advanced_products(body).products
    except UNREADABLE as error:
        raise FrameError(f"Coinbase Advanced Trade products cannot be read: {error}.") from error
    return [
        _instrument(
            product,
            product.product_id,
            product.base_currency_id,
            product.quote_currency_id,
            tick=scaled[product.price_increment or product.quote_increment],
            lot=scaled[product.base_increment],
        )
        for product in products
        if product.product_type == "SPOT" and product.alias in {"", product.product_id}
    ]


def _instrument(
    product: wire.ExchangeProduct | wire.AdvancedProduct,
    wire_symbol: str,
    base: str,
    quote: str,
    *,
    tick: int,
    lot: int,
) -> Instrument:
    """A flag that restricts an online product stands in ``status`` for that word."""
    online = product.status == "online"
    closed = next((flag for flag in _CLOSING if getattr(product, flag, False)), "")
    restricted = closed or ("limit_only" if product.limit_only else "")
    return Instrument(
        wire_symbol=wire_symbol,
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        tick=tick,
        lot=lot,
        trading=online and not closed,
        status=restricted if online and restricted else product.status,
    )
