"""Kraken spot, version 2 of its websocket: frames of the protocol page's section 7, checksum vectors of section 12.

Numbers are JSON numbers; on the wire all of an instrument have the same decimals, trailing zeros kept.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.material import (
    BookScript,
    ControlSample,
    Documented,
    Levels,
    Listed,
    Material,
    Past,
    Refusal,
    Sample,
    micros,
    scaled,
)
from tests.recordings import FOLDER
from venues.interface import Channel, ConnectionPlan, Route
from venues.messages import BestBidAsk, BookDiff, BookImage, Checksum, Kline, Side, Ticker, Trade

__all__ = ["MATERIAL"]

_PRICE_DECIMALS, _QUANTITY_DECIMALS = 1, 8
_DEPTH = 1000


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _book(kind: str, symbol: str, bids: Levels, asks: Levels, checksum: int, timestamp: str) -> bytes:
    def side(levels: Levels) -> str:
        return ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in levels)

    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{side(bids)}],"asks":[{side(asks)}],'
        f'"checksum":{checksum},"timestamp":"{timestamp}"}}]}}'
    ).encode()


class _Book(BookScript):
    """Section 7.3: no ids, a checksum over the ten best levels, a window that forgets without a word."""

    depth = _DEPTH

    def image(self) -> bytes:
        return self._frame("snapshot", *self.sides())

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        return self._frame("update", bids, asks)

    def change(self, bids: Levels = (), asks: Levels = ()) -> bytes:
        return super().change(_written(bids), _written(asks))

    def _frame(self, kind: str, bids: Levels, asks: Levels) -> bytes:
        whole, rest = divmod(self.time_ms, 1000)
        minute, second = divmod(whole - 1_790_000_000, 60)
        timestamp = f"2026-09-21T14:{13 + minute:02d}:{second:02d}.{rest:03d}000Z"
        return _book(kind, self.wire_symbol, bids, asks, self._checksum(), timestamp)

    def _checksum(self) -> int:
        bids, asks = self.sides()

        def digits(number: str, places: int) -> str:
            return f"{Decimal(number):.{places}f}".replace(".", "").lstrip("0")

        text = "".join(
            digits(price, _PRICE_DECIMALS) + digits(quantity, _QUANTITY_DECIMALS)
            for side in (asks[:10], bids[:10])
            for price, quantity in side
        )
        return zlib.crc32(text.encode())


def _written(levels: Levels) -> Levels:
    """As on the wire; what has an exponent or is nothing stays as it is."""

    def number(text: str, places: int) -> str:
        return text if "e" in text.lower() or not Decimal(text) else f"{Decimal(text):.{places}f}"

    return [(number(p, _PRICE_DECIMALS), number(q, _QUANTITY_DECIMALS)) for p, q in levels]


def _pairs(text: str) -> Levels:
    return [(price, quantity) for price, _, quantity in (item.partition("/") for item in text.split())]


_K1_ASKS = _pairs(
    "0.5668/4410.79769741 0.5669/4655.40412487 0.567/49844.89424998 0.5671/24306.41678 0.5672/29783.25223475 "
    "0.5673/57234.71239278 0.5674/45065.04744 0.5675/5912.76380354 0.5676/42514.92434778 0.5677/36304.0847022"
)
_K1_BIDS = _pairs(
    "0.5666/4831.75496356 0.5665/6658.22734739 0.5664/18724.91513344 0.5663/11563.92544914 0.5662/14006.65365711 "
    "0.5661/17454.85679807 0.566/18097.1547 0.5659/33644.89175666 0.5658/148.3464 0.5657/606.70854372"
)
_K3_ASKS = _pairs(
    "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
    "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
)
_K3_BIDS = _pairs(
    "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
    "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
)
_TIME = "2023-10-06T17:35:55.440295Z"
_VECTORS = (
    (
        _book("snapshot", "BTC/USD", _K1_BIDS, _K1_ASKS, 2439117997, _TIME),
        _book("update", "BTC/USD", [("0.5657", "1098.3947558")], [], 2114181697, _TIME),
    ),
    (_book("snapshot", "BTC/USD", _K3_BIDS, _K3_ASKS, 3310070434, _TIME),),
)
"""The documents' own examples, the first under another name than MATIC/USD."""


def _trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    return (
        f'{{"channel":"trade","type":"update","data":[{{"symbol":"{wire_symbol}","side":"{taker.lower()}","price":{price},'
        f'"qty":{quantity},"ord_type":"limit","trade_id":109116693,"timestamp":"2026-09-25T17:48:26.844359Z"}}]}}'
    ).encode()


