"""When a worker asks for an image: at once, unless one is on its way."""

from __future__ import annotations

from bookmill.settings import WorkerSettings
from streams.partition import RawPartition
from streams.requests import ResyncRequests
from streams.synchronizer import Phase
from tests.unit.streams.raw import SCHEMA_IDS, record
from venues.registry import venue


def test_a_book_that_was_just_subscribed_anew_is_not_asked_for_at_once() -> None:
    raw = RawPartition(venue("coinbase", "spot"), "raw.coinbase.spot", 0, 0, SCHEMA_IDS, WorkerSettings())

    def image(offset: int) -> None:
        text = b'{"type":"snapshot","product_id":"BTC-USD","bids":[["99","1"]],"asks":[["101","1"]]}'
        raw.process([record(offset, "level2_batch", text, symbol="BTC-USD")])

    def lose(offset: int, reason: bytes) -> None:
        raw.process([record(offset, "level2_batch", reason, kind="lost", symbol="BTC-USD")])

    image(0)
    [book] = raw.instruments.values()
    slow, fast = ResyncRequests(1, 3.0), ResyncRequests(1, 0.0)
    lose(1, b"resubscribed")
    assert book.synchronizer.phase is Phase.BUFFERING
    assert not slow.due(book), "its image is on its way"
    assert fast.due(book), "it has not come"
    image(2)
    lose(3, b"disconnect")
    assert ResyncRequests(1, 3.0).due(book)
    assert slow.sent == 0
