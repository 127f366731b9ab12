"""What the simulated Deribit tells of a market, read by the venue's adapter: two readings of one protocol, and the truth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from bookmill.book import Book
from simulator import deribit
from simulator.deribit import DeribitDialect
from simulator.deribit_contracts import number
from simulator.deribit_session import DeribitSession
from simulator.dialect import Books
from simulator.faults import RestFault, RestFaults
from simulator.feed import Truth
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.web import Request
from streams.synchronizer import Phase, Synchronizer
from venues.deribit import DeribitFutures, DeribitOption, DeribitSwap
from venues.interface import StreamOptions, Venue
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Derivative,
    Instrument,
    Kline,
    Liquidation,
    Message,
    Ticker,
    Trade,
)
from venues.numbers import signed

START_MS = 1_790_133_840_000
UNIT = 10**18
MARKETS: dict[str, tuple[type[DeribitSwap | DeribitFutures | DeribitOption], Any]] = {
    "swap": (DeribitSwap, deribit.swap),
    "futures": (DeribitFutures, deribit.futures),
    "option": (DeribitOption, deribit.option),
}
EVERYTHING = StreamOptions(
    ("book", "best", "trades", "ticker", "klines", "derivatives", "liquidations"),
    kline_intervals=("1m", "3m", "1d"),
)


class Exchange:
    """A market that is driven by hand, and one client who asked for everything as the adapter plans it."""

    def __init__(self, market: str) -> None:
        adapter, dialect = MARKETS[market]
        self.venue: Venue = adapter()
        self.dialect: DeribitDialect = dialect()
        self.hub = Hub()
        self.now_s = 0.0
        names = self.dialect.default_symbols
        self.live = LiveMarket(
            [self.dialect.instrument(name) for name in names], self.dialect, self.hub, rate=2000, seed=3
        )
        self.wires = {self.dialect.wire(name): name for name in names}
        self.session = DeribitSession(self, self.hub, self.dialect._feeds, lambda: self.now_s)
        self.frames: list[bytes] = []
        self._rounds = 0

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.frames.append(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def send(self, text: str) -> None:
        self.frames += self.session.receive(text.encode())
        self.now_s += 1

    def subscribe(self) -> None:
        [plan] = self.venue.plan(list(self.wires), EVERYTHING)
        for text in plan.requests:
            self.send(text)
        assert [
            self.venue.control(frame).kind for frame in self.frames if self.venue.route(frame) is None
        ] == [
            "ack",
            "ack",
        ]
        assert not any(self.venue.control(frame).refused for frame in self.frames[:2])

    def trade_for(self, seconds: float, step_ms: int = 10) -> None:
        for _ in range(round(seconds * 100)):
            self.live.tick(START_MS + self._rounds * step_ms)
            self._rounds += 1

    def settle(self) -> None:
        """Publish what is in the middle of a batch."""
        for flow in self.live._flows:
            flow.close_batch()

    def messages(self, wire: str) -> list[Message]:
        return [
            message
            for frame in self.frames
            if (route := self.venue.route(frame)) and route.wire_symbol == wire
            for message in self.venue.decode(route.channel, frame)
        ]

    def truth(self, wire: str) -> Truth:
        return self.dialect._feeds[wire].truth()

    def scaled(self, wire: str, levels: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
        """Levels in ticks and lots as the rest of the project counts."""
        steps = self.dialect._feeds[wire].instrument
        return (
            [price * 10 ** (18 - steps.price_decimals) for price, _ in levels],
            [lots * 10 ** (18 - steps.quantity_decimals) for _, lots in levels],
        )

    def rest(
        self, path: str, query: Mapping[str, str] | None = None, faults: RestFaults | None = None
    ) -> tuple[int, dict[str, Any]]:
        request = Request("GET", f"/api/v2/{path}", query or {}, b"", "127.0.0.1")
        books: Books = dict(self.live.books)
        response = asyncio.run(self.dialect.answer(request, books, faults or RestFaults()))
        return response.status, json.loads(response.body)

    def told(self, channel: str) -> list[Any]:
        """The data of a channel's frames."""
        every = (json.loads(frame).get("params", {}) for frame in self.frames)
        return [params["data"] for params in every if params.get("channel") == channel]


