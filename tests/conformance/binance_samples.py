"""Frames of Binance's channels and what they say (protocol page, sections 3.3, 4.2; COIN-M: official pages, frames of September 2026)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.conformance.material import Sample, scaled
from venues.interface import Route
from venues.messages import BestBidAsk, BookDiff, Derivative, Kline, Liquidation, Side, Ticker, Trade

__all__ = [
    "COINM_SAMPLES",
    "SPOT_SAMPLES",
    "USDM_SAMPLES",
    "agg_trade",
    "frame",
    "past_agg_trade",
    "past_trade",
    "trade",
]


def frame(wire_symbol: str, stream: str, data: Mapping[str, Any]) -> bytes:
    text = {"stream": f"{wire_symbol.lower()}@{stream}", "data": data}
    return json.dumps(text, separators=(",", ":"), ensure_ascii=False).encode()


def trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``m``: the buyer is the maker, so the taker sold. ``X`` on futures only."""
    return frame(
        wire_symbol,
        "trade",
        {
            "e": "trade",
            "E": 1672515782136,
            "s": wire_symbol,
            "t": 12345,
            "p": price,
            "q": quantity,
            "T": 1672515782136,
            "X": "MARKET",
            "m": taker == "SELL",
        },
    )


def agg_trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    return frame(
        wire_symbol,
        "aggTrade",
        {
            "e": "aggTrade",
            "E": 1591261134288,
            "a": 424951,
            "s": wire_symbol,
            "p": price,
            "q": quantity,
            "f": 606073,
            "l": 606073,
            "T": 1591261134199,
            "m": taker == "SELL",
        },
    )


def past_trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``historicalTrades`` (section 3.4): the trade of :func:`trade`."""
    row = {
        "id": 12345,
        "price": price,
        "qty": quantity,
        "quoteQty": "48.00",
        "time": 1672515782136,
        "isBuyerMaker": taker == "SELL",
        "isBestMatch": True,
    }
    return json.dumps([row]).encode()


def past_agg_trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``aggTrades`` (section 3.4): the trade of :func:`agg_trade`."""
    row = {
        "a": 424951,
        "p": price,
        "q": quantity,
        "f": 606073,
        "l": 606073,
        "T": 1591261134199,
        "m": taker == "SELL",
    }
    return json.dumps([row]).encode()


SPOT_SAMPLES = (
    Sample(
        "book",
        Route("depth", "BNBBTC"),
        b'{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,'
        b'"b":[["0.0024","10"]],"a":[["0.0026","100"]]}}',
        (
            BookDiff(
                157,
                160,
                None,
                [(scaled("0.0024"), scaled("10"))],
                [(scaled("0.0026"), scaled("100"))],
                1672515782136000,
            ),
        ),
        "3.3",
    ),
    Sample(
        "best",
        Route("bookTicker", "BNBUSDT"),
        b'{"stream":"bnbusdt@bookTicker","data":{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000",'
        b'"a":"25.36520000","A":"40.66000000"}}',
        (
            BestBidAsk(
                400900217, scaled("25.3519"), scaled("31.21"), scaled("25.3652"), scaled("40.66"), None
            ),
        ),
        "3.3",
    ),
    Sample(
        "trades",
        Route("trade", "BNBBTC"),
        b'{"stream":"bnbbtc@trade","data":{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",'
        b'"T":1672515782136,"m":true,"M":true}}',
        (Trade("12345", scaled("0.001"), scaled("100"), "SELL", 1672515782136000, sequence=12345),),
        "3.3",
    ),
    Sample(
        "trades",
        Route("aggTrade", "BNBBTC"),
        b'{"stream":"bnbbtc@aggTrade","data":{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001",'
        b'"q":"100","f":100,"l":105,"T":1672515782136,"m":false,"M":true}}',
        (
            Trade(
                "12345",
                scaled("0.001"),
                scaled("100"),
                "BUY",
                1672515782136000,
                aggregated=True,
                sequence=12345,
            ),
        ),
        "3.3",
    ),
    Sample(
        "ticker",
        Route("ticker", "BNBBTC"),
        b'{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00",'
        b'"w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010",'
        b'"h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151}}',
        (
            Ticker(
                scaled("0.0025"),
                1672515782136000,
                scaled("0.0010"),
                scaled("0.0025"),
                scaled("0.0010"),
                scaled("10000"),
                scaled("18"),
                18151,
            ),
        ),
        "3.3",
    ),
    Sample(
        "klines",
        Route("kline_1m", "BNBBTC"),
        b'{"stream":"bnbbtc@kline_1m","data":{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,'
        b'"T":1672515839999,"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025",'
        b'"l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}}',
        (
            Kline(
                "1m",
                1672515780000000,
                scaled("0.0010"),
                scaled("0.0025"),
                scaled("0.0015"),
                scaled("0.0020"),
                scaled("1000"),
                1672515782136000,
                scaled("1"),
                100,
                closed=False,
            ),
        ),
        "3.3",
    ),
)