def _past(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``Trades`` (section 7.4): the trade of :func:`_trade`, its time a number of seconds."""
    seconds = micros("2026-09-25T17:48:26.844359Z") / 10**6
    row = f'["{price}","{quantity}",{seconds},"{taker.lower()[0]}","l","",109116693]'
    return f'{{"error":[],"result":{{"{wire_symbol}":[{row}],"last":"1790358506844359123"}}}}'.encode()


_TICKER = (
    b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,'
    b'"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,'
    b'"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}'
)
_TICKER_TIME = micros("2026-09-25T17:48:26.844359Z")
_TICKER_MESSAGES = (
    BestBidAsk(
        _TICKER_TIME,
        scaled("83744.2"),
        scaled("0.56251979"),
        scaled("83744.3"),
        scaled("0.0004478"),
        _TICKER_TIME,
    ),
    Ticker(
        scaled("83744.3"),
        _TICKER_TIME,
        high_price=scaled("85247.4"),
        low_price=scaled("83163.6"),
        volume=scaled("3156.8478211"),
        trades=135262,
    ),
)
_BOOK_ROUTE = Route(f"book.{_DEPTH}", "BTC/USD")

_SAMPLES = (
    Sample(
        "book",
        _BOOK_ROUTE,
        b'{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":83744.2,"qty":0.56251979},'
        b'{"price":83743.4,"qty":0.10052207}],"asks":[{"price":83744.3,"qty":0.06223911},{"price":83745.5,"qty":0.17911426}],'
        b'"checksum":3832923880,"timestamp":"2026-09-25T17:48:24.799230Z"}]}',
        (
            BookImage(
                micros("2026-09-25T17:48:24.799230Z"),
                [(scaled("83744.2"), scaled("0.56251979")), (scaled("83743.4"), scaled("0.10052207"))],
                [(scaled("83744.3"), scaled("0.06223911")), (scaled("83745.5"), scaled("0.17911426"))],
                micros("2026-09-25T17:48:24.799230Z"),
                in_band=True,
                depth=_DEPTH,
                checksum=Checksum(3832923880, 1, 8),
            ),
        ),
        "7.2, of a longer image: its checksum is not that of these four levels",
    ),
    Sample(
        "book",
        _BOOK_ROUTE,
        b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":83743.4,"qty":0.85713986}],"asks":[],'
        b'"checksum":977902900,"timestamp":"2026-09-25T17:48:24.880679Z"}]}',
        (
            BookDiff(
                micros("2026-09-25T17:48:24.880679Z"),
                micros("2026-09-25T17:48:24.880679Z"),
                None,
                [(scaled("83743.4"), scaled("0.85713986"))],
                [],
                micros("2026-09-25T17:48:24.880679Z"),
                _DEPTH,
                Checksum(977902900, 1, 8),
            ),
        ),
        "7.2",
    ),
    Sample("best", Route("ticker", "BTC/USD"), _TICKER, _TICKER_MESSAGES, "7.2"),
    Sample("ticker", Route("ticker", "BTC/USD"), _TICKER, _TICKER_MESSAGES, "7.2"),
    Sample(
        "trades",
        Route("trade", "BTC/USD"),
        _trade("BTC/USD", "83744.3", "0.00044780", "BUY"),
        (
            Trade(
                "109116693", scaled("83744.3"), scaled("0.0004478"), "BUY", _TICKER_TIME, sequence=109116693
            ),
        ),
        "7.2",
    ),
    Sample(
        "klines",
        Route("ohlc.1", "BTC/USD"),
        b'{"channel":"ohlc","type":"update","timestamp":"2026-09-25T17:48:26.844999123Z","data":[{"symbol":"BTC/USD",'
        b'"open":83729.5,"high":83745.2,"low":83729.4,"close":83744.3,"trades":33,"volume":0.21155628,"vwap":83736.4,'
        b'"interval_begin":"2026-09-25T17:48:00.000000000Z","interval":1,"timestamp":"2026-09-25T17:49:00.000000Z"}]}',
        (
            Kline(
                "1m",
                micros("2026-09-25T17:48:00Z"),
                scaled("83729.5"),
                scaled("83745.2"),
                scaled("83729.4"),
                scaled("83744.3"),
                scaled("0.21155628"),
                micros("2026-09-25T17:48:26.844999Z"),
                None,
                33,
            ),
        ),
        "7.2",
    ),
)

_PONG = b'{"method":"pong","req_id":101,"time_in":"2023-09-25T09:05:00.123456Z","time_out":"2023-09-25T09:05:00.123500Z"}'
_CONTROLS = (
    ControlSample(b'{"channel":"heartbeat"}', "alive"),
    ControlSample(_PONG, "alive"),
    ControlSample(
        b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
        b'"connection_id":18125794168470749634,"upcoming_maintenance":[],"emergency":[]}]}',
        "alive",
    ),
    ControlSample(
        b'{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"ALGO/USD"},"success":true,'
        b'"time_in":"2023-10-06T17:35:55.219022Z","time_out":"2023-10-06T17:35:55.219067Z","req_id":1}',
        "ack",
    ),
    ControlSample(
        b'{"error":"Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com","method":"subscribe",'
        b'"success":false,"time_in":"2026-09-25T17:58:01.484193Z","time_out":"2026-09-25T17:58:01.484212Z"}',
        "error",
        "ws-auth.kraken.com",
    ),
)


def _asked(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    found = []
    for text in plan.requests:
        params = json.loads(text)["params"]
        kind = f"{params['channel']}.{params.get('interval', '')}"
        found.append([f"{kind} {symbol}" for symbol in params["symbol"]])
    return found


def _answers(plan: ConnectionPlan) -> Sequence[bytes]:
    """One answer for each symbol; a refusal has it outside of ``result`` (section 7.1)."""
    frames = []
    for text in plan.requests:
        request = json.loads(text)
        params = request["params"]
        for symbol in params["symbol"]:
            said: dict[str, Any] = {"method": "subscribe", "req_id": request.get("req_id", 0)}
            if symbol == "NOPE/USD":
                words = f"Currency pair not supported {symbol}"
                said |= {"error": words, "success": False, "symbol": symbol}
            else:
                said |= {"result": {"channel": params["channel"], "symbol": symbol}, "success": True}
            frames.append(_json(said))
    return frames


def _pair(wsname: str, tick: str, decimals: int, status: str = "online") -> dict[str, Any]:
    return {
        "wsname": wsname,
        "pair_decimals": decimals,
        "lot_decimals": 8,
        "tick_size": tick,
        "status": status,
    }


_PAIRS = _json(
    {
        "error": [],
        "result": {
            "XXBTZUSD": _pair("XBT/USD", "0.1", 1),
            "XETHXXBT": _pair("ETH/XBT", "0.00001", 5),
            "XDGUSD": _pair("XDG/USD", "0.0000001", 7),
            "OLDUSD": _pair("OLD/USD", "0.01", 2, "cancel_only"),
        },
    }
)


def _recorded() -> Iterator[tuple[Channel, bytes]]:
    """All frames of the recorded book."""
    path = FOLDER / "kraken-v2" / "DERIVED_btcusd_d10_wireform.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    with gzip.open(path) as lines:
        for line in lines:
            yield "book", line.rstrip()


MATERIAL = (
    Material(
        name="kraken.spot",
        wire_symbol="BTC/USD",
        script=_Book,
        checked_script=_Book,
        checksum_frames=_VECTORS,
        ids=False,
        trade=_trade,
        past=Past(
            "/0/public/Trades",
            _past,
            "109116693",
            (b'{"error":["EQuery:Unknown asset pair"]}', b'{"error":["EAPI:Rate limit exceeded"]}'),
        ),
        samples=_SAMPLES,
        controls=_CONTROLS,
        instruments=_PAIRS,
        listed=(
            Listed("BTC/USD", "BTC-USD", "0.1", "0.00000001", status="online"),
            Listed("ETH/BTC", "ETH-BTC", "0.00001", "0.00000001", status="online"),
            Listed("DOGE/USD", "DOGE-USD", "0.0000001", "0.00000001", status="online"),
            Listed("OLD/USD", "OLD-USD", "0.01", "0.00000001", trading=False, status="cancel_only"),
        ),
        units=(("BTC/USD", "0.00044780", "83744.3", "0.0004478"),),
        odd_symbols=(("ETH/BTC", "ETH-BTC"), ("DOGE/USD", "DOGE-USD")),
        times=(
            ("trade", _SAMPLES[4].frame, "2026-09-25T17:48:26.844359Z"),
            ("ohlc.1", _SAMPLES[5].frame, "2026-09-25T17:48:26.844999Z"),
        ),
        documented=Documented(keep_alive_s=60),
        asked=_asked,
        evidence={
            "book": "recording",
            "best": "document",
            "trades": "document",
            "ticker": "document",
            "klines": "document",
            "images": "recording",
            "continuity": "recording",
            "checksum": "recording",
            "instruments": "document",
            "limits": "not verified",
        },
        numbered="S{}/USD".format,
        keep_alive_answer=_PONG,
        refusal=Refusal(("BTC/USD", "NOPE/USD"), "NOPE/USD", _answers),
        recorded=_recorded,
        not_applicable={"C13": "images come in the stream, before the diffs they belong to"},
        open_points=(
            "How many messages a second and streams a connection are allowed: neither is published.",
            "Whether `Trades` behind `since` leaves that very moment out: it is asked from a microsecond before.",
            "That a refusal repeats the `req_id` of its request.",
            "The recorded book's digits are real, its JSON was printed anew with the decimals of the wire.",
        ),
    ),
)
