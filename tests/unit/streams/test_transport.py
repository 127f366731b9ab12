"""The batch transport's own part: batches by partition, fetched ahead, and nothing of an older generation."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupLoadInProgressError, IllegalStateError, KafkaConnectionError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams import transport
from streams.faust_app import PartApp
from streams.transport import Consumer, _ConsumerThread

ONE, TWO = TP("raw.binance.spot", 0), TP("raw.binance.spot", 1)


def record(offset: int) -> Any:
    return SimpleNamespace(offset=offset, timestamp=1_723_161_256_000, timestamp_type=1)


class Scripted(Consumer):
    """The consumer without Kafka: gives ``script`` out, fetch by fetch; a callable is run first."""

    should_stop = False

    def __init__(self, *script: Any) -> None:
        self.app: Any = SimpleNamespace(consumer_generation_id=7)
        self.script = list(script)
        self.asked = self.sought = 0
        self.flow_active = True
        self._buffered_partitions = set()

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109, ARG002  the library's
        self.asked += 1
        await asyncio.sleep(0)
        return (self.script.pop(0) if self.script else {}), {ONE, TWO}

    async def perform_seek(self) -> None:
        self.sought += 1


async def taken(consumer: Scripted) -> list[tuple[TP, list[int], int]]:
    return [
        (tp, [each.offset for each in message.value], message.generation_id)
        async for tp, message in consumer.getmany(1.0)
    ]


def test_a_message_is_all_of_a_partition() -> None:
    async def run() -> None:
        consumer = Scripted({ONE: [record(3), record(4)], TWO: [record(9)]})
        assert await taken(consumer) == [(ONE, [3, 4], 7), (TWO, [9], 7)]

    asyncio.run(run())


def test_the_next_batch_is_asked_for_before_one_is_handed_over() -> None:
    async def run() -> None:
        consumer = Scripted({ONE: [record(1)]}, {ONE: [record(2)]})
        async for _ in consumer.getmany(1.0):
            await asyncio.sleep(0.001)
            assert consumer.asked == 2
        assert await taken(consumer) == [(ONE, [2], 7)]
        await asyncio.sleep(0.001)
        assert consumer.asked == 3

    asyncio.run(run())


def test_what_came_before_a_rebalance_is_not_handed_over_after_it() -> None:
    async def run() -> None:
        consumer = Scripted({ONE: [record(1)]}, {ONE: [record(2)]}, {ONE: [record(1)]})
        await taken(consumer)
        await asyncio.sleep(0.001)  # the second is here
        consumer.app.consumer_generation_id = 8
        assert await taken(consumer) == []
        assert await taken(consumer) == [(ONE, [1], 8)]

    asyncio.run(run())


def test_while_the_flow_is_stopped_the_position_goes_back() -> None:
    async def run() -> None:
        consumer = Scripted({ONE: [record(1)]})
        consumer.flow_active = False
        assert await taken(consumer) == []
        assert consumer.sought == 1

    asyncio.run(run())


def test_partitions_that_are_taken_away_meanwhile_end_nobody() -> None:
    class Moved(Scripted):
        async def perform_seek(self) -> None:
            raise IllegalStateError("No current assignment")

    async def run() -> None:
        consumer = Moved({ONE: [record(1)]}, {ONE: [record(1)]})
        consumer.flow_active = False
        assert await taken(consumer) == []
        consumer.flow_active = True
        assert await taken(consumer) == [(ONE, [1], 7)]

    asyncio.run(run())


def test_a_fetch_of_little_comes_back_soon_and_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With Faust's 1500 ms a partition that ran dry stood still while empty ones were waited for; without a least size each record was a fetch."""
    made = SimpleNamespace(_fetch_max_wait_ms=1500, _fetch_min_bytes=1)
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: made)
    thread: Any = object.__new__(_ConsumerThread)
    thread.app = SimpleNamespace(fetch_wait_ms=PartApp.fetch_wait_ms)
    consumer = thread._create_worker_consumer(None)
    assert consumer._fetch_max_wait_ms <= 50
    assert consumer._fetch_min_bytes > 1000
    # The names are aiokafka's own: they are still what its fetcher is made with.
    begun = inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in begun
    assert "fetch_min_bytes=self._fetch_min_bytes" in begun


