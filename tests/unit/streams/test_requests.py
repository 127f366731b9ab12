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
    assert book.book.synchronizer.phase is Phase.BUFFERING
    assert not slow.due(book), "its image is on its way"
    assert fast.due(book), "it has not come"
    image(2)
    lose(3, b"disconnect")
    assert ResyncRequests(1, 3.0).due(book)
    assert slow.sent == 0


class Stage:
    """A book of Coinbase, whose images and losses come when they are told to, and a clock."""

    def __init__(self) -> None:
        self.raw = RawPartition(
            venue("coinbase", "spot"), "raw.coinbase.spot", 0, 0, SCHEMA_IDS, WorkerSettings()
        )
        self.now_s = 100.0
        self.requests = ResyncRequests(1, 3.0, lambda: self.now_s)
        self._come_back()

    def _process(self, text: bytes, kind: str) -> None:
        one = record(self.raw.position, "level2_batch", text, kind=kind, symbol="BTC-USD")
        self.raw.process([one])

    def _come_back(self) -> None:
        self._process(
            b'{"type":"snapshot","product_id":"BTC-USD","bids":[["99","1"]],"asks":[["101","1"]]}', "ws"
        )

    def lose(self) -> None:
        self._process(b"disconnect", "lost")

    def asked_after_s(self) -> float:
        """How long the lost book waits until it is asked for."""
        [book] = self.raw.instruments.values()
        since_s = self.now_s
        while not self.requests.due(book):
            self.now_s += 1 / 1024  # exact, as sums of it are
        return round(self.now_s - since_s, 1)

    def lose_again(self, *, after_s: float) -> float:
        self._come_back()
        self.now_s += after_s
        self.lose()
        return self.asked_after_s()


def test_a_book_is_asked_for_at_once_and_again_while_nobody_brings_it() -> None:
    stage = Stage()
    stage.lose()
    assert [stage.asked_after_s() for _ in range(3)] == [0.0, 3.0, 3.0]


def test_another_loss_is_asked_for_at_once_too() -> None:
    stage = Stage()
    stage.lose()
    assert stage.asked_after_s() == 0.0
    assert [stage.lose_again(after_s=1.0) for _ in range(3)] == [0.0] * 3


def test_a_book_that_is_lost_whenever_it_comes_is_asked_for_less_and_less_often() -> None:
    stage = Stage()
    stage.lose()
    stage.asked_after_s()
    waits_s = [stage.lose_again(after_s=0.0) for _ in range(7)]
    assert waits_s == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]
    assert stage.lose_again(after_s=10.0) == 0.0
