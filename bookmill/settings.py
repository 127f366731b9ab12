"""All settings in one typed place: environment (``BOOKMILL_…``) over a YAML file over defaults.

Nested names are joined with two underscores: ``BOOKMILL_KAFKA__BOOTSTRAP_SERVERS``. The file is ``$BOOKMILL_CONFIG``,
else ``bookmill.yaml`` in the working directory. An unknown or wrong key is a :class:`ConfigurationError` that names it
and the nearest right one. Secrets are masked when printed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from bookmill.settings_base import InstanceId, Port, Section
from bookmill.settings_markets import MarketSettings
from bookmill.settings_serving import AlertSettings, GatewaySettings, WatcherSettings

__all__ = [
    "AlertSettings",
    "ClickHouseSettings",
    "GatewaySettings",
    "KafkaSettings",
    "LogSettings",
    "MarketSettings",
    "PlatformSettings",
    "ProducerSettings",
    "RegistrySettings",
    "Settings",
    "SinkSettings",
    "StatusSettings",
    "WatcherSettings",
    "WorkerSettings",
    "settings_file",
]


class LogSettings(Section):
    """How much is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important that is logged."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for programs."""


class KafkaSettings(Section):
    """Where Kafka is and how topics are made. Without an address the embedded platform is used."""

    bootstrap_servers: str | None = None
    """`host:port`, several with commas."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How brokers are spoken to."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """For the SASL protocols."""
    sasl_username: str | None = None
    """For the SASL protocols."""
    sasl_password: SecretStr | None = None
    """For the SASL protocols."""
    ca_location: Path | None = None
    """Certificates of the authority, where it is not the system's."""
    topic_prefix: str = ""
    """Before every topic and consumer group name; isolates installations on one Kafka."""
    partitions: PositiveInt = 2
    """Of every topic, chosen before the first start. As many workers can share the work; each costs Kafka and ClickHouse requests."""
    replication_factor: PositiveInt = 1
    """Of topics that are made."""


class RegistrySettings(Section):
    """Where the schema registry (Confluent-compatible API) is."""

    url: str | None = None
    """Of the Confluent-compatible API."""
    username: str | None = None
    """For basic authentication."""
    password: SecretStr | None = None
    """For basic authentication."""


