"""A broker that has just been started is waited for; whatever else is wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from bookmill.kafka import patiently


def _answers(*codes: int | None) -> Callable[[], str]:
    left = list(codes)

    def ask() -> str:
        if (code := left.pop(0)) is not None:
            raise KafkaException(KafkaError(code))
        return "here"

    return ask


def test_a_broker_that_does_not_lead_yet_is_asked_again() -> None:
    ask = _answers(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.NOT_COORDINATOR, None)
    assert patiently(ask) == "here"


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.NON_EMPTY_GROUP])
def test_what_waiting_does_not_help_is_raised(code: int) -> None:
    with pytest.raises(KafkaException) as raised:
        patiently(_answers(code, None))
    assert raised.value.args[0].code() == code


def test_who_asks_may_know_more_that_passes() -> None:
    assert patiently(_answers(KafkaError.NON_EMPTY_GROUP, None), also={KafkaError.NON_EMPTY_GROUP}) == "here"


def test_who_only_asks_may_ask_again_whatever_is_wrong() -> None:
    assert (
        patiently(_answers(KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._TRANSPORT, None), also=None)
        == "here"
    )
