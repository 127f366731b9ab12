"""What is in ClickHouse, read with plain HTTP and plain text: nothing of the code under test stands between."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.chaos.truth import Side

__all__ = ["BookRow", "Entry", "Place", "Tables", "TradeRow"]

Place = tuple[str, int, int]
"""Of a raw record: topic, partition, offset."""

_NULL = r"\N"
_PLACES = 18


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A row of ``trades``; numbers are whole multiples of 10^-18. ``contracts`` None where the quantity is the exchange's own."""

    name: str
    trade_id: str
    price: int
    quantity: int
    contracts: int | None
    side: str
    source: str


@dataclass(frozen=True, slots=True)
class BookRow:
    """A row of ``book_snapshots``, or the top of a book in ``spreads``."""

    name: str
    state: str
    bids: Side
    asks: Side
    receive_s: float = 0.0
    """When the frame that made it so was received, seconds since the epoch."""
    place: Place = ("", 0, 0)
    """That raw record."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A gap of ``gaps``, as it stands now. Times in seconds since the epoch; ``until_s`` is without end while it is open,
    ``told_s`` is when the record was received that its newest row came of."""

    name: str
    stream: str
    complete: bool
    first_id: int | None
    last_id: int | None
    since_s: float
    until_s: float
    cause: str = ""
    told_s: float = 0.0


class Tables:
    """The tables of one database at the address of ClickHouse's HTTP interface."""

    def __init__(self, url: str, database: str) -> None:
        self._url = url
        self._database = database

    def names(self) -> set[str]:
        """Tables, without views."""
        return {
            row[0]
            for row in self.query(
                f"SELECT name FROM system.tables WHERE database = '{self._database}' AND engine NOT LIKE '%View'"
            )
        }

    def trades(self) -> Iterator[TradeRow]:
        """All, in the order of their ids."""
        columns = (
            "concat(exchange, '.', market, '.', symbol), trade_id, price, quantity, contracts, side, source"
        )
        for name, trade_id, price, quantity, contracts, side, source in self._events("trades", columns):
            own = None if contracts == _NULL else _scaled(contracts)
            yield TradeRow(name, trade_id, _scaled(price), _scaled(quantity), own, side, source)

    def books(self) -> Iterator[BookRow]:
        """All snapshots, in the order of their ids."""
        columns = (
            "concat(exchange, '.', market, '.', symbol), state, toFloat64(receive_time), source_topic, source_partition,"
            " source_offset, bid_prices, bid_quantities, ask_prices, ask_quantities"
        )
        for name, state, received, topic, partition, offset, *sides in self._events(
            "book_snapshots", columns
        ):
            bid_prices, bid_quantities, ask_prices, ask_quantities = map(_array, sides)
            yield BookRow(
                name,
                state,
                list(zip(bid_prices, bid_quantities, strict=True)),
                list(zip(ask_prices, ask_quantities, strict=True)),
                float(received),
                (topic, int(partition), int(offset)),
            )

    def tops(self) -> Iterator[BookRow]:
        """Best prices of the built books."""
        columns = "concat(exchange, '.', market, '.', symbol), state, bid_price, bid_quantity, ask_price, ask_quantity"
        for name, state, *values in self._events("spreads", columns, "origin = 'book'"):
            bid, bids, ask, asks = (None if value == _NULL else _scaled(value) for value in values)
            yield BookRow(
                name,
                state,
                [] if bid is None or bids is None else [(bid, bids)],
                [] if ask is None or asks is None else [(ask, asks)],
            )

    def gaps(self) -> Iterator[Entry]:
        """One for each gap: what its closing row says, where there is one."""
        columns = (
            "concat(exchange, '.', market, '.', symbol), stream, complete, first_trade_id, last_trade_id,"
            " toFloat64(opened_time), toFloat64(closed_time), cause, toFloat64(receive_time), gap"
        )
        found: dict[str, Entry] = {}
        for name, stream, complete, first, last, since, until, cause, told, gap in self._events(
            "gaps", columns
        ):
            found[gap] = Entry(
                name,
                stream,
                complete == "true",
                None if first == _NULL else int(first),
                None if last == _NULL else int(last),
                float(since),
                float("inf") if until == _NULL else float(until),
                cause,
                float(told),
            )
        yield from found.values()

    def open_gaps(self) -> int:
        """Gaps that nothing has closed yet."""
        return sum(entry.until_s == float("inf") for entry in self.gaps())

    def repeated_ids(self) -> list[tuple[str, int]]:
        """Event ids that stand in more than one row, of one table or of several, and how often."""
        tables = [
            name
            for (name,) in self.query(
                f"SELECT table FROM system.columns WHERE database = '{self._database}' AND name = 'source_index'"
                f" AND table IN (SELECT name FROM system.tables WHERE database = '{self._database}' AND engine NOT LIKE '%View')"
            )
        ]
        rows = " UNION ALL ".join(f"SELECT event_id FROM {self._database}.{table}" for table in tables)
        return [
            (identity, int(count))
            for identity, count in self.query(
                f"SELECT event_id, count() FROM ({rows}) GROUP BY event_id HAVING count() > 1 ORDER BY event_id LIMIT 100"
            )
        ]

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {
            name: int(next(iter(self.query(f"SELECT count() FROM {self._database}.{name}")))[0])
            for name in sorted(self.names())
        }

    def drop(self) -> None:
        """All of it."""
        list(self.query(f"DROP DATABASE IF EXISTS {self._database}"))

    def _events(self, table: str, columns: str, where: str = "1") -> Iterator[list[str]]:
        return self.query(
            f"SELECT {columns} FROM {self._database}.{table} WHERE {where}"
            " ORDER BY source_topic, source_partition, source_offset, source_index"
        )

    def query(self, statement: str) -> Iterator[list[str]]:
        """Rows as texts."""
        settings = urlencode({"default_format": "TSV", "output_format_decimal_trailing_zeros": 1})
        request = urllib.request.Request(f"{self._url}/?{settings}", statement.encode())  # noqa: S310  our own
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310  same
            for line in answer.read().decode().splitlines():
                yield line.split("\t")


def _scaled(text: str) -> int:
    """A decimal with all its 18 places."""
    whole, point, places = text.partition(".")
    if not point or len(places) != _PLACES:
        raise ValueError(f"{text!r} has not {_PLACES} places")
    return int(whole + places)


def _array(text: str) -> list[int]:
    inside = text[1:-1]
    return [_scaled(one) for one in inside.split(",")] if inside else []
