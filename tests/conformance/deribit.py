"""Deribit's perpetuals, dated futures and options: frames of the protocol page's section 9 and of the official pages.

Numbers are JSON numbers, at times with an exponent.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
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
    Side,
    Ticker,
    Trade,
)

__all__ = ["MATERIAL"]


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _notice(channel: str, data: str) -> bytes:
    head = f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":'
    return f"{head}{data}}}}}".encode()


class _Book(BookScript):
    """``prev_change_id`` is the last ``change_id``; ids are shared by many instruments and jump."""

    def __init__(self, wire_symbol: str) -> None:
        super().__init__(wire_symbol)
        self.last = 193_809_616_666

    def image(self) -> bytes:
        return self._frame("snapshot", *self.sides(), more="")

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        previous, self.last = self.last, self.last + 1041
        return self._frame("change", bids, asks, more=f',"prev_change_id":{previous}')

    def _frame(self, kind: str, bids: Levels, asks: Levels, *, more: str) -> bytes:
        def side(levels: Levels) -> str:
            return ",".join(f'["{_action(kind, size)}",{price},{size}]' for price, size in levels)

        return _notice(
            f"book.{self.wire_symbol}.100ms",
            f'{{"timestamp":{self.time_ms},"type":"{kind}","change_id":{self.last},"instrument_name":"{self.wire_symbol}",'
            f'"bids":[{side(bids)}],"asks":[{side(asks)}]{more}}}',
        )

    def restart(self) -> Sequence[bytes]:
        """After leaving and subscribing anew: an image, whatever id the count has reached."""
        self.change([("98.5", "5")])
        self.last = 77
        return [self.image()]


def _action(kind: str, size: str) -> str:
    if kind == "snapshot":
        return "new"
    return "change" if Decimal(size) else "delete"


def _trade(wire_symbol: str, price: str, quantity: str, taker: Side, liquidation: str = "") -> bytes:
    more = f',"liquidation":"{liquidation}"' if liquidation else ""
    return _notice(
        f"trades.{wire_symbol}.100ms",
        f'[{{"timestamp":1765531356452,"price":{price},"amount":{quantity},"direction":"{taker.lower()}",'
        f'"index_price":92276.75,"instrument_name":"{wire_symbol}","trade_seq":271252854,"mark_price":92287.11,'
        f'"tick_direction":2,"contracts":1.0,"trade_id":"403691824"{more}}}]',
    )


def _past(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``get_last_trades_by_instrument`` (section 9): the trade of :func:`_trade`."""
    notice = json.loads(_trade(wire_symbol, price, quantity, taker))
    result = {"trades": notice["params"]["data"], "has_more": False}
    return _json({"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False})


def _common(wire_symbol: str) -> tuple[Sample, ...]:
    """What all markets have."""
    book, name = Route("book", wire_symbol), wire_symbol
    return (
        Sample(
            "book",
            book,
            _notice(
                f"book.{name}.100ms",
                f'{{"timestamp":1790133840448,"type":"snapshot","change_id":193809616666,"instrument_name":"{name}",'
                '"bids":[["new",228.51,0.22]],"asks":[["new",228.52,0.34]]}',
            ),
            (
                BookImage(
                    193809616666,
                    [(scaled("228.51"), scaled("0.22"))],
                    [(scaled("228.52"), scaled("0.34"))],
                    1790133840448000,
                    in_band=True,
                ),
            ),
            "9",
        ),
        Sample(
            "book",
            book,
            _notice(
                f"book.{name}.100ms",
                f'{{"timestamp":1790133845258,"type":"change","change_id":193809650259,"instrument_name":"{name}",'
                '"bids":[],"asks":[["change",228.58,91.89],["delete",2.2e2,0.0]],"prev_change_id":193809644396}',
            ),
            (
                BookDiff(
                    193809650259,
                    193809650259,
                    193809644396,
                    [],
                    [(scaled("228.58"), scaled("91.89")), (scaled("220"), 0)],
                    1790133845258000,
                ),
            ),
            "9",
        ),
        Sample(
            "best",
            Route("quote", wire_symbol),
            _notice(
                f"quote.{name}",
                f'{{"timestamp":1765541767174,"instrument_name":"{name}","best_ask_price":92288.5,"best_bid_price":92288.0,'
                '"best_ask_amount":99470.0,"best_bid_amount":133440.0}',
            ),
            (
                BestBidAsk(
                    1765541767174000,
                    scaled("92288"),
                    scaled("133440"),
                    scaled("92288.5"),
                    scaled("99470"),
                    1765541767174000,
                ),
            ),
            "9",
        ),
        Sample(
            "trades",
            Route("trades", wire_symbol),
            _trade(wire_symbol, "92294.5", "10.0", "SELL"),
            (
                Trade(
                    "403691824", scaled("92294.5"), scaled("10"), "SELL", 1765531356452000, sequence=271252854
                ),
            ),
            "9",
        ),
        Sample(
            "liquidations",
            Route("trades", wire_symbol),
            _trade(wire_symbol, "92294.5", "10.0", "SELL", "M"),
            (
                Trade(
                    "403691824", scaled("92294.5"), scaled("10"), "SELL", 1765531356452000, sequence=271252854
                ),
                Liquidation(scaled("92294.5"), scaled("10"), "BUY", 1765531356452000),
            ),
            "Trades: the maker was liquidated, so that its order bought",
        ),
    )


def _chart(wire_symbol: str, cost: str | None) -> Sample:
    return Sample(
        "klines",
        Route("chart.trades.1", wire_symbol),
        _notice(
            f"chart.trades.{wire_symbol}.1",
            '{"volume":0.05219351,"tick":1573645080000,"open":8869.79,"low":8788.25,"high":8870.31,"cost":460,"close":8791.25}',
        ),
        (
            Kline(
                "1m",
                1573645080000000,
                scaled("8869.79"),
                scaled("8870.31"),
                scaled("8788.25"),
                scaled("8791.25"),
                scaled("0.05219351"),
                None,
                None if cost is None else scaled(cost),
            ),
        ),
        "Chart channel",
    )


def _inverse_tickers(wire_symbol: str, funding: str) -> tuple[Sample, ...]:
    """Open interest is in dollars: base units at the mark price, rounded half to even at the 18th digit."""
    frame = _notice(
        f"ticker.{wire_symbol}.100ms",
        '{"timestamp":1623060194301,"stats":{"volume_usd":284061480,"volume":7871.02139035,"price_change":0.7229,'
        '"low":35213.5,"high":36824.5},"state":"open","settlement_price":36169.49,"open_interest":502097590,'
        '"min_price":35898.37,"max_price":36991.72,"mark_price":36446.51,"last_price":36457.5,'
        f'"interest_value":1.7362511643080387,"instrument_name":"{wire_symbol}","index_price":36441.64{funding},'
        '"estimated_delivery_price":36441.64,"best_bid_price":36442.5,"best_bid_amount":5000,"best_ask_price":36443,'
        '"best_ask_amount":100}',
    )
    day = Ticker(
        scaled("36457.5"),
        1623060194301000,
        None,
        scaled("36824.5"),
        scaled("35213.5"),
        scaled("7871.02139035"),
        scaled("284061480"),
    )
    said = Derivative(
        1623060194301000,
        scaled("36446.51"),
        scaled("36441.64"),
        scaled("-0.0000211") if funding else None,
        None,
        round(Fraction(502097590) / Fraction("36446.51") * 10**18),
    )
    return _tickers(frame, wire_symbol, day, said)


def _tickers(frame: bytes, wire_symbol: str, *messages: Ticker | Derivative) -> tuple[Sample, ...]:
    route = Route("ticker", wire_symbol)
    return (
        Sample("ticker", route, frame, messages, "Ticker channel"),
        Sample("derivatives", route, frame, messages, "Ticker channel"),
    )


_FUNDING = ',"funding_8h":0.00001,"current_funding":-0.0000211'
_OPTION = "BTC-25DEC26-80000-C"
_OPTION_FRAME = _notice(
    f"ticker.{_OPTION}.100ms",
    '{"underlying_price":83744.2,"underlying_index":"BTC-25DEC26","timestamp":1790133840448,"stats":{"volume":10.1,'
    '"price_change":0.0,"low":0.001,"high":0.0015},"state":"open","settlement_price":0.0012,"open_interest":869.3,'
    f'"min_price":0.0001,"max_price":0.02,"mark_price":0.0014,"last_price":1.4e-3,"instrument_name":"{_OPTION}",'
    '"index_price":83700.1,"best_bid_price":0.0013,"best_bid_amount":12.4,"best_ask_price":0.0015,"best_ask_amount":3}',
)
_OPTION_SAID = (
    Ticker(
        scaled("0.0014"),
        1790133840448000,
        None,
        scaled("0.0015"),
        scaled("0.001"),
        scaled("10.1"),
    ),
    Derivative(
        1790133840448000,
        scaled("0.0014"),
        scaled("83700.1"),
        open_interest=scaled("869.3"),
    ),
)

_CONTROLS = (
    ControlSample(
        b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}', "alive", reply=True
    ),
    ControlSample(b'{"params":{"type":"heartbeat"},"method":"heartbeat","jsonrpc":"2.0"}', "alive"),
    ControlSample(
        b'{"jsonrpc":"2.0","id":4,"result":[],"usIn":1790133842384561,"usOut":1790133842384654,"usDiff":93,"testnet":false}',
        "ack",
    ),
    ControlSample(
        b'{"jsonrpc":"2.0","id":5,"error":{"code":13778,"message":"raw_subscriptions_not_available_for_unauthorized"},'
        b'"usIn":1790133842785065,"usOut":1790133842785140,"usDiff":75,"testnet":false}',
        "error",
        "13778",
    ),
    ControlSample(
        b'{"jsonrpc":"2.0","error":{"code":11050,"data":"invalid json","message":"bad_request"},"usIn":1790133844787014,'
        b'"usOut":1790133844787041,"usDiff":27,"testnet":false}',
        "error",
        "invalid json",
    ),
    ControlSample(
        b'{"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}',
        "error",
        "too_many_requests",
    ),
)


def _asked(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    return [json.loads(text)["params"].get("channels", []) for text in plan.requests]


def _answers(bad: str) -> Callable[[ConnectionPlan], Sequence[bytes]]:
    """The result repeats what is accepted, in another order; what is not is left out without a word."""

    def answers(plan: ConnectionPlan) -> Sequence[bytes]:
        frames = []
        for text in plan.requests:
            request = json.loads(text)
            names = request["params"].get("channels")
            accepted = "ok" if names is None else [name for name in reversed(names) if bad not in name]
            frames.append(
                _json({"jsonrpc": "2.0", "id": request["id"], "result": accepted, "testnet": False})
            )
        return frames

    return answers


def _row(wire_symbol: str, base: str, quote: str, tick: str, lot: str, **more: Any) -> str:
    fields = {
        "instrument_name": wire_symbol,
        "base_currency": base,
        "quote_currency": quote,
        "kind": "future",
        "is_active": True,
        "state": "open",
        **more,
    }
    return (
        f'{_json(fields).decode()[:-1]},"tick_size":{tick},"min_trade_amount":{lot},"contract_size":{lot}}}'
    )


def _body(*rows: str) -> bytes:
    return f'{{"jsonrpc":"2.0","result":[{",".join(rows)}],"testnet":false}}'.encode()


_FOREVER = {"settlement_period": "perpetual", "expiration_timestamp": 32503708800000}
_DATED = {"settlement_period": "month", "expiration_timestamp": 1798185600000}
_REVERSED = {"instrument_type": "reversed", "settlement_currency": "BTC"}
_LINEAR = {"instrument_type": "linear", "settlement_currency": "USDC"}
_SWAPS = (
    _row("BTC-PERPETUAL", "BTC", "USD", "0.5", "10.0", **_FOREVER, **_REVERSED),
    _row("BTC_USDC-PERPETUAL", "BTC", "USDC", "0.5", "1e-4", **_FOREVER, **_LINEAR),
)
_FUTURES = (
    _row("BTC-25DEC26", "BTC", "USD", "2.5", "10.0", **_DATED, **_REVERSED),
    _row("BTC_USDC-25DEC26", "BTC", "USDC", "2.5", "0.001", **{**_DATED, "state": "locked"}, **_LINEAR),
)
_OPTIONS = _body(
    _row(
        _OPTION,
        "BTC",
        "BTC",
        "0.0001",
        "0.1",
        **_DATED,
        **{**_REVERSED, "kind": "option"},
        option_type="call",
        strike=80000.0,
        counter_currency="USD",
    ),
    _row(
        "XRP_USDC-25DEC26-2d4-P",
        "XRP",
        "USDC",
        "0.0001",
        "1000",
        **_DATED,
        **{**_LINEAR, "kind": "option"},
        option_type="put",
        strike=2.4,
        counter_currency="USDC",
    ),
)
_EVIDENCE: Mapping[str, Evidence] = {
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
}


_CHANNELS_OF: Mapping[str, tuple[Channel, ...]] = {"book": ("book",), "ticker": ("ticker", "derivatives")}


def _recorded() -> Iterator[tuple[Channel, bytes]]:
    """What was received of options in 2021."""
    path = FOLDER / "deribit" / "DERIBIT.ws.1.0.gz"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            time, _, text = line.rstrip().partition(": ")
            if time.replace(".", "").isdigit() and '"method":"subscription"' in text:
                kind = json.loads(text)["params"]["channel"].partition(".")[0]
                for channel in _CHANNELS_OF[kind]:
                    yield channel, text.encode()


_SWAP = Material(
    name="deribit.swap",
    wire_symbol="BTC-PERPETUAL",
    script=_Book,
    trade=_trade,
    past=Past(
        "/api/v2/public/get_last_trades_by_instrument",
        _past,
        "271252854",
        (b'{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests","data":null}}',),
    ),
    samples=(
        *_common("BTC-PERPETUAL"),
        _chart("BTC-PERPETUAL", "460"),
        *_inverse_tickers("BTC-PERPETUAL", _FUNDING),
    ),
    controls=_CONTROLS,
    instruments=_body(*_SWAPS, *_FUTURES),
    listed=(
        Listed("BTC-PERPETUAL", "BTC-USD", "0.5", "10", unit="/1", settle="BTC", status="open"),
        Listed("BTC_USDC-PERPETUAL", "BTC-USDC", "0.5", "0.0001", settle="USDC", status="open"),
    ),
    units=(
        ("BTC-PERPETUAL", "400.0", "80000", "0.005"),
        ("BTC_USDC-PERPETUAL", "0.216", "86775.8", "0.216"),
    ),
    odd_symbols=(("BTC_USDC-PERPETUAL", "BTC-USDC"),),
    times=(("trades", _trade("BTC-PERPETUAL", "1", "1", "BUY"), "2025-12-12T09:22:36.452Z"),),
    documented=Documented(streams_per_request=500, requests_per_s=3.3),
    asked=_asked,
    evidence=_EVIDENCE,
    numbered="S{}_USDC-PERPETUAL".format,
    refusal=Refusal(("BTC-PERPETUAL", "NOPE-PERPETUAL"), "NOPE-PERPETUAL", _answers("NOPE")),
    not_applicable={
        "C08": "its books have no checksum",
        "C13": "images come in the stream, before the diffs they belong to",
    },
    open_points=(
        "How books with one side or none are sent.",
        "How far back trades can be asked for by `trade_seq`.",
    ),
)

MATERIAL = (
    _SWAP,
    replace(
        _SWAP,
        name="deribit.futures",
        wire_symbol="BTC-25DEC26",
        samples=(
            *_common("BTC-25DEC26"),
            _chart("BTC-25DEC26", "460"),
            *_inverse_tickers("BTC-25DEC26", ""),
        ),
        listed=(
            Listed(
                "BTC-25DEC26",
                "BTC-USD-261225",
                "2.5",
                "10",
                unit="/1",
                settle="BTC",
                status="open",
                expires="2026-12-25T08:00:00Z",
            ),
            Listed(
                "BTC_USDC-25DEC26",
                "BTC-USDC-261225",
                "2.5",
                "0.001",
                trading=False,
                settle="USDC",
                status="locked",
                expires="2026-12-25T08:00:00Z",
            ),
        ),
        units=(("BTC-25DEC26", "400.0", "80000", "0.005"),),
        odd_symbols=(("BTC_USDC-25DEC26", "BTC-USDC-261225"),),
        times=(("trades", _trade("BTC-25DEC26", "1", "1", "BUY"), "2025-12-12T09:22:36.452Z"),),
        numbered="S{}-25DEC26".format,
        refusal=Refusal(("BTC-25DEC26", "NOPE-25DEC26"), "NOPE-25DEC26", _answers("NOPE")),
    ),
    replace(
        _SWAP,
        name="deribit.option",
        wire_symbol=_OPTION,
        samples=(
            *_common(_OPTION),
            _chart(_OPTION, None),
            *_tickers(_OPTION_FRAME, _OPTION, *_OPTION_SAID),
        ),
        instruments=_OPTIONS,
        listed=(
            Listed(
                _OPTION,
                "BTC-USD-261225-80000-C",
                "0.0001",
                "0.1",
                settle="BTC",
                status="open",
                expires="2026-12-25T08:00:00Z",
            ),
            Listed(
                "XRP_USDC-25DEC26-2d4-P",
                "XRP-USDC-261225-2.4-P",
                "0.0001",
                "1000",
                settle="USDC",
                status="open",
                expires="2026-12-25T08:00:00Z",
            ),
        ),
        units=((_OPTION, "0.1", "0.0014", "0.1"),),
        odd_symbols=(("XRP_USDC-25DEC26-2d4-P", "XRP-USDC-261225-2.4-P"),),
        times=(("trades", _trade(_OPTION, "1", "1", "BUY"), "2025-12-12T09:22:36.452Z"),),
        evidence={
            **_EVIDENCE,
            "book": "recording",
            "ticker": "recording",
            "derivatives": "recording",
            "images": "recording",
            "continuity": "recording",
            "instruments": "recording",
        },
        numbered="BTC-25DEC26-{}-C".format,
        refusal=Refusal((_OPTION, "NOPE-25DEC26-1-C"), "NOPE-25DEC26-1-C", _answers("NOPE")),
        recorded=_recorded,
    ),
)
