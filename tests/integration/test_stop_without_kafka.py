"""How long a worker, a watcher and a sink take to stop while Kafka is gone, or stands still. Prints the figures (``-s``)."""

from __future__ import annotations

import os
import signal
import time
import uuid
from pathlib import Path

import pytest

from bookmill.settings import (
    ClickHouseSettings,
    KafkaSettings,
    PlatformSettings,
    RegistrySettings,
    Settings,
)
from embedded.platform import Platform
from tests.integration import containers
from tests.integration.parts import RunningPart, wait_until
from tests.integration.pipeline import Pipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

_ANY_PORTS = PlatformSettings(kafka_port=0, registry_port=0, clickhouse_port=0, gateway_first=False)
_AWAY_S = 30.0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_part_that_is_told_to_stop_while_kafka_does_not_answer_stops(
    tmp_path: Path, how: signal.Signals
) -> None:
    if containers.wanted():
        pytest.skip("This test stops the embedded platform's Kafka.")
    with Platform(Settings(data_dir=tmp_path / "platform", platform=_ANY_PORTS)) as platform:
        addresses, name = platform.addresses, f"t{uuid.uuid4().hex[:10]}"
        settings = Settings(
            kafka=KafkaSettings(bootstrap_servers=addresses.kafka, topic_prefix=f"{name}.", partitions=2),
            registry=RegistrySettings(url=addresses.registry),
            clickhouse=ClickHouseSettings(url=addresses.clickhouse, database=name),
        )
        with Pipeline(settings, tmp_path) as pipeline:
            pipeline.start()
            parts = {"worker": pipeline.worker, "watcher": pipeline.part("watcher"), "sink": pipeline.sink}
            wait_until(lambda: "partitions opened" in parts["watcher"].log, "the watcher watches")
            kafka = platform.pids()["kafka"]
            os.kill(kafka, how)
            try:
                time.sleep(_AWAY_S)
                for part, running in parts.items():
                    print(f"{part}, Kafka {how.name}: {_stopped_s(running):.1f} s")  # noqa: T201  the figures
            finally:
                if how is signal.SIGSTOP:
                    os.kill(kafka, signal.SIGCONT)
            for part in parts:
                assert "Traceback" not in (tmp_path / f"{part}.log").read_text(encoding="utf-8")


def _stopped_s(part: RunningPart) -> float:
    begun_s = time.monotonic()
    assert part.stop(90) == 0
    return time.monotonic() - begun_s
