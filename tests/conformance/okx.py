"""OKX spot, swap and futures: frames of the protocol page's section 5 and of the official pages it names (as of July 2026)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

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
from tests.recordings import FOLDER
from venues.interface import Channel, ConnectionPlan, Route
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Derivative,
    Kline,
    Liquidation,
    Message,
    Side,
    Ticker,
    Trade,
)

__all__ = ["MATERIAL"]


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


class _Book(BookScript):
    """Section 5.3: ``prevSeqId`` is the last ``seqId``; ``checksum`` is a constant 0."""

    def __init__(self, wire_symbol: str) -> None:
        super().__init__(wire_symbol)
        self.last = 123_456

    def image(self) -> bytes:
        return self._frame("snapshot", *self.sides(), previous=-1)

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        previous, self.last = self.last, self.last + 5
        return self._frame("update", bids, asks, previous=previous)

    def _frame(self, action: str, bids: Levels, asks: Levels, *, previous: int) -> bytes:
        book = {
            "asks": [[price, size, "0", "1"] for price, size in asks],
            "bids": [[price, size, "0", "1"] for price, size in bids],
            "ts": str(self.time_ms),
            "checksum": self._checksum(),
            **self._ids(previous),
        }
        return _json(
            {"arg": {"channel": "books", "instId": self.wire_symbol}, "action": action, "data": [book]}
        )

    def _ids(self, previous: int) -> Mapping[str, int]:
        return {"prevSeqId": previous, "seqId": self.last}

    def _checksum(self) -> int:
        return 0

    def restart(self) -> Sequence[bytes]:
        """A heartbeat, the reset of a maintenance (``seqId`` smaller), and what follows it: 15, 15, 3, 5."""
        heartbeat = self._frame("update", [], [], previous=self.last)
        before = self.last
        self.last = -2
        reset = self.change([("98.5", "5")])
        reset = reset.replace(b'"prevSeqId":-2', b'"prevSeqId":%d' % before)
        return [heartbeat, reset, self.change([("98.5", "6")])]


class _CheckedBook(_Book):
    """As in 2022: no ids, and a CRC-32 over the 25 best levels of both sides, one after the other (section 12).

    It is made of the texts of the frames, and those are as short as can be: ``8477``, never ``8477.0``.
    """

    def _ids(self, previous: int) -> Mapping[str, int]:  # noqa: ARG002  there are none
        return {}

    def change(self, bids: Levels = (), asks: Levels = ()) -> bytes:
        return super().change(_short(bids), _short(asks))

    def _checksum(self) -> int:
        bids, asks = self.sides()
        parts: list[str] = []
        for number in range(25):
            for side in (bids, asks):
                parts += side[number] if number < len(side) else ()
        crc = zlib.crc32(":".join(parts).encode())
        return crc - (1 << 32) if crc >> 31 else crc


def _short(levels: Levels) -> Levels:
    return [(f"{Decimal(price).normalize():f}", f"{Decimal(size).normalize():f}") for price, size in levels]


def _checked(checksum: int, bids: Levels, asks: Levels) -> bytes:
    book = {
        "asks": [[price, size, "0", "1"] for price, size in asks],
        "bids": [[price, size, "0", "1"] for price, size in bids],
        "ts": "1597026383085",
        "checksum": checksum,
    }
    return _json({"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": "snapshot", "data": [book]})


def _trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    trade = {
        "instId": wire_symbol,
        "tradeId": "130639474",
        "px": price,
        "sz": quantity,
        "side": taker.lower(),
        "ts": "1630048897897",
        "count": "1",
        "source": "0",
        "seqId": 1234,
    }
    return _json({"arg": {"channel": "trades", "instId": wire_symbol}, "data": [trade]})


def _past(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``market/history-trades`` (section 5.4): the trade of :func:`_trade`."""
    row = {
        "instId": wire_symbol,
        "side": taker.lower(),
        "sz": quantity,
        "px": price,
        "source": "0",
        "tradeId": "130639474",
        "ts": "1630048897897",
    }
    return _json({"code": "0", "msg": "", "data": [row]})


