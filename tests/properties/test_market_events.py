"""Tickers, klines, derivatives, liquidations and instruments read back through fastavro's own reader as they were."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import FrameError
from schemas.catalogue import DERIVATIVES, INSTRUMENTS, KLINES, LIQUIDATIONS, TICKERS
from schemas.instrument_event import instrument_value
from tests.properties.test_codec import (
    LONGS,
    MICROS,
    OPTIONAL,
    SCALED,
    SIDES,
    TEXT,
    decimal,
    moment,
    writer,
)
from tests.unit.streams.raw import read

SOURCES = st.sampled_from(["ws", "poll", "backfill"])
SIGNED = st.integers(-(10**38) + 1, 10**38 - 1)
COUNTS = st.none() | st.integers(0, 2**63 - 1)
TAILS = st.tuples(st.none() | MICROS, MICROS, LONGS, st.integers(0, 2**31 - 1))
PRICES = st.integers(10**8, 10**25)
"""Far enough from each other, and not too far for a change in percent to have 38 digits."""


def common(source: str, tail: tuple[int | None, int, int, int]) -> dict[str, Any]:
    """The fields that all events have."""
    exchange, received, offset, index = tail
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "source": source,
        "exchange_time": moment(exchange),
        "receive_time": moment(received),
        "source_topic": "raw.binance.spot",
        "source_partition": 5,
        "source_offset": offset,
        "source_index": index,
    }


@given(SOURCES, PRICES, st.none() | st.just(0) | PRICES, st.tuples(*[OPTIONAL] * 4), COUNTS, TAILS)
def test_tickers_read_back(
    source: Any, last: int, first: int | None, others: Any, trades: int | None, tail: Any
) -> None:
    event = read(TICKERS, writer("BTC-USDT").ticker(source, last, first, *others, trades, *tail))
    percent = event.pop("price_change_percent")
    if not first:
        assert percent is None
    else:  # within half of the 18th digit of the true quotient, by integers alone
        sign, digits, exponent = percent.as_tuple()
        scaled = (-1) ** sign * int("".join(map(str, digits)))
        assert exponent == -18
        assert 2 * abs(scaled * first - (last - first) * 100 * 10**18) <= first
    assert event == {
        **common(source, tail),
        "last_price": decimal(last),
        "open_price": decimal(first),
        "high_price": decimal(others[0]),
        "low_price": decimal(others[1]),
        "volume": decimal(others[2]),
        "quote_volume": decimal(others[3]),
        "trades": trades,
        "price_change": None if first is None else decimal(last - first),
    }


def test_a_change_that_no_decimal_can_hold_is_refused() -> None:
    with pytest.raises(FrameError, match="38 digits"):
        writer("BTC-USDT").ticker("ws", 10**37, 1, *[None] * 5, None, 1, 2, 3)


@given(
    SOURCES,
    TEXT,
    MICROS,
    st.tuples(*[SCALED] * 4),
    OPTIONAL,
    OPTIONAL,
    COUNTS,
    st.none() | st.booleans(),
    TAILS,
)
def test_klines_read_back(
    source: Any,
    interval: str,
    opened: int,
    prices: tuple[int, int, int, int],
    volume: int | None,
    quote_volume: int | None,
    trades: int | None,
    closed: bool | None,
    tail: Any,
) -> None:
    value = writer("BTC-USDT").kline(
        source, interval, opened, prices, volume, quote_volume, trades, closed, *tail
    )
    assert read(KLINES, value) == {
        **common(source, tail),
        "interval": interval,
        "open_time": moment(opened),
        "open_price": decimal(prices[0]),
        "high_price": decimal(prices[1]),
        "low_price": decimal(prices[2]),
        "close_price": decimal(prices[3]),
        "volume": decimal(volume),
        "quote_volume": decimal(quote_volume),
        "trades": trades,
        "closed": closed,
    }


@given(SOURCES, OPTIONAL, OPTIONAL, st.none() | SIGNED, st.none() | MICROS, OPTIONAL, TAILS)
def test_derivatives_read_back(
    source: Any,
    mark: int | None,
    index: int | None,
    funding: int | None,
    next_funding: int | None,
    interest: int | None,
    tail: Any,
) -> None:
    value = writer("BTC-USDT").derivative(source, mark, index, funding, next_funding, interest, *tail)
    assert read(DERIVATIVES, value) == {
        **common(source, tail),
        "mark_price": decimal(mark),
        "index_price": decimal(index),
        "funding_rate": decimal(funding),
        "next_funding_time": moment(next_funding),
        "open_interest": decimal(interest),
    }


def test_shorts_that_pay_longs_have_a_negative_rate() -> None:
    value = writer("BTC-USDT").derivative("ws", None, None, -(10**14), None, None, None, 1, 2, 3)
    assert read(DERIVATIVES, value)["funding_rate"] == Decimal("-0.0001")


@given(SOURCES, SCALED, SCALED, OPTIONAL, SIDES, TAILS)
def test_liquidations_read_back(
    source: Any, price: int, quantity: int, contracts: int | None, side: Any, tail: Any
) -> None:
    value = writer("BTC-USDT").liquidation(source, price, quantity, contracts, side, *tail)
    assert read(LIQUIDATIONS, value) == {
        **common(source, tail),
        "price": decimal(price),
        "quantity": decimal(quantity),
        "contracts": decimal(contracts),
        "side": side,
    }


@given(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(
                ("exchange", "market", "symbol", "wire_symbol", "base", "quote", "settle", "status"), TEXT
            ),
            **dict.fromkeys(("inverse", "trading", "listed"), st.booleans()),
        }
    ),
    SCALED,
    SCALED,
    OPTIONAL,
    st.none() | MICROS,
    MICROS,
)
def test_instruments_read_back(
    plain: dict[str, Any], tick: int, lot: int, size: int | None, expiry: int | None, seen: int
) -> None:
    value = instrument_value(
        258, tick=tick, lot=lot, contract_size=size, expiry_time_micros=expiry, seen_time_micros=seen, **plain
    )
    assert value[:5] == b"\x00\x00\x00\x01\x02"
    schema = fastavro.parse_schema(INSTRUMENTS.schema)
    assert fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None) == {
        **plain,
        "tick": decimal(tick),
        "lot": decimal(lot),
        "contract_size": decimal(size),
        "expiry_time": moment(expiry),
        "seen_time": moment(seen),
    }
