"""The top of each book of one partition, of what the event topics say: when it changes, and that it is still true.

Three topics speak of one book, and each is read at its own pace. What is later is told by the event ids, which only grow: of
tops the latest counts, of gaps the latest counts, and a book is live when its top is live and not from before its gap. So what
is known in the end is the same in whatever order the topics come. Deterministic: no clock, no I/O.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from schemas.catalogue import BOOK_SNAPSHOTS, GAPS, SPREADS
from schemas.event_id import HEADER, event_id
from schemas.fields import Event
from schemas.watcher_events import Source, Top, TopOrigin, top_value

__all__ = ["NO_TOP", "TopKeeper", "TopRecord", "is_later", "partition_of", "top_key"]

NO_TOP: Top = (None, None, None, None)
_ANEW_MICROS = 60_000_000
"""A record received so much later is later, whatever its offset: its raw topic has been made anew."""
_KEEP_ALIVES = 4
"""A top that does not change is written again so many times in the time after which it would be stale."""

Place = tuple[Source, int]
"""Event id, and when the frame was received (µs)."""


class TopRecord(NamedTuple):
    """A record of ``tops``."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def is_later(place: Place, than: Place | None) -> bool:
    """Whether one event of an instrument comes after another, in the order its frames were received in."""
    if than is None:
        return True
    (source, received), (other, before) = place, than
    if source[:2] == other[:2] and source[2:] > other[2:]:
        return True
    return received > before + (_ANEW_MICROS if source[:2] == other[:2] else 0)


def partition_of(symbol: str, partitions: int) -> int:
    """Where in ``tops`` and ``consolidated`` a symbol stands: all its books in one partition."""
    return zlib.crc32(symbol.encode()) % partitions


def top_key(exchange: str, market: str, symbol: str, origin: TopOrigin) -> bytes:
    """Key of a record of ``tops``."""
    return f"{symbol}|{exchange}.{market}|{origin}".encode()


class _Known:
    """What is known of one instrument."""

    __slots__ = ("book", "book_at", "book_live", "gap_at", "gap_open", "ticker_at", "told")

    def __init__(self) -> None:
        self.book: Top = NO_TOP
        self.book_at: Place | None = None
        self.book_live = False
        self.gap_at: Place | None = None
        self.gap_open = False
        self.ticker_at: Place | None = None
        self.told: dict[TopOrigin, tuple[bool, Top, int]] = {}
        """Live, top and time of receipt as written last."""

    def live(self) -> bool:
        """Whether the newest top of the book can be trusted."""
        if self.book_at is None or not self.book_live:
            return False
        if self.gap_at is None or is_later(self.book_at, self.gap_at):
            # Half a record's events may be from before the gap that the record opens.
            same = self.gap_at is not None and _record(self.book_at) == _record(self.gap_at)
            return not (same and self.gap_open)
        # What closes a gap is told behind the top that it left.
        return not self.gap_open and _record(self.book_at) == _record(self.gap_at)


def _record(place: Place) -> tuple[str, int, int]:
    return place[0][:3]


class TopKeeper:
    """Events of one partition in, records of ``tops`` out.

    ``stale_micros``: after so long without a word a top is stale.
    """

    def __init__(self, schema_id: int, *, partitions: int, stale_micros: int) -> None:
        self._schema_id = schema_id
        self._partitions = partitions
        self._stale_micros = stale_micros
        self._known: dict[tuple[str, str, str], _Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, topic: str, event: Event) -> TopRecord | None:
        """The next event of a topic, named without prefix; the record to be written, where there is something to say."""
        if topic == GAPS.name and event["stream"] != "book":
            return None
        name = (event["exchange"], event["market"], event["symbol"])
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = _Known()
        place: Place = (
            Source(
                event["source_topic"],
                event["source_partition"],
                event["source_offset"],
                event["source_index"],
            ),
            event["receive_time"],
        )
        if topic == SPREADS.name:
            if event["origin"] == "ticker":
                return self._ticker(name, known, event, place)
            top = (event["bid_price"], event["bid_quantity"], event["ask_price"], event["ask_quantity"])
            return self._book(name, known, top, place, live=event["state"] == "live")
        if topic == BOOK_SNAPSHOTS.name:
            return self._book(name, known, _best(event), place, live=event["state"] == "live")
        if topic == GAPS.name:
            return self._gap(name, known, place, opened=event["phase"] == "opened")
        return None

    def _book(
        self, name: tuple[str, str, str], known: _Known, top: Top, place: Place, *, live: bool
    ) -> TopRecord | None:
        if not is_later(place, known.book_at):
            return None
        known.book, known.book_at, known.book_live = top, place, live
        return self._say(name, known, ends=not live)

    def _gap(
        self, name: tuple[str, str, str], known: _Known, place: Place, *, opened: bool
    ) -> TopRecord | None:
        if not is_later(place, known.gap_at):
            return None
        known.gap_at, known.gap_open = place, opened
        return self._say(name, known, ends=opened)

    def _say(self, name: tuple[str, str, str], known: _Known, *, ends: bool) -> TopRecord | None:
        """``ends``: a top that was told may be no more, also one that a watcher before this one has told from farther on."""
        live, at = known.live(), known.book_at
        if known.gap_at is not None and is_later(known.gap_at, at):
            if not live and not known.gap_open:
                return None  # the id of a gap's end is that of the top behind it, which has not been read yet
            at = known.gap_at
        assert at is not None  # noqa: S101  one of the two was just told
        return self._write(name, known, "book", known.book if live else NO_TOP, at, live=live, ends=ends)

    def _ticker(
        self, name: tuple[str, str, str], known: _Known, event: Event, place: Place
    ) -> TopRecord | None:
        if not is_later(place, known.ticker_at):
            return None
        known.ticker_at = place
        if known.book_at is not None and place[1] <= known.book_at[1] + self._stale_micros:
            return None  # the book speaks for itself
        top = (event["bid_price"], event["bid_quantity"], event["ask_price"], event["ask_quantity"])
        return self._write(name, known, "ticker", top, place, live=event["state"] == "live")

    def _write(
        self,
        name: tuple[str, str, str],
        known: _Known,
        origin: TopOrigin,
        top: Top,
        place: Place,
        *,
        live: bool,
        ends: bool = False,
    ) -> TopRecord | None:
        source, received = place
        told = known.told.get(origin)
        if (
            told is not None
            and (live or not ends)
            and told[:2] == (live, top)
            and abs(received - told[2]) < self._stale_micros // _KEEP_ALIVES
        ):
            return None
        known.told[origin] = (live, top, received)
        exchange, market, symbol = name
        return TopRecord(
            partition_of(symbol, self._partitions),
            top_key(exchange, market, symbol, origin),
            top_value(self._schema_id, exchange, market, symbol, origin, top, received, source, live=live),
            [(HEADER, event_id(*source).encode())],
        )


def _best(event: Event) -> Top:
    bids, asks = event["bid_prices"], event["ask_prices"]
    return (
        bids[0] if bids else None,
        event["bid_quantities"][0] if bids else None,
        asks[0] if asks else None,
        event["ask_quantities"][0] if asks else None,
    )
