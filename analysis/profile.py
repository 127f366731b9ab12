"""The volume profile of one instrument: how wide its buckets are, and what stands in them. Prices are ints scaled by 10**18."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.question import NothingStoredError, Question
from analysis.reading import Row, read
from analysis.reports import Report, span
from bookmill.archive import Archive
from bookmill.decimals import SCALE, plain_text, scaled_int
from bookmill.errors import ConfigurationError, RefusedError

__all__ = ["BUCKETS", "MOST_BUCKETS", "Width", "profile"]

BUCKETS = 50
"""At most so many where nobody says how wide they are."""
MOST_BUCKETS = 2000
_PRICE = re.compile(r"\d{1,20}(\.\d{1,18})?", re.ASCII)


@dataclass(frozen=True)
class Width:
    """How wide buckets are, said in one way: a step of prices, a number of ticks, or how many buckets there may be.

    Raises :class:`ConfigurationError` for what is no width, or more than one.
    """

    step: str | None = None
    ticks: int | None = None
    buckets: int | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("step", "ticks", "buckets") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ConfigurationError(f"{' and '.join(given)} say the same thing: give one of them.")
        if self.step is not None and not _is_price(self.step):
            raise ConfigurationError(
                f"{self.step[:40]!r} is no step of prices.", hint="Write a decimal above 0: 0.5 or 25."
            )
        if self.ticks is not None and self.ticks < 1:
            raise ConfigurationError(f"{self.ticks} ticks are no width.", hint="Give 1 or more.")
        if self.buckets is not None and not 1 <= self.buckets <= MOST_BUCKETS:
            raise ConfigurationError(f"There can be 1 to {MOST_BUCKETS} buckets, not {self.buckets}.")


async def profile(archive: Archive, question: Question, width: Width) -> Report:
    """The profile of the one instrument that is asked for (view ``volume_profile``).

    Raises :class:`ConfigurationError` where several fit or the width gives too many buckets, :class:`NothingStoredError` where
    nothing is stored, :class:`RefusedError` where its tick is not.
    """
    traded = await read(archive, "market_summary", question, order="trades DESC", condition="trades > 0")
    if not traded:
        raise NothingStoredError(question, what="trades")
    if len(traded) > 1:
        names = ", ".join(row["instrument"] for row in traded[:5])
        raise ConfigurationError(
            f"A profile is of one instrument, and {len(traded)} fit: {names}{' …' if len(traded) > 5 else ''}.",
            hint="Say which by exchange, market and symbol.",
        )
    [one] = traded
    tick = await _tick(archive, one)
    low, high = scaled_int(one["low_price"]), scaled_int(one["high_price"])
    step = _step(width, low, high, tick, one["instrument"])
    count = _buckets(low, high, step)
    if count > MOST_BUCKETS:
        raise ConfigurationError(
            f"A step of {plain_text(step)} gives {count} buckets between {plain_text(low)} and {plain_text(high)};"
            f" {MOST_BUCKETS} are the most."
        )
    named = {name: one[name] for name in ("exchange", "market", "symbol")}
    buckets = await read(
        archive,
        "volume_profile",
        Question(question.since_us, question.until_us),  # the view itself takes the names
        order="low_price",
        arguments={**named, "step": plain_text(step)},
    )
    return {**span(question), **_whole(one, buckets, step, tick), "buckets": buckets}


def _whole(one: Row, buckets: list[Row], step: int, tick: int | None) -> Report:
    [poc] = [row for row in buckets if row["poc"]]
    area = [row for row in buckets if row["value_area"]]
    return {
        **{field: one[field] for field in ("instrument", "exchange", "market", "symbol")},
        "step": plain_text(step),
        "tick": None if tick is None else plain_text(tick),
        **{
            name: one[name]
            for name in ("volume", "quote_volume", "trades", "vwap", "low_price", "high_price")
        },
        "poc": {name: poc[name] for name in ("low_price", "high_price", "volume")},
        "value_area": {
            "low_price": area[0]["low_price"],
            "high_price": area[-1]["high_price"],
            "volume": plain_text(sum(scaled_int(row["volume"]) for row in area)),
        },
    }


async def _tick(archive: Archive, one: Row) -> int | None:
    """As the exchange said last; None where it was never asked."""
    names = {name: one[name] for name in ("exchange", "market", "symbol")}
    rows = await archive.rows(
        "SELECT tick FROM instruments WHERE exchange = {exchange:String} AND market = {market:String}"
        " AND symbol = {symbol:String} ORDER BY seen_time DESC LIMIT 1",
        names,
    )
    tick = scaled_int(rows[0]["tick"]) if rows else 0
    return tick or None


def _step(width: Width, low: int, high: int, tick: int | None, instrument: str) -> int:
    if width.step is not None:
        return scaled_int(width.step)
    if width.ticks is not None:
        if tick is None:
            raise RefusedError(
                f"The tick of {instrument} is not stored.", hint="Give a step of prices instead."
            )
        return width.ticks * tick
    most = width.buckets or BUCKETS
    # The smallest of 1, 2, 5, 10, 20 … that is enough; of a price that stood still, a ten thousandth of its leading digit.
    step: int = 10 ** max(0, len(str((high - low) // most or high // 10_000)) - 1)
    steps: Iterator[int] = (step * factor * 10**power for power in range(SCALE * 3) for factor in (1, 2, 5))
    return next(each for each in steps if _buckets(low, high, each) <= most)


def _buckets(low: int, high: int, step: int) -> int:
    return high // step - low // step + 1


def _is_price(text: str) -> bool:
    return bool(_PRICE.fullmatch(text)) and scaled_int(text) > 0
