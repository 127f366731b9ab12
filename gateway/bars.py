"""Bars (candles) of one instrument out of ClickHouse: as the exchange tells them, put together from its shorter ones, or built from trades.

A bar as the exchange tells it is the newest row of its ``open_time``. One that is put together is exact: it is there only where all of its
parts are, or, while it still goes on, all until now. One that is built has the trades that happened in it (by the exchange's time,
where it says one), and is as whole as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from bookmill.archive import Archive
from gateway.expressions import HAPPENED, PLACE, iso_sql
from gateway.intervals import INTERVALS, Interval

__all__ = ["Bar", "Stored", "from_trades", "from_venue", "stored"]

_EARLY_US = 3_600_000_000
"""An exchange's clock may be so far ahead of ours: what happened at a time was received so much earlier at most,"""
_LATE_US = 86_400_000_000
"""and so much later where it was fetched to fill a gap."""

_DISORDER_US = 1_000_000
"""The first trade to be received may not be quite the first that happened."""

_INSTRUMENT = "exchange = {exchange:String} AND market = {market:String} AND symbol = {symbol:String}"
_begin_columns = f"begin_us, {iso_sql('fromUnixTimestamp64Micro(begin_us)')} AS open_time"


class Bar(msgspec.Struct, frozen=True):
    """One bar in the form of the API. ``built_from``: the interval of the exchange's bars that it is put together from."""

    open_time: str
    open_time_us: int
    open: str
    high: str
    low: str
    close: str
    volume: str | None
    quote_volume: str | None
    trades: int | None
    closed: bool
    source: Literal["venue", "trades"]
    built_from: str | None = None


@dataclass(frozen=True)
class Stored:
    """What there is of an instrument: the first and the last moment of bars by interval, and of trades; None: none."""

    bars: dict[str, tuple[int, int]]
    trades: tuple[int, int] | None


class _Row(msgspec.Struct, frozen=True):
    begin_us: int
    open_time: str
    open: str
    high: str
    low: str
    close: str
    volume: str | None
    quote_volume: str | None
    trades: int | None
    closed: bool | None = None
    parts: int = 0
    last_us: int = 0


_rows = msgspec.json.Decoder(_Row)


async def stored(archive: Archive, instrument: tuple[str, str, str]) -> Stored:
    """Ask what there is."""
    bars = await archive.rows(
        "SELECT interval AS name, toUnixTimestamp64Micro(min(open_time)) AS first,"  # noqa: S608  names of our own
        f" toUnixTimestamp64Micro(max(open_time)) AS last FROM klines WHERE {_INSTRUMENT} GROUP BY interval",
        _named(instrument),
    )
    ends = await archive.rows(
        " UNION ALL ".join(
            f"SELECT toUnixTimestamp64Micro(receive_time) AS received, toUnixTimestamp64Micro({HAPPENED}) AS happened"  # noqa: S608
            f" FROM (SELECT receive_time, exchange_time FROM trades WHERE {_INSTRUMENT} ORDER BY receive_time {order} LIMIT 1)"
            for order in ("ASC", "DESC")
        ),
        _named(instrument),
    )
    moments = [moment for row in ends for moment in row.values()]
    return Stored(
        {row["name"]: (row["first"], row["last"]) for row in bars if row["name"] in INTERVALS},
        (max(0, min(moments) - _DISORDER_US), max(moments) + _DISORDER_US) if moments else None,
    )


