"""The synchronizer as a table of states and events: every cell is tried, and docs/reliability.md shows this very table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from streams.synchronizer import Phase, Synchronizer
from tests.tables import markdown, printed
from venues.binance.continuity import SpotContinuity
from venues.interface import Levels
from venues.messages import BookDiff, BookImage, Checksum

SECOND = 1_000_000
NAME = "book: event"
STATES = ("EMPTY", "BUFFERING", "LIVE")


class Summed(SpotContinuity):
    """Spot's rule, with checksums: right is the one that says so."""

    checked_levels = 1

    def agrees(self, bids: Levels, asks: Levels, checksum: Checksum) -> bool:  # noqa: ARG002  the signature is the interface's
        return checksum == RIGHT


RIGHT, WRONG = Checksum(1), Checksum(2)


def diff(first: int, last: int, *, time_s: int = 10, checksum: Checksum | None = None) -> BookDiff:
    return BookDiff(first, last, None, [(10, 1)], [], time_s * SECOND, checksum=checksum)


def image(last: int, *, in_band: bool = False, checksum: Checksum | None = None) -> BookImage:
    return BookImage(last, [(9, 1)], [(20, 1)], 10 * SECOND, in_band=in_band, checksum=checksum)


def book_in(state: str) -> Synchronizer:
    """At 105, where there is a book; with one kept diff up to there, where there is none yet. Two may be kept."""
    one = Synchronizer(Summed(), 2)
    if state == "BUFFERING":
        one.offer(diff(101, 105))
    elif state == "LIVE":
        list(one.install(image(100)))
        one.offer(diff(101, 105))
    assert one.phase.name == state
    return one


def offered(one: BookDiff) -> Callable[[Synchronizer], object]:
    return lambda book: book.offer(one)


def installed(one: BookImage) -> Callable[[Synchronizer], object]:
    return lambda book: list(book.install(one))


def kept_past_the_limit(book: Synchronizer) -> None:
    for last in (106, 107):
        book.offer(diff(last, last))


def with_a_hole_kept(book: Synchronizer) -> None:
    if book.phase is Phase.BUFFERING:
        book.offer(diff(110, 112))
    list(book.install(image(104)))


EVENTS: dict[str, Callable[[Synchronizer], object]] = {
    "a change that follows": offered(diff(106, 107)),
    "an old change": offered(diff(90, 95)),
    "a change behind a hole": offered(diff(110, 112)),
    "an old id with a newer time": offered(diff(5, 6, time_s=20)),
    "a change whose checksum is wrong": offered(diff(106, 107, checksum=WRONG)),
    "more changes than may be kept": kept_past_the_limit,
    "a snapshot asked of REST": installed(image(104)),
    "one older than what was kept": installed(image(90)),
    "one with a hole behind it": with_a_hole_kept,
    "an image in the stream": lambda book: book.replace(image(200, in_band=True, checksum=RIGHT)),
    "an image whose checksum is wrong": lambda book: book.replace(image(200, in_band=True, checksum=WRONG)),
    "the producer says frames are missing": lambda book: book.tell_lost("reconnect"),
    "a checkpoint of a live book": lambda book: book.restore(image(300), joined=True, reason=""),
    "one of a book that waited": lambda book: book.restore(image(300), joined=True, reason="gap"),
    "one from before its first snapshot": lambda book: book.restore(image(-1), joined=False, reason="first"),
}


class Cell(NamedTuple):
    """What is done, where it leads; the book's id, kept changes, the reason, and the counters that have gone up."""

    text: str
    state: str
    last_id: int
    pending: int
    reason: str = ""
    counted: tuple[str, ...] = ()

    @property
    def printed(self) -> str:
        return f"{self.text} → `{self.state}`{f' ({self.reason})' if self.reason else ''}"


