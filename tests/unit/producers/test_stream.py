"""Records of a stream: exactly the headers everybody reads, and one leader at a time."""

from __future__ import annotations

from typing import cast

from producers.hand_over import MOST_FRAMES
from producers.kafka_writer import KafkaWriter
from producers.stream import Stream
from schemas.raw_record import RawHeaders
from tests.unit.producers.fakes import FakeWriter, envelope
from venues.interface import Route


class Source:
    def __init__(self, name: str) -> None:
        self.header = ("connection", name.encode())
        self.written = 0


def stream() -> tuple[Stream, FakeWriter]:
    writer = FakeWriter()
    return Stream(
        Route("trade", "BTCUSDT"), "BTC-USDT", "raw.binance.spot", cast("KafkaWriter", writer)
    ), writer


def test_the_fast_path_writes_the_headers_of_the_contract() -> None:
    one, writer = stream()
    source = Source("c1")
    for number in range(3):
        one.write(source, envelope(number), 1_700_000_000_000_000_000 + number)
    assert writer.records == [
        (
            "raw.binance.spot",
            b"BTCUSDT",
            envelope(number),
            RawHeaders(1_700_000_000_000_000_000 + number, "ws", "trade", "c1", number, "BTC-USDT").encode(),
        )
        for number in range(3)
    ]


def test_the_frame_counter_of_a_connection_runs_over_all_its_streams() -> None:
    one, writer = stream()
    other = Stream(Route("depth", "BTCUSDT"), "BTC-USDT", "t", one.writer)
    source = Source("c1")
    for number, each in enumerate((one, other, one)):
        each.write(source, envelope(number), number)
    assert [dict(headers)["frame"] for *_, headers in writer.records] == [b"0", b"1", b"2"]


def test_while_two_connections_deliver_each_frame_is_written_once() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    one.take(old, envelope(0), 0)
    one.take(new, envelope(1), 1)  # ahead: held
    assert writer.values == [envelope(0)]
    one.take(old, envelope(1), 2)
    assert one.hand_over is not None
    assert one.hand_over.aligned
    one.finish()
    assert one.leader is new
    one.write(new, envelope(2), 3)
    one.take(old, envelope(2), 4)
    assert writer.values == [envelope(0), envelope(1), envelope(2)]
    assert one.repeated == 2
    assert [dict(headers)["frame"] for *_, headers in writer.records] == [b"0", b"1", b"0"]


def test_a_successor_that_dies_leaves_the_old_connection_in_charge() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    one.take(new, envelope(1), 1)
    one.cancel(old, 2)
    assert one.leader is old
    assert writer.values == []


def test_until_its_time_is_over_the_old_connection_writes_all_it_brings_so_that_nothing_is_lost_with_its_successor() -> (
    None
):
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    for number in range(3):
        one.take(old, envelope(number), number)
        one.take(new, envelope(number), number)
    one.cancel(old, 4)
    one.write(old, envelope(3), 5)
    assert writer.values == [envelope(number) for number in range(4)]


def test_what_a_successor_begins_with_does_not_double_what_follows() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.take(old, envelope(0), 0)
    one.join(new)
    one.take(new, b"the state as it is", 1)
    one.take(new, envelope(1), 2)
    one.take(old, envelope(1), 3)  # found behind the opening
    one.take(old, envelope(2), 4)
    one.finish()
    one.take(new, envelope(2), 5)
    one.take(new, envelope(3), 6) if one.leader is not new else one.write(new, envelope(3), 6)
    assert writer.values == [envelope(number) for number in range(4)]


def test_what_a_successor_begins_with_is_written_where_nothing_else_came() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    one.take(new, b"the state as it is", 1)
    one.finish()
    assert one.leader is new
    assert writer.values == [b"the state as it is"]


def test_a_book_that_followed_a_successor_that_dies_is_told_lost() -> None:
    writer = FakeWriter()
    one = Stream(Route("books", "BTC-USDT"), "BTC-USDT", "t", cast("KafkaWriter", writer), starts_anew=True)
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    one.cancel(old, 1)
    assert writer.values == []  # it had brought nothing yet
    one.begin(old)
    one.join(new)
    one.take(new, b"image", 2)
    one.take(old, b"not written", 3)
    one.cancel(old, 4)
    assert writer.values == [b"image", b"successor lost"]
    assert dict(writer.records[1][3])["kind"] == b"lost"


def test_frames_the_old_connection_brought_while_the_successor_connected_are_not_doubled() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.take(old, envelope(0), 0)
    one.take(old, envelope(1), 1)
    one.join(new)
    one.take(new, envelope(1), 2)  # the exchange had sent it to both
    one.finish()
    assert one.leader is new
    one.write(new, envelope(2), 3)
    assert writer.values == [envelope(0), envelope(1), envelope(2)]


def test_when_time_is_over_what_the_successor_holds_is_written() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    one.take(new, envelope(1), 1)
    one.take(new, envelope(2), 2)
    one.finish()
    assert one.leader is new
    assert writer.values == [envelope(1), envelope(2)]


def test_a_successor_that_is_behind_is_passed_over_even_after_the_old_one_is_gone() -> None:
    one, writer = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    one.join(new)
    for number in range(3):
        one.take(old, envelope(number), number)
    one.take(new, envelope(1), 4)
    one.finish()
    one.take(new, envelope(2), 5)
    one.take(new, envelope(3), 6) if one.leader is not new else one.write(new, envelope(3), 6)
    assert writer.values == [envelope(number) for number in range(4)]


def test_frames_that_a_hand_over_cannot_remember_are_counted_and_stay_so() -> None:
    one, _ = stream()
    old, new = Source("old"), Source("new")
    one.begin(old)
    for number in range(MOST_FRAMES + 3):
        one.take(old, envelope(number), number)
    assert one.hand_over is not None
    assert (one.hand_over.waiting, one.forgotten) == (MOST_FRAMES, 3)
    one.join(new)
    one.finish()
    one.cancel(old, 0)
    assert one.forgotten == 3
    one.begin(old)
    assert one.forgotten == 3