@pytest.fixture(params=list(MARKETS))
def exchange(request: pytest.FixtureRequest) -> Exchange:
    return Exchange(request.param)


@pytest.fixture
def swap() -> Exchange:
    return Exchange("swap")


def test_books_are_the_truth_and_their_changes_have_no_hole(exchange: Exchange) -> None:
    exchange.trade_for(1)
    exchange.subscribe()
    exchange.trade_for(3)
    exchange.settle()
    for wire in exchange.wires:
        keeper, steps = Synchronizer(exchange.venue.continuity, 10), []
        for message in exchange.messages(wire):
            if isinstance(message, BookImage):
                list(keeper.install(message))
            elif isinstance(message, BookDiff):
                steps.append(message.last_id - keeper.last_id)
                assert keeper.offer(message)
        truth = exchange.truth(wire)
        assert (keeper.phase, keeper.last_id) == (Phase.LIVE, truth.update_id)
        for side, levels in ((keeper.book.bids, truth.bids), (keeper.book.asks, truth.asks)):
            assert tuple(map(list, side.levels())) == exchange.scaled(wire, levels)
        assert max(steps) > 1, "the counter is one that all instruments share"


def test_levels_are_new_changed_or_deleted_as_the_book_has_them(exchange: Exchange) -> None:
    exchange.subscribe()
    exchange.trade_for(3)
    for wire in exchange.wires:
        known: dict[str, set[float]] = {"bids": set(), "asks": set()}
        words = set()
        for data in exchange.told(f"book.{wire}.100ms"):
            for side, prices in known.items():
                for word, price, amount in data[side]:
                    assert (word == "new") is (price not in prices)
                    assert (word == "delete") is (amount == 0)
                    (prices.discard if word == "delete" else prices.add)(price)
                    words.add(word)
        assert words == {"new", "change", "delete"}


def test_trades_add_up_and_say_who_took(exchange: Exchange) -> None:
    exchange.subscribe()
    exchange.trade_for(3)
    for wire in exchange.wires:
        truth, steps = exchange.truth(wire), exchange.dialect._feeds[wire].instrument
        trades = [message for message in exchange.messages(wire) if isinstance(message, Trade)]
        assert len(trades) == truth.trades > 0
        assert sum(trade.quantity for trade in trades) == truth.traded_lots * 10 ** (
            18 - steps.quantity_decimals
        )
        assert {trade.side for trade in trades} == {"BUY", "SELL"}
        assert len({trade.trade_id for trade in trades}) == len(trades)
        raw = [trade for data in exchange.told(f"trades.{wire}.100ms") for trade in data]
        assert all(later["trade_seq"] - earlier["trade_seq"] == 1 for earlier, later in pairwise(raw))


def test_quotes_follow_the_best_prices(exchange: Exchange) -> None:
    exchange.subscribe()
    exchange.trade_for(2)
    exchange.settle()
    for wire in exchange.wires:
        tops = [message for message in exchange.messages(wire) if isinstance(message, BestBidAsk)]
        truth = exchange.truth(wire)
        prices, quantities = exchange.scaled(wire, [truth.bids[0], truth.asks[0]])
        last = tops[-1]
        assert [last.bid_price, last.ask_price] == prices
        assert [last.bid_quantity, last.ask_quantity] == quantities


def test_tickers_say_the_day_and_the_derivative_once_a_second(exchange: Exchange) -> None:
    exchange.subscribe()
    exchange.trade_for(5)
    instruments = _instruments(exchange)
    for wire in exchange.wires:
        messages = exchange.messages(wire)
        derivatives = [message for message in messages if isinstance(message, Derivative)]
        days = [message for message in messages if isinstance(message, Ticker)]
        assert len(derivatives) == len(days) + 1 == 5, "before the first trade there is no last price"
        trades = [message for message in messages if isinstance(message, Trade)]
        moment = days[-1].exchange_time_micros or 0
        before = [trade for trade in trades if (trade.exchange_time_micros or 0) < moment]
        assert days[-1].last_price == before[-1].price
        assert days[-1].volume == pytest.approx(
            sum(instruments[wire].unit.base(trade.quantity, trade.price) for trade in before), rel=1e-6
        )
        rates = {message.funding_rate for message in derivatives}
        assert (rates == {None}) is (exchange.venue.market != "swap")


