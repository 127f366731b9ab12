"""What is made of ccxt's structures, and which trades are new."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading

import httpx2
import pytest

from bookmill.errors import FrameError
from bookmill.settings import MarketSettings
from producers import polled_values
from producers.ccxt_choices import wanted_types
from producers.ccxt_spending import Spending
from producers.ccxt_transport import Transport
from producers.ledger import Ledger
from producers.own_loop import in_own_loop
from producers.polled_trades import SeenTrades
from venues.binance import BinanceSpot
from venues.polled import Bar, PolledTrade


def trade(number: int, time_ms: int | None = None) -> PolledTrade:
    return PolledTrade(str(number), "1", "1", "buy", number if time_ms is None else time_ms)


def told(number: str | None, **more: object) -> dict[str, object]:
    return {"id": number, "price": "1.10", "amount": "2", "side": "buy", "timestamp": 5, **more}


def test_texts_stay_as_they_are_and_floats_are_refused() -> None:
    book = polled_values.book(
        {"bids": [["9.50", "1.0", 3]], "asks": [["10.2", "0.1"]], "timestamp": None, "nonce": "7"}
    )
    assert (book.bids, book.asks, book.time_ms, book.id) == ([("9.50", "1.0")], [("10.2", "0.1")], None, 7)
    with pytest.raises(FrameError, match=r"9\.5"):
        polled_values.book({"bids": [[9.5, "1"]], "asks": []})
    with pytest.raises(FrameError):
        polled_values.trades([told("1", price=1.1)])


def test_trades_are_ordered_as_numbers_and_named_where_the_exchange_does_not() -> None:
    assert [one.id for one in polled_values.trades([told("10"), told("9")])] == ["9", "10"]
    assert [one.id for one in polled_values.trades([told(None), told(None), told(None, amount="3")])] == [
        "5/1.10/2/buy/1",
        "5/1.10/2/buy/2",
        "5/1.10/3/buy/1",
    ]
    assert polled_values.trades([told("1", side=None)]) == []
    assert polled_values.trades([told("1")], aggregated=True)[0].aggregated


def test_a_ticker_has_no_figure_that_the_exchange_did_not_say() -> None:
    ticker = polled_values.ticker(
        {
            "last": "5",
            "open": "4.761904761904761904",
            "high": "6",
            "baseVolume": "70",
            "timestamp": 1,
            "info": {"c": "5", "day": [{"h": "6"}, "70"], "change": "5%"},
        }
    )
    assert ticker is not None
    assert (ticker.last, ticker.open, ticker.high, ticker.low, ticker.volume) == ("5", None, "6", None, "70")
    assert polled_values.ticker({"last": None}) is None


def test_a_bar_is_over_when_another_has_begun() -> None:
    rows = [["60000", "1", "2", "1", "2", "9"], [120000, "2", "2", "2", "2", None]]
    running = polled_values.bars(rows, "1m", length_ms=60_000, now_ms=179_999)
    assert running.bars == [
        Bar(60_000, "1", "2", "1", "2", "9", True),
        Bar(120_000, "2", "2", "2", "2", None, False),
    ]
    assert polled_values.bars(rows, "1m", length_ms=60_000, now_ms=180_000).bars[1].closed is None
    assert polled_values.bars([], "1m", length_ms=60_000, now_ms=0).bars == []


def test_each_trade_is_new_once() -> None:
    seen = SeenTrades()
    assert seen.fresh([trade(1), trade(2)], cut=False).trades == [trade(1), trade(2)]
    assert seen.fresh([trade(2), trade(3)], cut=True) == ([trade(3)], False)
    assert seen.fresh([trade(5), trade(6)], cut=True).gap
    assert not seen.fresh([trade(9)], cut=False).gap


def test_what_the_socket_had_brought_long_before_is_not_polled() -> None:
    seen = SeenTrades(since_ms=100_000)
    fresh = seen.fresh([trade(1, 1), trade(2, 90_000), trade(3, 110_000)], cut=True)
    assert fresh == ([trade(2, 90_000), trade(3, 110_000)], False)
    assert SeenTrades(since_ms=100_000).fresh([trade(3, 110_000)], cut=True).gap


def test_the_memory_of_trades_is_bounded() -> None:
    seen = SeenTrades()
    for first in range(0, 50_000, 1000):
        seen.fresh([trade(number) for number in range(first, first + 1000)], cut=False)
    assert len(seen._ids) == 5000
    assert seen.fresh([trade(49_999)], cut=False).trades == []


def test_only_the_listings_of_the_market_are_asked_for() -> None:
    options = {"fetchMarkets": {"types": ["spot", "linear", "inverse"]}}
    assert wanted_types(options, "spot") == ["spot"]
    assert wanted_types(options, "usdm") == ["linear"]
    assert wanted_types({"fetchMarkets": ["spot"]}, "spot") == []
    assert wanted_types({}, "spot") == []


class _Other:
    """The half of the object that ccxt brings."""

    id = "other"

    def prepare_request_headers(self, headers: dict[str, str] | None) -> dict[str, str]:
        return headers or {"User-Agent": "x"}

    def handle_errors(self, status: int, *_: object) -> None:
        if status == 418:
            raise RuntimeError("banned")

    def handle_http_status_code(self, *_: object) -> None:
        """Nothing."""


class _Made(Transport, _Other):
    id = "other"


def ask(
    answer: httpx2.Response | Exception, url: str = "https://real.example/v1/x?a=%20b"
) -> tuple[_Made, object, list[str]]:
    asked: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def inside() -> tuple[_Made, object, list[str]]:
        made = _Made()
        made.address = "http://127.0.0.1:5/mirror/"
        made.spending = Spending(BinanceSpot(), MarketSettings(), 1.0, Ledger(None), 50.0)
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as made.http:
            try:
                return made, await made.fetch(url), asked
            except RuntimeError:
                return made, None, asked

    return asyncio.run(inside())


def test_every_call_goes_to_the_address_of_the_settings_and_numbers_stay_texts() -> None:
    _, answer, asked = ask(httpx2.Response(200, content=b'{"p": 0.10, "n": 12345678901234567890, "t": null}'))
    assert asked == ["http://127.0.0.1:5/mirror/v1/x?a=%20b"]
    assert answer == {"p": "0.10", "n": "12345678901234567890", "t": None}
    assert ask(httpx2.Response(200, content=b" no json "))[1] == "no json"


def test_a_refusal_says_for_how_long() -> None:
    made, answer, _ = ask(httpx2.Response(418, headers={"Retry-After": "7"}))
    assert (answer, made.retry_after_s) == (None, 7.0)


def test_levels_are_texts() -> None:
    assert Transport.safe_float(["0.10", ""], 0) == "0.10"
    assert Transport.safe_float({"p": None}, "p") is None
    assert Transport.safe_float(["1"], 5, "2") == "2"


def test_one_class_is_imported_without_the_others() -> None:
    program = (
        "import json, sys; from producers.ccxt_class import ccxt_class; ccxt_class('kraken'); ccxt_class('okx');"
        "print(json.dumps([name for name in sys.modules if name.startswith('ccxt.async_support.')"
        " and name.count('.') == 2]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == {
        "ccxt.async_support.base",
        "ccxt.async_support.kraken",
        "ccxt.async_support.okx",
    }


def test_a_coroutine_in_another_threads_loop_gives_its_result_or_error_and_ends_with_its_caller() -> None:
    async def where() -> int:
        return threading.get_ident()

    async def fails() -> None:
        raise ValueError("no")

    ended = threading.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def inside() -> None:
        assert await in_own_loop(where) != threading.get_ident()
        with pytest.raises(ValueError, match="no"):
            await in_own_loop(fails)
        task = asyncio.create_task(in_own_loop(long))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(inside())
    assert ended.wait(5)
