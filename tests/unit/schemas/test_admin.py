"""A broker that goes away while topics are looked at ends a part in one sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from bookmill.errors import UnavailableError
from bookmill.settings import KafkaSettings
from schemas import admin
from schemas.catalogue import TRADES


class GoesAway:
    """In place of the library's client: the topic is there, and the broker answers so many more times."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def list_topics(self, timeout: float) -> Any:  # noqa: ARG002  the library's
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))
        self.answers -= 1
        return SimpleNamespace(topics={"trades": SimpleNamespace(partitions={0: None})})


@pytest.mark.parametrize("answers", [0, 1])
def test_a_broker_that_goes_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch, answers: int) -> None:
    monkeypatch.setattr(admin, "require_reachable", lambda *_: None)
    monkeypatch.setattr(admin, "AdminClient", lambda _: GoesAway(answers))
    with pytest.raises(UnavailableError, match="does not name its topics: Failed to get metadata"):
        admin.ensure_topics(KafkaSettings(partitions=1), "127.0.0.1:1", [TRADES])
