"""Who is traded most lately: counted from trade streams, forgotten by halves."""

from __future__ import annotations

from typing import cast

import pytest

from producers.kafka_writer import KafkaWriter
from producers.stream import Stream
from producers.traded import Traded
from tests.unit.producers.fakes import FakeWriter
from venues.interface import Route


def stream(channel: str, wire_symbol: str) -> Stream:
    return Stream(Route(channel, wire_symbol), wire_symbol, "raw", cast("KafkaWriter", FakeWriter()))


class Stage:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.streams = [stream("trade", "A"), stream("trade", "B"), stream("depth", "B")]
        self.traded = Traded(lambda: self.streams, {"trade", "aggTrade"}, clock=lambda: self.now_s)

    def after(self, seconds: float, *frames: int) -> list[float]:
        self.now_s += seconds
        for one, count in zip(self.streams, frames, strict=False):
            one.frames += count
        self.traded.look()
        return [self.traded.of(symbol) for symbol in ("A", "B", "C")]


def test_trades_are_counted_and_nothing_else() -> None:
    assert Stage().after(5.0, 3, 7, 100) == [3.0, 7.0, 0.0]


def test_what_was_traded_five_minutes_ago_counts_half() -> None:
    stage = Stage()
    stage.after(5.0, 8, 2)
    assert stage.after(300.0, 0, 4) == pytest.approx([4.0, 5.0, 0.0])
    assert stage.after(3000.0) == pytest.approx([4 / 1024, 5 / 1024, 0.0])


def test_streams_come_and_go_and_an_instrument_may_have_two() -> None:
    stage = Stage()
    stage.after(5.0, 8, 2)
    stage.streams.append(stream("aggTrade", "A"))
    stage.streams[3].frames = 5
    assert stage.after(0.0) == [13.0, 2.0, 0.0]
    del stage.streams[1]
    assert stage.after(0.0) == [13.0, 0.0, 0.0]
