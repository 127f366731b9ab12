"""The fast codec against fastavro: every number, text and event reads back as it was, through a stock reader."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import BOOK_SNAPSHOTS, BOOK_UPDATES, SPREADS, TRADES
from schemas.codec import decimal_bytes, decimals_array, long_bytes, text_bytes
from schemas.events import EventWriter
from schemas.measures import measure
from tests.unit.streams.raw import SCHEMA_IDS, read

LONGS = st.integers(-(2**63), 2**63 - 1)
SCALED = st.integers(0, 10**38 - 1)
MICROS = st.integers(0, 4_000_000_000_000_000)
TEXT = st.text(max_size=20)
OPTIONAL = st.none() | SCALED
SIDES = st.sampled_from(["BUY", "SELL"])
STATES = st.sampled_from(["live", "resyncing", "stale", "degraded"])
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 18}


def written(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def decimal(scaled: int | None) -> Decimal | None:
    """Exact in any context: built from the digits."""
    return None if scaled is None else Decimal((int(scaled < 0), tuple(map(int, str(abs(scaled)))), -18))


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


@given(LONGS)
def test_longs_are_what_fastavro_writes(number: int) -> None:
    assert long_bytes(number) == written("long", number)


@given(TEXT)
def test_texts_are_what_fastavro_writes(text: str) -> None:
    assert text_bytes(text) == written("string", text)


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_decimals_read_back_exactly(scaled: int) -> None:
    assert fastavro.schemaless_reader(
        io.BytesIO(decimal_bytes(scaled)), fastavro.parse_schema(DECIMAL), None
    ) == decimal(scaled)


@given(st.lists(SCALED, max_size=30))
def test_arrays_read_back_exactly(values: list[int]) -> None:
    schema = fastavro.parse_schema({"type": "array", "items": DECIMAL})
    data = decimals_array(values)
    assert fastavro.schemaless_reader(io.BytesIO(data), schema, None) == [decimal(value) for value in values]


def writer(symbol: str) -> EventWriter:
    return EventWriter(
        SCHEMA_IDS,
        exchange="binance",
        market="spot",
        symbol=symbol,
        raw_topic="raw.binance.spot",
        partition=5,
    )


@given(
    TEXT,
    TEXT,
    SCALED,
    SCALED,
    OPTIONAL,
    SIDES,
    st.booleans(),
    st.none() | MICROS,
    MICROS,
    LONGS,
    st.integers(0, 2**31 - 1),
)
def test_trades_read_back(
    symbol: str,
    trade_id: str,
    price: int,
    quantity: int,
    contracts: int | None,
    side: Any,
    aggregated: bool,
    exchange: int | None,
    received: int,
    offset: int,
    index: int,
) -> None:
    value = writer(symbol).trade(
        "ws", trade_id, price, quantity, contracts, side, aggregated, exchange, received, offset, index
    )
    assert read(TRADES, value) == {
        "exchange": "binance",
        "market": "spot",
        "symbol": symbol,
        "source": "ws",
        "trade_id": trade_id,
        "price": decimal(price),
        "quantity": decimal(quantity),
        "contracts": decimal(contracts),
        "side": side,
        "aggregated": aggregated,
        "exchange_time": moment(exchange),
        "receive_time": moment(received),
        "source_topic": "raw.binance.spot",
        "source_partition": 5,
        "source_offset": offset,
        "source_index": index,
    }


@given(
    st.sampled_from(["book", "ticker"]),
    st.sampled_from(["ws", "poll", "backfill"]),
    STATES,
    LONGS,
    st.lists(st.tuples(OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL), min_size=1, max_size=4),
    st.none() | MICROS,
)
def test_spreads_read_back(
    origin: Any, source: Any, state: Any, update_id: int, tops: Any, exchange: int | None
) -> None:
    one = writer("BTC-USDT")  # the same for all: what it keeps of one event must not show in the next
    names = ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid", "spread", "spread_bps")
    for top in (*tops, tops[0]):
        event = read(SPREADS, one.spread(origin, source, state, update_id, top, exchange, 1, 2, 3))
        expected = (*top, *measure(top[0], top[2]))
        assert [event[name] for name in names] == [decimal(number) for number in expected]
        assert (
            event["origin"],
            event["source"],
            event["state"],
            event["update_id"],
            event["exchange_time"],
        ) == (
            origin,
            source,
            state,
            update_id,
            moment(exchange),
        )


LEVELS = st.lists(st.tuples(SCALED, SCALED), max_size=20).map(
    lambda levels: ([p for p, _ in levels], [q for _, q in levels])
)


@given(STATES, st.sampled_from(["interval", "resync"]), LEVELS, LEVELS)
def test_book_snapshots_read_back(state: Any, reason: Any, bids: Any, asks: Any) -> None:
    event = read(
        BOOK_SNAPSHOTS,
        writer("BTC-USDT").book_snapshot("ws", state, reason, 7, bids, asks, 5, 6, 7, 8),
    )
    names = ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
    assert [event[name] for name in names] == [[decimal(n) for n in side] for side in (*bids, *asks)]
    _, spread, bps = measure(bids[0][0] if bids[0] else None, asks[0][0] if asks[0] else None)
    assert (event["state"], event["reason"], event["spread"], event["spread_bps"]) == (
        state,
        reason,
        decimal(spread),
        decimal(bps),
    )


@given(
    st.sampled_from(["image", "delta"]),
    st.sampled_from(["ws", "poll"]),
    STATES,
    st.none() | st.integers(1, 2**31 - 1),
    LEVELS,
    LEVELS,
    st.none() | MICROS,
)
def test_book_updates_read_back(
    kind: Any, source: Any, state: Any, depth: int | None, bids: Any, asks: Any, exchange: int | None
) -> None:
    one = writer("BTC-USDT")
    event = read(BOOK_UPDATES, one.book_update(kind, source, state, 7, depth, bids, asks, exchange, 6, 8, 9))
    names = ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
    assert [event[name] for name in names] == [[decimal(n) for n in side] for side in (*bids, *asks)]
    said = ("kind", "source", "state", "update_id", "depth", "exchange_time", "source_offset", "source_index")
    assert [event[name] for name in said] == [kind, source, state, 7, depth, moment(exchange), 8, 9]
