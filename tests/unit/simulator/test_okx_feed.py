"""The simulated OKX's frames: its books are what they should be, and the adapter, written apart from it, reads the same in them."""

from __future__ import annotations

import json
import random
import zlib
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from simulator.faults import Faults, RestFaults
from simulator.okx_book import BookWindow
from tests.unit.simulator.okx_market import START_MS, Client, Market, arg
from venues.interface import Route
from venues.messages import Derivative, Kline, Liquidation, Ticker, Trade
from venues.okx import OkxFutures, OkxSpot, OkxSwap

Levels = dict[str, str]


class Book:
    """What a client builds from the frames of one subscription, by the documents' words: texts as they come."""

    def __init__(self, frames: list[bytes], wire_symbol: str) -> None:
        self.sides: dict[str, Levels] = {"bids": {}, "asks": {}}
        self.chain: list[tuple[int, int]] = []
        self.rows: list[dict[str, Any]] = []
        self.snapshots = 0
        self.crossed = 0
        self.checksums = 0
        for frame in frames:
            body = json.loads(frame)
            if body.get("arg") == arg("books", wire_symbol) and "data" in body:
                self._take(body["action"], body["data"][0])

    def _take(self, action: str, row: dict[str, Any]) -> None:
        if action == "snapshot":
            self.snapshots += 1
            self.sides = {"bids": {}, "asks": {}}
        self.rows.append(row)
        self.chain.append((row.get("prevSeqId", 0), row.get("seqId", 0)))
        for name, levels in self.sides.items():
            for price, size, _, orders in row[name]:
                assert (size == "0") == (orders == "0")
                if size == "0":
                    levels.pop(price, None)
                else:
                    levels[price] = size
            assert len(levels) <= 400
        self.crossed += max(map(float, self.sides["bids"])) >= min(map(float, self.sides["asks"]))
        # The sum of nothing but the best levels costs more than the rest: only where there may be one.
        self.checksums += bool(row.get("checksum")) and self._crc() == row["checksum"]

    def best(self, side: str) -> list[tuple[str, str]]:
        return sorted(self.sides[side].items(), key=lambda one: float(one[0]), reverse=side == "bids")

    def _crc(self) -> int:
        """The documents' words again: bid and ask in turn, 25 of each, what is left of the longer side behind."""
        bids, asks = self.best("bids")[:25], self.best("asks")[:25]
        parts = []
        for place in range(max(len(bids), len(asks))):
            parts += [":".join(side[place]) for side in (bids, asks) if place < len(side)]
        value = zlib.crc32(":".join(parts).encode())
        return value - (1 << 32) if value >> 31 else value


def followed(chain: list[tuple[int, int]]) -> bool:
    return all(before[1] == after[0] for before, after in pairwise(chain))


def true_levels(market: Market, wire_symbol: str) -> dict[str, Levels]:
    """The 400 best of the truth."""
    book = market.live.books[wire_symbol]
    one, truth = book.instrument, book.truth()

    def texts(levels: list[tuple[int, int]]) -> Levels:
        def text(value: int, decimals: int) -> str:
            return f"{value / 10**decimals:.{decimals}f}".rstrip("0").rstrip(".") if decimals else str(value)

        return {text(price, one.price_decimals): text(lots, one.quantity_decimals) for price, lots in levels}

    return {"bids": texts(truth.bids[:400]), "asks": texts(truth.asks[:400])}


@pytest.mark.parametrize("name", ["spot", "swap", "futures"])
def test_a_snapshot_and_the_updates_behind_it_are_the_400_best_levels(name: str) -> None:
    market = Market(name, rate=8000)
    market.run(1)  # the market was there before its client
    client = Client(market)
    wires = list(market.live.books)
    client.ask("subscribe", *[arg("books", wire) for wire in wires])
    market.run(4)
    for wire in wires:
        book = Book(client.frames, wire)
        assert (book.snapshots, book.crossed) == (1, 0)
        assert len(book.rows) > 35
        assert book.chain[0][0] == -1
        assert followed(book.chain)
        assert all(before < after for before, after in book.chain)
        assert book.chain[-1][1] == market.live.books[wire].truth().update_id
        assert book.sides == true_levels(market, wire)
        assert all(row["checksum"] == 0 for row in book.rows)