def test_the_thread_disconnects_and_ends_where_a_fetch_waits_for_its_next_attempt() -> None:
    closed = []

    async def close() -> None:
        closed.append("client")

    async def run() -> None:
        fetcher: Any = object.__new__(Fetcher)
        fetcher._fetch_task = asyncio.create_task(asyncio.sleep(60))
        fetcher._fetch_waiters = set()
        fetcher._pending_tasks = {asyncio.create_task(asyncio.sleep(60))}
        await asyncio.sleep(0)
        thread: Any = object.__new__(_ConsumerThread)
        thread._method_queue = None
        thread._consumer = SimpleNamespace(stop=fetcher.close, _client=SimpleNamespace(close=close))
        await thread.on_thread_stop()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*fetcher._pending_tasks)

    asyncio.run(run())
    assert closed == ["client"]


def test_a_good_bye_that_kafka_does_not_answer_ends_with_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "_ANSWER_S", 0.01)
    closed = []

    async def run() -> None:
        answer = asyncio.get_running_loop().create_future()

        async def stop() -> None:
            with contextlib.suppress(KafkaConnectionError):
                await answer

        async def close() -> None:
            answer.set_exception(KafkaConnectionError())
            closed.append("client")

        thread: Any = object.__new__(_ConsumerThread)
        thread._method_queue = None
        thread._consumer = SimpleNamespace(stop=stop, _client=SimpleNamespace(close=close))
        await asyncio.wait_for(thread.on_thread_stop(), 10)

    asyncio.run(run())
    assert closed == ["client"]


def test_a_commit_under_way_ends_with_its_connection_and_is_heard() -> None:
    unheard, ended = [], []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unheard.append(context["message"]))
        answer = loop.create_future()
        coordinator: Any = object.__new__(GroupCoordinator)
        coordinator.coordinator_id, coordinator._retry_backoff_ms = 1, 60_000
        coordinator._commit_lock = asyncio.Lock()

        under_way = asyncio.Event()

        async def sent(*_: Any) -> None:
            under_way.set()
            await answer

        async def stop() -> None:
            answer.set_exception(GroupLoadInProgressError())

        coordinator._do_commit_offsets = sent
        thread: Any = object.__new__(_ConsumerThread)
        thread._method_queue = None
        thread._consumer = SimpleNamespace(stop=stop, _coordinator=coordinator)
        thread._committing = asyncio.ensure_future(coordinator.commit_offsets(None, {}))
        await under_way.wait()
        await thread.on_thread_stop()
        ended.append(thread._committing.cancelled())
        await asyncio.sleep(0.01)
        gc.collect()

    asyncio.run(run())
    assert (unheard, ended) == ([], [True])


_PART = """
    import socket, sys
    from pathlib import Path
    from types import SimpleNamespace
    from bookmill.addresses import Addresses
    from bookmill.errors import BookmillError
    from bookmill.settings import Settings
    from streams.faust_app import PartApp, app_options
    from streams.running import serve

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{one.getsockname()[1]}"
    settings = Settings(data_dir=Path(sys.argv[1]))

    def create():
        addresses = Addresses(kafka=gone, registry="", clickhouse="")
        options = app_options(settings, addresses, poll_records=1, session_timeout_s=6, instance_id=None)
        app = PartApp("worker", **options)
        app.part = SimpleNamespace(name="worker", statistics=dict)

        @app.agent(app.topic("raw"))
        async def process(stream):
            async for _ in stream:
                pass

        return app

    try:
        serve(create, settings)
    except BookmillError as error:
        sys.exit(str(error))
"""


def test_a_part_whose_kafka_goes_away_as_it_starts_ends_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_PART), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "it went away as this part started" in done.stderr.splitlines()[-1]


def test_a_commit_that_kafka_does_not_answer_is_given_up_and_said_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library tries until Kafka is back: a worker that was told to stop waited for it for ever."""
    tried = []
    kafka = asyncio.Event()

    async def commit(offsets: Any) -> None:
        tried.append(dict(offsets))
        await kafka.wait()

    async def run() -> None:
        thread = _ConsumerThread.__new__(_ConsumerThread)
        monkeypatch.setattr(thread, "assignment", lambda: {ONE}, raising=False)
        monkeypatch.setattr(thread, "_ensure_consumer", lambda: SimpleNamespace(commit=commit), raising=False)
        assert not await thread._commit_raw({ONE: (7, "")})
        assert not await thread._commit_raw({ONE: (8, "")})
        kafka.set()
        assert await thread._commit_raw({ONE: (9, "")})

    monkeypatch.setattr(transport, "_ANSWER_S", 0.01)
    asyncio.run(asyncio.wait_for(run(), 10))
    assert [[one.offset for one in offsets.values()] for offsets in tried] == [[7], [9]]
