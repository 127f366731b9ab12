"""A reader that falls behind the exchange is noticed, and one that is only busy for a moment is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest
from websockets.asyncio.server import ServerConnection

from producers import reader_watch
from producers.connection import QUEUE_FRAMES, Answer, Connection
from producers.kafka_writer import KafkaWriter
from producers.reader_watch import ReaderWatch
from producers.stream import Stream
from tests.unit.producers.fakes import Exchange, FakeWriter, envelope, until
from venues.interface import Route
from venues.registry import venue


class Said:
    """In place of the log."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def info(self, event: str, **facts: object) -> None:
        self.lines.append({"event": event, **facts})

    warning = info


@contextmanager
def capture_logs() -> Iterator[list[dict[str, object]]]:
    said = Said()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_watch, "_log", said)
        yield said.lines


class Reader:
    name = "one"

    def __init__(self) -> None:
        self.waiting_frames = 0
        self.waiting_bytes = 0


class Stage:
    def __init__(self) -> None:
        self.reader, self.now_s = Reader(), 0.0
        self.held = False
        self.watch = ReaderWatch(lambda: [self.reader], 2.0, held=lambda: self.held, clock=lambda: self.now_s)

    def look(self, seconds: float, frames: int = 0, size: int = 0) -> None:
        for _ in range(round(seconds / 0.2)):
            self.now_s += 0.2
            self.reader.waiting_frames, self.reader.waiting_bytes = frames, size
            self.watch.look()


def test_who_is_behind_for_long_is_warned_of_once() -> None:
    stage = Stage()
    with capture_logs() as logs:
        stage.look(1.0)
        stage.look(2.0, frames=1000)
        assert stage.watch.slow == 0
        stage.look(3.0, frames=1024, size=50_000)
        assert (stage.watch.slow, round(stage.watch.behind_s, 1)) == (1, 4.8)
        stage.look(0.2)
        assert (stage.watch.slow, stage.watch.behind_s) == (1, 0.0)
    assert [log["event"] for log in logs] == [
        "connection is read slower than the exchange sends",
        "connection is read in time again",
    ]
    assert logs[0]["reason"] == "this process is busy"


def test_bytes_alone_count_and_a_moment_without_them_begins_anew() -> None:
    stage = Stage()
    for _ in range(5):
        stage.look(1.8, size=100_000)
        stage.look(0.2, size=100)
    assert stage.watch.slow == 0
    stage.held = True
    with capture_logs() as logs:
        stage.look(2.4, size=100_000)
    assert stage.watch.slow == 1
    assert logs[0]["reason"] == "Kafka takes no more"


def test_a_reader_that_is_held_is_noticed_with_its_socket_full_and_catches_up() -> None:
    """The real thing: frames behind a full websocket queue wait in the socket."""
    frames = 6000
    frame = envelope(1) + b" " * 200

    async def send(connection: ServerConnection) -> None:
        for _ in range(frames):
            await connection.send(frame, text=True)
        await asyncio.Event().wait()

    async def run() -> None:
        async with Exchange(send) as exchange:
            writer = FakeWriter(full=True)
            route = Route("trade", "BTCUSDT")
            stream = Stream(route, "BTC-USDT", "raw", cast("KafkaWriter", writer))
            connection = await Connection.open("one", exchange.address, {route: stream})
            stream.leader = connection
            watch = ReaderWatch(lambda: [connection], 0.3, held=lambda: writer.full)
            connection.start(venue("binance", "spot"), cast("KafkaWriter", writer), (), lambda *_: Answer())
            watching = asyncio.ensure_future(watch.run())
            with capture_logs() as logs:
                await until(lambda: watch.slow)
            assert logs[-1]["reason"] == "Kafka takes no more"
            await until(lambda: connection.waiting_bytes)
            assert connection.waiting_frames >= QUEUE_FRAMES
            assert connection.waiting_bytes <= connection.receive_buffer
            writer.full = False
            await until(lambda: len(writer.records) == frames)
            await until(lambda: watch.behind_s == 0.0)
            assert (watch.slow, connection.waiting_frames, connection.waiting_bytes) == (1, 0, 0)
            watching.cancel()
            await connection.close()
            assert (connection.waiting_bytes, connection.receive_buffer) == (0, 0)

    asyncio.run(run())
