"""How Binance's REST shows books and instruments (protocol page, sections 3.4, 4.3 and 4.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulator.binance_names import Market, contract_size, decimal_text, pair, wire_decimals, wire_symbol
from simulator.feed import Level
from simulator.instruments import Instrument
from simulator.rest import json_bytes

__all__ = ["book_body", "contract_type", "listing"]

_NEVER_MS = 4_133_404_800_000


def book_body(
    market: Market,
    instrument: Instrument,
    update_id: int,
    bids: list[Level],
    asks: list[Level],
    *,
    time_ms: int,
) -> bytes:
    """The depth answer; futures' has two times, COIN-M's the names too."""
    price_wire, quantity_wire = wire_decimals(market, instrument)

    def levels(side: list[Level]) -> list[list[str]]:
        return [
            [
                decimal_text(price, instrument.price_decimals, price_wire),
                decimal_text(quantity, instrument.quantity_decimals, quantity_wire),
            ]
            for price, quantity in side
        ]

    names: dict[str, str | int] = {"symbol": wire_symbol(market, instrument.symbol), "pair": pair(instrument)}
    more: dict[str, str | int] = {} if market == "spot" else {"E": time_ms, "T": time_ms}
    if market == "coinm":
        more = {**names, **more}
    return json_bytes({"lastUpdateId": update_id, **more, "bids": levels(bids), "asks": levels(asks)})


def contract_type(instrument: Instrument) -> str:
    """A contract with a date is taken for the one of the running quarter."""
    return "CURRENT_QUARTER" if instrument.symbol.count("-") > 1 else "PERPETUAL"


def listing(market: Market, instrument: Instrument) -> dict[str, Any]:
    """An element of exchangeInfo's ``symbols``."""
    price_wire, quantity_wire = wire_decimals(market, instrument)
    tick = decimal_text(1, instrument.price_decimals, price_wire)
    step = decimal_text(1, instrument.quantity_decimals, quantity_wire)
    common = {
        "symbol": wire_symbol(market, instrument.symbol),
        "contractStatus" if market == "coinm" else "status": "TRADING",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
    }
    price_filter = {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick}
    lot_size = {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000000", "stepSize": step}
    if market == "spot":
        return {
            **common,
            "baseAssetPrecision": 8,
            "quoteAssetPrecision": 8,
            "isSpotTradingAllowed": True,
            "filters": [
                price_filter,
                lot_size,
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        }
    contract = {
        **common,
        "pair": pair(instrument),
        "contractType": contract_type(instrument),
        "deliveryDate": _delivery_ms(instrument),
        "marginAsset": instrument.base if market == "coinm" else instrument.quote,
        "pricePrecision": price_wire,
        "quantityPrecision": quantity_wire,
        "underlyingType": "COIN",
    }
    filters: list[dict[str, str]] = [price_filter, lot_size]
    if market == "coinm":
        return {
            **contract,
            "filters": filters,
            "contractSize": contract_size(market, instrument),
            "equalQtyPrecision": 4,
        }
    return {**contract, "filters": [*filters, {"filterType": "MIN_NOTIONAL", "notional": "100"}]}


def _delivery_ms(instrument: Instrument) -> int:
    """08:00 UTC of the contract's day."""
    if instrument.symbol.count("-") < 2:
        return _NEVER_MS
    day = datetime.strptime(instrument.symbol.rpartition("-")[2], "%y%m%d").replace(tzinfo=UTC, hour=8)
    return int(day.timestamp()) * 1000
