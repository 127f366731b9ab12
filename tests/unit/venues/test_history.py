"""Ways through an exchange's past trades: against an exchange of a list, whatever is missing and however small its pages are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import FrameError
from venues.backfill_end import read_end, write_end
from venues.history import Backwards, BackwardsByTime, ByTime, Forwards, NoHistory, OnePage, Past
from venues.interface import Backfill, RestRequest, TradeSpan
from venues.messages import BackfillEnd
from venues.registry import venue

FIRST, COUNT = 1_000, 200
TAPE = [Past(FIRST + n, 5_000_000 + n // 3 * 400_000) for n in range(COUNT)]
"""Two hundred trades, three at each moment, two or three moments a second."""


def read(body: bytes) -> Sequence[Past]:
    try:
        return [Past(*row) for row in json.loads(body)]
    except ValueError as error:
        raise FrameError(f"Not a page: {error}.") from error


def asked(**params: int) -> RestRequest:
    return RestRequest("/trades", {name: str(value) for name, value in params.items()}, 1)


def walk(way: Backfill, page: Callable[[dict[str, int]], Sequence[Past]], most: int = 500) -> list[int]:
    """The numbers of all pages, as they came."""
    came: list[int] = []
    for _ in range(most):
        request = way.request()
        if request is None:
            return came
        found = page({name: int(value) for name, value in request.params.items()})
        assert way.take(json.dumps(found).encode()) == len(found)
        came += [past.number for past in found]
    pytest.fail("the way has no end")


def upwards(params: dict[str, int]) -> Sequence[Past]:
    return [past for past in TAPE if past.number >= params["start"]][: params["count"]]


def downwards(params: dict[str, int]) -> Sequence[Past]:
    below = params.get("below", 1 << 62)
    return [past for past in reversed(TAPE) if past.number < below][: params["count"]]


def behind(params: dict[str, int]) -> Sequence[Past]:
    return [past for past in TAPE if past.micros > params["since"]][: params["count"]]


def between(params: dict[str, int], most: int) -> Sequence[Past]:
    start, end = params["start"] * 10**6, params["end"] * 10**6
    return [past for past in reversed(TAPE) if start <= past.micros <= end][:most]


def span(first: int, last: int) -> TradeSpan:
    """With the times of the trades around it, as a worker asks."""
    before, after = TAPE[max(0, first - FIRST - 1)], TAPE[min(COUNT - 1, last - FIRST + 1)]
    return TradeSpan(str(first), str(last), before.micros, after.micros)


def ways(
    wanted: TradeSpan, most: int
) -> dict[str, tuple[Backfill, Callable[[dict[str, int]], Sequence[Past]]]]:
    dense = max(most, 10)
    return {
        "forwards": (
            Forwards(wanted, read, lambda start, count: asked(start=start, count=count), most=most),
            upwards,
        ),
        "backwards": (
            Backwards(
                wanted,
                read,
                lambda below, count: asked(count=count) if below is None else asked(below=below, count=count),
                most=most,
            ),
            downwards,
        ),
        "by time": (
            ByTime(
                wanted,
                read,
                lambda since, count: asked(since=since, count=count),
                start=lambda micros: micros - 1,
                cursor_of=lambda body: max((past.micros for past in read(body)), default=0),
                most=dense,
            ),
            behind,
        ),
        "backwards by time": (
            BackwardsByTime(wanted, read, lambda start, end: asked(start=start, end=end)),
            lambda params: between(params, dense),
        ),
    }


@given(first=st.integers(1, COUNT - 2), length=st.integers(1, COUNT), most=st.integers(3, 60))
def test_all_that_is_missing_comes_and_the_way_ends(first: int, length: int, most: int) -> None:
    last = min(FIRST + COUNT - 2, FIRST + first + length - 1)
    wanted = set(range(FIRST + first, last + 1))
    for name, (way, page) in ways(span(FIRST + first, last), most - most % 3).items():
        came = walk(way, page)
        if name.startswith("by time"):  # its cursor is a moment, of which a page may have held a part
            assert way.complete == (wanted <= set(came))
        else:
            assert wanted <= set(came), name
            assert (way.complete, way.reason) == (True, ""), name
        if name in {"forwards", "backwards"}:
            assert set(came) == wanted, "nothing but what is missing is asked for"
            assert len(came) == len(wanted)


@pytest.mark.parametrize("name", ["forwards", "backwards", "by time", "backwards by time"])
def test_what_the_exchange_does_not_have_any_more_is_said(name: str) -> None:
    way, page = ways(TradeSpan(str(FIRST - 5), str(FIRST + 4), 0, 6_000_000), 50)[name]
    walk(way, page)
    assert not way.complete
    assert way.reason


@pytest.mark.parametrize("name", ["backwards", "by time", "backwards by time"])
def test_without_numbers_times_lead_the_way(name: str) -> None:
    before, after = TAPE[30], TAPE[95]
    way, page = ways(TradeSpan(None, None, before.micros, after.micros), 12)[name]
    came = set(walk(way, page))
    assert {past.number for past in TAPE if before.micros < past.micros < after.micros} <= came
    assert (way.complete, way.reason) == (True, "")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("forwards", TradeSpan(since_micros=1, until_micros=2)),
        ("forwards", TradeSpan("word", "5")),
        ("backwards", TradeSpan(last_id="5")),
        ("by time", TradeSpan("1", "2")),
        ("backwards by time", TradeSpan("1", "2", since_micros=1)),
        ("forwards", TradeSpan("9", "3", 1, 2)),
        ("backwards", TradeSpan("9", "3", 1, 2)),
    ],
)
def test_a_span_that_leads_nowhere_is_not_asked_for(name: str, wanted: TradeSpan) -> None:
    way, _ = ways(wanted, 10)[name]
    assert way.request() is None
    assert not way.complete
    assert way.reason.endswith(".")


def test_more_trades_at_one_moment_than_a_page_holds_end_the_way_and_it_says_so() -> None:
    crowd = [Past(n, 7_000_000) for n in range(1, 40)]
    way = BackwardsByTime(
        TradeSpan("5", "20", 6_500_000, 7_500_000), read, lambda start, end: asked(start=start, end=end)
    )
    walk(way, lambda _: crowd[::-1][:10])
    assert (way.complete, way.reason) == (
        False,
        "There are more trades at one moment than an answer holds.",
    )


def test_one_page_is_complete_where_it_reaches_back_before_the_gap() -> None:
    def way(since_micros: int) -> Backfill:
        return OnePage(TradeSpan(since_micros=since_micros), read, asked(), most=50)

    reaches, does_not = way(TAPE[-46].micros), way(TAPE[-60].micros)
    for one in (reaches, does_not):
        walk(one, lambda _: TAPE[-50:])
    assert (reaches.complete, does_not.complete) == (True, False)
    assert "its last 50 trades only" in does_not.reason


def test_a_page_that_is_none_ends_the_way() -> None:
    way = Forwards(span(1010, 1020), read, lambda start, count: asked(start=start, count=count), most=5)
    with pytest.raises(FrameError):
        way.take(b"<html>")
    assert (way.request(), way.complete, way.reason[:11]) == (None, False, "Not a page:")


def test_numbers_with_holes_are_complete_when_the_exchange_has_been_asked_for_all() -> None:
    way = Forwards(
        span(1010, 1020), read, lambda start, count: asked(start=start, count=count), most=5, counted=False
    )
    walk(way, lambda params: [past for past in upwards(params) if past.number % 4])
    assert (way.complete, way.reason) == (True, "")


def test_there_may_be_no_history_at_all() -> None:
    way = NoHistory("There is none.")
    assert (way.request(), way.complete, way.reason) == (None, False, "There is none.")
    with pytest.raises(FrameError):
        way.take(b"")


def test_the_record_behind_the_pages_says_what_it_was_made_of() -> None:
    value = write_end(TradeSpan("5", "9", 1, None), complete=False, reason="Too old.")
    assert json.loads(value) == {
        "first_trade_id": "5",
        "last_trade_id": "9",
        "since_time": 1,
        "until_time": None,
        "complete": False,
        "reason": "Too old.",
    }
    assert read_end(value) == BackfillEnd("5", "9", False, "Too old.", 1, None)
    with pytest.raises(FrameError):
        read_end(b"{")


class TestRequests:
    """What is asked of each exchange, word by word as its documents have it."""

    SPAN = TradeSpan("100", "149", 1_700_000_000_000_000, 1_700_000_002_500_000)

    def first(self, name: str, wire: str, *, aggregated: bool = False, has_key: bool = False) -> RestRequest:
        exchange, _, market = name.rpartition(".")
        request = (
            venue(exchange, market)
            .backfill(wire, self.SPAN, aggregated=aggregated, has_key=has_key)
            .request()
        )
        assert request is not None
        return request

    def test_binance_by_the_id_of_the_stream_that_is_collected(self) -> None:
        params = {"symbol": "BTCUSDT", "fromId": "100", "limit": "50"}
        assert self.first("binance.spot", "BTCUSDT") == RestRequest("/api/v3/historicalTrades", params, 25)
        assert self.first("binance.spot", "BTCUSDT", aggregated=True) == RestRequest(
            "/api/v3/aggTrades", params, 4
        )
        assert self.first("binance.usdm", "BTCUSDT", aggregated=True) == RestRequest(
            "/fapi/v1/aggTrades", params, 20
        )
        assert self.first("binance.coinm", "BTCUSDT") == RestRequest("/dapi/v1/aggTrades", params, 20)

    def test_usdm_asks_for_single_trades_with_a_key_and_for_the_latest_without(self) -> None:
        params = {"symbol": "BTCUSDT", "fromId": "100", "limit": "50"}
        assert self.first("binance.usdm", "BTCUSDT", has_key=True) == RestRequest(
            "/fapi/v1/historicalTrades", params, 200, keyed=True
        )
        latest = {"symbol": "BTCUSDT", "limit": "1000"}
        assert self.first("binance.usdm", "BTCUSDT") == RestRequest("/fapi/v1/trades", latest, 5)

    def test_the_others(self) -> None:
        assert dict(self.first("okx.swap", "BTC-USDT-SWAP").params) == {
            "instId": "BTC-USDT-SWAP",
            "type": "1",
            "after": "150",
            "limit": "50",
        }
        assert dict(self.first("bybit.linear", "BTCUSDT").params) == {
            "category": "linear",
            "symbol": "BTCUSDT",
            "limit": "1000",
        }
        assert self.first("bybit.spot", "BTCUSDT").params["limit"] == "60"
        assert dict(self.first("kraken.spot", "BTC/USD").params) == {
            "pair": "BTC/USD",
            "since": "1699999999999999000",
            "count": "1000",
        }
        assert self.first("coinbase.spot", "BTC-USD") == RestRequest(
            "/products/BTC-USD/trades", {"limit": "50", "after": "150"}, 1
        )
        assert dict(self.first("coinbase-advanced.spot", "BTC-USD").params) == {
            "limit": "1000",
            "start": "1700000000",
            "end": "1700000003",
        }
        assert dict(self.first("deribit.swap", "BTC-PERPETUAL").params) == {
            "instrument_name": "BTC-PERPETUAL",
            "sorting": "asc",
            "start_seq": "100",
            "end_seq": "149",
            "count": "50",
        }

    def test_deribit_by_time_where_no_number_is_known(self) -> None:
        way = venue("deribit", "swap").backfill(
            "BTC-PERPETUAL",
            TradeSpan(None, None, 1_700_000_000_000_000, 1_700_000_002_500_000),
            aggregated=False,
            has_key=False,
        )
        request = way.request()
        assert request is not None
        assert request.path == "/api/v2/public/get_last_trades_by_instrument_and_time"
        assert (request.params["start_timestamp"], request.params["end_timestamp"]) == (
            "1700000000000",
            "1700000002500",
        )
