"""A producer writes down that frames may be missing: of each stream that had some, once, with the reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from bookmill.errors import UnavailableError
from bookmill.settings import KafkaSettings
from producers.kafka_writer import KafkaWriter
from producers.stream import Stream
from tests.unit.producers.fakes import FakeWriter, envelope
from venues.interface import Route


class Connection:
    def __init__(self, name: str) -> None:
        self.header = ("connection", name.encode())
        self.written = 0


@pytest.fixture
def writer() -> FakeWriter:
    return FakeWriter()


def stream(writer: Any) -> Stream:
    made = Stream(Route("trade", "BTCUSDT"), "BTC-USDT", "raw.binance.spot", writer)
    made.leader = Connection("a")
    return made


def arrive(one: Stream, source: Connection, number: int) -> None:
    one.last_ns = number
    if one.leader is source:
        one.write(source, envelope(number), number)
    else:
        one.take(source, envelope(number), number)


def test_it_is_said_once_until_frames_come_again(writer: FakeWriter) -> None:
    one, source = stream(writer), Connection("a")
    one.leader = source
    one.tell_lost(source, "start", 1)
    one.tell_lost(source, "disconnect", 2)
    arrive(one, source, 3)
    one.tell_lost(source, "disconnect", 4)
    assert writer.told == [("trade", "start"), ("trade", "disconnect")]
    assert [dict(headers)["frame"] for *_, headers in writer.records] == [b"0", b"1", b"2"]


def test_a_hand_over_that_breaks_off_says_so_unless_both_had_brought_one_frame(writer: FakeWriter) -> None:
    one, old, new = stream(writer), Connection("a"), Connection("b")
    one.begin(old)
    one.join(new)
    arrive(one, old, 1)
    arrive(one, new, 5)
    one.break_off(old, "disconnect", 6)
    assert writer.told == [("trade", "disconnect")]
    assert writer.values == [envelope(1), b"disconnect", envelope(5)]

    again = FakeWriter()
    one = stream(again)
    one.begin(old)
    one.join(new)
    arrive(one, old, 1)
    arrive(one, new, 1)
    one.break_off(old, "disconnect", 6)
    assert again.told == []


def test_a_successor_that_led_and_is_gone_leaves_a_hole_in_any_stream(writer: FakeWriter) -> None:
    one, old, new = stream(writer), Connection("a"), Connection("b")
    one.begin(old)
    one.join(new)
    arrive(one, old, 1)
    arrive(one, new, 1)
    one.finish()
    one.cancel(old, 9)
    assert writer.told == [("trade", "successor lost")]


def test_a_frame_that_kafka_refuses_for_good_is_written_down_as_missing() -> None:
    writer = KafkaWriter(KafkaSettings(), "127.0.0.1:1", buffer_messages=10)
    written: list[tuple[bytes | None, list[tuple[str, bytes]]]] = []

    def produce(topic: str, value: bytes | None, key: bytes | None, headers: Any) -> None:
        if value == b"too large":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        written.append((value, headers))

    writer._produce = produce  # type: ignore[assignment]
    writer.write("raw", b"BTCUSDT", b"too large", [("receive_time_ns", b"1"), ("kind", b"ws")])
    assert written == [(b"undelivered", [("receive_time_ns", b"1"), ("kind", b"lost")])]
    writer.write("raw", b"BTCUSDT", b"too large", [("kind", b"snapshot")])
    assert (len(written), writer.failed) == (1, 2)


def test_a_kafka_client_that_is_lost_ends_the_producer() -> None:
    writer = KafkaWriter(KafkaSettings(), "127.0.0.1:1", buffer_messages=10)
    writer._brokers._without = 2
    with pytest.raises(UnavailableError, match="has no broker"):
        asyncio.run(asyncio.wait_for(writer.run(), 5))


def test_only_who_brings_a_stream_says_that_it_stopped(writer: FakeWriter) -> None:
    one, ended, leads = stream(writer), Connection("a"), Connection("b")
    one.leader = leads
    one.tell_lost(ended, "disconnect", 1)
    assert writer.told == [], "nothing is missing: another connection brings it"
    one.tell_lost(one.bringer(ended), "silent", 2)
    assert [dict(headers)["connection"] for *_, headers in writer.records] == [b"b"]
    one.begin(leads)
    assert one.bringer(ended) is leads