def _asked(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    return [[_json(arg).decode() for arg in json.loads(text)["args"]] for text in plan.requests]


def _answers(bad: str) -> Any:
    """One answer for each argument; error 60018 names channel and instrument (section 5.1). An index has a shorter name."""

    def answers(plan: ConnectionPlan) -> Sequence[bytes]:
        frames = []
        for text in plan.requests:
            for arg in json.loads(text)["args"]:
                instrument = arg.get("instId", "")
                if instrument and bad.startswith(instrument):
                    words = f"Wrong URL or channel:{arg['channel']},instId:{instrument} doesn't exist. Please use the correct URL,"
                    words += " channel and parameters referring to API document."
                    frames.append(_json({"event": "error", "msg": words, "code": "60018", "connId": "x"}))
                else:
                    frames.append(_json({"event": "subscribe", "arg": arg, "connId": "x"}))
        return frames

    return answers


def _of(wire_symbol: str, *, contracts: bool) -> tuple[Sample, ...]:
    """Frames every market has; ``vol`` and ``volCcy`` are base and quote units of spot, contracts and base units of contracts."""

    def sample(channel: Channel, name: str, rest: bytes, *messages: Message) -> Sample:
        arg = b'{"arg":{"channel":"%b","instId":"%b"},' % (name.encode(), wire_symbol.encode())
        return Sample(channel, Route(name, wire_symbol), arg + rest, messages, "5.2")

    best = (scaled("8476.97"), scaled("256"), scaled("8476.98"), scaled("415"))
    return (
        sample(
            "book",
            "books",
            b'"action":"snapshot","data":[{"asks":[["8476.98","415","0","13"],["8477","7","0","2"]],"bids":'
            b'[["8476.97","256","0","12"],["8475.55","101","0","1"]],"ts":"1597026383085","checksum":0,"prevSeqId":-1,'
            b'"seqId":123456}]}',
            BookImage(
                123456,
                [(scaled("8476.97"), scaled("256")), (scaled("8475.55"), scaled("101"))],
                [(scaled("8476.98"), scaled("415")), (scaled("8477"), scaled("7"))],
                1597026383085000,
                in_band=True,
            ),
        ),
        sample(
            "book",
            "books",
            b'"action":"update","data":[{"asks":[["8476.98","0","0","0"]],"bids":[],"ts":"1597026383185","checksum":0,'
            b'"prevSeqId":123456,"seqId":123457}]}',
            BookDiff(123457, 123457, 123456, [], [(scaled("8476.98"), 0)], 1597026383185000),
        ),
        sample(
            "best",
            "bbo-tbt",
            b'"data":[{"asks":[["8476.98","415","0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085",'
            b'"seqId":123456}]}',
            BestBidAsk(123456, *best, 1597026383085000),
        ),
        sample(
            "trades",
            "trades",
            b'"data":[{"instId":"X","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy",'
            b'"ts":"1630048897897","count":"3","source":"0","seqId":1234}]}',
            Trade(
                "130639474",
                scaled("42219.9"),
                scaled("0.12060306"),
                "BUY",
                1630048897897000,
                aggregated=True,
                sequence=130639474,
                count=3,
            ),
        ),
        sample(
            "trades",
            "trades-all",
            b'"data":[{"instId":"X","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"sell",'
            b'"ts":"1630048897897","source":"0"}]}',
            Trade(
                "130639474",
                scaled("42219.9"),
                scaled("0.12060306"),
                "SELL",
                1630048897897000,
                sequence=130639474,
            ),
        ),
        sample(
            "ticker",
            "tickers",
            b'"data":[{"instType":"SPOT","instId":"X","last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11",'
            b'"bidPx":"8888.88","bidSz":"5","open24h":"9000","high24h":"10000","low24h":"8888.88","volCcy24h":"3333",'
            b'"vol24h":"2222","sodUtc0":"2222","sodUtc8":"2222","ts":"1597026383085"}]}',
            Ticker(
                scaled("9999.99"),
                1597026383085000,
                scaled("9000"),
                scaled("10000"),
                scaled("8888.88"),
                scaled("3333" if contracts else "2222"),
                None if contracts else scaled("3333"),
            ),
        ),
        sample(
            "klines",
            "candle1m",
            b'"data":[["1597026383085","8533.02","8553.74","8527.17","8548.26","45247","529.5858061","5529.5858061",'
            b'"0"]]}',
            Kline(
                "1m",
                1597026383085000,
                scaled("8533.02"),
                scaled("8553.74"),
                scaled("8527.17"),
                scaled("8548.26"),
                scaled("529.5858061" if contracts else "45247"),
                None,
                scaled("5529.5858061"),
                closed=False,
            ),
        ),
    )


def _contract(wire_symbol: str, kind: str) -> tuple[Sample, ...]:
    """What contracts have beside their books (official pages of the public-data channels)."""

    def arg(name: str, instrument: str = wire_symbol) -> bytes:
        return b'{"arg":{"channel":"%b","instId":"%b"},' % (name.encode(), instrument.encode())

    name = wire_symbol.encode()
    return (
        Sample(
            "derivatives",
            Route("mark-price", wire_symbol),
            arg("mark-price")
            + b'"data":[{"instType":"SWAP","instId":"X","markPx":"42310.6","ts":"1630049139746"}]}',
            (Derivative(1630049139746000, mark_price=scaled("42310.6")),),
            "Mark price channel",
        ),
        Sample(
            "derivatives",
            Route("open-interest", wire_symbol),
            arg("open-interest")
            + b'"data":[{"instType":"SWAP","instId":"X","oi":"5000","oiCcy":"555.55","oiUsd":"50000","ts":"1597026383085"}]}',
            (Derivative(1597026383085000, open_interest=scaled("555.55")),),
            "Open interest channel",
        ),
        Sample(
            "liquidations",
            Route("liquidation-orders", wire_symbol),
            b'{"arg":{"channel":"liquidation-orders","instType":"%b"},"data":[{"details":[{"bkLoss":"0",'
            b'"bkPx":"0.007831","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"1692266434010"}],'
            b'"instFamily":"IOST-USDT","instId":"%b","instType":"%b","uly":"IOST-USDT"}]}'
            % (kind.encode(), name, kind.encode()),
            (Liquidation(scaled("0.007831"), scaled("13"), "BUY", 1692266434010000),),
            "Liquidation orders channel",
        ),
    )


_SWAP_ONLY = (
    Sample(
        "derivatives",
        Route("funding-rate", "BTC-USD-SWAP"),
        b'{"arg":{"channel":"funding-rate","instId":"BTC-USD-SWAP"},"data":[{"formulaType":"noRate",'
        b'"fundingRate":"-0.0001875391284828","fundingTime":"1700726400000","impactValue":"","instId":"BTC-USD-SWAP",'
        b'"instType":"SWAP","interestRate":"","method":"current_period","maxFundingRate":"0.00375",'
        b'"minFundingRate":"-0.00375","nextFundingRate":"","nextFundingTime":"1700755200000",'
        b'"premium":"0.0001233824646391","settFundingRate":"0.0001699799259033","settState":"settled",'
        b'"ts":"1700724675402"}]}',
        (
            Derivative(
                1700724675402000,
                funding_rate=scaled("-0.0001875391284828"),
                next_funding_time_micros=1700726400000000,
            ),
        ),
        "Funding rate channel",
    ),
    Sample(
        "derivatives",
        Route("index-tickers", "BTC-USDT-SWAP"),
        b'{"arg":{"channel":"index-tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","idxPx":"42305.1",'
        b'"high24h":"0.5","low24h":"0.1","open24h":"0.1","sodUtc0":"0.1","sodUtc8":"0.1","ts":"1597026383085"}]}',
        (Derivative(1597026383085000, index_price=scaled("42305.1")),),
        "Index tickers channel",
    ),
)

_CONTROLS = (
    ControlSample(b"pong", "alive"),
    ControlSample(
        b'{"id":"1512","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
        "ack",
    ),
    ControlSample(
        b'{"id":"1512","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
        "ack",
    ),
    ControlSample(
        b'{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please '
        b'reconnect.","connId":"a4d3ae55"}',
        "shutdown",
    ),
    ControlSample(
        b'{"id":"1512","event":"error","code":"60012","msg":"Invalid request: {\\"op\\": \\"subscribe\\", \\"argss\\":[{ '
        b'\\"channel\\" : \\"books\\", \\"instId\\" : \\"BTC-USD-191227\\"}]}","connId":"a4d3ae55"}',
        "error",
        "60012",
    ),
)


def _row(wire_symbol: str, tick: str, lot: str, state: str = "live", **more: str) -> dict[str, str]:
    return {"instId": wire_symbol, "tickSz": tick, "lotSz": lot, "minSz": lot, "state": state, **more}


def _body(*rows: Mapping[str, str]) -> bytes:
    return _json({"code": "0", "msg": "", "data": rows})


_SPOT_BODY = _body(
    _row("BTC-USDT", "0.1", "0.00000001", baseCcy="BTC", quoteCcy="USDT", instType="SPOT"),
    _row("1INCH-USDT", "0.0001", "0.000001", baseCcy="1INCH", quoteCcy="USDT", instType="SPOT"),
    _row("NEW-USDT", "0.0001", "1", "preopen", baseCcy="NEW", quoteCcy="USDT", instType="SPOT"),
)
_LINEAR = {
    "baseCcy": "",
    "quoteCcy": "",
    "settleCcy": "USDT",
    "ctType": "linear",
    "ctMult": "1",
    "expTime": "",
}
_INVERSE = {**_LINEAR, "settleCcy": "BTC", "ctType": "inverse", "ctVal": "100", "instFamily": "BTC-USD"}
_SWAP_BODY = _body(
    _row("BTC-USDT-SWAP", "0.1", "0.01", **_LINEAR, instType="SWAP", ctVal="0.01", instFamily="BTC-USDT"),
    _row("ETH-USDT-SWAP", "0.01", "0.01", **_LINEAR, instType="SWAP", ctVal="0.1", instFamily="ETH-USDT"),
    _row("BTC-USD-SWAP", "0.1", "1", **_INVERSE, instType="SWAP"),
    _row(
        "OLD-USDT-SWAP", "0.1", "1", "suspend", **_LINEAR, instType="SWAP", ctVal="10", instFamily="OLD-USDT"
    ),
)
_FUTURES_BODY = _body(
    _row("BTC-USD-SWAP", "0.1", "1", **_INVERSE, instType="SWAP"),
    _row("BTC-USD-261225", "0.1", "1", **{**_INVERSE, "expTime": "1798185600000", "instType": "FUTURES"}),
    _row(
        "BTC-USDT-261225",
        "0.1",
        "0.01",
        **{**_LINEAR, "expTime": "1798185600000", "instType": "FUTURES"},
        ctVal="0.01",
        instFamily="BTC-USDT",
    ),
)

_RECORDED_CHANNELS: Mapping[str, Channel] = {"books": "book", "trades": "trades", "tickers": "ticker"}


def _recorded(ends: str, dashes: int) -> Iterator[tuple[Channel, bytes]]:
    """Received frames of the recording of 2022 whose instrument is of one kind."""
    path = FOLDER / "okx" / "OKX.ws.1.0.gz"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            time, _, text = line.rstrip().partition(": ")
            if not time.replace(".", "").isdigit() or not text.startswith('{"arg":') or '"data"' not in text:
                continue
            arg = json.loads(text)["arg"]
            instrument = arg["instId"]
            if instrument.count("-") == dashes and instrument.endswith(ends):
                yield _RECORDED_CHANNELS[arg["channel"]], text.encode()


def _recorded_spot() -> Iterator[tuple[Channel, bytes]]:
    return _recorded("", 1)


def _recorded_swap() -> Iterator[tuple[Channel, bytes]]:
    return _recorded("-SWAP", 2)


def _recorded_futures() -> Iterator[tuple[Channel, bytes]]:
    return _recorded("7", 2)


_EVIDENCE: Mapping[str, Evidence] = {
    "book": "recording",
    "best": "document",
    "trades": "recording",
    "ticker": "recording",
    "klines": "document",
    "images": "recording",
    "continuity": "document",
    "checksum": "recording",
    "instruments": "recording",
    "limits": "document",
}
_CONTRACT_EVIDENCE: Mapping[str, Evidence] = {
    **_EVIDENCE,
    "derivatives": "document",
    "liquidations": "document",
}
_IN_STREAM = "images come in the stream, before the diffs they belong to"
_OPEN = (
    "Whether an error 60018 for one argument always leaves the others alive: clients say so.",
    "Whether books still begin with an image in the stream after 2026-09-06.",
)

_SPOT = Material(
    name="okx.spot",
    wire_symbol="BTC-USDT",
    script=_Book,
    checked_script=_CheckedBook,
    checksum_frames=(
        (_checked(-1881014294, [("3366.1", "7"), ("3366", "6")], [("3366.8", "9"), ("3368", "8")]),),
        (_checked(831078360, [("3366.1", "7")], [("3366.8", "9"), ("3368", "8"), ("3372", "8")]),),
    ),
    trade=_trade,
    past=Past(
        "/api/v5/market/history-trades",
        _past,
        "130639474",
        (b'{"code":"51001","data":[],"msg":"Instrument ID doesn\'t exist."}',),
    ),
    samples=_of("BTC-USDT", contracts=False),
    controls=_CONTROLS,
    instruments=_SPOT_BODY,
    listed=(
        Listed("BTC-USDT", "BTC-USDT", "0.1", "0.00000001", status="live"),
        Listed("1INCH-USDT", "1INCH-USDT", "0.0001", "0.000001", status="live"),
        Listed("NEW-USDT", "NEW-USDT", "0.0001", "1", trading=False, status="preopen"),
    ),
    units=(("BTC-USDT", "0.12060306", "42219.9", "0.12060306"),),
    odd_symbols=(("1INCH-USDT", "1INCH-USDT"),),
    times=(
        ("trades", _trade("BTC-USDT", "1", "1", "BUY"), "2021-08-27T07:21:37.897Z"),
        ("bbo-tbt", _of("BTC-USDT", contracts=False)[2].frame, "2020-08-10T02:26:23.085Z"),
    ),
    documented=Documented(characters_asked=65_536, requests_per_connection=480, keep_alive_s=30),
    asked=_asked,
    evidence=_EVIDENCE,
    numbered="LONGNAME{}-USDT".format,
    keep_alive_answer=b"pong",
    refusal=Refusal(("BTC-USDT", "NOPE-USDT"), "NOPE-USDT", _answers("NOPE-USDT")),
    recorded=_recorded_spot,
    not_applicable={"C13": _IN_STREAM},
    open_points=_OPEN,
)

MATERIAL = (
    _SPOT,
    replace(
        _SPOT,
        name="okx.swap",
        wire_symbol="BTC-USDT-SWAP",
        checksum_frames=tuple(
            tuple(frame.replace(b'"BTC-USDT"', b'"BTC-USDT-SWAP"') for frame in frames)
            for frames in _SPOT.checksum_frames
        ),
        samples=(*_of("BTC-USDT-SWAP", contracts=True), *_contract("IOST-USDT-SWAP", "SWAP"), *_SWAP_ONLY),
        instruments=_SWAP_BODY,
        listed=(
            Listed("BTC-USDT-SWAP", "BTC-USDT", "0.1", "0.01", unit="0.01", settle="USDT", status="live"),
            Listed("ETH-USDT-SWAP", "ETH-USDT", "0.01", "0.01", unit="0.1", settle="USDT", status="live"),
            Listed("BTC-USD-SWAP", "BTC-USD", "0.1", "1", unit="/100", settle="BTC", status="live"),
            Listed(
                "OLD-USDT-SWAP",
                "OLD-USDT",
                "0.1",
                "1",
                trading=False,
                unit="10",
                settle="USDT",
                status="suspend",
            ),
        ),
        units=(
            ("BTC-USDT-SWAP", "13.05", "42219.9", "0.1305"),
            ("ETH-USDT-SWAP", "0.01", "3000", "0.001"),
            ("BTC-USD-SWAP", "4", "80000", "0.005"),
        ),
        odd_symbols=(("BTC-USD-SWAP", "BTC-USD"),),
        times=(("trades", _trade("BTC-USDT-SWAP", "1", "1", "BUY"), "2021-08-27T07:21:37.897Z"),),
        evidence=_CONTRACT_EVIDENCE,
        numbered="LONGNAME{}-USDT-SWAP".format,
        refusal=Refusal(("BTC-USDT-SWAP", "NOPE-USDT-SWAP"), "NOPE-USDT-SWAP", _answers("NOPE-USDT-SWAP")),
        recorded=_recorded_swap,
        open_points=(
            *_OPEN,
            "Whether a frame of liquidations can be of several instruments: one that is becomes a dead letter.",
        ),
    ),
    replace(
        _SPOT,
        name="okx.futures",
        wire_symbol="BTC-USD-261225",
        checksum_frames=tuple(
            tuple(frame.replace(b'"BTC-USDT"', b'"BTC-USD-261225"') for frame in frames)
            for frames in _SPOT.checksum_frames
        ),
        samples=(*_of("BTC-USD-261225", contracts=True), *_contract("BTC-USD-261225", "FUTURES")),
        instruments=_FUTURES_BODY,
        listed=(
            Listed(
                "BTC-USD-261225",
                "BTC-USD-261225",
                "0.1",
                "1",
                unit="/100",
                settle="BTC",
                status="live",
                expires="2026-12-25T08:00:00Z",
            ),
            Listed(
                "BTC-USDT-261225",
                "BTC-USDT-261225",
                "0.1",
                "0.01",
                unit="0.01",
                settle="USDT",
                status="live",
                expires="2026-12-25T08:00:00Z",
            ),
        ),
        units=(("BTC-USD-261225", "3", "60000", "0.005"), ("BTC-USDT-261225", "7", "60000", "0.07")),
        odd_symbols=(("BTC-USD-261225", "BTC-USD-261225"),),
        times=(("trades", _trade("BTC-USD-261225", "1", "1", "BUY"), "2021-08-27T07:21:37.897Z"),),
        evidence=_CONTRACT_EVIDENCE,
        numbered="LONGNAME{}-USD-261225".format,
        refusal=Refusal(
            ("BTC-USD-261225", "NOPE-USD-261225"), "NOPE-USD-261225", _answers("NOPE-USD-261225")
        ),
        recorded=_recorded_futures,
        open_points=(*_OPEN, "The index of a dated contract is not collected: several contracts share it."),
    ),
)