def test_bars_are_those_of_the_trades(exchange: Exchange) -> None:
    exchange.subscribe()
    exchange.trade_for(3, step_ms=500)  # two and a half minutes of the exchange's clock
    instruments = _instruments(exchange)
    for wire in exchange.wires:
        messages = exchange.messages(wire)
        trades = [message for message in messages if isinstance(message, Trade)]
        bars = [message for message in messages if isinstance(message, Kline)]
        finals = {(bar.interval, bar.open_time_micros): bar for bar in bars}
        assert {interval for interval, _ in finals} == {"1m", "3m", "1d"}
        whole = [bar for (interval, _), bar in finals.items() if interval == "1m"][:2]
        for bar in whole:
            inside = [
                trade
                for trade in trades
                if bar.open_time_micros
                <= (trade.exchange_time_micros or 0)
                < bar.open_time_micros + 60_000_000
            ]
            assert (bar.close_price, bar.high_price, bar.low_price) == (
                inside[-1].price,
                max(bar.open_price, *(trade.price for trade in inside)),
                min(bar.open_price, *(trade.price for trade in inside)),
            )
            assert bar.volume == pytest.approx(
                sum(instruments[wire].unit.base(trade.quantity, trade.price) for trade in inside), rel=1e-6
            )
        assert sum(bar.volume or 0 for bar in whole) <= max(
            bar.volume or 0 for (interval, _), bar in finals.items() if interval == "3m"
        )


def _instruments(exchange: Exchange) -> Mapping[str, Instrument]:
    kind = exchange.venue.instruments_request()
    request = Request("GET", kind.path, kind.params, b"", "127.0.0.1")
    body = asyncio.run(exchange.dialect.answer(request, {}, RestFaults())).body
    return {one.wire_symbol: one for one in exchange.venue.parse_instruments(body)}


def test_the_adapter_reads_what_is_listed(exchange: Exchange) -> None:
    found = _instruments(exchange)
    assert {wire: one.symbol for wire, one in found.items()} == exchange.wires
    for wire, one in found.items():
        steps = exchange.dialect._feeds[wire].instrument
        assert one.trading
        assert (one.tick, one.lot) == (
            10 ** (18 - steps.price_decimals),
            10 ** (18 - steps.quantity_decimals),
        )
        assert one.unit.inverse is (exchange.venue.market != "option" and one.quote == "USD")


# ---- scripted misbehaviour


def test_lost_changes_break_the_chain_and_leaving_and_joining_mends_it(swap: Exchange) -> None:
    swap.subscribe()
    swap.trade_for(1)
    swap.dialect._feeds["BTC-PERPETUAL"].scenario("lose_changes", count=2)
    swap.trade_for(1)
    for text in swap.venue.resubscribe("BTC-PERPETUAL"):
        swap.send(text)
    swap.trade_for(1)
    swap.settle()
    keeper, gaps = Synchronizer(swap.venue.continuity, 1000), 0
    for message in swap.messages("BTC-PERPETUAL"):
        if isinstance(message, BookDiff):
            keeper.offer(message)
            gaps += keeper.reason == "gap"
        elif isinstance(message, BookImage):
            list(keeper.install(message))
    assert keeper.counters.gaps == 1
    assert gaps > 0
    assert (keeper.phase, keeper.last_id) == (Phase.LIVE, swap.truth("BTC-PERPETUAL").update_id)


def test_a_dropped_frame_of_the_hub_breaks_it_too(swap: Exchange) -> None:
    swap.subscribe()
    swap.hub.channel("book.BTC-PERPETUAL.100ms").disturbances.append("drop")
    swap.trade_for(1)
    keeper = Synchronizer(swap.venue.continuity, 1000)
    for message in swap.messages("BTC-PERPETUAL"):
        if isinstance(message, BookImage):
            list(keeper.install(message))
        elif isinstance(message, BookDiff):
            keeper.offer(message)
    assert (keeper.phase, keeper.reason) == (Phase.BUFFERING, "gap")


