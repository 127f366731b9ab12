"""Rows are stored exactly once, wherever a sink is stopped, and whatever ClickHouse, the registry and Kafka do."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from bookmill.errors import RefusedError, UnavailableError
from bookmill.kafka_watch import KafkaWatch
from schemas.event_id import event_id
from sinks.part import SinkPart
from sinks.progress import Progress
from tests.unit.sinks.fakes import RAW, SCHEMA_ID, TOPIC, Broker, CrashError, Steps, World, trade, wire

DOWN = UnavailableError("down")


def filled(count: int = 10) -> World:
    world = World()
    world.broker.append_trades(range(count))
    return world.start()


def progress(world: World, partition: int = 0) -> Progress:
    return Progress.read(*world.broker.committed[TOPIC, partition])


def expected(count: int) -> list[str]:
    return [f"0-{number}" for number in range(count)]


def test_every_row_is_stored_once_and_in_order() -> None:
    world = filled()
    world.settle()
    assert world.store.ids() == expected(10)
    assert progress(world).offset == 10
    assert progress(world).last is None
    assert world.loader.counters.rows == 10
    assert next(iter(world.loader.partitions)).lag == 0


def test_tokens_name_table_topic_partition_range_and_incarnation() -> None:
    world = filled(5)
    world.settle()
    assert list(world.store.tokens) == [
        "trades|p.trades|0|0-3|incarnation",
        "trades|p.trades|0|4-4|incarnation",
    ]


def test_one_commit_ends_a_batch_and_begins_the_next() -> None:
    world = filled(40)
    world.turns(24)
    assert world.loader.counters.batches == 10
    assert world.consumer.commits == 11


def test_the_intent_stands_before_the_insert() -> None:
    world = filled(4)
    world.executor.hold = True
    world.turns(2)
    assert world.store.ids() == []
    assert progress(world) == Progress(0, {}, last=3)


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_any_two_steps_stores_every_row_once(after: bool) -> None:
    crashes = 0
    for step in range(1, 100):
        first = World(steps=Steps(step, after=after))
        first.broker.append_trades(range(6))
        first.broker.append_trades([3, 4, 5])  # written again by a restarted worker
        first.broker.append(b"nonsense", b"nonsense")
        first.broker.append_trades(range(6, 14))
        first.store.bad = {"0-8"}
        first.start()
        try:
            first.settle()
        except CrashError:
            crashes += 1
        second = first.restarted(
            batch_rows=3
        ).start()  # with other settings: the unfinished range stays as it was
        second.broker.append_trades(range(14, 20))
        second.settle(200)
        assert second.store.ids() == [each for each in expected(20) if each != "0-8"], step
        assert set(second.dead_ids()) == {9, 12}
        assert progress(second) == Progress(24, next(iter(second.loader.partitions)).progress.marks)
        if first.steps.count < step:
            break
    assert crashes > 10


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.sets(st.integers(0, 59), max_size=60),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=4),
)
def test_refused_records_become_dead_letters_and_no_others(
    count: int, bad: set[int], batch_rows: int, crashes: list[tuple[int, bool]]
) -> None:
    world = World(batch_rows=batch_rows)
    world.broker.append_trades(range(count))
    world.store.bad = {f"0-{number}" for number in bad}
    for step, after in crashes:
        world = world.restarted(Steps(step, after=after), batch_rows=batch_rows).start()
        try:
            world.settle(20)
        except CrashError:
            continue
    world = world.restarted(batch_rows=batch_rows).start()
    world.settle(600)
    good = [f"0-{number}" for number in range(count) if number not in bad]
    assert world.store.ids() == good
    assert set(world.dead_ids()) == {number for number in bad if number < count}
    assert progress(world).offset == count


def test_one_bad_record_among_many_costs_few_inserts() -> None:
    world = World(batch_rows=1024)
    world.broker.append_trades(range(1024))
    world.store.bad = {"0-700"}
    world.start().settle(100)
    assert len(world.store.ids()) == 1023
    assert world.store.attempts < 45


def test_dead_letters_are_acknowledged_before_the_offset_moves() -> None:
    world = World()
    world.broker.append(None, None)
    world.dead_letters_error = DOWN
    world.start().settle(5)
    assert progress(world).last == 0
    assert next(iter(world.loader.partitions)).problem == ("dead letters", "down")
    world.dead_letters_error = None
    world.settle()
    assert world.dead_ids() == [0]
    assert progress(world).offset == 1


def test_another_schema_closes_the_batch() -> None:
    world = World(batch_rows=100)
    world.schemas.known[SCHEMA_ID + 1] = world.schemas.known[SCHEMA_ID]
    for number in range(6):
        schema_id = SCHEMA_ID + (number in {2, 3})
        world.broker.append(
            wire(trade(f"0-{number}", number), schema_id), event_id(RAW, 0, number, 0).encode()
        )
    world.start().settle()
    assert world.store.ids() == expected(6)
    assert [token.split("|")[3] for token in world.store.tokens] == ["0-1", "2-3", "4-5"]


def test_an_unknown_schema_is_a_dead_letter_and_nothing_waits_for_it() -> None:
    world = World(batch_rows=100)
    for number in range(4):
        world.broker.append(
            wire(trade(f"0-{number}", number), 99 if number == 1 else SCHEMA_ID),
            event_id(RAW, 0, number, 0).encode(),
        )
    world.start().settle()
    assert world.store.ids() == ["0-0", "0-2", "0-3"]
    assert [(message.offset(), str(error)) for message, error in world.broker.dead] == [
        (1, "The schema registry knows no schema 99.")
    ]


def test_while_clickhouse_is_down_the_partition_is_paused_and_nothing_is_lost() -> None:
    world = filled(50)
    world.store.error = DOWN
    world.turns(5)
    assert world.consumer.paused == {(TOPIC, 0)}
    assert next(iter(world.loader.partitions)).problem == ("clickhouse", "down")
    attempts = world.store.attempts
    world.turns(20)  # no time passes: no attempt
    assert world.store.attempts == attempts
    world.store.error = None
    world.turns(40, seconds=40.0)
    assert world.consumer.paused == set()
    assert world.store.ids() == expected(50)
    assert next(iter(world.loader.partitions)).problem is None


def test_waiting_for_clickhouse_gets_longer() -> None:
    world = filled(4)
    world.store.error = DOWN
    world.turns(2000, seconds=0.1)
    assert 8 < world.store.attempts < 25


def test_the_registry_is_waited_for() -> None:
    world = filled()
    world.schemas.error = DOWN
    world.turns(3)
    assert next(iter(world.loader.partitions)).problem == ("registry", "down")
    world.schemas.error = None
    world.turns(40, seconds=40.0)
    assert world.store.ids() == expected(10)


def test_one_partition_that_fails_does_not_stop_another() -> None:
    world = World(Broker(partitions=2))
    world.broker.append_trades(range(8), 0)
    world.broker.append_trades(range(8), 1)
    world.start()
    insert = world.store.insert

    def flaky(table: str, columns: list[str], container: bytes, token: str) -> None:
        if "|0|" in token:
            raise DOWN
        insert(table, columns, container, token)

    world.store.insert = flaky  # type: ignore[method-assign, assignment]
    world.settle()
    assert world.store.ids() == [f"1-{number}" for number in range(8)]


def test_what_is_in_hand_stays_bounded_while_clickhouse_is_down() -> None:
    world = World(Broker(partitions=8))
    for partition in range(8):
        world.broker.append_trades(range(200), partition)
    world.store.error = DOWN
    world.consumer.most = 2
    world.start().turns(50, seconds=0.1)
    assert world.consumer.paused == set(world.broker.logs)
    rows, size = world.loader.buffers()
    assert (rows.name, rows.policy, size.name) == ("rows in hand", "wait", "bytes in hand")
    assert rows.limit <= rows.used < 20  # full, and what one read brings
    told = SinkPart(world.loader, KafkaWatch()).statistics()
    assert told["paused"] == len(world.broker.logs)
    assert told["buffers"]["rows in hand"] == {
        "used": rows.used,
        "limit": rows.limit,
        "policy": "wait",
        "lost": 0,
    }
    world.store.error = None
    world.turns(1500, seconds=2.0)
    assert sorted(world.store.ids()) == sorted(f"{p}-{n}" for p in range(8) for n in range(200))


def test_a_refusal_that_waiting_cannot_help_stops_the_sink_and_loses_nothing() -> None:
    world = filled()
    world.store.error = RefusedError("Table p.trades does not exist.")
    with pytest.raises(RefusedError, match="does not exist"):
        world.settle()
    assert progress(world) == Progress(0, {}, last=3)
    world.store.error = None
    second = world.restarted().start()
    second.settle()
    assert second.store.ids() == expected(10)


def test_no_insert_without_its_intent() -> None:
    world = filled()
    world.turns(0)
    world.consumer.commit_error = KafkaError.REBALANCE_IN_PROGRESS
    world.settle(10)
    assert world.store.attempts == 0
    assert world.loader.counters.commit_failures > 1
    world.consumer.commit_error = None
    world.settle()
    assert world.store.ids() == expected(10)


def test_commits_that_are_forbidden_stop_the_sink() -> None:
    world = filled()
    world.consumer.commit_error = KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(RefusedError, match="does not take the offsets"):
        world.settle()


@pytest.mark.parametrize("code", [KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL])
def test_a_sink_whose_instance_id_is_anothers_stops_with_one_sentence(code: int) -> None:
    world = filled()
    world.consumer.commit_error = code
    with pytest.raises(RefusedError, match="under this one's instance id"):
        world.settle()
    second = world.restarted().start()
    second.settle()
    assert second.store.ids() == expected(10)


def test_an_insert_whose_answer_was_lost_is_repeated_and_stores_nothing_twice() -> None:
    world = filled()
    insert, lost = world.store.insert, []

    def answer_lost(table: str, columns: list[str], container: bytes, token: str) -> None:
        insert(table, columns, container, token)
        if token not in lost:  # ClickHouse has it, the sink has waited in vain
            lost.append(token)
            raise DOWN

    world.store.insert = answer_lost  # type: ignore[method-assign, assignment]
    world.turns(400, seconds=5.0)
    assert len(lost) == 3
    assert world.store.ids() == expected(10)
    assert world.loader.counters.retries == 3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 12), st.booleans(), st.sampled_from(["revoke", "lose", "kill", "clickhouse"])
        ),
        max_size=6,
    )
)
def test_any_order_of_crashes_rebalances_and_outages_stores_every_row_once(
    faults: list[tuple[int, bool, str]],
) -> None:
    world = World(Broker(partitions=2))
    for partition in (0, 1):
        world.broker.append_trades(range(12), partition)
    for step, after, fault in faults:
        world = world.restarted(Steps(step if fault == "kill" else None, after=after)).start()
        try:
            world.turns(step, seconds=0.7)
            if fault == "clickhouse":
                world.store.error = DOWN
                world.turns(3, seconds=0.7)
                world.store.error = None
            elif fault in {"revoke", "lose"} and (TOPIC, 0) in world.consumer.position:
                (world.consumer.revoke if fault == "revoke" else world.consumer.lose)([(TOPIC, 0)])
                world.turns(2, seconds=0.7)
        except CrashError:
            continue
    last = world.restarted().start()
    last.settle(60)
    assert sorted(last.store.ids()) == sorted(f"{p}-{n}" for p in (0, 1) for n in range(12))
    assert [progress(last, partition).offset for partition in (0, 1)] == [12, 12]


def test_a_revoked_partition_is_finished_and_given_up() -> None:
    world = filled(6)
    world.turns(2)
    world.consumer.revoke([(TOPIC, 0)])
    assert list(world.loader.partitions) == []
    assert progress(world).offset == 4
    second = world.restarted().start()
    second.settle()
    assert second.store.ids() == expected(6)


@pytest.mark.parametrize("how", ["lose", "revoke"])
def test_a_partition_that_goes_while_it_is_paused_is_read_when_it_comes_back(how: str) -> None:
    """librdkafka keeps a pause over assignments."""
    world = filled(50)
    world.store.error = DOWN
    world.turns(5)
    assert world.consumer.paused == {(TOPIC, 0)}
    getattr(world.consumer, how)([(TOPIC, 0)])
    world.store.error = None
    world.loader._assigned(world.consumer, [TopicPartition(TOPIC, 0)])  # type: ignore[arg-type]
    world.settle()
    assert world.store.ids() == expected(50)


def test_a_lost_partition_is_not_committed_and_its_late_insert_does_no_harm() -> None:
    world = filled(6)
    world.executor.hold = True
    world.turns(2)
    world.consumer.lose([(TOPIC, 0)])
    second = world.restarted().start()
    second.settle()
    committed = dict(world.broker.committed)
    for run in world.executor.held:
        run()
    world.turns(3)
    assert second.store.ids() == expected(6)
    assert world.broker.committed == committed


def test_stopping_stores_and_commits_what_was_read() -> None:
    world = filled(6)
    world.turns(1)
    world.loader.finish()
    world.consumer.close()
    assert world.store.ids() == expected(6)
    assert progress(world).offset == 6
    assert progress(world).last is None


def test_stopping_while_clickhouse_is_down_ends_and_loses_nothing() -> None:
    world = filled(6)
    world.store.error = DOWN
    world.turns(3)
    world.loader.finish()
    world.consumer.close()
    world.store.error = None
    second = world.restarted().start()
    second.settle()
    assert second.store.ids() == expected(6)


@pytest.mark.parametrize("known", [True, False])
def test_stopping_while_kafka_does_not_answer_waits_for_it_a_moment_and_loses_nothing(known: bool) -> None:
    world = filled(6)
    world.turns(1)
    world.consumer.away = True
    if known:
        world.watch.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    begun_s = world.now_s
    world.loader.finish()
    assert 3 < world.now_s - begun_s < 8
    second = world.restarted().start()
    second.settle()
    assert second.store.ids() == expected(6)


def test_a_sink_whose_kafka_client_is_lost_ends_with_a_sentence() -> None:
    world = filled(6)
    world.turns(1)
    for _ in range(2):
        world.watch.config["stats_cb"]('{"brokers": {":0/internal": {"source": "internal"}}}')
    with pytest.raises(UnavailableError, match="has no broker any more"):
        world.turns(1)


def test_stopping_waits_for_a_kafka_that_comes_back_in_a_moment() -> None:
    world = filled(6)
    world.turns(1)
    world.consumer.away = True
    world.watch.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    world.watch.look(world.consumer)  # type: ignore[arg-type]
    assert world.watch.away
    world.consumer.away = False
    world.loader.finish()
    assert world.store.ids() == expected(6)
    assert progress(world).offset == 6


def test_a_topic_that_lost_the_records_of_an_unfinished_batch_goes_on_behind_them() -> None:
    world = filled(4)
    world.executor.hold = True
    world.turns(2)
    world.broker.append_trades(range(4, 8))
    world.broker.low = 4
    second = world.restarted().start()
    second.settle()
    assert second.store.ids() == [f"0-{number}" for number in range(4, 8)]


def test_offsets_committed_by_another_program_stop_the_sink() -> None:
    world = World()
    world.broker.append_trades(range(4))
    world.broker.committed[TOPIC, 0] = (2, "somebody else's")
    world.start()
    with pytest.raises(RefusedError, match="not written by a sink"):
        world.settle()
