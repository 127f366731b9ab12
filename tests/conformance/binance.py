"""Binance spot, USD-M and COIN-M: frames of the protocol page's sections 3 and 4 and, for COIN-M, of its official pages.

COIN-M frames of September 2026 are such as were on the wire then; others are the documents' own examples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.conformance.binance_samples import (
    COINM_SAMPLES,
    SPOT_SAMPLES,
    USDM_SAMPLES,
    agg_trade,
    frame,
    past_agg_trade,
    past_trade,
    trade,
)
from tests.conformance.material import (
    BookScript,
    ControlSample,
    Documented,
    Levels,
    Listed,
    Material,
    Past,
)
from tests.recordings import NAMES, recording
from venues.interface import Channel, ConnectionPlan

__all__ = ["MATERIAL"]


class _Spot(BookScript):
    """Sections 3.3 to 3.5: ``U`` is the ``u`` before plus 1; the image is an answer of REST."""

    def __init__(self, wire_symbol: str) -> None:
        super().__init__(wire_symbol)
        self.last = 1_027_024
        self.first = 0
        self.previous = 0

    def image(self) -> bytes:
        bids, asks = self.sides()
        return json.dumps({"lastUpdateId": self.last, "bids": bids, "asks": asks}).encode()

    def _count(self) -> None:
        self.previous = self.last
        self.first, self.last = self.last + 1, self.last + 3

    def _more(self) -> dict[str, Any]:
        return {}

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        self._count()
        data = {"e": "depthUpdate", "E": self.time_ms, "s": self.wire_symbol, "U": self.first, "u": self.last}
        return frame(self.wire_symbol, "depth@100ms", {**data, **self._more(), "b": bids, "a": asks})

    def restart(self) -> Sequence[bytes]:
        """Ids fall back and time goes on: no document has it, an exchange that restores an older state would do it."""
        self.last = 1000
        return [self.change([("98.5", "5")]), self.change([("98.5", "6")])]


class _Futures(_Spot):
    """Section 4.4: ``pu`` is the ``u`` before; ``U`` is not the next number, since all symbols share the count."""

    def _count(self) -> None:
        self.previous = self.last
        self.first, self.last = self.last + 7, self.last + 11

    def _more(self) -> dict[str, Any]:
        return {"T": self.time_ms - 1, "ps": self.wire_symbol, "st": 1, "pu": self.previous}


_REFUSED = (b'{"code":-1121,"msg":"Invalid symbol."}',)


def _asked(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    address = parse_qs(urlsplit(plan.path).query)["streams"][0].split("/")
    return [address, *(json.loads(text)["params"] for text in plan.requests)]


_CONTROLS = (
    ControlSample(b'{"result":null,"id":1}', "ack"),
    ControlSample(b'{"result":["btcusdt@aggTrade"],"id":3}', "ack"),
    ControlSample(b'{"code":2,"msg":"Invalid request: too many parameters"}', "error", "too many parameters"),
    ControlSample(
        b'{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}', "error", "Invalid JSON"
    ),
    ControlSample(b'{"e":"serverShutdown","E":1770123456789}', "shutdown"),
    ControlSample(
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', "shutdown"
    ),
)


def _symbol(wire_symbol: str, base: str, quote: str, tick: str, step: str, **more: Any) -> dict[str, Any]:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000", "stepSize": step},
    ]
    return {"symbol": wire_symbol, "baseAsset": base, "quoteAsset": quote, **more, "filters": filters}


def _info(*symbols: dict[str, Any]) -> bytes:
    return json.dumps({"timezone": "UTC", "symbols": symbols}, ensure_ascii=False).encode()


_SPOT_INFO = _info(
    _symbol("BTCUSDT", "BTC", "USDT", "0.01000000", "0.00001000", status="TRADING"),
    _symbol("BNBBTC", "BNB", "BTC", "0.00000100", "0.00100000", status="TRADING"),
    _symbol("LUNAUSDT", "LUNA", "USDT", "0.00010000", "0.01000000", status="BREAK"),
    _symbol("币安人生USDT", "币安人生", "USDT", "0.00001000", "0.10000000", status="TRADING"),
    _symbol("1000SATSUSDT", "1000SATS", "USDT", "0.00000001", "1.00000000", status="TRADING"),
)
_USDM: dict[str, Any] = {"status": "TRADING", "marginAsset": "USDT", "deliveryDate": 4133404800000}
_USDM_INFO = _info(
    _symbol("BTCUSDT", "BTC", "USDT", "0.10", "0.001", **_USDM, contractType="PERPETUAL"),
    _symbol(
        "BTCUSDT_261225",
        "BTC",
        "USDT",
        "0.1",
        "0.001",
        **{**_USDM, "deliveryDate": 1798185600000},
        contractType="CURRENT_QUARTER",
    ),
    _symbol(
        "ETHUSDT_230630",
        "ETH",
        "USDT",
        "0.01",
        "0.001",
        **{**_USDM, "deliveryDate": 1688112000000, "status": "SETTLING"},
        contractType="CURRENT_QUARTER",
    ),
    _symbol("币安人生USDT", "币安人生", "USDT", "0.0000100", "1", **_USDM, contractType="PERPETUAL"),
)
_COINM: dict[str, Any] = {
    "contractStatus": "TRADING",
    "contractSize": 100,
    "marginAsset": "BTC",
    "deliveryDate": 4133404800000,
}
_COINM_INFO = _info(
    _symbol("BTCUSD_PERP", "BTC", "USD", "0.1", "1", **_COINM, contractType="PERPETUAL"),
    _symbol(
        "ETHUSD_PERP",
        "ETH",
        "USD",
        "0.01",
        "1",
        **{**_COINM, "contractSize": 10, "marginAsset": "ETH"},
        contractType="PERPETUAL",
    ),
    _symbol(
        "BTCUSD_261225",
        "BTC",
        "USD",
        "0.1",
        "1",
        **{**_COINM, "deliveryDate": 1798185600000},
        contractType="CURRENT_QUARTER",
    ),
    _symbol(
        "BTCUSD_260626",
        "BTC",
        "USD",
        "0.1",
        "1",
        **{**_COINM, "deliveryDate": 1782460800000, "contractStatus": "DELIVERING"},
        contractType="CURRENT_QUARTER DELIVERING",
    ),
)

_CHANNEL_OF: Mapping[str, Channel] = {
    "depth": "book",
    "bookTicker": "best",
    "trade": "trades",
    "markPrice": "derivatives",
}


def _recorded(market: str) -> Iterator[tuple[Channel, bytes]]:
    """Every tenth frame of all recordings of a market."""
    for name in NAMES:
        if not name.startswith(market):
            continue
        for number, (_, line) in enumerate(recording(name).lines()):
            if number % 10 == 0 and line.startswith(b'{"stream":"'):
                yield _CHANNEL_OF[line[11:60].split(b'"')[0].decode().split("@")[1]], line


def _recorded_spot() -> Iterator[tuple[Channel, bytes]]:
    return _recorded("spot")


def _recorded_usdm() -> Iterator[tuple[Channel, bytes]]:
    return _recorded("usdm")


_NO_CHECKSUM = "its books have no checksum"
_NO_KEEP_ALIVE = "it sends websocket pings, which the library answers; a client sends nothing of its own"
_NO_REFUSAL = "a stream that does not exist is acknowledged like any other: only its silence tells (3.1, 4.1)"
_NOT_APPLICABLE = {"C08": _NO_CHECKSUM, "C10": _NO_KEEP_ALIVE, "C12": _NO_REFUSAL}

MATERIAL = (
    Material(
        name="binance.spot",
        wire_symbol="BTCUSDT",
        script=_Spot,
        trade=trade,
        past=Past("/api/v3/historicalTrades", past_trade, "12345", _REFUSED),
        samples=SPOT_SAMPLES,
        controls=_CONTROLS,
        instruments=_SPOT_INFO,
        listed=(
            Listed("BTCUSDT", "BTC-USDT", "0.01", "0.00001", status="TRADING"),
            Listed("BNBBTC", "BNB-BTC", "0.000001", "0.001", status="TRADING"),
            Listed("LUNAUSDT", "LUNA-USDT", "0.0001", "0.01", trading=False, status="BREAK"),
            Listed("币安人生USDT", "币安人生-USDT", "0.00001", "0.1", status="TRADING"),
            Listed("1000SATSUSDT", "1000SATS-USDT", "0.00000001", "1", status="TRADING"),
        ),
        units=(("BTCUSDT", "0.12345678", "60000", "0.12345678"),),
        odd_symbols=(("币安人生USDT", "币安人生-USDT"), ("1000SATSUSDT", "1000SATS-USDT")),
        times=(
            ("trade", SPOT_SAMPLES[2].frame, "2022-12-31T19:43:02.136Z"),
            ("kline_1m", SPOT_SAMPLES[5].frame, "2022-12-31T19:43:02.136Z"),
        ),
        documented=Documented(streams_per_connection=1024, requests_per_s=5, session_s=86_400),
        asked=_asked,
        evidence={
            "book": "recording",
            "best": "recording",
            "trades": "recording",
            "ticker": "document",
            "klines": "document",
            "images": "recording",
            "continuity": "recording",
            "instruments": "document",
            "limits": "document",
        },
        recorded=_recorded_spot,
        not_applicable=_NOT_APPLICABLE,
        open_points=(
            "What a pong with another payload than its ping's brings.",
            "Whether compression is offered.",
            "That `historicalTrades` asks for no key there.",
        ),
    ),
    Material(
        name="binance.usdm",
        wire_symbol="BTCUSDT",
        script=_Futures,
        trade=trade,
        past=Past("/fapi/v1/historicalTrades", past_trade, "12345", _REFUSED),
        samples=USDM_SAMPLES,
        controls=_CONTROLS,
        instruments=_USDM_INFO,
        listed=(
            Listed("BTCUSDT", "BTC-USDT", "0.1", "0.001", settle="USDT", status="TRADING"),
            Listed(
                "BTCUSDT_261225",
                "BTC-USDT-261225",
                "0.1",
                "0.001",
                settle="USDT",
                status="TRADING",
                expires="2026-12-25T08:00:00Z",
            ),
            Listed(
                "ETHUSDT_230630",
                "ETH-USDT-230630",
                "0.01",
                "0.001",
                trading=False,
                settle="USDT",
                status="SETTLING",
                expires="2023-06-30T08:00:00Z",
            ),
            Listed("币安人生USDT", "币安人生-USDT", "0.00001", "1", settle="USDT", status="TRADING"),
        ),
        units=(("BTCUSDT", "0.014", "9910", "0.014"),),
        odd_symbols=(("BTCUSDT_261225", "BTC-USDT-261225"), ("币安人生USDT", "币安人生-USDT")),
        times=(
            ("bookTicker", USDM_SAMPLES[1].frame, "2026-07-27T03:00:47.583Z"),
            ("forceOrder", USDM_SAMPLES[8].frame, "2026-09-09T14:50:16.437Z"),
        ),
        documented=Documented(streams_per_connection=1024, requests_per_s=10, session_s=86_400),
        asked=_asked,
        evidence={
            "book": "recording",
            "best": "recording",
            "trades": "recording",
            "ticker": "document",
            "klines": "document",
            "derivatives": "recording",
            "liquidations": "document",
            "images": "recording",
            "continuity": "recording",
            "instruments": "document",
            "limits": "document",
        },
        recorded=_recorded_usdm,
        not_applicable=_NOT_APPLICABLE,
        open_points=(
            "`@trade` is in no document; it was seen on `/public` in September 2026.",
            "How often connections may be opened.",
            "Open interest is asked of REST there and not streamed.",
        ),
    ),
    Material(
        name="binance.coinm",
        wire_symbol="BTCUSD_PERP",
        script=_Futures,
        trade=agg_trade,
        past=Past("/dapi/v1/aggTrades", past_agg_trade, "424951", _REFUSED),
        samples=COINM_SAMPLES,
        controls=_CONTROLS,
        instruments=_COINM_INFO,
        listed=(
            Listed("BTCUSD_PERP", "BTC-USD", "0.1", "1", unit="/100", settle="BTC", status="TRADING"),
            Listed("ETHUSD_PERP", "ETH-USD", "0.01", "1", unit="/10", settle="ETH", status="TRADING"),
            Listed(
                "BTCUSD_261225",
                "BTC-USD-261225",
                "0.1",
                "1",
                unit="/100",
                settle="BTC",
                status="TRADING",
                expires="2026-12-25T08:00:00Z",
            ),
            Listed(
                "BTCUSD_260626",
                "BTC-USD-260626",
                "0.1",
                "1",
                trading=False,
                unit="/100",
                settle="BTC",
                status="DELIVERING",
                expires="2026-06-26T08:00:00Z",
            ),
        ),
        units=(
            ("BTCUSD_PERP", "4", "80000", "0.005"),
            ("ETHUSD_PERP", "7", "3500", "0.02"),
            ("BTCUSD_PERP", "1", "83732.4", "0.001194280827971012"),
        ),
        odd_symbols=(("BTCUSD_PERP", "BTC-USD"), ("BTCUSD_261225", "BTC-USD-261225")),
        times=(
            ("depth", COINM_SAMPLES[0].frame, "2026-09-25T22:00:37.613Z"),
            ("markPrice", COINM_SAMPLES[5].frame, "2026-09-25T22:00:38Z"),
        ),
        documented=Documented(streams_per_connection=1024, requests_per_s=10, session_s=86_400),
        asked=_asked,
        evidence={
            "book": "document",
            "best": "document",
            "trades": "document",
            "ticker": "document",
            "klines": "document",
            "derivatives": "document",
            "liquidations": "document",
            "images": "document",
            "continuity": "document",
            "instruments": "document",
            "limits": "document",
        },
        numbered="S{}USD_PERP".format,
        not_applicable=_NOT_APPLICABLE,
        open_points=(
            "`@trade` is in no document, so that trades are aggregated ones always.",
            "Whether the weight of REST is one budget with USD-M's for every key, as a notice of June 2026 says.",
        ),
    ),
)
