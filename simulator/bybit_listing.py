"""One instrument as Bybit's instruments-info lists it; spot and contracts have different fields."""

from __future__ import annotations

from typing import Any

from simulator.bybit_wire import Wire, delivery_ms

__all__ = ["listing"]

_LAUNCHED_MS = "1585526400000"


def listing(wire: Wire) -> dict[str, Any]:
    """Status is always ``Trading``: the default answer has nothing else."""
    instrument = wire.instrument
    tick, step = wire.price(1), wire.quantity(1)
    common = {
        "symbol": wire.name,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "status": "Trading",
    }
    if wire.market == "spot":
        return {
            **common,
            "innovation": "0",
            "marginTrading": "utaOnly",
            "stTag": "0",
            "lotSizeFilter": {
                "basePrecision": step,
                "quotePrecision": "0.0000001",
                "minOrderQty": step,
                "maxOrderQty": wire.quantity(10**6),
                "minOrderAmt": "5",
                "maxOrderAmt": "8000000",
            },
            "priceFilter": {"tickSize": tick},
            "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        }
    delivery = delivery_ms(instrument.symbol)
    kind = "Inverse" if wire.market == "inverse" else "Linear"
    return {
        **common,
        "contractType": f"{kind}{'Futures' if delivery else 'Perpetual'}",
        "launchTime": _LAUNCHED_MS,
        "deliveryTime": str(delivery),
        "deliveryFeeRate": "",
        "priceScale": str(max(2, instrument.price_decimals)),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": wire.price(10**8), "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": wire.quantity(10**6),
            "minOrderQty": step,
            "qtyStep": step,
            "postOnlyMaxOrderQty": wire.quantity(10**6),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 0 if delivery else 480,
        "settleCoin": instrument.base if wire.market == "inverse" else instrument.quote,
        "isPreListing": False,
        "preListingInfo": None,
    }