def test_what_leaves_the_window_is_told_and_so_is_what_comes_into_it() -> None:
    draw = random.Random(1)
    truth = {"bids": dict.fromkeys(range(1, 601), 1), "asks": dict.fromkeys(range(601, 1201), 1)}
    window = BookWindow(truth["bids"].items(), truth["asks"].items())
    shown = {name: dict(levels) for name, levels in zip(("bids", "asks"), window.levels())}
    left = entered = 0
    for _ in range(300):
        changes: dict[str, dict[int, int]] = {"bids": {}, "asks": {}}
        for name, low, high in (("bids", 150, 650), ("asks", 651, 1150)):
            for _ in range(draw.randrange(8)):
                changes[name][draw.randrange(low, high)] = draw.randrange(3)
        told = window.update(changes["bids"], changes["asks"])
        for name, levels in zip(("bids", "asks"), told):
            for price, lots in changes[name].items():
                truth[name][price] = lots
            truth[name] = {price: lots for price, lots in truth[name].items() if lots}
            assert levels == sorted(levels, reverse=name == "bids")
            for price, lots in levels:
                left += not lots and price in truth[name]
                entered += bool(lots) and price not in changes[name]
                shown[name][price] = lots
            shown[name] = {price: lots for price, lots in shown[name].items() if lots}
            best = sorted(truth[name], reverse=name == "bids")[:400]
            assert shown[name] == {price: truth[name][price] for price in best}
    assert min(left, entered) > 20


def test_subscribing_anew_brings_a_new_snapshot_and_twice_does_not() -> None:
    market = Market("spot")
    client = Client(market)
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(0.5)
    assert len(client.ask("subscribe", arg("books", "BTC-USDT"))) == 1
    client.ask("unsubscribe", arg("books", "BTC-USDT"))
    sent = len(client.frames)
    market.run(0.5)
    assert len(client.frames) == sent
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(0.5)
    book = Book(client.frames, "BTC-USDT")
    assert book.snapshots == 2
    assert book.sides == true_levels(market, "BTC-USDT")


def test_a_dropped_frame_leaves_a_gap_until_the_next_snapshot() -> None:
    market = Market("spot")
    client = Client(market)
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(0.5)
    Faults(market.hub, RestFaults(), lambda: ()).disturb("books:BTC-USDT", "drop", 1)
    market.run(0.5)
    assert not followed(Book(client.frames, "BTC-USDT").chain)


def test_a_book_that_does_not_change_says_so_every_minute() -> None:
    market = Market("spot", rate=0)
    client = Client(market)
    market.run(1, step_ms=1000)
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(185, step_ms=1000)
    book = Book(client.frames, "BTC-USDT")
    seq = book.chain[0][1]
    assert book.chain == [(-1, seq), (seq, seq), (seq, seq), (seq, seq)]
    assert all(row["bids"] == row["asks"] == [] for row in book.rows[1:])
    times = [int(row["ts"]) for row in book.rows[1:]]
    assert [after - before for before, after in pairwise(times)] == [60_000, 60_000]


def test_a_faster_clock_says_it_sooner() -> None:
    market = Market("spot", rate=0, scale=30)
    client = Client(market)
    market.run(1, step_ms=1000)
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(5, step_ms=1000)
    assert len(Book(client.frames, "BTC-USDT").rows) == 3


def test_a_maintenance_lets_the_ids_begin_anew() -> None:
    market = Market("spot")
    client = Client(market)
    client.ask("subscribe", arg("books", "BTC-USDT"), arg("bbo-tbt", "BTC-USDT"))
    market.run(0.5)
    last = Book(client.frames, "BTC-USDT").chain[-1][1]
    before = len(Book(client.frames, "BTC-USDT").chain)
    market.hub.feeds["BTC-USDT"].scenario("maintenance", to=3)
    market.run(0.5)
    book = Book(client.frames, "BTC-USDT")
    assert book.chain[before : before + 2] == [(last, last), (last, 3)]
    assert followed(book.chain)
    assert book.chain[-1][1] < 10_000
    assert book.sides == true_levels(market, "BTC-USDT")
    tops = [json.loads(frame) for frame in client.frames if b'"bbo-tbt"' in frame and b'"data"' in frame]
    assert tops[-1]["data"][0]["seqId"] < 10_000
    [rest] = market.rows("market/books", instId="BTC-USDT")
    assert rest["seqId"] < 10_000


