"""Binance's three markets: addresses, limits, and what of the rest is its own in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from venues.binance.continuity import SpotContinuity, UsdmContinuity
from venues.binance.decoding import FUTURES_DECODERS
from venues.binance.history import PastTrades, Source
from venues.binance.plan import FUTURES_STREAMS, SPOT_INTERVALS, SPOT_STREAMS
from venues.binance.venue import Binance
from venues.interface import Channel, Continuity, Limits

__all__ = ["BinanceCoinm", "BinanceSpot", "BinanceUsdm"]

_SPOT_CHANNELS: frozenset[Channel] = frozenset({"book", "best", "trades", "ticker", "klines"})
_FUTURES_CHANNELS: frozenset[Channel] = _SPOT_CHANNELS | {"derivatives", "liquidations"}
_FUTURES_LIMITS = Limits(
    weight_per_minute=2400,
    streams_per_connection=1024,
    requests_per_s=10,
    session_s=86_400,
    weight_pool="futures",  # USD-M and COIN-M together since 2026-06-30
)
_FUTURES_DEPTHS = ((5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1000, 20))


class BinanceSpot(Binance):
    """Spot: 6000 weight a minute, strictly 5 messages a second, sessions of 24 hours."""

    market = "spot"
    ccxt_id = "binance"
    websocket_url = "wss://stream.binance.com:9443"
    rest_url = "https://api.binance.com"
    limits = Limits(
        weight_per_minute=6000,
        streams_per_connection=1024,
        requests_per_s=5,
        session_s=86_400,
        weight_pool="spot",
    )
    continuity: Continuity = SpotContinuity()
    channels = _SPOT_CHANNELS
    _streams: ClassVar[Mapping[str, str]] = SPOT_STREAMS
    kline_intervals = SPOT_INTERVALS
    _past: ClassVar[PastTrades] = PastTrades(
        aggregated=Source("/api/v3/aggTrades", weight=4, most=1000),
        single=Source("/api/v3/historicalTrades", weight=25, most=1000),
    )
    _depth_path = "/api/v3/depth"
    _info_path = "/api/v3/exchangeInfo"
    _info_weight = 20
    _depth_weights = ((100, 5), (500, 25), (1000, 50), (5000, 250))


class BinanceUsdm(Binance):
    """USD-M: books, best bid-ask and trades come on ``/public``, all else on ``/market``; a stream asked on the wrong
    path is acknowledged and never sent (section 4.1)."""

    market = "usdm"
    ccxt_id = "binanceusdm"
    websocket_url = "wss://fstream.binance.com"
    rest_url = "https://fapi.binance.com"
    limits = _FUTURES_LIMITS
    continuity: Continuity = UsdmContinuity()
    channels = _FUTURES_CHANNELS
    _decoders: ClassVar[Mapping[str, str]] = FUTURES_DECODERS
    _streams: ClassVar[Mapping[str, str]] = FUTURES_STREAMS
    _paths: ClassVar[Mapping[str, str]] = {
        "": "/market",
        "depth": "/public",
        "bookTicker": "/public",
        "trade": "/public",
    }
    _past: ClassVar[PastTrades] = PastTrades(
        aggregated=Source("/fapi/v1/aggTrades", weight=20, most=1000),
        single=Source("/fapi/v1/historicalTrades", weight=200, most=500, keyed=True, counted=False),
        latest=Source("/fapi/v1/trades", weight=5, most=1000, counted=False),
    )
    _depth_path = "/fapi/v1/depth"
    _info_path = "/fapi/v1/exchangeInfo"
    _info_weight = 1
    _depth_weights = _FUTURES_DEPTHS


class BinanceCoinm(Binance):
    """COIN-M: USD-M's frames and rules on one path, with quantities in contracts (section 4.5). ``@trade`` flows there
    and is not documented, so trades are always the aggregated ones. Its weight is counted together with USD-M's."""

    market = "coinm"
    ccxt_id = "binancecoinm"
    websocket_url = "wss://dstream.binance.com"
    rest_url = "https://dapi.binance.com"
    limits = _FUTURES_LIMITS
    continuity: Continuity = UsdmContinuity()
    channels = _FUTURES_CHANNELS
    _decoders: ClassVar[Mapping[str, str]] = FUTURES_DECODERS
    _streams: ClassVar[Mapping[str, str]] = {**FUTURES_STREAMS, "trades": "aggTrade"}
    contracts = True
    _past: ClassVar[PastTrades] = PastTrades(aggregated=Source("/dapi/v1/aggTrades", weight=20, most=1000))
    _depth_path = "/dapi/v1/depth"
    _info_path = "/dapi/v1/exchangeInfo"
    _info_weight = 1
    _depth_weights = _FUTURES_DEPTHS
