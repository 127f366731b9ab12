"""Bybit spot, linear and inverse: frames of the protocol page's section 6 and of the official pages (bybit-exchange/docs, July 2026)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.conformance.material import (
    BookScript,
    ControlSample,
    Documented,
    Evidence,
    Levels,
    Listed,
    Material,
    Past,
    Refusal,
    Sample,
    scaled,
)
from venues.interface import ConnectionPlan, Route
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Derivative,
    Kline,
    Liquidation,
    Side,
    Ticker,
    Trade,
)

__all__ = ["MATERIAL"]


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


class _Book(BookScript):
    """Section 6.3: the next ``u`` is the last plus 1; a snapshot may come at any time; ``u`` 1 is a restart."""

    def __init__(self, wire_symbol: str) -> None:
        super().__init__(wire_symbol)
        self.last = 173_678_160
        self.sequence = 814_547_787_693

    def image(self) -> bytes:
        return self._frame("snapshot", *self.sides())

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        self.last += 1
        return self._frame("delta", bids, asks)

    def _frame(self, kind: str, bids: Levels, asks: Levels) -> bytes:
        self.sequence += 7
        book = {"s": self.wire_symbol, "b": bids, "a": asks, "u": self.last, "seq": self.sequence}
        return _json(
            {
                "topic": f"orderbook.1000.{self.wire_symbol}",
                "type": kind,
                "ts": self.time_ms + 4,
                "data": book,
                "cts": self.time_ms,
            }
        )

    def restart(self) -> Sequence[bytes]:
        """A snapshot in the middle, with the ``u`` it has; then the service starts anew: ``u`` 1, and 2 after it."""
        middle = self.image()
        self.change([("98.5", "4")])
        self.last = 1
        return [middle, self.image(), self.change([("98.5", "5")])]


def _trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    trade = {
        "T": 1672304486865,
        "s": wire_symbol,
        "S": taker.capitalize(),
        "v": quantity,
        "p": price,
        "L": "PlusTick",
        "i": "20f43950-d8dd-5b31-9112-a178eb6023af",
        "BT": False,
        "RPI": False,
        "seq": 1783284617,
    }
    return _json(
        {"topic": f"publicTrade.{wire_symbol}", "type": "snapshot", "ts": 1672304486868, "data": [trade]}
    )


def _past(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``recent-trade`` (section 6.5): the trade of :func:`_trade`."""
    trade = {
        "execId": "20f43950-d8dd-5b31-9112-a178eb6023af",
        "symbol": wire_symbol,
        "price": price,
        "size": quantity,
        "side": taker.capitalize(),
        "time": "1672304486865",
        "isBlockTrade": False,
        "isRPITrade": False,
        "seq": "1783284617",
    }
    return _json({"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [trade]}, "time": 1})


def _asked(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    return [json.loads(text)["args"] for text in plan.requests]


def _answers(bad: str) -> Callable[[ConnectionPlan], Sequence[bytes]]:
    """One answer for each request; a list with one bad topic fails as a whole, and the answer names that topic (section 6.1)."""

    def answers(plan: ConnectionPlan) -> Sequence[bytes]:
        frames = []
        for topics in _asked(plan):
            wrong = [topic for topic in topics if topic.endswith(f".{bad}")]
            said = {"success": not wrong, "conn_id": "da7tmhs21nld3jk6lb70-8csm4", "req_id": "e1"}
            words = f"error:handler not found,topic:{wrong[0]}" if wrong else ""
            frames.append(_json({**said, "ret_msg": words, "op": "subscribe"}))
        return frames

    return answers


def _samples(wire_symbol: str, *, inverse: bool) -> tuple[Sample, ...]:
    """``volume`` and ``turnover`` are base and quote units, on inverse contracts USD and coins."""
    name = wire_symbol.encode()
    volume = (scaled("34666.4005"), scaled("2.081")) if inverse else (scaled("2.081"), scaled("34666.4005"))
    return (
        Sample(
            "book",
            Route("orderbook.1000", wire_symbol),
            b'{"topic":"orderbook.1000.%b","type":"snapshot","ts":1790134712130,"data":{"s":"%b","b":[["86723.40","0.194"],'
            b'["86723.30","0.002"]],"a":[["86723.50","5.959"],["86723.60","0.320"]],"u":173678160,"seq":814547787693},'
            b'"cts":1790134712126}' % (name, name),
            (
                BookImage(
                    173678160,
                    [(scaled("86723.4"), scaled("0.194")), (scaled("86723.3"), scaled("0.002"))],
                    [(scaled("86723.5"), scaled("5.959")), (scaled("86723.6"), scaled("0.32"))],
                    1790134712126000,
                    in_band=True,
                ),
            ),
            "6.2",
        ),
        Sample(
            "book",
            Route("orderbook.1000", wire_symbol),
            b'{"topic":"orderbook.1000.%b","ts":1790134716101,"type":"delta","data":{"s":"%b","b":[["340.82","3.37"]],'
            b'"a":[],"u":29443257,"seq":301632783305},"cts":1790134716094}' % (name, name),
            (
                BookDiff(
                    29443257,
                    29443257,
                    None,
                    [(scaled("340.82"), scaled("3.37"))],
                    [],
                    1790134716094000,
                ),
            ),
            "6.2",
        ),
        Sample(
            "best",
            Route("orderbook.1", wire_symbol),
            b'{"topic":"orderbook.1.%b","type":"snapshot","ts":1790134712130,"data":{"s":"%b","b":[["86723.40","0.194"]],'
            b'"a":[["86723.50","5.959"]],"u":500,"seq":814547787693},"cts":1790134712126}' % (name, name),
            (
                BestBidAsk(
                    500,
                    scaled("86723.4"),
                    scaled("0.194"),
                    scaled("86723.5"),
                    scaled("5.959"),
                    1790134712126000,
                ),
            ),
            "6.2",
        ),
        Sample(
            "trades",
            Route("publicTrade", wire_symbol),
            _trade(wire_symbol, "16578.50", "0.001", "BUY"),
            (
                Trade(
                    "20f43950-d8dd-5b31-9112-a178eb6023af",
                    scaled("16578.5"),
                    scaled("0.001"),
                    "BUY",
                    1672304486865000,
                ),
            ),
            "6.2",
        ),
        Sample(
            "klines",
            Route("kline.5", wire_symbol),
            b'{"topic":"kline.5.%b","data":[{"start":1672324800000,"end":1672325099999,"interval":"5","open":"16649.5",'
            b'"close":"16677","high":"16677","low":"16608","volume":"2.081","turnover":"34666.4005","confirm":false,'
            b'"timestamp":1672324988882}],"ts":1672324988882,"type":"snapshot"}' % name,
            (
                Kline(
                    "5m",
                    1672324800000000,
                    scaled("16649.5"),
                    scaled("16677"),
                    scaled("16608"),
                    scaled("16677"),
                    volume[0],
                    1672324988882000,
                    volume[1],
                    closed=False,
                ),
            ),
            "6.2",
        ),
    )


_SPOT_TICKER = Sample(
    "ticker",
    Route("tickers", "BTCUSDT"),
    b'{"topic":"tickers.BTCUSDT","ts":1673853746003,"type":"snapshot","cs":2588407389,"data":{"symbol":"BTCUSDT",'
    b'"lastPrice":"21109.77","highPrice24h":"21426.99","lowPrice24h":"20575","prevPrice24h":"20704.93",'
    b'"volume24h":"6780.866843","turnover24h":"141946527.22907118","price24hPcnt":"0.0196","usdIndexPrice":"21120.2400136"}}',
    (
        Ticker(
            scaled("21109.77"),
            1673853746003000,
            scaled("20704.93"),
            scaled("21426.99"),
            scaled("20575"),
            scaled("6780.866843"),
            scaled("141946527.22907118"),
        ),
    ),
    "Ticker, spot",
)


def _contract(wire_symbol: str, *, inverse: bool) -> tuple[Sample, ...]:
    """A whole ticker, a delta (what is not in it has not changed), a liquidation: a Sell is a short position closed, by buying."""
    name = wire_symbol.encode()
    volumes = (scaled("1570383121.943499"), scaled("91705.276"))
    whole = (
        b'{"topic":"tickers.%b","type":"snapshot","data":{"symbol":"%b","tickDirection":"PlusTick","price24hPcnt":"0.017103",'
        b'"lastPrice":"17216.00","prevPrice24h":"16926.50","highPrice24h":"17281.50","lowPrice24h":"16915.00",'
        b'"prevPrice1h":"17238.00","markPrice":"17217.33","indexPrice":"17227.36","openInterest":"68744.761",'
        b'"openInterestValue":"1183601235.91","turnover24h":"1570383121.943499","volume24h":"91705.276",'
        b'"nextFundingTime":"1673280000000","fundingRate":"-0.000212","bid1Price":"17215.50","bid1Size":"84.489",'
        b'"ask1Price":"17216.00","ask1Size":"83.020"},"cs":24987956059,"ts":1673272861686}' % (name, name)
    )
    said = (
        Ticker(
            scaled("17216"),
            1673272861686000,
            scaled("16926.5"),
            scaled("17281.5"),
            scaled("16915"),
            *(volumes if inverse else reversed(volumes)),
        ),
        Derivative(
            1673272861686000,
            scaled("17217.33"),
            scaled("17227.36"),
            scaled("-0.000212"),
            1673280000000000,
            scaled("1183601235.91" if inverse else "68744.761"),
        ),
    )
    return (
        Sample("ticker", Route("tickers", wire_symbol), whole, said, "Ticker, contracts"),
        Sample(
            "derivatives",
            Route("tickers", wire_symbol),
            b'{"topic":"tickers.%b","type":"delta","data":{"symbol":"%b","markPrice":"86716.30","indexPrice":"86756.70"},'
            b'"cs":814547789569,"ts":1790134712383}' % (name, name),
            (Derivative(1790134712383000, scaled("86716.3"), scaled("86756.7")),),
            "6.2",
        ),
        Sample(
            "liquidations",
            Route("allLiquidation", wire_symbol),
            b'{"topic":"allLiquidation.%b","type":"snapshot","ts":1739502303204,"data":[{"T":1739502302929,"s":"%b","S":"Sell",'
            b'"v":"20000","p":"0.04499"}]}' % (name, name),
            (Liquidation(scaled("0.04499"), scaled("20000"), "BUY", 1739502302929000),),
            "All liquidation",
        ),
    )


_CONTROLS = (
    ControlSample(
        b'{"success":true,"ret_msg":"pong","conn_id":"0970e817-426e-429a-a679-ff7f55e0b16a","op":"ping"}',
        "alive",
    ),
    ControlSample(
        b'{"success":true,"ret_msg":"pong","conn_id":"465772b1-7630-4fdc-a492-e003e6f0f260","req_id":"","op":"ping"}',
        "alive",
    ),
    ControlSample(b'{"args":["1672916271846"],"op":"pong"}', "alive"),
    ControlSample(
        b'{"success":true,"ret_msg":"subscribe","conn_id":"2324d924-aa4d-45b0-a858-7b8be29ab52b","req_id":"10001",'
        b'"op":"subscribe"}',
        "ack",
    ),
    ControlSample(
        b'{"success":true,"ret_msg":"","conn_id":"3cd84cb1-4d06-4a05-930a-2efe5fc70f0f","req_id":"","op":"subscribe"}',
        "ack",
    ),
    ControlSample(
        b'{"success":false,"ret_msg":"error:already subscribed,topic:orderbook.1.ETHUSDT",'
        b'"conn_id":"da7tmhs21nld3jk6lb70-8csm4","req_id":"e6","op":"subscribe"}',
        "ack",
    ),
    ControlSample(b'{"success":false,"ret_msg":"error:invalid op","op":"nope"}', "error", "invalid op"),
)


def _body(category: str, *rows: Mapping[str, Any]) -> bytes:
    result = {"category": category, "list": rows, "nextPageCursor": ""}
    return _json({"retCode": 0, "retMsg": "OK", "result": result, "time": 1672712495660})


def _row(wire_symbol: str, base: str, quote: str, tick: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": wire_symbol,
        "baseCoin": base,
        "quoteCoin": quote,
        "status": "Trading",
        "priceFilter": {"tickSize": tick},
        **more,
    }


_SPOT_BODY = _body(
    "spot",
    _row("BTCUSDT", "BTC", "USDT", "0.01", lotSizeFilter={"basePrecision": "0.000001"}),
    _row("1000PEPEUSDC", "1000PEPE", "USDC", "0.0001", lotSizeFilter={"basePrecision": "0.1"}),
)
_PERPETUAL = {"contractType": "LinearPerpetual", "deliveryTime": "0", "settleCoin": "USDT"}
_LINEAR_BODY = _body(
    "linear",
    _row("BTCUSDT", "BTC", "USDT", "0.10", lotSizeFilter={"qtyStep": "0.001"}, **_PERPETUAL),
    _row(
        "BTCPERP",
        "BTC",
        "USDC",
        "0.10",
        lotSizeFilter={"qtyStep": "0.001"},
        **{**_PERPETUAL, "settleCoin": "USDC"},
    ),
    _row(
        "BTC-25DEC26",
        "BTC",
        "USDC",
        "0.50",
        lotSizeFilter={"qtyStep": "0.001"},
        contractType="LinearFutures",
        deliveryTime="1798185600000",
        settleCoin="USDC",
    ),
    _row(
        "NEWUSDT",
        "NEW",
        "USDT",
        "0.001",
        lotSizeFilter={"qtyStep": "1"},
        **{**_PERPETUAL, "status": "PreLaunch"},
    ),
)
_INVERSE_BODY = _body(
    "inverse",
    _row(
        "BTCUSD",
        "BTC",
        "USD",
        "0.50",
        lotSizeFilter={"qtyStep": "1"},
        contractType="InversePerpetual",
        deliveryTime="0",
        settleCoin="BTC",
    ),
    _row(
        "BTCUSDZ26",
        "BTC",
        "USD",
        "0.50",
        lotSizeFilter={"qtyStep": "1"},
        contractType="InverseFutures",
        deliveryTime="1798185600000",
        settleCoin="BTC",
    ),
)

_EVIDENCE: Mapping[str, Evidence] = {
    "book": "document",
    "best": "document",
    "trades": "document",
    "ticker": "document",
    "klines": "document",
    "images": "document",
    "continuity": "document",
    "instruments": "document",
    "limits": "document",
}
_CONTRACT_EVIDENCE: Mapping[str, Evidence] = {
    **_EVIDENCE,
    "derivatives": "document",
    "liquidations": "document",
}
_OPEN = (
    "After how long an idle connection is ended: the documents say 10 minutes, 61 s were seen behind a relay.",
    "Whether a list with one bad topic can succeed in part.",
    "That `execId` of `recent-trade` is the stream's trade id on every market.",
)

_SPOT = Material(
    name="bybit.spot",
    wire_symbol="BTCUSDT",
    script=_Book,
    trade=_trade,
    past=Past(
        "/v5/market/recent-trade",
        _past,
        None,
        (b'{"retCode":10001,"retMsg":"params error: symbol invalid","result":{},"retExtInfo":{},"time":1}',),
    ),
    samples=(*_samples("BTCUSDT", inverse=False), _SPOT_TICKER),
    controls=_CONTROLS,
    instruments=_SPOT_BODY,
    listed=(
        Listed("BTCUSDT", "BTC-USDT", "0.01", "0.000001", status="Trading"),
        Listed("1000PEPEUSDC", "1000PEPE-USDC", "0.0001", "0.1", status="Trading"),
    ),
    units=(("BTCUSDT", "0.194", "86723.4", "0.194"),),
    odd_symbols=(("1000PEPEUSDC", "1000PEPE-USDC"),),
    times=(
        ("publicTrade", _trade("BTCUSDT", "1", "1", "BUY"), "2022-12-29T09:01:26.865Z"),
        ("orderbook.1000", _samples("BTCUSDT", inverse=False)[0].frame, "2026-09-23T03:38:32.126Z"),
    ),
    documented=Documented(streams_per_request=10, characters_asked=21_000, keep_alive_s=60),
    asked=_asked,
    evidence=_EVIDENCE,
    numbered="1000000BABYDOGE{}USDT".format,
    keep_alive_answer=_CONTROLS[0].frame,
    refusal=Refusal(("BTCUSDT", "NOPEUSDT"), "NOPEUSDT", _answers("NOPEUSDT")),
    not_applicable={
        "C08": "its books have no checksum",
        "C13": "images come in the stream, before the diffs they belong to",
    },
    open_points=_OPEN,
)

MATERIAL = (
    _SPOT,
    replace(
        _SPOT,
        name="bybit.linear",
        samples=(*_samples("BTCUSDT", inverse=False), *_contract("BTCUSDT", inverse=False)),
        instruments=_LINEAR_BODY,
        listed=(
            Listed("BTCUSDT", "BTC-USDT", "0.1", "0.001", settle="USDT", status="Trading"),
            Listed("BTCPERP", "BTC-USDC", "0.1", "0.001", settle="USDC", status="Trading"),
            Listed(
                "BTC-25DEC26",
                "BTC-USDC-261225",
                "0.5",
                "0.001",
                settle="USDC",
                status="Trading",
                expires="2026-12-25T08:00:00Z",
            ),
            Listed("NEWUSDT", "NEW-USDT", "0.001", "1", trading=False, settle="USDT", status="PreLaunch"),
        ),
        odd_symbols=(("BTCPERP", "BTC-USDC"), ("BTC-25DEC26", "BTC-USDC-261225")),
        evidence=_CONTRACT_EVIDENCE,
    ),
    replace(
        _SPOT,
        name="bybit.inverse",
        wire_symbol="BTCUSD",
        samples=(*_samples("BTCUSD", inverse=True), *_contract("BTCUSD", inverse=True)),
        instruments=_INVERSE_BODY,
        listed=(
            Listed("BTCUSD", "BTC-USD", "0.5", "1", unit="/1", settle="BTC", status="Trading"),
            Listed(
                "BTCUSDZ26",
                "BTC-USD-261225",
                "0.5",
                "1",
                unit="/1",
                settle="BTC",
                status="Trading",
                expires="2026-12-25T08:00:00Z",
            ),
        ),
        units=(("BTCUSD", "400", "80000", "0.005"),),
        odd_symbols=(("BTCUSDZ26", "BTC-USD-261225"),),
        times=(("publicTrade", _trade("BTCUSD", "1", "1", "BUY"), "2022-12-29T09:01:26.865Z"),),
        evidence=_CONTRACT_EVIDENCE,
        numbered="1000000BABYDOGE{}USD".format,
        refusal=Refusal(("BTCUSD", "NOPEUSD"), "NOPEUSD", _answers("NOPEUSD")),
        open_points=(*_OPEN, "That a contract of every inverse instrument is 1 USD."),
    ),
)
