"""The servers of the compose file, brought up by testcontainers for the same integration tests: ``make test-containers``.

Image tags and environments are those of ``docker-compose.kafka.yml``; only Kafka's address on this machine is another,
since several runs may be up at once.
"""

from __future__ import annotations

import gc
import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookmill.addresses import Addresses

__all__ = ["running", "wanted"]

_COMPOSE = Path(__file__).parents[2] / "docker-compose.kafka.yml"
_HOST_LISTENER = 19092
_START_S = 180
# Taken out of the environment: it is for this suite, and the commands that tests start know only settings.
_WANTED = os.environ.pop("BOOKMILL_TEST_PLATFORM", "embedded") == "containers"


def wanted() -> bool:
    """Whether ``BOOKMILL_TEST_PLATFORM`` asks for containers."""
    return _WANTED


@contextmanager
def running() -> Iterator[Addresses]:
    """Kafka, registry and ClickHouse until the end of the block; skips the test where no engine answers."""
    _require_engine()
    from testcontainers.core.network import Network

    services = yaml.safe_load(_COMPOSE.read_text(encoding="utf-8"))["services"]
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        port = _free_port()
        kafka = _container(services["kafka"], network, "kafka").with_bind_ports(_HOST_LISTENER, port)
        kafka.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://kafka:9092,HOST://127.0.0.1:{port}")
        stack.enter_context(_started(kafka, "Kafka Server started"))
        registry = _container(services["registry"], network, "registry").with_exposed_ports(8080)
        stack.enter_context(_started(registry, "/apis/ccompat/v7/subjects", 8080))
        clickhouse = _container(services["clickhouse"], network, "clickhouse").with_exposed_ports(8123)
        stack.enter_context(_started(clickhouse, "/ping", 8123))
        yield Addresses(
            kafka=f"127.0.0.1:{port}",
            registry=f"http://127.0.0.1:{registry.get_exposed_port(8080)}/apis/ccompat/v7",
            clickhouse=f"http://127.0.0.1:{clickhouse.get_exposed_port(8123)}",
        )


def _require_engine() -> None:
    import docker
    from docker.errors import DockerException

    problem = ""
    with warnings.catch_warnings():
        # Where nobody answers, the client leaves its socket to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            docker.from_env(timeout=5).close()
        except DockerException as error:
            problem = str(error)
        gc.collect()
    if problem:
        pytest.skip(f"BOOKMILL_TEST_PLATFORM=containers, but no docker engine answers: {problem}")


def _container(service: Mapping[str, Any], network: Any, name: str) -> Any:
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(service["image"]).with_envs(**service["environment"])
    return container.with_network(network).with_network_aliases(name)


def _started(container: Any, sign: str, port: int | None = None) -> Any:
    """The container, to be entered; it has started when it logs ``sign``, or answers that path on ``port``."""
    from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy

    strategy = HttpWaitStrategy(port, sign) if port else LogMessageWaitStrategy(sign)
    return container.waiting_for(strategy.with_startup_timeout(_START_S))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