def test_numbers_with_exponents_are_the_same_numbers(swap: Exchange) -> None:
    swap.subscribe()
    swap.dialect._feeds["BTC-PERPETUAL"].scenario("exponents", count=5)
    swap.trade_for(1)
    swap.settle()
    changes = [
        frame for frame in swap.frames if b'"book.BTC-PERPETUAL.100ms"' in frame and b'"change"' in frame
    ]
    assert [b"e4," in frame for frame in changes[:6]] == [True] * 5 + [False]
    book = Book()
    for message in swap.messages("BTC-PERPETUAL"):
        if isinstance(message, BookImage):
            book.replace(message.bids, message.asks)
        elif isinstance(message, BookDiff):
            book.apply(message.bids, message.asks)
    truth = swap.truth("BTC-PERPETUAL")
    assert tuple(map(list, book.bids.levels())) == swap.scaled("BTC-PERPETUAL", truth.bids)


def test_liquidations_are_marked_in_the_trades(swap: Exchange) -> None:
    swap.subscribe()
    swap.dialect._feeds["ETH-PERPETUAL"].scenario("liquidate", count=2, whose="MT")
    swap.trade_for(2)
    found = [message for message in swap.messages("ETH-PERPETUAL") if isinstance(message, Liquidation)]
    assert [one.side for one in found[:2]] in (["BUY", "SELL"], ["SELL", "BUY"])
    assert len(found) == 4


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (922885, 1, "92288.5"),
        (922880, 1, "92288.0"),
        (13344, -1, "133440.0"),
        (22, 2, "0.22"),
        (5, 4, "5.0e-4"),
        (1423, 7, "1.423e-4"),
        (10, 4, "0.001"),
        (0, 4, "0.0"),
        (-655, 8, "-6.55e-6"),
        (61800, 0, "61800.0"),
    ],
)
def test_numbers_are_written_as_the_exchange_writes_them(value: int, decimals: int, text: str) -> None:
    assert number(value, decimals) == text
    assert float(number(value, decimals, scientific=True)) == float(text)
    assert signed(text) * 10 ** max(decimals, 0) == value * UNIT * 10 ** max(-decimals, 0)


# ---- calls

BOOK = {"instrument_name": "BTC-PERPETUAL"}


def test_a_book_by_rest_has_the_id_of_the_stream_and_leads_it(swap: Exchange) -> None:
    swap.trade_for(1)
    status, body = swap.rest("public/get_order_book", {**BOOK, "depth": "20"})
    assert status == 200
    result = body["result"]
    assert (len(result["bids"]), len(result["asks"])) == (20, 20)
    assert result["best_bid_price"] == result["bids"][0][0] < result["asks"][0][0]
    assert result["change_id"] >= swap.truth("BTC-PERPETUAL").update_id
    assert {"stats", "mark_price", "index_price", "open_interest", "current_funding", "state"} <= set(result)


def test_bad_books_by_rest(swap: Exchange) -> None:
    faults = RestFaults()
    faults.add(RestFault(content="stale"), 1)
    faults.add(RestFault(content="empty"), 1)
    faults.add(RestFault(status=429), 1)
    swap.trade_for(1)
    stale, empty, refused, good = (swap.rest("public/get_order_book", BOOK, faults) for _ in range(4))
    assert stale[1]["result"]["change_id"] < 10_000_000 < good[1]["result"]["change_id"]
    assert (empty[1]["result"]["bids"], empty[1]["result"]["asks"]) == ([], [])
    assert (refused[0], refused[1]["error"]["code"]) == (429, 10028)
    assert (len(good[1]["result"]["bids"]), len(good[1]["result"]["asks"])) == (5, 5)


def test_trades_can_be_refilled_from_a_sequence_number_on(swap: Exchange) -> None:
    swap.trade_for(3)

    def last_trades(**query: str) -> Any:
        return swap.rest("public/get_last_trades_by_instrument", {**BOOK, **query})[1]["result"]

    latest = last_trades()
    assert (len(latest["trades"]), latest["has_more"]) == (10, True)
    first = latest["trades"][2]["trade_seq"]
    refill = last_trades(start_seq=str(first), count="5")
    assert [trade["trade_seq"] for trade in refill["trades"]] == [first + number for number in range(5)]
    assert refill["trades"] == latest["trades"][2:7]
    last = last_trades(start_seq=str(first), end_seq=str(first), count="1000")
    assert (last["trades"], last["has_more"]) == ([latest["trades"][2]], False)
    assert swap.rest("public/get_last_trades_by_instrument", {**BOOK, "count": "1001"})[0] == 400


