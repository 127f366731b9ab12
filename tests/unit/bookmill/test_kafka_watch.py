"""Health says that Kafka is away while it is, and no longer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from bookmill.errors import UnavailableError
from bookmill.kafka_watch import KafkaWatch, KnownBrokers, leave


class Cluster:
    """A consumer's :meth:`list_topics`."""

    def __init__(self) -> None:
        self.up = True
        self.asked = 0

    def list_topics(self, *, timeout: float) -> None:
        assert timeout < 1
        self.asked += 1
        if not self.up:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_kafka_is_asked_only_after_an_error_and_not_all_the_time() -> None:
    now_s, cluster = [0.0], Cluster()
    watch = KafkaWatch(lambda: now_s[0])

    def look() -> str:
        watch.look(cluster)  # type: ignore[arg-type]
        return watch.problem

    assert look() == ""
    assert cluster.asked == 0
    cluster.up = False
    watch.on_error(KafkaError(KafkaError._TRANSPORT, "connection refused"))
    assert look() == "Kafka does not answer: connection refused."
    look()
    assert cluster.asked == 1
    now_s[0] += 5
    assert look() != ""
    cluster.up = True
    now_s[0] += 5
    assert look() == ""
    assert cluster.asked == 3
    now_s[0] += 5
    look()
    assert cluster.asked == 3


def test_other_errors_say_nothing_about_reach() -> None:
    cluster = Cluster()
    watch = KafkaWatch()
    watch.on_error(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "no"))
    watch.look(cluster)  # type: ignore[arg-type]
    assert (watch.problem, cluster.asked) == ("", 0)


def test_what_the_library_has_fetched_ahead_is_known() -> None:
    watch = KafkaWatch()
    told = watch.config["stats_cb"]
    told(
        '{"topics": {"trades": {"partitions": {"0": {"fetchq_size": 700}, "1": {"fetchq_size": 700}, "-1": {"fetchq_size": 0}}},'
        ' "spreads": {"partitions": {"0": {"fetchq_size": 700}}}}}'
    )
    assert watch.queued_bytes == 700  # all of them wait in one queue
    told("{}")
    assert watch.queued_bytes == 0


def _statistics(*sources: str) -> str:
    return json.dumps({"brokers": {str(number): {"source": source} for number, source in enumerate(sources)}})


def test_a_client_that_knows_no_broker_any_more_is_lost() -> None:
    brokers = KnownBrokers()
    told = brokers.config["stats_cb"]
    for sources in (
        ["configured", "internal"],
        ["internal", "logical"],
        ["internal", "learned"],
        ["internal"],
    ):
        told(_statistics(*sources))
        brokers.require()
    told(_statistics("internal"))
    with pytest.raises(UnavailableError, match="has no broker any more"):
        brokers.require()


@pytest.fixture
def nodename() -> Iterator[str]:
    """Where something listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


_RESTING = {"source": "learned", "state": "INIT"}
_COORDINATOR = {"source": "logical", "state": "TRY_CONNECT"}
_INTERNAL = {"source": "internal", "state": "UP"}


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def _tell(
    clock: Clock,
    brokers: KnownBrokers,
    *entries: tuple[str, dict[str, str]],
    times: int,
    every_s: float = 5.0,
) -> None:
    # As the library writes it: the same name may stand there more than once.
    text = ", ".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries)
    for _ in range(times):
        clock.now_s += every_s
        brokers.config["stats_cb"](f'{{"brokers": {{{text}}}}}')


def test_a_client_that_does_not_try_a_broker_that_can_be_reached_is_lost(nodename: str) -> None:
    clock = Clock()
    brokers = KnownBrokers(clock)
    entries = (
        ("k/1", {**_RESTING, "nodename": nodename}),
        ("GroupCoordinator", _COORDINATOR),
        (":0/internal", _INTERNAL),
    )
    _tell(clock, brokers, *entries, times=3)
    assert not brokers.lost
    _tell(clock, brokers, *entries, times=1)
    with pytest.raises(UnavailableError, match="has no broker any more"):
        brokers.require()


def test_statistics_of_the_past_told_at_once_say_nothing_of_now(nodename: str) -> None:
    clock = Clock()
    brokers = KnownBrokers(clock)
    for _ in range(6):
        clock.now_s += 30
        _tell(clock, brokers, ("k/1", {**_RESTING, "nodename": nodename}), times=6, every_s=0.001)
        brokers.require()


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(("k/1", {"source": "learned", "state": "UP"}), id="the same broker, learned again"),
        pytest.param(("k/1", {"source": "learned", "state": "APIVERSION_QUERY"}), id="is being connected"),
        pytest.param(("GroupCoordinator", {"source": "logical", "state": "UP"}), id="as the coordinator"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_client_that_has_a_connection_is_not_lost(
    nodename: str, entry: tuple[str, dict[str, str]], order: int
) -> None:
    clock = Clock()
    brokers = KnownBrokers(clock)
    _tell(clock, brokers, *[("k/1", {**_RESTING, "nodename": nodename}), entry][::order], times=10)
    brokers.require()


@pytest.mark.parametrize("nodename", ["127.0.0.1:1", "[::1]:1", "", "no such host.invalid:9092", "k:port"])
def test_a_client_that_rests_while_no_broker_can_be_reached_is_not_lost(nodename: str) -> None:
    clock = Clock()
    brokers = KnownBrokers(clock)
    _tell(clock, brokers, ("k/1", {**_RESTING, "nodename": nodename}), times=10)
    brokers.require()


def test_a_client_whose_broker_is_away_is_not_lost() -> None:
    brokers, statistics = KnownBrokers(), []
    tell = brokers.config["stats_cb"]

    def told(text: str) -> None:
        statistics.append(json.loads(text))
        tell(text)

    producer = Producer(
        {"bootstrap.servers": "127.0.0.1:1", "log_level": 2, "stats_cb": told, "statistics.interval.ms": 20}
    )
    until_s = time.monotonic() + 10
    while len(statistics) < 10 and time.monotonic() < until_s:
        producer.poll(0.05)
        brokers.require()
    assert len(statistics) >= 10
    assert {broker["source"] for broker in statistics[-1]["brokers"].values()} == {"configured"}


class Closing:
    """A consumer's :meth:`close`."""

    def __init__(self, *, waits: bool = False, error: Exception | None = None) -> None:
        self.may = threading.Event()
        self.closed = False
        self._error = error
        if not waits:
            self.may.set()

    def close(self) -> None:
        self.may.wait()
        self.closed = True
        if self._error is not None:
            raise self._error


def test_nobody_waits_for_a_lost_client_to_say_good_bye() -> None:
    brokers, consumer = KnownBrokers(), Closing(waits=True)
    for _ in range(2):
        brokers.config["stats_cb"](_statistics("internal"))
    leave(consumer, brokers)  # type: ignore[arg-type]
    assert not consumer.closed
    consumer.may.set()


def test_nor_for_a_kafka_that_does_not_answer() -> None:
    watch, consumer, cluster = KafkaWatch(), Closing(waits=True), Cluster()
    cluster.up = False
    watch.on_error(KafkaError(KafkaError._TRANSPORT, "connection refused"))
    watch.look(cluster)  # type: ignore[arg-type]
    leave(consumer, watch)  # type: ignore[arg-type]
    assert not consumer.closed
    consumer.may.set()


def test_a_client_that_has_its_brokers_is_closed_and_what_that_raises_is_raised() -> None:
    consumer = Closing(error=ValueError("of a callback"))
    with pytest.raises(ValueError, match="of a callback"):
        leave(consumer, KnownBrokers())  # type: ignore[arg-type]
    assert consumer.closed
