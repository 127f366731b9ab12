"""Polled records: exact numbers, and one sentence for what is none. And ccxt's markets in our words."""

from __future__ import annotations

from typing import Any

import pytest

from bookmill.errors import ConfigurationError, FrameError
from bookmill.settings import MarketSettings
from venues import polled
from venues.ccxt_markets import ids, instrument, is_of
from venues.messages import BookImage, Kline, Ticker, Trade
from venues.polled_venue import PolledVenue
from venues.registry import venue
from venues.units import Unit

ONE = 10**18
POLL = MarketSettings(source="poll")


def test_a_book_is_read_to_the_last_digit() -> None:
    [image] = polled.decode(
        polled.BOOK,
        b'{"bids":[["61799.990000000000000001","0.1"],["1e-8","2"]],"asks":[["61800","3.000"]],"time_ms":5,"id":77}',
    )
    assert image == BookImage(
        77,
        [(61799_990000000000000001, ONE // 10), (10**10, 2 * ONE)],
        [(61800 * ONE, 3 * ONE)],
        5000,
    )


@pytest.mark.parametrize(("more", "last_id"), [(b',"time_ms":5', 5000), (b"", 0), (b',"time_ms":null', 0)])
def test_a_book_without_a_number_stands_at_its_time(more: bytes, last_id: int) -> None:
    [image] = polled.decode(polled.BOOK, b'{"bids":[],"asks":[]%b}' % more)
    assert isinstance(image, BookImage)
    assert image.last_id == last_id
    assert image.exchange_time_micros == (last_id or None)


def test_trades_keep_their_ids_sides_and_order() -> None:
    value = (
        b'[{"id":"9","price":"1.10","quantity":"2","side":"sell","time_ms":1},'
        b'{"id":"10","price":"1.2","quantity":"0.000000000000000001","side":"buy","aggregated":true}]'
    )
    assert polled.decode(polled.TRADES, value) == [
        Trade("9", 11 * ONE // 10, 2 * ONE, "SELL", 1000),
        Trade("10", 12 * ONE // 10, 1, "BUY", None, aggregated=True),
    ]


def test_a_ticker_says_what_was_told() -> None:
    assert polled.decode(polled.TICKER, b'{"last":"5","high":"6.5","volume":"7"}') == (
        Ticker(5 * ONE, None, None, 65 * ONE // 10, None, 7 * ONE, None),
    )


def test_bars_are_klines() -> None:
    value = (
        b'{"interval":"1m","bars":[{"open_ms":60000,"open":"1","high":"3","low":"0.5","close":"2","closed":true},'
        b'{"open_ms":120000,"open":"2","high":"2","low":"2","close":"2","volume":"4"}]}'
    )
    first, second = polled.decode(polled.KLINES, value)
    assert first == Kline("1m", 60_000_000, ONE, 3 * ONE, ONE // 2, 2 * ONE, None, None, closed=True)
    assert isinstance(second, Kline)
    assert (second.open_time_micros, second.volume, second.closed) == (120_000_000, 4 * ONE, None)


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("poll.depth", b"{}"),
        (polled.BOOK, b""),
        (polled.BOOK, b"[]"),
        (polled.BOOK, b'{"bids":[["1","2"]]}'),
        (polled.BOOK, b'{"bids":[[1.5,"2"]],"asks":[]}'),
        (polled.BOOK, b'{"bids":[["1"]],"asks":[]}'),
        (polled.BOOK, b'{"bids":[["-1","2"]],"asks":[]}'),
        (polled.BOOK, b'{"bids":[["0.0000000000000000001","2"]],"asks":[]}'),
        (polled.TRADES, b'[{"id":"1","price":"1","quantity":"1","side":"both"}]'),
        (polled.TRADES, b'[{"id":1,"price":"1","quantity":"1","side":"buy"}]'),
        (polled.TRADES, b'[{"id":"1","price":"x","quantity":"1","side":"buy"}]'),
        (polled.TICKER, b'{"last":null}'),
        (polled.KLINES, b'{"interval":"1m","bars":[{"open_ms":1}]}'),
        (polled.KLINES, b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_one_frame_error(channel: str, value: bytes) -> None:
    with pytest.raises(FrameError) as raised:
        polled.decode(channel, value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def ccxt_market(**more: Any) -> dict[str, Any]:
    return {
        "id": "XBTUSDTM",
        "symbol": "BTC/USDT:USDT",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "spot": False,
        "swap": True,
        "contract": True,
        "linear": True,
        "inverse": False,
        "active": True,
        "contractSize": "0.001",
        "precision": {"price": "0.1", "amount": "1"},
        **more,
    }


def test_a_contract_is_measured_in_what_its_metadata_say() -> None:
    one = instrument(ccxt_market(), 4)
    assert (one.symbol, one.wire_symbol, one.unit, one.tick, one.lot) == (
        "BTC-USDT",
        "XBTUSDTM",
        Unit(10**15),
        10**17,
        ONE,
    )
    inverse = instrument(
        ccxt_market(quote="USD", settle="BTC", linear=False, inverse=True, contractSize="100"), 4
    )
    assert (inverse.symbol, inverse.unit.text) == ("BTC-USD", "/100")


def test_dated_contracts_options_and_settlements_are_told_apart() -> None:
    dated = ccxt_market(
        swap=False, future=True, expiry="1798185600000", expiryDatetime="2026-12-25T08:00:00.000Z"
    )
    assert instrument(dated, 4).symbol == "BTC-USDT-261225"
    assert instrument(dated, 4).expiry_micros == 1798185600000000
    option = {**dated, "future": False, "option": True, "strike": "60000.0", "optionType": "put"}
    assert instrument(ccxt_market(expiry="32503708800000"), 4).symbol == "BTC-USDT"
    assert instrument(option, 4).symbol == "BTC-USDT-261225-60000-P"
    assert instrument(ccxt_market(quote="USD", settle="USDC"), 4).symbol == "BTC-USD-USDC"


@pytest.mark.parametrize(
    ("mode", "price", "tick"), [(4, "0.05", 5 * 10**16), (2, "2", 10**16), (3, "5", 0), (4, None, 0)]
)
def test_steps_are_read_as_the_exchange_counts_them(mode: int, price: str | None, tick: int) -> None:
    assert instrument(ccxt_market(precision={"price": price, "amount": "1"}), mode).tick == tick


def test_markets_have_their_instruments_and_quanto_contracts_have_none() -> None:
    swap, spot = ccxt_market(), ccxt_market(spot=True, swap=False, contract=False, linear=None)
    assert [name for name in ("spot", "swap", "linear", "inverse", "futures") if is_of(name, swap)] == [
        "swap",
        "linear",
    ]
    assert [name for name in ("spot", "swap", "linear") if is_of(name, spot)] == ["spot"]
    assert not is_of("swap", ccxt_market(linear=False))


def test_metadata_that_make_no_sense_are_a_frame_error() -> None:
    for bad in (
        {"contractSize": "many"},
        {"swap": False, "future": True, "expiry": "soon"},
        {"precision": {"price": "-1"}},
    ):
        with pytest.raises(FrameError):
            instrument(ccxt_market(**bad), 4)


def test_a_market_without_adapter_has_no_frames_but_polled_ones() -> None:
    assert {"kucoin", "gate", "bitfinex", "kraken"} <= ids()
    one = venue("kucoin", "spot", chosen=POLL)
    assert (one.exchange, one.market, one.ccxt_id, one.by_ccxt) == ("kucoin", "spot", "kucoin", True)
    assert one.route(b"{}") is None
    with pytest.raises(FrameError, match="polled"):
        one.decode("trade", b"{}")
    with pytest.raises(ConfigurationError, match=r"There is no venue 'kucoin\.spot'"):
        venue("kucoin", "spot")


def test_an_adapters_market_stays_the_adapters_when_it_is_polled() -> None:
    assert not venue("okx", "swap", chosen=POLL).by_ccxt
    assert not isinstance(venue("okx", "swap", chosen=POLL), PolledVenue)


@pytest.mark.parametrize(
    "name",
    [
        "binance",
        "binanceusdm",
        "binancecoinm",
        "okx",
        "bybit",
        "kraken",
        "coinbaseexchange",
        "coinbase",
        "deribit",
    ],
)
def test_the_names_adapters_give_are_ccxts(name: str) -> None:
    assert name in ids()