FIRST = Cell("kept", "BUFFERING", -1, 1, "first")
KEPT = Cell("kept", "BUFFERING", -1, 2, "first")
NEW = Cell("taken", "LIVE", 104, 0, "", ("joins",))
IGNORED = Cell("ignored", "LIVE", 105, 0, "", ("ignored_images",))
WRONG_IMAGE = Cell("refused, all kept forgotten", "BUFFERING", 200, 0, "checksum", ("checksum_failures",))
RESTORED = Cell("as it stood then", "LIVE", 300, 0)
WAITING = Cell("as it stood then", "BUFFERING", 300, 0, "gap")
NEVER = Cell("as it stood then", "EMPTY", -1, 0, "first")
TABLE: dict[str, tuple[Cell, Cell, Cell]] = {
    "a change that follows": (FIRST, KEPT, Cell("applied", "LIVE", 107, 0, "", ("applied",))),
    "an old change": (FIRST, KEPT, Cell("dropped", "LIVE", 105, 0, "", ("old",))),
    "a change behind a hole": (FIRST, KEPT, Cell("kept", "BUFFERING", 105, 1, "gap", ("gaps",))),
    "an old id with a newer time": (
        FIRST,
        Cell("kept, those before forgotten", "BUFFERING", -1, 1, "restart", ("restarts",)),
        Cell("kept", "BUFFERING", 105, 1, "restart", ("restarts",)),
    ),
    "a change whose checksum is wrong": (
        FIRST,
        KEPT,
        Cell("lost", "BUFFERING", 107, 0, "checksum", ("applied", "checksum_failures")),
    ),
    "more changes than may be kept": (
        Cell("kept", "BUFFERING", -1, 2, "first"),
        Cell("kept, those before forgotten", "BUFFERING", -1, 1, "overflow", ("overflows",)),
        Cell("applied", "LIVE", 107, 0, "", ("applied", "applied")),
    ),
    "a snapshot asked of REST": (
        NEW,
        Cell("taken, kept changes judged and applied", "LIVE", 105, 0, "", ("applied", "joins")),
        IGNORED,
    ),
    "one older than what was kept": (
        Cell("taken", "LIVE", 90, 0, "", ("joins",)),
        Cell("refused", "BUFFERING", 90, 1, "old"),
        IGNORED,
    ),
    "one with a hole behind it": (
        NEW,
        Cell("kept from the hole on", "BUFFERING", 105, 1, "gap", ("applied", "gaps")),
        IGNORED,
    ),
    "an image in the stream": (
        Cell("taken", "LIVE", 200, 0, "", ("joins",)),
        Cell("taken, all kept forgotten", "LIVE", 200, 0, "", ("joins",)),
        Cell("taken", "LIVE", 200, 0, "", ("replacements",)),
    ),
    "an image whose checksum is wrong": (WRONG_IMAGE, WRONG_IMAGE, WRONG_IMAGE),
    "the producer says frames are missing": (
        Cell("nothing to lose", "EMPTY", -1, 0, "first"),
        Cell("nothing to lose", "BUFFERING", -1, 1, "first"),
        Cell("lost", "BUFFERING", 105, 0, "reconnect", ("losses",)),
    ),
    "a checkpoint of a live book": (RESTORED, RESTORED, RESTORED),
    "one of a book that waited": (WAITING, WAITING, WAITING),
    "one from before its first snapshot": (NEVER, NEVER, NEVER),
}


@pytest.mark.parametrize(
    ("state", "event"), [(state, event) for event in EVENTS for state in STATES], ids=lambda text: text
)
def test_cell(state: str, event: str) -> None:
    cell = TABLE[event][STATES.index(state)]
    book = book_in(state)
    before = {name: getattr(book.counters, name) for name in book.counters.__slots__}
    EVENTS[event](book)
    counted = [name for name in before for _ in range(getattr(book.counters, name) - before[name])]
    assert (book.phase.name, book.last_id, book.pending, book.reason, sorted(counted)) == (
        cell.state,
        cell.last_id,
        cell.pending,
        cell.reason,
        sorted(cell.counted),
    )
    assert book.needs_image == (cell.state == "BUFFERING")


def test_the_document_shows_this_table() -> None:
    rows = {event: [cell.printed for cell in cells] for event, cells in TABLE.items()}
    assert printed(NAME) == markdown(NAME, [f"`{state}`" for state in STATES], rows)
