"""Bybit's rule for books: the known-answer cases of the protocol page (2.4), run by frames through a synchronizer."""

from __future__ import annotations

import json

import pytest

from bookmill.book import Book
from venues.bybit import BybitSpot
from venues.bybit.continuity import BybitContinuity
from venues.interface import Verdict
from venues.messages import BestBidAsk, BookDiff, BookImage

OLD, APPLY, GAP = Verdict.OLD, Verdict.APPLY, Verdict.GAP
RULE = BybitContinuity()
SPOT = BybitSpot()


def frame(kind: str, u: int, bids: dict[str, str], depth: int = 1000) -> bytes:
    data = {"s": "BTCUSDT", "b": list(bids.items()), "a": [], "u": u, "seq": u + 10**6}
    return json.dumps(
        {"topic": f"orderbook.{depth}.BTCUSDT", "ts": 7, "type": kind, "data": data, "cts": 6}
    ).encode()


def run(frames: list[bytes]) -> list[str]:
    """What each frame does to a book, as a synchronizer does it: images replace always, diffs by the rule."""
    said = []
    last: int | None = None
    for one in frames:
        [message] = SPOT.decode("orderbook.1000", one)
        if isinstance(message, BookImage):
            assert message.in_band
            last = message.last_id
            said.append("replace")
            continue
        assert isinstance(message, BookDiff)
        verdict = GAP if last is None else RULE.follow(last, message)
        said.append(verdict.value)
        if verdict is APPLY:
            last = message.last_id
    return said


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param(
            [("snapshot", 100), ("delta", 101), ("delta", 102), ("delta", 104)],
            ["replace", "apply", "apply", "gap"],
            id="Bybit",
        ),
        pytest.param(
            [("snapshot", 102), ("snapshot", 1), ("delta", 2)], ["replace", "replace", "apply"], id="restart"
        ),
        pytest.param(
            [("snapshot", 102), ("delta", 1), ("delta", 2)],
            ["replace", "replace", "apply"],
            id="restart in a frame called delta",
        ),
        pytest.param(
            [("snapshot", 100), ("delta", 101), ("snapshot", 205), ("delta", 206)],
            ["replace", "apply", "replace", "apply"],
            id="snapshot mid-stream",
        ),
        pytest.param(
            [("snapshot", 100), ("delta", 101), ("snapshot", 101), ("delta", 102)],
            ["replace", "apply", "replace", "apply"],
            id="snapshot of the same u",
        ),
        pytest.param(
            [("snapshot", 100), ("delta", 101), ("delta", 101), ("delta", 100), ("delta", 102)],
            ["replace", "apply", "old", "old", "apply"],
            id="repetition",
        ),
        pytest.param(
            [("snapshot", 100), ("delta", 102), ("snapshot", 150), ("delta", 151)],
            ["replace", "gap", "replace", "apply"],
            id="a hole, healed by an image",
        ),
    ],
)
def test_known_answers(frames: list[tuple[str, int]], expected: list[str]) -> None:
    assert run([frame(kind, u, {"1": "1"}) for kind, u in frames]) == expected


@pytest.mark.parametrize(("u", "verdict"), [(100, OLD), (99, OLD), (101, APPLY), (102, GAP)])
def test_joining_is_following(u: int, verdict: Verdict) -> None:
    assert RULE.join(100, BookDiff(u, u, None, [], [], 0)) is verdict


def test_a_level_one_repeat_is_the_same_best_and_no_book() -> None:
    [message] = SPOT.decode("orderbook.1", frame("snapshot", 500, {"10": "1"}, depth=1))
    assert isinstance(message, BestBidAsk)
    assert SPOT.decode("orderbook.1", frame("snapshot", 500, {"10": "1"}, depth=1)) == (message,)


def test_a_restart_leaves_nothing_of_the_book_before() -> None:
    book = Book()
    for one in (
        frame("snapshot", 100, {"10": "1", "9": "2"}),
        frame("delta", 101, {"10": "0", "8": "1", "7": "0"}),
        frame("delta", 1, {"5": "3"}),
        frame("delta", 2, {"5.0": "4", "6": "1"}),
    ):
        [message] = SPOT.decode("orderbook.1000", one)
        assert isinstance(message, BookImage | BookDiff)
        (book.replace if isinstance(message, BookImage) else book.apply)(message.bids, message.asks)
    assert book.bids.levels() == ([6 * 10**18, 5 * 10**18], [10**18, 4 * 10**18])


def test_a_delisted_book_is_empty() -> None:
    book = Book()
    for one in (frame("snapshot", 100, {"10": "1"}), frame("snapshot", 1, {})):
        [message] = SPOT.decode("orderbook.1000", one)
        assert isinstance(message, BookImage)
        book.replace(message.bids, message.asks)
    assert book.top() == (None, None, None, None)


def test_there_is_no_checksum() -> None:
    assert RULE.checked_levels == 0