async def from_venue(
    archive: Archive,
    instrument: tuple[str, str, str],
    interval: Interval,
    now_us: int,
    parts: Interval,
    newest_us: int,
    since_us: int,
    until_us: int,
) -> Sequence[Bar]:
    """Bars that begin between two moments, oldest first: the exchange's own where ``parts`` is the interval itself, else put together
    of those. ``newest_us``: where the newest of the parts begins."""
    begin = "toUnixTimestamp64Micro(open_time)" if parts == interval else interval.begin_sql("open_time")
    rows = await _read(
        archive,
        f"SELECT {_begin_columns}, argMin(open_price, at_us) AS open, max(high_price) AS high,"  # noqa: S608  names of our own
        " min(low_price) AS low, argMax(close_price, at_us) AS close,"
        " if(countIf(isNull(volume)) = 0, sum(toDecimal256(volume, 18)), NULL) AS volume,"
        " if(countIf(isNull(quote_volume)) = 0, sum(toDecimal256(quote_volume, 18)), NULL) AS quote_volume,"
        " if(countIf(isNull(trades)) = 0, sum(trades), NULL) AS trades,"
        " min(closed) AS closed, count() AS parts, max(at_us) AS last_us FROM ("
        f"SELECT {begin} AS begin_us, toUnixTimestamp64Micro(open_time) AS at_us,"
        " open_price, high_price, low_price, close_price, volume, quote_volume, trades, closed FROM klines"
        f" WHERE {_INSTRUMENT} AND interval = {{interval:String}}"
        " AND open_time >= fromUnixTimestamp64Micro({since:Int64})"
        " AND open_time < fromUnixTimestamp64Micro({until:Int64})"
        " AND receive_time >= fromUnixTimestamp64Micro({early:Int64})"
        " ORDER BY open_time, receive_time DESC, source_offset DESC, source_index DESC LIMIT 1 BY open_time"
        ") GROUP BY begin_us ORDER BY begin_us",
        {**_named(instrument), **_between(since_us, until_us), "interval": parts.name},
    )
    bars = []
    for row in rows:
        end_us = interval.next(row.begin_us)
        if parts != interval:
            there = row.parts * parts.length_us
            whole = there == end_us - row.begin_us
            goes_on = row.last_us == newest_us and there == newest_us + parts.length_us - row.begin_us
            if not whole and not goes_on:
                continue
            closed = whole and row.closed is not False and end_us <= now_us
            bars.append(_bar(row, "venue", closed=closed, built_from=parts.name))
        else:
            closed = end_us <= now_us if row.closed is None else row.closed
            bars.append(_bar(row, "venue", closed=closed))
    return bars


async def from_trades(
    archive: Archive,
    instrument: tuple[str, str, str],
    interval: Interval,
    now_us: int,
    since_us: int,
    until_us: int,
) -> Sequence[Bar]:
    """Bars that begin between two moments, oldest first, of the trades in them."""
    rows = await _read(
        archive,
        f"SELECT {_begin_columns}, argMin(price, place) AS open, max(price) AS high, min(price) AS low,"  # noqa: S608  names of our own
        " argMax(price, place) AS close, sum(toDecimal256(quantity, 18)) AS volume,"
        " sum(notional) AS quote_volume, count() AS trades FROM ("
        f"SELECT {HAPPENED} AS at, {interval.begin_sql('at')} AS begin_us, {PLACE} AS place, price, quantity, notional"
        f" FROM trades WHERE {_INSTRUMENT} AND receive_time >= fromUnixTimestamp64Micro({{early:Int64}})"
        " AND receive_time < fromUnixTimestamp64Micro({late:Int64})"
        " AND at >= fromUnixTimestamp64Micro({since:Int64}) AND at < fromUnixTimestamp64Micro({until:Int64})"
        ") GROUP BY begin_us ORDER BY begin_us",
        {**_named(instrument), **_between(since_us, until_us), "late": until_us + _LATE_US},
    )
    return [_bar(row, "trades", closed=interval.next(row.begin_us) <= now_us) for row in rows]


async def _read(archive: Archive, query: str, parameters: Mapping[str, object]) -> list[_Row]:
    return _rows.decode_lines(await archive.lines(query, parameters))


def _named(instrument: tuple[str, str, str]) -> dict[str, object]:
    return dict(zip(("exchange", "market", "symbol"), instrument))


def _between(since_us: int, until_us: int) -> dict[str, object]:
    return {"since": since_us, "until": until_us, "early": max(0, since_us - _EARLY_US)}


def _bar(
    row: _Row, source: Literal["venue", "trades"], *, closed: bool, built_from: str | None = None
) -> Bar:
    return Bar(
        row.open_time,
        row.begin_us,
        row.open,
        row.high,
        row.low,
        row.close,
        row.volume,
        row.quote_volume,
        row.trades,
        closed,
        source,
        built_from,
    )
