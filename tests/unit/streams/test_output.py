"""Which prefix of a partition's batches is stored, whatever order the reports come in."""

from __future__ import annotations

import asyncio

import pytest

from bookmill.errors import UnavailableError
from streams.output import Deliveries, Output


def test_the_position_moves_over_the_stored_prefix_only() -> None:
    deliveries = Deliveries(10)
    first, second = deliveries.expect(20, 2), deliveries.expect(30, 1)
    second()
    first()
    assert (deliveries.position, deliveries.waiting) == (10, 2)
    first()
    assert (deliveries.position, deliveries.waiting) == (30, 0)


def test_a_batch_without_events_is_stored_at_once_but_in_its_turn() -> None:
    deliveries = Deliveries(0)
    report = deliveries.expect(5, 1)
    deliveries.expect(9, 0)
    assert deliveries.position == 0
    report()
    assert deliveries.position == 9
    deliveries.expect(12, 0)
    assert deliveries.position == 12


def test_what_kafka_does_not_take_is_known_by_how_long_it_waits() -> None:
    now_s = [100.0]
    output = Output({"bootstrap.servers": "127.0.0.1:1", "log_level": 2}, lambda: now_s[0])
    assert not output.problem
    record: tuple[bytes, None, list[tuple[str, bytes]]] = (b"BTCUSDT", None, [])
    for after_s in (0.0, 5.0, 12.0):
        now_s[0] = 100.0 + after_s
        asyncio.run(output.write("trades", 0, [record], lambda: None))
        assert ("nothing for 12 s" in output.problem) == (after_s == 12.0)


def test_what_kafka_does_not_take_is_not_waited_for_for_ever() -> None:
    output = Output({"bootstrap.servers": "127.0.0.1:1", "log_level": 2}, lambda: 100.0)
    assert asyncio.run(output.all_stored(0.0))
    asyncio.run(output.write("trades", 0, [(b"BTCUSDT", None, [])], lambda: None))
    for until_s in (0.0, 100.1):
        assert not asyncio.run(output.all_stored(until_s))


def test_a_client_that_is_lost_ends_the_worker() -> None:
    output = Output({"bootstrap.servers": "127.0.0.1:1", "log_level": 2})
    output.poll()
    output._brokers._without = 2
    with pytest.raises(UnavailableError, match="has no broker"):
        output.poll()
