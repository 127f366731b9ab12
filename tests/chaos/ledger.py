"""Whether the ledger says what happened: each time a book was not whole lies in a gap of it, and no gap stays open.

What has to be there is told by the exchanges' own books, in order, and by the frames that were left out on purpose: of the ledger itself
only its entries are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.judgement import SLACK_S, Verdict
from tests.chaos.letters import Voices
from tests.chaos.tables import BookRow, Entry, Place
from tests.chaos.truth import Truth, fingerprint

__all__ = ["judge_ledger"]

_UNNOTICED = ("kraken",)
"""Exchanges whose frames tell nothing of one that is missing."""
_ONE_INTERVAL_S = 0.002
"""Of two changes of a book within an interval of snapshots (1 ms) one is a row: within one by the exchange's clock, which a busy
machine may read for both before it tells the second."""
_TOLD_TRADES = 1000
"""So many of its last trades an exchange tells at least: of a longer gap the rest cannot be had."""
_HANDED_OVER_S = 1.0
"""So far at most the image of another connection may be ahead of the book."""
_NEVER_S = float("inf")


@dataclass(frozen=True)
class _Hole:
    """Between two live rows, received at ``after_s`` and ``by_s``, the exchange told of at least one more book, at ``told_s``."""

    after_s: float
    told_s: float
    by_s: float
    handed_over: bool = False
    """The connection before went on bringing the stream: no frame is missing, the book goes on with another's image."""
    between: tuple[Place, Place] | None = None
    """The raw records of the two rows."""

    def lies_in(self, entry: Entry) -> bool:
        """Whether a gap covers it: from before what is missing to what made the book whole."""
        since_s = max(self.after_s, self.told_s) + SLACK_S
        return entry.since_s <= since_s and entry.until_s >= self.by_s - SLACK_S


class _Course:
    """The books of an instrument as its stream tells them: each different one, in order, and where a stored row can stand."""

    def __init__(self, truth: Truth) -> None:
        self.began_s: list[float] = []
        self.stamps_ms: list[int] = []
        self.last_s: list[float] = []
        self.last_ms: list[int] = []
        """When each was told for the last time: what changes nothing that is seen is told too, and is a row."""
        self.of_book: list[int] = []
        self._places: dict[int, list[int]] = {}
        last = None
        for number, book in enumerate(truth.books):
            if not self.began_s or (number not in truth.asked and book != last):
                last = book
                self.began_s.append(truth.moments[number])
                self.stamps_ms.append(truth.stamps_ms[number])
                self.last_s.append(truth.moments[number])
                self.last_ms.append(truth.stamps_ms[number])
            elif number not in truth.asked:
                self.last_s[-1], self.last_ms[-1] = truth.moments[number], truth.stamps_ms[number]
            place = len(self.began_s) - 1
            self.of_book.append(place)
            places = self._places.setdefault(book, [])
            # What REST shows is overheard at once, the batch before it with the next one only.
            for possible in (place, place + 1) if number in truth.asked else (place,):
                if not places or places[-1] < possible:
                    places.append(possible)

    def places(self, row: BookRow) -> list[int]:
        """Where the exchange's book was as the row says, ascending."""
        return self._places.get(fingerprint(row.bids, row.asks), [])

    def next_to(self, places: Iterable[int]) -> set[int]:
        """Where a row can stand whose predecessor stands at one of these, with nothing missing in between."""
        found = set()
        for place in places:
            found.add(place)
            following = place + 1
            while following < len(self.began_s):
                found.add(following)
                apart_s = self.began_s[following] - self.last_s[following - 1]
                if apart_s > _ONE_INTERVAL_S and self.stamps_ms[following] != self.last_ms[place]:
                    break
                following += 1
        return found


