"""One real embedded platform for all integration tests; each test has topics and a database of its own on it.

Programs come from the ordinary cache (``BOOKMILL_CACHE_DIR``), data goes to a temporary folder, ports are any free ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator

import pytest

from bookmill.addresses import Addresses
from bookmill.settings import (
    ClickHouseSettings,
    KafkaSettings,
    PlatformSettings,
    RegistrySettings,
    Settings,
)
from embedded.platform import Platform
from tests.integration import containers
from tests.integration.parts import last_words

ANY_PORTS = PlatformSettings(kafka_port=0, registry_port=0, clickhouse_port=0, gateway_first=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the parts it started said last."""
    report = yield
    if report.failed:
        report.sections.append(("the parts' last words", last_words()))
    return report


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The running platform; a test that stops or kills a part starts it again."""
    if containers.wanted():
        pytest.skip("This test is about the embedded platform itself; the suite runs on containers.")
    settings = Settings(data_dir=tmp_path_factory.mktemp("platform"), platform=ANY_PORTS)
    with Platform(settings) as running:
        yield running


@pytest.fixture(scope="session")
def addresses(request: pytest.FixtureRequest) -> Iterator[Addresses]:
    """Where the three are: the embedded platform's, or the containers' (``BOOKMILL_TEST_PLATFORM=containers``)."""
    if containers.wanted():
        with containers.running() as found:
            yield found
    else:
        platform: Platform = request.getfixturevalue("platform")
        yield platform.addresses


def isolated(addresses: Addresses) -> Settings:
    """Settings that point at the platform, with a topic prefix and a database nobody else uses (it does not exist yet)."""
    name = f"t{uuid.uuid4().hex[:10]}"
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=addresses.kafka, topic_prefix=f"{name}.", partitions=3),
        registry=RegistrySettings(url=addresses.registry),
        clickhouse=ClickHouseSettings(url=addresses.clickhouse, database=name),
    )


@pytest.fixture
def settings(addresses: Addresses) -> Settings:
    """A test's own :func:`isolated` settings."""
    return isolated(addresses)