class ClickHouseSettings(Section):
    """Where ClickHouse's HTTP interface is and which database holds the tables."""

    url: str | None = None
    """Of the HTTP interface."""
    username: str = "default"
    """Who inserts and reads."""
    password: SecretStr | None = None
    """Of that user."""
    database: str = Field("market", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Where the tables are."""


class ProducerSettings(Section):
    """Connections and buffers of a producer."""

    shared: bool = False
    """Whether producers of one group share the instruments of `control.subscriptions`; if not, this one collects the symbols of its settings."""
    group: str = "bookmill-producer"
    """Consumer group of shared producers; all of one group need the same markets in their settings."""
    session_timeout_s: float = Field(6.0, ge=6.0)
    """A shared producer silent for so long loses its instruments to the others; brokers allow no less than 6 s unless told."""
    instance_id: str | None = None
    """Makes a shared producer a static member of its group: when it is back within the session timeout, nothing moves."""
    hand_over_s: float = Field(30.0, ge=0)
    """Instruments that another producer takes over are collected until it delivers, or for so long."""
    connection_id: str | None = None
    """Begin of the connection ids in raw headers; host and process where not set."""
    silent_after_s: float = Field(30.0, gt=0)
    """A connection on which no stream brings a frame for so long is made anew."""
    rotate_after_s: float = Field(23 * 3600.0, gt=0)
    """A connection so old is replaced before the exchange cuts it."""
    rotate_overlap_s: float = Field(10.0, ge=0)
    """How long old and new connection may overlap."""
    backoff_initial_s: float = Field(0.5, gt=0)
    """Wait after the first failed connection; doubles, with jitter."""
    backoff_max_s: float = Field(60.0, gt=0)
    """Longest wait."""
    kafka_buffer_messages: PositiveInt = 100_000
    """When so many are unacknowledged the socket is read slower."""
    snapshot_depth: PositiveInt | None = None
    """Levels a side asked of REST; the venue's most where not set."""
    slow_reader_after_s: float = Field(2.0, gt=0)
    """A connection for which more waits than is read is warned of after so long."""
    resubscribe_after_s: float = Field(10.0, gt=0)
    """A book whose images come in its stream is subscribed anew once in so long at most; less often while that does not help."""
    instruments_refresh_s: float = Field(3600.0, gt=0)
    """The exchange's list of instruments is asked for anew once in so long."""
    backfill_pages: PositiveInt = 50
    """Most answers of REST that are asked for to fetch the trades of one gap; a gap of more stays incomplete."""
    rest_weight_share: float = Field(0.5, gt=0, le=1)
    """Part of the exchange's REST weight that may be spent."""
    poll_after_s: float | None = Field(60.0, gt=0)
    """What a connection brought is polled over REST when there has been none for so long; null: never."""
    poll_interval_s: float = Field(1.0, gt=0)
    """A polled book, or trades, are asked for once in so long at most; tickers and bars five times less often."""


class WorkerSettings(Section):
    """Books and events of a worker."""

    group: str = "bookmill-worker"
    """Consumer group; workers of one group share the work."""
    instance_id: InstanceId | None = None
    """This worker's name in its group, the same at each start and no other's: a restart within the session timeout then moves no partition."""
    poll_records: PositiveInt = 2000
    """Most raw records of one batch."""
    snapshot_levels: PositiveInt = 20
    """Levels a side of `book_snapshots`."""
    snapshot_interval_ms: PositiveInt = 1000
    """One `book_snapshots` event per instrument and so much event time; or ten times as much of receipt, while an exchange's clock
    stands."""
    pending_diffs: PositiveInt = 20_000
    """Diffs kept for one book while its snapshot is awaited."""
    resync_retry_s: float = Field(3.0, gt=0)
    """A snapshot that does not come is asked for again after so long."""
    checkpoint_interval_s: float = Field(30.0, gt=0)
    """Each live book is checkpointed once in so long."""
    clock_tolerance_s: float = Field(86_400.0, gt=0)
    """Exchange times farther than this from those of receipt are written as they are, and to the ledger of gaps."""
    backfill_retry_s: float = Field(10.0, gt=0)
    """Missing trades that do not come are asked for again after so long, then after twice as long, and so on,"""
    backfill_attempts: PositiveInt = 8
    """so many times."""
    session_timeout_s: float = Field(12.0, gt=0)
    """A worker silent for so long loses its partitions to the others."""
    book_updates: bool = False
    """Whether each change of a book is written to `book_updates`, with the whole book now and then: who serves books of full depth needs it (`bookmill demo` and `up` do), and it costs a part of the worker's throughput."""
    book_image_intervals: PositiveInt = 30
    """The whole book is in `book_updates` once in so many intervals of `snapshot_interval_ms`."""

    @property
    def backfill_patience_s(self) -> float:
        """How long after the first request missing trades are waited for; then they have been asked for for the last time."""
        return self.backfill_retry_s * (2.0 ** min(self.backfill_attempts, 100) - 1)


class SinkSettings(Section):
    """Batches and retries of a sink."""

    group: str = "bookmill-sink"
    """Consumer group; sinks of one group share the work."""
    instance_id: InstanceId | None = None
    """This sink's name in its group, the same at each start and no other's: a restart within the session timeout then moves no partition."""
    topics: tuple[str, ...] = (
        "trades",
        "spreads",
        "book_snapshots",
        "tickers",
        "klines",
        "derivatives",
        "liquidations",
        "gaps",
        "instruments",
        "consolidated",
        "alerts",
    )
    """What is loaded; tables have the same names."""
    batch_rows: PositiveInt = 50_000
    """A batch closes at so many rows,"""
    batch_ms: PositiveInt = 2000
    """or after so long, whichever is first."""
    backoff_initial_s: float = Field(0.5, gt=0)
    """Wait after the first failed insert; doubles, with jitter."""
    backoff_max_s: float = Field(30.0, gt=0)
    """Longest wait."""
    session_timeout_s: float = Field(12.0, gt=0)
    """A sink silent for so long loses its partitions to the others."""


class StatusSettings(Section):
    """Where each part answers ``/health``, ``/status`` and ``/metrics``; port 0 takes any free one and logs it."""

    host: str = "127.0.0.1"
    """Where to listen."""
    port: Port = 0
    """0 takes any free one."""
    log_interval_s: float = Field(30.0, gt=0)
    """Statistics are logged once in so long."""


class PlatformSettings(Section):
    """The embedded platform: usual ports (another free one is chosen and remembered where one is taken)."""

    kafka_port: Port = 9092
    """0 takes any free one."""
    registry_port: Port = 8081
    """0 takes any free one."""
    clickhouse_port: Port = 8123
    """0 takes any free one."""
    kafka_heap: str = Field("512m", pattern=r"^\d+[mg]$")
    """Memory of the broker's Java heap."""
    registry_heap: str = Field("256m", pattern=r"^\d+[mg]$")
    """Memory of the registry's Java heap."""
    maven_repository: str | None = None
    """A mirror to fetch Kafka and the registry from."""
    minimum_free_mib: PositiveInt = 1024
    """The platform does not start with less free disk space."""
    gateway_first: bool = True
    """What ``demo``, ``up`` and ``platform`` start lets the gateway, and other programs, go first where the processors do not suffice
    for all."""


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
        use_attribute_docstrings=True,
    )

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("bookmill"))
    """What must survive: data of the embedded platform, logs."""
    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("bookmill"))
    """What can be fetched again: programs of the embedded platform."""
    log: LogSettings = LogSettings()
    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    exchanges: dict[str, dict[str, MarketSettings]] = Field(default_factory=_default_exchanges)
    producer: ProducerSettings = ProducerSettings()
    worker: WorkerSettings = WorkerSettings()
    sink: SinkSettings = SinkSettings()
    watcher: WatcherSettings = WatcherSettings()
    alerts: AlertSettings = AlertSettings()
    gateway: GatewaySettings = GatewaySettings()
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