def judge_ledger(
    truths: Mapping[str, Truth],
    rows: Iterable[BookRow],
    entries: Sequence[Entry],
    *,
    halted_s: float,
    voices: Voices,
) -> Verdict:
    """``rows``: stored books, in order. ``halted_s``: when trading ended; what opened later has no next frame to be closed by: of a book
    or trades a gap then is none of ours where its stream fell silent. ``voices``: of the raw records.
    """
    verdict = Verdict()
    books: dict[str, list[Entry]] = {name: [] for name in truths}
    for entry in entries:
        verdict.facts[f"{entry.stream} gaps"] += 1
        if entry.stream == "book" and entry.cause != "time":
            books[entry.name].append(entry)
    of_instrument: dict[str, list[BookRow]] = {name: [] for name in truths}
    for row in rows:
        if row.state == "live" and row.name in truths:
            of_instrument[row.name].append(row)
    unsaid, unseen = [], []
    for name, truth in truths.items():
        course = _Course(truth)
        holes, standing = _follow(course, of_instrument[name], voices)
        verdict.facts["holes in books"] += len(holes)
        verdict.facts["holes where another connection's image came"] += sum(
            hole.handed_over for hole in holes
        )
        unsaid += [
            (name, hole)
            for hole in holes
            if not hole.handed_over and not any(hole.lies_in(entry) for entry in books[name])
        ]
        if not name.startswith(_UNNOTICED):
            left_out = [_left_out(course, standing, *one) for one in truth.left_out]
            verdict.facts["frames of books left out"] += len(left_out)
            unseen += [
                f"{name} {hole}" for hole in left_out if not any(hole.lies_in(entry) for entry in books[name])
            ]
    verdict.wrong(
        "times in which a book was not whole, and no gap of the ledger says so",
        [f"{name} {hole}" for name, hole in unsaid],
    )
    verdict.doubted += [hole.between for _, hole in unsaid if hole.between]
    verdict.wrong("frames of books were left out, and no gap of the ledger says so", unseen)
    verdict.wrong(
        "gaps are open at the end",
        [
            entry
            for entry in entries
            if entry.until_s == _NEVER_S
            and (entry.told_s <= halted_s or (entry.stream in {"book", "trades"} and entry.cause != "silent"))
        ],
    )
    verdict.wrong(
        "gaps of trades were not filled",
        [
            entry
            for entry in entries
            if entry.stream == "trades"
            and not entry.complete
            and entry.cause != "time"
            and not _is_long(entry)
        ],
    )
    return verdict


def _is_long(entry: Entry) -> bool:
    return (
        entry.first_id is not None
        and entry.last_id is not None
        and entry.last_id - entry.first_id >= _TOLD_TRADES
    )


def _follow(
    course: _Course, rows: Sequence[BookRow], voices: Voices
) -> tuple[list[_Hole], list[tuple[int, float]]]:
    """Holes between rows; and of each row the last place where it can stand, and when it was received."""
    holes: list[_Hole] = []
    standing: list[tuple[int, float]] = []
    at: set[int] = set()
    before = BookRow("", "", (), ())
    for row in rows:
        known = course.places(row)
        if not known:
            continue  # it never was the exchange's: judged elsewhere
        now = course.next_to(at).intersection(known) if at else set(known)
        if not now:
            now = {place for place in known if place > min(at)}
            if not now:
                continue  # behind the one before: judged elsewhere
            missing = min(max(at) + 1, max(now))
            handed_over = row.receive_s - before.receive_s <= _HANDED_OVER_S and voices.goes_on(
                before.place, row.place
            )
            told_s = course.began_s[min(missing, len(course.began_s) - 1)]
            between = before.place, row.place
            holes.append(_Hole(before.receive_s, told_s, row.receive_s, handed_over, between))
        at, before = now, row
        standing.append((max(at), row.receive_s))
    return holes, standing


def _left_out(course: _Course, standing: Sequence[tuple[int, float]], book: int, at_s: float) -> _Hole:
    """A frame that nobody was sent, told at ``at_s``, and the last row before it."""
    before = course.of_book[book - 1] if book else 0
    after_s = max((received_s for place, received_s in standing if place <= before), default=0.0)
    return _Hole(after_s, at_s, at_s)
