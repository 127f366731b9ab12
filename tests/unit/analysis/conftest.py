"""A real ClickHouse engine of its own for the views: no Kafka, no registry, nothing of the sink but its tables."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bookmill.settings import ClickHouseSettings
from embedded.artifacts import ArtifactCache
from embedded.clickhouse.part import ClickHouse
from embedded.part import Place
from schemas.catalogue import TABLE_TOPICS
from sinks.client import Store, connect
from sinks.tables import create_tables, create_views
from tests.unit.analysis.market import Market


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    folder = tmp_path_factory.mktemp("clickhouse")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cache = ArtifactCache(folder, repository=None, minimum_free_mib=0)  # it fetches nothing
    part = ClickHouse(Place(folder / "data", folder / "log", cache, folder), port=port)
    part.start()
    yield part.address
    part.stop()


@pytest.fixture(scope="session")
def tables(clickhouse: str) -> str:
    """A database with all tables and views."""
    database = "analysis"
    store = Store(connect(ClickHouseSettings(url=clickhouse), clickhouse), clickhouse, database)
    create_tables(store, database, TABLE_TOPICS)
    create_views(store, database)
    return database


@pytest.fixture
def market(clickhouse: str, tables: str) -> Iterator[Market]:
    """A market in empty tables."""
    found = Market(clickhouse, tables)
    yield found
    found.clear()
