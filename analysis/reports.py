"""The analyses as they are given to programs: JSON-able, decimals as texts, times twice (docs/analysis.md has each field)."""

from __future__ import annotations

from typing import Any

from analysis.question import Question
from analysis.reading import Row, read
from bookmill.archive import Archive
from bookmill.times import iso

__all__ = ["Bars", "Report", "bars", "quality", "span", "spreads", "summary", "trading", "venues"]

Report = dict[str, Any]
Bars = tuple[int, list[Row]]
"""Seconds of each bar, and the bars."""

_BY_NAME = "exchange, market, symbol"
_BAR_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
_MOST_BARS = 240
_SECOND_US = 1_000_000


def span(question: Question) -> Report:
    """How each report begins: its range."""
    return {
        "since": iso(question.since_us),
        "since_us": question.since_us,
        "until": iso(question.until_us),
        "until_us": question.until_us,
    }


async def summary(archive: Archive, question: Question) -> Report:
    """Prices, change, volume and last spread of each instrument (view ``market_summary``)."""
    return {**span(question), "instruments": await read(archive, "market_summary", question, order=_BY_NAME)}


async def trading(archive: Archive, question: Question) -> Report:
    """VWAP, volatility, order flow and sizes of trades of each instrument (view ``trading_statistics``)."""
    rows = await read(archive, "trading_statistics", question, order=_BY_NAME)
    return {**span(question), "instruments": rows}


async def spreads(archive: Archive, question: Question) -> Report:
    """Spreads weighted by time, of each instrument and by hour of the day (views ``spread_statistics``, ``spread_by_hour``)."""
    rows = await read(archive, "spread_statistics", question, order=f"{_BY_NAME}, origin")
    hours = await read(archive, "spread_by_hour", question, order=f"{_BY_NAME}, origin, hour")
    return {**span(question), "instruments": rows, "hours": hours}


async def venues(archive: Archive, question: Question) -> Report:
    """The venues of each symbol beside each other, and each two of them (views ``venue_statistics``, ``venue_differences``).

    Those asked for are shown, compared with all there are.
    """
    rows = await read(archive, "venue_statistics", question, order="symbol, exchange, market")
    pairs = await read(
        archive,
        "venue_differences",
        Question(question.since_us, question.until_us, symbols=question.symbols),
        order="symbol, exchange, market, other_exchange, other_market",
    )
    chosen = [
        pair
        for pair in pairs
        if question.chooses(pair["exchange"], pair["market"])
        or question.chooses(pair["other_exchange"], pair["other_market"])
    ]
    return {**span(question), "venues": rows, "differences": chosen}


async def quality(archive: Archive, question: Question) -> Report:
    """How whole the data of each instrument are, and how late they come (view ``data_quality``)."""
    return {**span(question), "instruments": await read(archive, "data_quality", question, order=_BY_NAME)}


async def bars(archive: Archive, question: Question) -> Bars:
    """Bars of the range for a picture (view ``bars_between``): as short as leaves a few hundred of them."""
    range_s = (question.until_us - question.since_us) // _SECOND_US
    seconds = next((each for each in _BAR_SECONDS if range_s <= each * _MOST_BARS), _BAR_SECONDS[-1])
    rows = await read(
        archive,
        "bars_between",
        question,
        order=f"{_BY_NAME}, open_time",
        arguments={"seconds": str(seconds)},
    )
    return seconds, rows
