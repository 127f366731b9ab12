"""The lengths of bars and where bars of each length begin: as exchanges have them, in UTC.

A bar of seconds, minutes, hours or days begins at a multiple of its length since the epoch; one of a week on Monday, one of a
month on its first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

__all__ = ["INTERVALS", "Interval", "IntervalName"]

IntervalName = Literal[
    "1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"
]  # fmt: skip

_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = _UNITS_US["d"]
_FIRST_MONDAY_US = 4 * _DAY_US


@dataclass(frozen=True)
class Interval:
    """``length_us`` 0: a calendar month. ``first_us``: where one of its bars begins; all others lie multiples of the length from there."""

    name: str
    length_us: int
    first_us: int = 0

    def begin(self, micros: int) -> int:
        """Where the bar begins that has this moment."""
        if self.length_us:
            return micros - (micros - self.first_us) % self.length_us
        moment = _EPOCH + timedelta(microseconds=micros)
        return _month_us(moment.year, moment.month)

    def next(self, begin_us: int) -> int:
        """Where the bar begins that comes after the one that begins there."""
        return self.shifted(begin_us, 1)

    def shifted(self, begin_us: int, bars: int) -> int:
        """Where the bar begins that comes so many after the one that begins there; before it, where they are negative."""
        if self.length_us:
            return begin_us + bars * self.length_us
        moment = _EPOCH + timedelta(microseconds=begin_us)
        months = (moment.year - 1970) * 12 + moment.month - 1 + bars
        return _month_us(1970 + months // 12, months % 12 + 1)

    def made_of(self, other: Interval) -> bool:
        """Whether each of its bars is several whole ones of ``other``."""
        if other.first_us or not other.length_us or other == self:
            return False
        # Weeks and months begin with a day, and not with a day that is a multiple of three.
        grid_us = self.length_us if self.length_us and not self.first_us else _DAY_US
        return grid_us % other.length_us == 0

    def begin_sql(self, column: str) -> str:
        """:meth:`begin` of a DateTime64(6, 'UTC') in ClickHouse, in microseconds."""
        if self.length_us:
            micros = f"toUnixTimestamp64Micro({column})"
            return f"{micros} - positiveModulo({micros} - {self.first_us}, {self.length_us})"
        return f"toInt64(toUnixTimestamp(toDateTime(toStartOfMonth({column}), 'UTC'))) * 1000000"


def _month_us(year: int, month: int) -> int:
    return (datetime(year, month, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def _interval(name: str) -> Interval:
    number, unit = int(name[:-1]), name[-1]
    if unit == "M":
        return Interval(name, 0)
    return Interval(name, number * _UNITS_US[unit], _FIRST_MONDAY_US if unit == "w" else 0)


INTERVALS: Mapping[str, Interval] = {name: _interval(name) for name in get_args(IntervalName)}
"""All that there are, shortest first."""