def test_trades_can_be_refilled_between_two_times_either_way_round(swap: Exchange) -> None:
    swap.trade_for(3)
    path = "public/get_last_trades_by_instrument"
    known = swap.rest(path, {**BOOK, "count": "1000"})[1]["result"]["trades"]
    start, end = known[20]["timestamp"], known[60]["timestamp"]
    wanted = [trade for trade in known if start <= trade["timestamp"] <= end]
    times = {"start_timestamp": str(start), "end_timestamp": str(end)}

    def between(**query: str) -> Any:
        return swap.rest(f"{path}_and_time", {**BOOK, **times, **query})[1]["result"]

    assert between(count="1000", sorting="asc") == {"trades": wanted, "has_more": False}
    assert between(count="5", sorting="asc") == {"trades": wanted[:5], "has_more": True}
    assert between(count="5", sorting="desc")["trades"] == wanted[:-6:-1]
    assert swap.rest(f"{path}_and_time", BOOK)[0] == 400
    assert swap.rest(path, {**BOOK, "sorting": "up"})[0] == 400


def test_charts_by_rest_are_columns_of_the_same_candles(swap: Exchange) -> None:
    swap.subscribe()
    swap.trade_for(3, step_ms=500)

    def chart(resolution: str, start_ms: int, end_ms: int = START_MS + 3_600_000) -> Any:
        times = {"start_timestamp": str(start_ms), "end_timestamp": str(end_ms)}
        status, body = swap.rest(
            "public/get_tradingview_chart_data", {**BOOK, **times, "resolution": resolution}
        )
        return body["result"] if status == 200 else status

    columns = chart("1", START_MS - 60_000)
    assert columns["status"] == "ok"
    bars = {data["tick"]: data for data in swap.told("chart.trades.BTC-PERPETUAL.1")}
    assert len(bars) == 3
    assert columns["ticks"] == list(bars)
    for name in ("open", "high", "low", "close", "volume", "cost"):
        assert columns[name] == [bar[name] for bar in bars.values()]
    assert chart("1D", START_MS - 60_000)["ticks"] == [], "the day began before that"
    assert chart("1D", 0)["volume"] == [pytest.approx(sum(columns["volume"]))]
    assert chart("1", 0, 1)["status"] == "no_data"
    assert chart("4", 0) == 400


def test_instruments_are_listed_by_currency_and_kind(swap: Exchange) -> None:
    def names(**query: str) -> list[str]:
        return [one["instrument_name"] for one in swap.rest("public/get_instruments", query)[1]["result"]]

    assert names(currency="any") == ["BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL"]
    assert names(currency="USDC", kind="future") == ["BTC_USDC-PERPETUAL"]
    assert names(currency="any", kind="option") == []
    assert names(currency="any", expired="true") == []
    assert swap.rest("public/get_instruments")[0] == 400


def test_calls_cost_credits(swap: Exchange) -> None:
    statuses = [swap.rest("public/get_instruments", {"currency": "any"})[0] for _ in range(7)]
    assert statuses[:5] == [200] * 5, "then one a second"
    assert 429 in statuses[5:]
    assert swap.dialect.rest_counts()["refused_429"] == statuses.count(429)


@pytest.mark.parametrize(
    ("path", "status"),
    [("public/ticker", 400), ("public/get_time", 200), ("public/no_such", 400), ("private/buy", 400)],
)
def test_other_calls(swap: Exchange, path: str, status: int) -> None:
    assert swap.rest(path)[0] == status


def test_what_is_no_call_is_not_found(swap: Exchange) -> None:
    for method, path in (("GET", "/"), ("POST", "/api/v2/public/test")):
        request = Request(method, path, {}, b"", "127.0.0.1")
        assert asyncio.run(swap.dialect.answer(request, {}, RestFaults())).status == 404
