"""The synthetic market: a real book, consistent ids, the same for the same seed, at the asked rate."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from simulator import binance
from simulator.binance_names import decimal_text
from simulator.hub import Hub
from simulator.live import LiveMarket

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SIM0001-USDT")
START_MS = 1_700_000_000_000


class Tape:
    """A subscriber that writes everything down."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def queue(self, envelope: bytes, data_start: int) -> None:  # noqa: ARG002  all is kept combined
        self.frames.append(envelope)

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def by_stream(self) -> dict[str, list[dict[str, Any]]]:
        streams = defaultdict(list)
        for frame in self.frames:
            message = json.loads(frame)
            streams[message["stream"]].append(message["data"])
        return streams


def play(
    market: str, *, rate: float = 5000, seed: int = 1, seconds: float = 3, start_ms: int = START_MS
) -> tuple[LiveMarket, Tape, dict[str, bytes]]:
    """The market, all its frames, and its books before the first of them."""
    hub = Hub()
    dialect = {"spot": binance.spot, "usdm": binance.usdm, "coinm": binance.coinm}[market]()
    symbols = [symbol.removesuffix("T") for symbol in SYMBOLS] if market == "coinm" else SYMBOLS
    instruments = [dialect.instrument(symbol) for symbol in symbols]
    live = LiveMarket(instruments, dialect, hub, rate=rate, seed=seed)
    books = {symbol: book.snapshot(5000, 0) for symbol, book in live.books.items()}
    tape = Tape()
    for stream in hub.channels:
        hub.subscribe(tape, stream)
    for number in range(int(seconds * 100)):
        live.tick(start_ms + 10 * number)
    return live, tape, books


@pytest.mark.parametrize("market", ["spot", "usdm", "coinm"])
def test_snapshot_and_diffs_build_the_true_book(market: str) -> None:
    live, tape, books = play(market)
    streams = tape.by_stream()
    for wire, book in live.books.items():
        snapshot = json.loads(books[wire])
        sides = {"b": _levels(snapshot["bids"]), "a": _levels(snapshot["asks"])}
        last = snapshot["lastUpdateId"]
        for diff in streams[f"{wire.lower()}@depth@100ms"]:
            assert diff["U"] <= diff["u"]
            assert diff["U"] == last + 1 if market == "spot" else diff["pu"] == last < diff["U"]
            last = diff["u"]
            for side, levels in sides.items():
                levels.update(_levels(diff[side]))
            assert max(_live(sides["b"])) < min(_live(sides["a"]))
        truth = book.truth()
        assert last == truth.update_id
        decimals = (book.instrument.price_decimals, book.instrument.quantity_decimals)
        for side, levels in (("b", truth.bids), ("a", truth.asks)):
            true = {_decimal(p, decimals[0]): _decimal(q, decimals[1]) for p, q in levels}
            assert _live(sides[side]) == true


@pytest.mark.parametrize("market", ["spot", "usdm", "coinm"])
def test_best_prices_agree_with_the_book_at_equal_update_ids(market: str) -> None:
    _, tape, books = play(market)
    streams = tape.by_stream()
    equal = 0
    for wire, body in books.items():
        snapshot = json.loads(body)
        bids, asks = _levels(snapshot["bids"]), _levels(snapshot["asks"])
        tops = {top["u"]: top for top in streams[f"{wire.lower()}@bookTicker"]}
        for diff in streams[f"{wire.lower()}@depth@100ms"]:
            bids.update(_levels(diff["b"]))
            asks.update(_levels(diff["a"]))
            if (top := tops.get(diff["u"])) is not None:
                equal += 1
                bid, ask = max(_live(bids)), min(_live(asks))
                assert (Decimal(top["b"]), Decimal(top["B"])) == (bid, bids[bid])
                assert (Decimal(top["a"]), Decimal(top["A"])) == (ask, asks[ask])
    assert equal > 10


def test_trades_are_numbered_without_holes_and_counted() -> None:
    live, tape, _ = play("spot")
    streams = tape.by_stream()
    for wire, book in live.books.items():
        trades = streams[f"{wire.lower()}@trade"]
        ids = [trade["t"] for trade in trades]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        truth = book.truth()
        assert len(trades) == truth.trades > 100
        traded = sum(Decimal(trade["q"]) for trade in trades)
        assert traded == _decimal(truth.traded_lots, book.instrument.quantity_decimals)
        aggregates = streams[f"{wire.lower()}@aggTrade"]
        assert sum(Decimal(trade["q"]) for trade in aggregates) == traded
        assert [a["f"] for a in aggregates[1:]] == [a["l"] + 1 for a in aggregates[:-1]]
        assert {trade["m"] for trade in trades} == {True, False}


def test_the_same_seed_is_the_same_market_and_another_is_another() -> None:
    first, again, other = (play("usdm", seed=seed, seconds=1)[1].frames for seed in (1, 1, 2))
    assert first == again != other


def test_only_times_depend_on_the_clock() -> None:
    now, later = (
        play("spot", seconds=1, start_ms=start)[1].by_stream()["btcusdt@trade"]
        for start in (START_MS, START_MS + 7)
    )
    assert [trade["T"] + 7 for trade in now] == [trade["T"] for trade in later]
    assert [trade["t"] for trade in now] == [trade["t"] for trade in later]


@pytest.mark.parametrize("rate", [10, 1000, 20_000])
def test_the_rate_is_kept(rate: int) -> None:
    _, tape, _ = play("spot", rate=rate, seconds=5)
    beside = (b"@aggTrade", b"@ticker", b"@kline_1m")  # trades again, and what comes once a second
    frames = [frame for frame in tape.frames if not any(name in frame[:40] for name in beside)]
    assert len(frames) == pytest.approx(rate * 5, abs=12)


def test_a_book_asked_in_mid_batch_lies_within_the_next_diff() -> None:
    live, tape, _ = play("spot", seconds=0.55, rate=20_000)
    body = json.loads(live.books["BTCUSDT"].snapshot(5000, 0))
    for number in range(60, 90):
        live.tick(START_MS + 10 * number)
    diffs = tape.by_stream()["btcusdt@depth@100ms"]
    assert any(diff["U"] < body["lastUpdateId"] < diff["u"] for diff in diffs)


@pytest.mark.parametrize(
    ("value", "decimals", "wire", "text"),
    [(6_180_001, 2, 8, "61800.01000000"), (5, 3, 3, "0.005"), (281_451, 1, 2, "28145.10"), (7, 0, 0, "7")],
)
def test_numbers_are_written_with_the_markets_decimals(
    value: int, decimals: int, wire: int, text: str
) -> None:
    assert decimal_text(value, decimals, wire) == text


def _levels(rows: list[list[str]]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(quantity) for price, quantity in rows}


def _live(levels: dict[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    return {price: quantity for price, quantity in levels.items() if quantity}


def _decimal(steps: int, decimals: int) -> Decimal:
    return Decimal(steps).scaleb(-decimals)
