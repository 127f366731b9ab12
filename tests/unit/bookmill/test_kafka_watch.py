"""Health says that Kafka is away while it is, and no longer."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from bookmill.kafka_watch import KafkaWatch


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
    watch.on_statistics(
        '{"topics": {"trades": {"partitions": {"0": {"fetchq_size": 700}, "1": {"fetchq_size": 700}, "-1": {"fetchq_size": 0}}},'
        ' "spreads": {"partitions": {"0": {"fetchq_size": 700}}}}}'
    )
    assert watch.queued_bytes == 700  # all of them wait in one queue
    watch.on_statistics("{}")
    assert watch.queued_bytes == 0
