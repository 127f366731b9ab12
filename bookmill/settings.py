"""All settings in one typed place: environment (``BOOKMILL_…``) over a YAML file over defaults.

Nested names are joined with two underscores: ``BOOKMILL_KAFKA__BOOTSTRAP_SERVERS``. The file is ``$BOOKMILL_CONFIG``,
else ``bookmill.yaml`` in the working directory. An unknown or wrong key is a :class:`ConfigurationError` that names it
and the nearest right one. Secrets are masked when printed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

__all__ = [
    "ClickHouseSettings",
    "KafkaSettings",
    "LogSettings",
    "MarketSettings",
    "PlatformSettings",
    "ProducerSettings",
    "RegistrySettings",
    "Settings",
    "SinkSettings",
    "StatusSettings",
    "WorkerSettings",
    "settings_file",
]

Port = Annotated[int, Field(ge=0, le=65_535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogSettings(_Section):
    """How much is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class KafkaSettings(_Section):
    """Where Kafka is and how topics are made. Without an address the embedded platform is used."""

    bootstrap_servers: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ca_location: Path | None = None
    topic_prefix: str = Field(
        "", description="before every topic and consumer group name; isolates installations"
    )
    partitions: PositiveInt = 6
    replication_factor: PositiveInt = 1


class RegistrySettings(_Section):
    """Where the schema registry (Confluent-compatible API) is."""

    url: str | None = None
    username: str | None = None
    password: SecretStr | None = None


class ClickHouseSettings(_Section):
    """Where ClickHouse's HTTP interface is and which database holds the tables."""

    url: str | None = None
    username: str = "default"
    password: SecretStr | None = None
    database: str = Field("market", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")


class MarketSettings(_Section):
    """What to collect on one market of one exchange. Addresses left out are the exchange's own."""

    enabled: bool = True
    symbols: tuple[str, ...] = ("BTC-USDT", "ETH-USDT")
    trades: Literal["trade", "aggTrade"] = "trade"
    websocket_url: str | None = None
    rest_url: str | None = None


class ProducerSettings(_Section):
    """Connections and buffers of a producer."""

    connection_id: str | None = None
    silent_after_s: float = Field(
        30.0, gt=0, description="a stream without a frame for so long is reconnected"
    )
    rotate_after_s: float = Field(23 * 3600.0, gt=0)
    rotate_overlap_s: float = Field(10.0, ge=0)
    backoff_initial_s: float = Field(0.5, gt=0)
    backoff_max_s: float = Field(60.0, gt=0)
    kafka_buffer_messages: PositiveInt = Field(
        100_000, description="when so many are unacknowledged the socket is read slower"
    )
    snapshot_depth: PositiveInt | None = Field(
        None, description="levels a side asked of REST; the venue's most by default"
    )
    rest_weight_share: float = Field(
        0.5, gt=0, le=1, description="part of the exchange's REST weight that may be spent"
    )


class WorkerSettings(_Section):
    """Books and events of a worker."""

    group: str = "bookmill-worker"
    poll_records: PositiveInt = 2000
    snapshot_levels: PositiveInt = 20
    snapshot_interval_ms: PositiveInt = 1000
    pending_diffs: PositiveInt = Field(
        20_000, description="diffs kept for one book while its snapshot is awaited"
    )
    resync_retry_s: float = Field(3.0, gt=0)
    checkpoint_interval_s: float = Field(30.0, gt=0)
    session_timeout_s: float = Field(12.0, gt=0)


class SinkSettings(_Section):
    """Batches and retries of a sink."""

    group: str = "bookmill-sink"
    topics: tuple[str, ...] = ("trades", "spreads", "book_snapshots")
    batch_rows: PositiveInt = 50_000
    batch_ms: PositiveInt = 1000
    backoff_initial_s: float = Field(0.5, gt=0)
    backoff_max_s: float = Field(30.0, gt=0)


class StatusSettings(_Section):
    """Where each part answers ``/health``, ``/status`` and ``/metrics``; port 0 takes any free one and logs it."""

    host: str = "127.0.0.1"
    port: Port = 0
    log_interval_s: float = Field(30.0, gt=0)


class PlatformSettings(_Section):
    """The embedded platform: usual ports (another free one is chosen and remembered where one is taken)."""

    kafka_port: Port = 9092
    registry_port: Port = 8081
    clickhouse_port: Port = 8123
    kafka_heap: str = Field("512m", pattern=r"^\d+[mg]$")
    registry_heap: str = Field("256m", pattern=r"^\d+[mg]$")
    maven_repository: str | None = Field(None, description="a mirror to fetch Kafka and the registry from")
    minimum_free_mib: PositiveInt = 1024


def _default_exchanges() -> dict[str, dict[str, MarketSettings]]:
    return {"binance": {"spot": MarketSettings(), "usdm": MarketSettings()}}


def settings_file() -> Path:
    """The YAML file that is read, whether it exists or not."""
    return Path(os.environ.get("BOOKMILL_CONFIG", "bookmill.yaml"))


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="BOOKMILL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        yaml_file_encoding="utf-8",
    )

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("bookmill"))
    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("bookmill"))
    log: LogSettings = LogSettings()
    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    exchanges: dict[str, dict[str, MarketSettings]] = Field(default_factory=_default_exchanges)
    producer: ProducerSettings = ProducerSettings()
    worker: WorkerSettings = WorkerSettings()
    sink: SinkSettings = SinkSettings()
    status: StatusSettings = StatusSettings()
    platform: PlatformSettings = PlatformSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file over defaults; what a caller passes (tests) wins over all."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=settings_file())
