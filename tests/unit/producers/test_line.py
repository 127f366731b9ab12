"""A line against a real websocket: paced requests, silence, shutdown, rotation, reconnects, back pressure."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

from websockets.asyncio.server import ServerConnection

from bookmill.settings import ProducerSettings
from producers.connection import Answer
from producers.kafka_writer import KafkaWriter
from producers.line import Line
from producers.line_connections import LineState
from producers.stream import Stream
from tests.unit.producers.fakes import Exchange, FakeWriter, envelope, until
from venues.binance import BinanceSpot
from venues.interface import ConnectionPlan, Route

TRADES, DEPTH = Route("trade", "BTCUSDT"), Route("depth", "BTCUSDT")
FAST = ProducerSettings(
    silent_after_s=0.6, rotate_after_s=60, rotate_overlap_s=0.4, backoff_initial_s=0.02, backoff_max_s=0.05
)


async def nothing(_: ServerConnection) -> None:
    """Send nothing."""


def ticking(gap_s: float = 0.02) -> Callable[[ServerConnection], Awaitable[None]]:
    """All connections are sent the same frames at the same time, numbered by the clock of the first."""
    started: list[float] = []

    async def play(connection: ServerConnection) -> None:
        loop = asyncio.get_running_loop()
        started[:] = started or [loop.time()]
        for number in itertools.count(int((loop.time() - started[0]) / gap_s) + 1):
            await asyncio.sleep(max(0.0, started[0] + number * gap_s - loop.time()))
            await connection.send(envelope(number), text=True)

    return play


def made(
    address: str,
    settings: ProducerSettings = FAST,
    routes: tuple[Route, ...] = (TRADES,),
    requests: tuple[str, ...] = (),
) -> tuple[Line, FakeWriter, list[bytes]]:
    writer, aside = FakeWriter(), list[bytes]()
    venue = BinanceSpot()

    def take_aside(frame: bytes, _: Route | None, __: int) -> Answer:
        aside.append(frame)
        return Answer(leaving=b"serverShutdown" in frame)

    streams = [Stream(route, "BTC-USDT", "raw", cast("KafkaWriter", writer)) for route in routes]
    line = Line(
        "line",
        ConnectionPlan("/stream?streams=x", requests, routes),
        streams,
        venue=venue,
        address=address,
        settings=settings,
        writer=cast("KafkaWriter", writer),
        aside=take_aside,
        trades={"BTCUSDT": streams[0]},
    )
    return line, writer, aside


@asynccontextmanager
async def running(line: Line) -> AsyncIterator[None]:
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def numbers(writer: FakeWriter) -> list[int]:
    return [int((value or b"").split(b":")[-1].rstrip(b"}")) for _, _, value, _ in writer.frames]


def test_frames_arrive_byte_for_byte_and_strange_ones_are_put_aside() -> None:
    frames = [envelope(number) for number in range(50)]

    async def play(connection: ServerConnection) -> None:
        for frame in [*frames, b"pong", envelope(0, "ethusdt@trade")]:
            await connection.send(frame, text=True)

    async def run() -> None:
        async with Exchange(play) as exchange:
            line, writer, aside = made(exchange.address)
            async with running(line):
                await until(lambda: len(aside) == 2)
            assert [value for _, _, value, _ in writer.frames] == frames
            assert [dict(headers)["frame"] for *_, headers in writer.frames] == [
                b"%d" % n for n in range(1, 51)
            ]
            assert aside == [b"pong", envelope(0, "ethusdt@trade")]
            await until(lambda: not exchange.connections)

    asyncio.run(run())


def test_requests_are_paced_below_the_limit_of_any_second() -> None:
    async def run() -> None:
        requests = tuple(f"request {number}" for number in range(8))
        async with Exchange(nothing) as exchange:
            line, _, _ = made(exchange.address, ProducerSettings(), requests=requests)
            async with running(line):
                await until(lambda: len(exchange.received) == 8)
            assert [text for _, text in exchange.received] == list(requests)
            times = [time_s for time_s, _ in exchange.received]
            assert all(later - earlier > 0.95 for earlier, later in zip(times, times[4:]))

    asyncio.run(run())


def test_a_dead_connection_is_broken_off_and_made_anew() -> None:
    async def run() -> None:
        async with Exchange(ticking()) as exchange:
            line, writer, _ = made(exchange.address)
            async with running(line):
                await until(lambda: len(writer.frames) > 3)
                exchange.connections[0].transport.pause_reading()  # half-open: neither data nor pongs
                playing = [task for task in asyncio.all_tasks() if "ticking" in str(task.get_coro())]
                assert len(playing) == 1
                playing[0].cancel()
                await until(lambda: line.counts.lost == 1)
                before = len(writer.frames)
                await until(lambda: len(writer.frames) > before)
            assert (line.counts.opened, line.state) == (2, LineState.CONNECTED)
            assert writer.told == [("trade", "start"), ("trade", "silent")]

    asyncio.run(run())


def test_a_quiet_market_gets_a_new_connection_before_the_old_one_is_closed_and_less_and_less_often() -> None:
    async def run() -> None:
        async with Exchange(nothing) as exchange:
            line, _, _ = made(exchange.address)
            async with running(line):
                await until(lambda: line.counts.replaced == 1)
                await asyncio.sleep(0.7)
                assert line.counts.replaced == 1  # the next one is due after twice the time
            assert line.counts.lost == 0

    asyncio.run(run())


def test_a_living_connection_that_falls_silent_may_have_lost_its_streams_and_says_so() -> None:
    async def play(connection: ServerConnection) -> None:
        for number in range(5):
            await connection.send(envelope(number), text=True)

    async def run() -> None:
        async with Exchange(play) as exchange:
            line, writer, _ = made(exchange.address)
            async with running(line):
                await until(lambda: line.counts.replaced == 1)
            assert writer.told[:2] == [("trade", "start"), ("trade", "silent")]

    asyncio.run(run())


def test_a_book_that_is_subscribed_anew_lacks_what_comes_until_then() -> None:
    async def run() -> None:
        async with Exchange(ticking()) as exchange:
            line, writer, _ = made(exchange.address, routes=(TRADES, DEPTH))
            line._streams[DEPTH].starts_anew = True
            assert not line.resubscribe("BTCUSDT", ["again"])
            async with running(line):
                await until(lambda: len(writer.frames) > 3)
                line._streams[DEPTH].last_ns = time.time_ns()  # its image
                assert line.resubscribe("BTCUSDT", ["again"])
                await until(lambda: len(exchange.received) == 1)
            assert writer.told == [("trade", "start"), ("depth", "start"), ("depth", "resubscribed")]

    asyncio.run(run())


def test_a_rotation_loses_and_doubles_nothing() -> None:
    async def run() -> None:
        async with Exchange(ticking(0.005)) as exchange:
            line, writer, _ = made(exchange.address, FAST.model_copy(update={"rotate_after_s": 0.4}))
            async with running(line):
                await until(lambda: line.counts.replaced >= 3)
                await until(lambda: len(exchange.connections) == 1)
            assert numbers(writer) == list(range(1, len(writer.frames) + 1))
            assert len({dict(headers)["connection"] for *_, headers in writer.frames}) >= 3
            assert writer.told == [("trade", "start")]

    asyncio.run(run())


def test_an_announced_shutdown_is_answered_with_a_new_connection_at_once() -> None:
    async def run() -> None:
        async with Exchange(ticking(0.005)) as exchange:
            line, writer, _ = made(exchange.address)
            async with running(line):
                await until(lambda: len(writer.frames) > 3)
                await exchange.send(b'{"e":"serverShutdown","E":1}')
                await until(lambda: line.counts.replaced == 1)
            assert numbers(writer) == list(range(1, len(writer.frames) + 1))

    asyncio.run(run())


def test_a_successor_that_does_not_deliver_never_takes_over() -> None:
    first: list[ServerConnection] = []
    tick = ticking(0.01)

    async def play(connection: ServerConnection) -> None:
        first[:] = first or [connection]
        if connection is first[0]:
            await tick(connection)

    async def run() -> None:
        settings = FAST.model_copy(update={"rotate_after_s": 0.3, "rotate_overlap_s": 0.1})
        async with Exchange(play) as exchange:
            line, writer, _ = made(exchange.address, settings)
            async with running(line):
                await until(lambda: line.counts.opened >= 3)
            assert numbers(writer) == list(range(1, len(writer.frames) + 1))
            assert (line.counts.replaced, line.counts.lost) == (0, 0)

    asyncio.run(run())


def test_a_stream_that_never_delivers_is_named_and_its_neighbour_goes_on() -> None:
    async def run() -> None:
        async with Exchange(ticking()) as exchange:
            line, writer, _ = made(exchange.address, routes=(TRADES, DEPTH))
            async with running(line):
                await until(lambda: line.missing == ["depth BTCUSDT"])
                before = len(writer.frames)
                await until(lambda: len(writer.frames) > before)
            assert line.counts.opened == 1

    asyncio.run(run())


def test_a_connection_on_which_a_book_stands_still_while_its_instrument_trades_is_replaced_once() -> None:
    first: list[ServerConnection] = []

    async def play(connection: ServerConnection) -> None:
        first[:] = first or [connection]
        for number in itertools.count():
            await asyncio.sleep(0.02)
            await connection.send(envelope(number), text=True)
            if connection is not first[0] or number < 50:
                await connection.send(envelope(number, "btcusdt@depth@100ms"), text=True)

    async def run() -> None:
        async with Exchange(play) as exchange:
            line, _, _ = made(exchange.address, routes=(TRADES, DEPTH))
            async with running(line):
                await until(lambda: line.counts.replaced == 1)
                await asyncio.sleep(1.0)
            assert (line.counts.opened, line.counts.replaced, line.counts.lost) == (2, 1, 0)

    asyncio.run(run())


def test_a_stream_of_now_and_then_is_no_stopped_one_and_keeps_no_successor_from_taking_over() -> None:
    """It brings a frame while the successor is still subscribing, and then none for long."""
    first: list[ServerConnection] = []

    async def play(connection: ServerConnection) -> None:
        first[:] = first or [connection]
        for number in itertools.count():
            await asyncio.sleep(0.02)
            await connection.send(envelope(number), text=True)
            if number == 25 and connection is first[0]:  # the line has begun to replace it
                await connection.send(envelope(1, "btcusdt@depth@100ms"), text=True)

    async def run() -> None:
        settings = FAST.model_copy(update={"rotate_after_s": 0.25})
        async with Exchange(play) as exchange:
            line, _, _ = made(exchange.address, settings, routes=(TRADES, DEPTH), requests=("one", "two"))
            async with running(line):
                await until(lambda: line.counts.replaced >= 1)
            assert line.counts.opened == 2

    asyncio.run(run())


def test_while_kafka_is_slow_the_socket_is_not_read_and_nothing_is_lost() -> None:
    count = 15_000
    sent = 0

    async def play(connection: ServerConnection) -> None:
        nonlocal sent
        for number in range(1, count + 1):
            await connection.send(envelope(number) + b" " * 2000, text=True)
            sent = number

    async def run() -> None:
        async with Exchange(play) as exchange:
            line, writer, _ = made(exchange.address)
            writer.full = True
            async with running(line):
                await asyncio.sleep(1.5)  # longer than the silent deadline: waiting for Kafka is no silence
                assert len(writer.frames) == 1
                assert sent < count
                writer.full = False
                await until(lambda: len(writer.frames) == count)
            assert [
                int((value or b"").split(b":")[-1].split(b"}")[0]) for _, _, value, _ in writer.frames
            ] == list(range(1, count + 1))
            assert line.counts.opened == 1

    asyncio.run(run())


def test_an_unreachable_exchange_is_named_and_tried_for_ever() -> None:
    async def run() -> None:
        line, _, _ = made("ws://127.0.0.1:1")
        async with running(line):
            await until(lambda: line.counts.failures >= 4)
        assert line.state is LineState.UNREACHABLE
        assert line.problem

    asyncio.run(run())
