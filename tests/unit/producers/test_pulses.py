"""When streams have stopped: by what others of the connection do, not by a clock alone."""

from __future__ import annotations

from typing import cast

from producers.kafka_writer import KafkaWriter
from producers.pulses import Pulses
from producers.stream import Stream
from tests.unit.producers.fakes import FakeWriter
from venues.interface import Route

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def stream(channel: str, symbol: str = "BTCUSDT") -> Stream:
    return Stream(Route(channel, symbol), symbol, "t", cast("KafkaWriter", FakeWriter()))


class Stage:
    """Looks five times a second, no silence under 30 s counts."""

    def __init__(self, *others: Stream) -> None:
        self.book, self.trades = stream("depth"), stream("trade")
        self.now_ns = START
        self.pulses = Pulses(
            [self.book, self.trades, *others], {"BTCUSDT": self.book}, {"BTCUSDT": self.trades}
        )

    def run(self, seconds: float, *moving: Stream) -> list[Stream]:
        found: list[Stream] = []
        for _ in range(int(seconds * 5)):
            self.now_ns += SECOND // 5
            for one in moving:
                one.last_ns = self.now_ns
            found += self.pulses.stopped(self.now_ns, 30.0)
        return found


def test_a_book_that_stands_still_while_its_instrument_trades_has_stopped() -> None:
    stage = Stage(stream("ticker"))
    assert not stage.run(5, stage.book, stage.trades)
    assert not stage.run(29, stage.trades)
    assert stage.book in stage.run(3, stage.trades)


def test_a_book_of_an_instrument_that_does_not_trade_is_quiet() -> None:
    ticker = stream("ticker")
    stage = Stage(ticker)
    stage.run(5, stage.book, ticker)
    assert not stage.run(300, ticker)


def test_a_burst_of_trades_and_then_none_is_nothing() -> None:
    ticker = stream("ticker")
    stage = Stage(ticker)
    stage.run(5, stage.book, stage.trades, ticker)
    assert not stage.run(600, stage.book, ticker)


def test_most_streams_at_once_are_reason_enough() -> None:
    others = [stream("depth", f"C{number}") for number in range(4)]
    stage = Stage(*others)
    stage.run(10, stage.book, stage.trades, *others)
    assert not stage.run(29, others[0])
    assert len(stage.run(2, others[0])) >= 5


def test_pauses_a_stream_is_known_for_are_no_end() -> None:
    others = [stream("depth", f"C{number}") for number in range(4)]
    stage = Stage(*others)
    for _ in range(12):
        stage.run(0.2, stage.book, stage.trades, *others)
        stage.run(9.8, others[0])
    assert not stage.run(90, others[0])


def test_what_was_not_read_is_no_silence() -> None:
    others = [stream("depth", f"C{number}") for number in range(2)]
    stage = Stage(*others)
    stage.run(10, stage.book, stage.trades, *others)
    stage.now_ns += 100 * SECOND
    stage.pulses.resume(stage.now_ns)
    assert not stage.run(29)


def test_on_a_new_connection_it_is_known_who_flowed() -> None:
    others = [stream("depth", f"C{number}") for number in range(4)]
    stage = Stage(*others)
    stage.run(10, stage.book, stage.trades, *others)
    stage.now_ns += 100 * SECOND
    stage.pulses.resume(stage.now_ns)
    assert not stage.run(29, others[0])
    assert len(stage.run(2, others[0])) >= 5
    stage.pulses.resume(stage.now_ns)
    assert not stage.run(31, stage.book, stage.trades, *others)