USDM_SAMPLES = (
    Sample(
        "book",
        Route("depth", "BTCUSDT"),
        b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":123456789,"T":123456788,"s":"BTCUSDT",'
        b'"ps":"BTCUSDT","st":1,"U":157,"u":160,"pu":149,"b":[["0.0024","10"]],"a":[["0.0026","100"]]}}',
        (
            BookDiff(
                157,
                160,
                149,
                [(scaled("0.0024"), scaled("10"))],
                [(scaled("0.0026"), scaled("100"))],
                123456788000,
            ),
        ),
        "4.2",
    ),
    Sample(
        "best",
        Route("bookTicker", "ETHUSDT"),
        b'{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":11139947831981,"s":"ETHUSDT","ps":"ETHUSDT",'
        b'"b":"1943.64","B":"113.445","a":"1943.65","A":"182.433","T":1785121247583,"E":1785121247584,"st":1}}',
        (
            BestBidAsk(
                11139947831981,
                scaled("1943.64"),
                scaled("113.445"),
                scaled("1943.65"),
                scaled("182.433"),
                1785121247583000,
            ),
        ),
        "4.2, on the wire 2026-07",
    ),
    Sample(
        "trades",
        Route("trade", "BTCUSDT"),
        trade("BTCUSDT", "64339.20", "0.123", "BUY"),
        (Trade("12345", scaled("64339.2"), scaled("0.123"), "BUY", 1672515782136000, sequence=12345),),
        "4.1",
    ),
    Sample(
        "trades",
        Route("aggTrade", "BTCUSDT"),
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":123456789,"a":5933014,"s":"BTCUSDT","p":"0.001",'
        b'"q":"100","nq":"100","f":100,"l":105,"T":123456785,"m":true,"st":1}}',
        (
            Trade(
                "5933014",
                scaled("0.001"),
                scaled("100"),
                "SELL",
                123456785000,
                aggregated=True,
                sequence=5933014,
            ),
        ),
        "4.2",
    ),
    Sample(
        "ticker",
        Route("ticker", "BTCUSDT"),
        b'{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BTCUSDT","p":"-131.40000000",'
        b'"P":"-0.786","w":"16628.97377498","c":"16584.60000000","Q":"0.002","o":"16716.00000000",'
        b'"h":"16764.89000000","l":"16456.51000000","v":"122474.816","q":"2036102085.69746400","O":1672429382136,'
        b'"C":1672515782136,"F":2289691,"L":2432543,"n":142853,"st":1}}',
        (
            Ticker(
                scaled("16584.6"),
                1672515782136000,
                scaled("16716"),
                scaled("16764.89"),
                scaled("16456.51"),
                scaled("122474.816"),
                scaled("2036102085.697464"),
                142853,
            ),
        ),
        "4.2",
    ),
    Sample(
        "klines",
        Route("kline_1m", "BTCUSDT"),
        b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1638747660000,"s":"BTCUSDT","k":{"t":1638747660000,'
        b'"T":1638747719999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025",'
        b'"l":"0.0010","v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}}',
        (
            Kline(
                "1m",
                1638747660000000,
                scaled("0.0010"),
                scaled("0.0025"),
                scaled("0.0010"),
                scaled("0.0020"),
                scaled("1000"),
                1638747660000000,
                scaled("1"),
                100,
                closed=False,
            ),
        ),
        "4.2",
    ),
    Sample(
        "derivatives",
        Route("markPrice", "BTCUSDT"),
        b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT",'
        b'"p":"11794.15000000","ap":"11793.10000000","i":"11784.62659091","P":"11784.25641265","r":"0.00038167",'
        b'"T":1562306400000,"st":1}}',
        (
            Derivative(
                1562305380000000,
                scaled("11794.15"),
                scaled("11784.62659091"),
                scaled("0.00038167"),
                1562306400000000,
            ),
        ),
        "4.2",
    ),
    Sample(
        "liquidations",
        Route("forceOrder", "BTCUSDT"),
        b'{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL",'
        b'"o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9910","X":"FILLED","l":"0.014","z":"0.014",'
        b'"T":1568014460893}}}',
        (Liquidation(scaled("9910"), scaled("0.014"), "SELL", 1568014460893000),),
        "4.2",
    ),
    Sample(
        "liquidations",
        Route("forceOrder", "RAYSOLUSDT"),
        b'{"stream":"raysolusdt@forceOrder","data":{"e":"forceOrder","E":1788965417449,"o":{"s":"RAYSOLUSDT","S":"SELL",'
        b'"o":"LIMIT","f":"IOC","q":"70.5","p":"1.3810000","ap":"1.3911902","X":"FILLED","l":"6.9","z":"70.5",'
        b'"T":1788965416437}}}',
        (Liquidation(scaled("1.3911902"), scaled("70.5"), "SELL", 1788965416437000),),
        "on the wire 2026-09",
    ),
)

COINM_SAMPLES = (
    Sample(
        "book",
        Route("depth", "BTCUSD_PERP"),
        b'{"stream":"btcusd_perp@depth@100ms","data":{"e":"depthUpdate","E":1790373637622,"T":1790373637613,'
        b'"s":"BTCUSD_PERP","ps":"BTCUSD","U":11660059838224,"u":11660059844303,"pu":11660059836647,'
        b'"b":[["82997.3","1382"],["83517.9","0"]],"a":[["83732.5","2458"]],"st":2}}',
        (
            BookDiff(
                11660059838224,
                11660059844303,
                11660059836647,
                [(scaled("82997.3"), scaled("1382")), (scaled("83517.9"), 0)],
                [(scaled("83732.5"), scaled("2458"))],
                1790373637613000,
            ),
        ),
        "on the wire 2026-09-25",
    ),
    Sample(
        "best",
        Route("bookTicker", "BTCUSD_PERP"),
        b'{"stream":"btcusd_perp@bookTicker","data":{"e":"bookTicker","u":11660059839759,"s":"BTCUSD_PERP",'
        b'"ps":"BTCUSD","b":"83732.4","B":"680","a":"83732.5","A":"2458","T":1790373637547,"E":1790373637547,"st":2}}',
        (
            BestBidAsk(
                11660059839759,
                scaled("83732.4"),
                scaled("680"),
                scaled("83732.5"),
                scaled("2458"),
                1790373637547000,
            ),
        ),
        "on the wire 2026-09-25",
    ),
    Sample(
        "trades",
        Route("aggTrade", "BTCUSD_200626"),
        agg_trade("BTCUSD_200626", "9643.5", "2", "BUY"),
        (
            Trade(
                "424951",
                scaled("9643.5"),
                scaled("2"),
                "BUY",
                1591261134199000,
                aggregated=True,
                sequence=424951,
            ),
        ),
        "Aggregate Trade Streams",
    ),
    Sample(
        "ticker",
        Route("ticker", "BTCUSD_200626"),
        b'{"stream":"btcusd_200626@ticker","data":{"e":"24hrTicker","E":1591268262453,"s":"BTCUSD_200626",'
        b'"ps":"BTCUSD","p":"-43.4","P":"-0.452","w":"0.00147974","c":"9548.5","Q":"2","o":"9591.9","h":"10000.0",'
        b'"l":"7000.0","v":"487850","q":"32968676323.46222700","O":1591181820000,"C":1591268262442,"F":512014,'
        b'"L":615289,"n":103272}}',
        (
            Ticker(
                scaled("9548.5"),
                1591268262453000,
                scaled("9591.9"),
                scaled("10000"),
                scaled("7000"),
                scaled("32968676323.462227"),
                None,
                103272,
            ),
        ),
        "Individual Symbol Ticker Streams",
    ),
    Sample(
        "klines",
        Route("kline_1m", "BTCUSD_PERP"),
        b'{"stream":"btcusd_perp@kline_1m","data":{"e":"kline","E":1790373660003,"s":"BTCUSD_PERP","k":{'
        b'"t":1790373600000,"T":1790373659999,"s":"BTCUSD_PERP","i":"1m","f":1155840109,"L":1155840149,"o":"83723.8",'
        b'"c":"83732.4","h":"83732.5","l":"83723.8","v":"180","n":41,"x":true,"q":"0.21498328","V":"94",'
        b'"Q":"0.11224187","B":"0"}}}',
        (
            Kline(
                "1m",
                1790373600000000,
                scaled("83723.8"),
                scaled("83732.5"),
                scaled("83723.8"),
                scaled("83732.4"),
                scaled("0.21498328"),
                1790373660003000,
                None,
                41,
                closed=True,
            ),
        ),
        "on the wire 2026-09-25: 180 contracts of 100 USD at 83,728 are 0.21498 BTC",
    ),
    Sample(
        "derivatives",
        Route("markPrice", "BTCUSD_PERP"),
        b'{"stream":"btcusd_perp@markPrice@1s","data":{"e":"markPriceUpdate","E":1790373638000,"s":"BTCUSD_PERP",'
        b'"p":"83732.50000000","ap":"83732.50000000","P":"83805.72765516","i":"83786.17543766","r":"-0.00000573",'
        b'"T":1790380800000,"st":2}}',
        (
            Derivative(
                1790373638000000,
                scaled("83732.5"),
                scaled("83786.17543766"),
                scaled("-0.00000573"),
                1790380800000000,
            ),
        ),
        "on the wire 2026-09-25",
    ),
    Sample(
        "derivatives",
        Route("markPrice", "BTCUSD_201225"),
        b'{"stream":"btcusd_201225@markPrice@1s","data":{"e":"markPriceUpdate","E":1596095725000,"s":"BTCUSD_201225",'
        b'"p":"10934.62615417","P":"10962.17178236","i":"10933.62615417","r":"","T":0}}',
        (Derivative(1596095725000000, scaled("10934.62615417"), scaled("10933.62615417")),),
        "Mark Price Stream",
    ),
    Sample(
        "liquidations",
        Route("forceOrder", "BTCUSD_200925"),
        b'{"stream":"btcusd_200925@forceOrder","data":{"e":"forceOrder","E":1591154240950,"o":{"s":"BTCUSD_200925",'
        b'"ps":"BTCUSD","S":"SELL","o":"LIMIT","f":"IOC","q":"1","p":"9425.5","ap":"9496.5","X":"FILLED","l":"1",'
        b'"z":"1","T":1591154240949}}}',
        (Liquidation(scaled("9496.5"), scaled("1"), "SELL", 1591154240949000),),
        "Liquidation Order Streams",
    ),
)