@pytest.mark.parametrize(
    ("mode", "right"), [("valid", True), ("wrong", False), ("absent", False), ("zero", False)]
)
def test_checksums_as_they_were(mode: str, right: bool) -> None:
    market = Market("swap")
    client = Client(market)
    market.hub.feeds["BTC-USD-SWAP"].scenario("checksum", mode=mode)
    client.ask("subscribe", arg("books", "BTC-USD-SWAP"))
    market.run(1)
    book = Book(client.frames, "BTC-USD-SWAP")
    assert len(book.rows) > 5
    assert book.checksums == (len(book.rows) if right else 0)
    assert all(("checksum" in row) == (mode != "absent") for row in book.rows)
    assert followed(book.chain)


def test_frames_of_2022_have_a_checksum_and_no_ids() -> None:
    market = Market("spot")
    client = Client(market)
    market.hub.feeds["BTC-USDT"].scenario("checksum", ids=False)
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(1)
    book = Book(client.frames, "BTC-USDT")
    assert book.checksums == len(book.rows)
    assert not any("seqId" in row or "prevSeqId" in row for row in book.rows)


def test_an_auction_crosses_the_book_for_a_while() -> None:
    market = Market("spot", rate=500)
    client = Client(market)
    client.ask("subscribe", arg("books", "BTC-USDT"))
    market.run(1)
    market.hub.feeds["BTC-USDT"].scenario("auction", seconds=2)
    market.run(1)
    assert Book(client.frames, "BTC-USDT").crossed > 3
    market.run(2.5)
    book = Book(client.frames, "BTC-USDT")
    assert followed(book.chain)
    assert all(before < after for before, after in book.chain)
    assert book.sides == true_levels(market, "BTC-USDT")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("no_such", {}),
        ("checksum", {"mode": "odd"}),
        ("auction", {"hours": 1}),
        ("liquidation", {"side": "hold"}),
    ],
)
def test_unknown_scenarios_are_named(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Market().hub.feeds["BTC-USDT-SWAP"].scenario(name, **arguments)
    with pytest.raises(ConfigurationError):
        Market("spot").hub.feeds["BTC-USDT"].scenario("liquidation")


def rows(client: Client, channel: str, wire_symbol: str) -> list[dict[str, Any]]:
    found = []
    for frame in client.frames:
        body = json.loads(frame)
        if body.get("arg") == arg(channel, wire_symbol) and "data" in body:
            found += body["data"]
    return found


def test_trades_are_told_singly_and_by_order() -> None:
    market = Market("swap", rate=10_000)
    public, business = Client(market), Client(market, "/ws/v5/business")
    wire = "BTC-USDT-SWAP"
    public.ask("subscribe", arg("trades", wire))
    business.ask("subscribe", arg("trades-all", wire))
    market.run(3)
    orders, matches = rows(public, "trades", wire), rows(business, "trades-all", wire)
    ids = [int(one["tradeId"]) for one in matches]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    covered = [int(one["tradeId"]) - back for one in orders for back in reversed(range(int(one["count"])))]
    assert covered == ids
    assert {one["count"] for one in orders} == {"1", "2"}
    assert market.live.books[wire].truth().trades == len(matches) > 100
    assert sum(float(one["sz"]) for one in orders) == pytest.approx(sum(float(one["sz"]) for one in matches))
    again = Client(market)
    assert [row["tradeId"] for row in again.ask("subscribe", arg("trades", wire))[1]["data"]] == [
        str(ids[-1])
    ]


def test_the_adapter_reads_what_the_simulator_says() -> None:
    """Two readings of the same documents: channel by channel, what the market did is what comes out."""
    market, venue = Market("swap", rate=1500), OkxSwap()
    public, business = Client(market), Client(market, "/ws/v5/business")
    wires = list(market.live.books)
    for wire in wires:
        family = wire.removesuffix("-SWAP")
        named = ("books", "bbo-tbt", "trades", "tickers", "mark-price", "funding-rate", "open-interest")
        public.ask("subscribe", *[arg(channel, wire) for channel in named], arg("index-tickers", family))
        business.ask("subscribe", arg("trades-all", wire), arg("candle1m", wire), arg("candle1Dutc", wire))
    public.ask("subscribe", {"channel": "liquidation-orders", "instType": "SWAP"})
    market.run(62, step_ms=20)
    units = {
        one.wire_symbol: one
        for one in venue.parse_instruments(market.rest("public/instruments", {"instType": "SWAP"}).body)
    }
    assert {one.symbol for one in units.values()} == set(market.dialect.default_symbols)
    found: dict[Route, list[Any]] = defaultdict(list)
    controls = set()
    for frame in public.frames + business.frames:
        route = venue.route(frame)
        if route is None:
            controls.add(venue.control(frame).kind)
        else:
            found[route] += venue.decode(route.channel, frame)
    assert controls == {"ack"}
    for wire in wires:
        unit = units[wire].unit
        trades = [one for one in found[Route("trades-all", wire)] if isinstance(one, Trade)]
        assert len(trades) == market.live.books[wire].truth().trades
        contracts = sum(one.quantity for one in trades)
        base = sum(unit.base(one.quantity, one.price) for one in trades)
        lot = 10 ** (18 - market.live.books[wire].instrument.quantity_decimals)
        assert contracts == market.live.books[wire].truth().traded_lots * lot
        ticker = found[Route("tickers", wire)][-1]
        day = found[Route("candle1Dutc", wire)][-1]
        assert isinstance(ticker, Ticker)
        assert isinstance(day, Kline)
        assert ticker.volume == pytest.approx(base, rel=0.05)  # told up to a second ago
        assert (day.interval, day.closed) == ("1d", False)
        assert day.volume == ticker.volume
        closed = [one for one in found[Route("candle1m", wire)] if one.closed]
        assert [one.open_time_micros // 60_000_000 for one in closed] == [START_MS // 60_000]
        [mark, index, interest, funding] = [
            found[Route(channel, wire)][-1]
            for channel in ("mark-price", "index-tickers", "open-interest", "funding-rate")
        ]
        assert all(isinstance(one, Derivative) for one in (mark, index, interest, funding))
        assert mark.mark_price == index.index_price == ticker.last_price
        assert interest.open_interest > 0
        assert funding.funding_rate in (25237808009700, -25237808009700)
        assert funding.next_funding_time_micros > funding.exchange_time_micros
        liquidations = found[Route("liquidation-orders", wire)]
        assert len(liquidations) == 6
        assert {one.side for one in liquidations} == {"BUY", "SELL"}
        assert all(isinstance(one, Liquidation) for one in liquidations)
        assert len(found[Route("bbo-tbt", wire)]) > 300
        assert len(found[Route("books", wire)]) > 300


@pytest.mark.parametrize(("name", "venue"), [("spot", OkxSpot()), ("futures", OkxFutures())])
def test_the_adapter_names_instruments_as_the_simulator_does(name: str, venue: Any) -> None:
    market = Market(name)
    listed = venue.parse_instruments(market.rest("public/instruments", {"instType": name.upper()}).body)
    assert {one.symbol for one in listed} == set(market.dialect.default_symbols)
    assert {one.wire_symbol for one in listed} == set(market.live.books)
    assert all(one.trading for one in listed)


def test_a_scenario_liquidation_is_told_at_once() -> None:
    market = Market("futures")
    client = Client(market)
    client.ask("subscribe", {"channel": "liquidation-orders", "instType": "FUTURES"})
    market.run(1.5)
    wire = next(iter(market.live.books))
    market.hub.feeds[wire].scenario("liquidation", side="buy", lots=7)
    [order] = OkxFutures().decode("liquidation-orders", client.frames[-1])
    assert isinstance(order, Liquidation)
    assert (order.side, order.quantity) == ("BUY", 7 * 10**16)
