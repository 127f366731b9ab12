"""What is asked about: a range of time, and which instruments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookmill.errors import ConfigurationError, RefusedError
from bookmill.times import iso

__all__ = ["NothingStoredError", "Question", "micros"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Question:
    """Times in µs since the epoch, ``until_us`` exclusive; empty names: all. Raises :class:`ConfigurationError` for a range that holds no time."""

    since_us: int
    until_us: int
    exchanges: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.since_us >= self.until_us:
            raise ConfigurationError(
                f"There is no time between {iso(self.since_us)} and {iso(self.until_us)}.",
                hint="The beginning of a range comes before its end.",
            )

    @property
    def filters(self) -> dict[str, tuple[str, ...]]:
        """The names that are asked for, by column."""
        named = {"exchange": self.exchanges, "market": self.markets, "symbol": self.symbols}
        return {column: names for column, names in named.items() if names}

    def chooses(self, exchange: str, market: str) -> bool:
        """Whether this venue is asked for."""
        return (not self.exchanges or exchange in self.exchanges) and (
            not self.markets or market in self.markets
        )

    def __str__(self) -> str:
        """As it stands in sentences: of what, and between which times."""
        named = " ".join(",".join(names) for names in self.filters.values())
        return f"{f'of {named} ' if named else ''}between {iso(self.since_us)} and {iso(self.until_us)}"


class NothingStoredError(RefusedError):
    """There are no rows to say anything of."""

    def __init__(self, question: Question, *, what: str = "events") -> None:
        super().__init__(
            f"No {what} {question} are stored.",
            hint="Ask for a longer range (--since), or for fewer conditions.",
        )


def micros(moment: datetime) -> int:
    """The other way round."""
    return (moment - _EPOCH) // _MICROSECOND
