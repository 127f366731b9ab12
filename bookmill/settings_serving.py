"""The settings of what stands behind the events: watcher, alerts, gateway."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PositiveInt, SecretStr

from bookmill.settings_base import InstanceId, Port, Section

__all__ = ["AlertSettings", "GatewaySettings", "WatcherSettings"]


class WatcherSettings(Section):
    """The consolidated book over all exchanges, and alerts."""

    group: str = "bookmill-watcher"
    """Consumer group; watchers of one group share the work."""
    instance_id: InstanceId | None = None
    """This watcher's name in its group, the same at each start and no other's."""
    stale_after_s: float = Field(10.0, gt=0)
    """The top of a book about which nothing was heard for so long (in time of receipt) is no part of the consolidated one."""
    poll_records: PositiveInt = 1000
    """Most records of one batch."""
    begin_s: float = Field(60.0, gt=0)
    """A group that has never run begins with what was stored within so long before."""
    checkpoint_interval_s: float = Field(10.0, gt=0)
    """What alert rules have seen is stored once in so long; what came after is looked at again after a crash."""
    max_states: PositiveInt = 50_000
    """Most pairs of alert rule and instrument that are watched in one partition; what would be one more is left out, and counted."""
    session_timeout_s: float = Field(12.0, gt=0)
    """A watcher silent for so long loses its partitions to the others."""


class AlertSettings(Section):
    """How alerts reach those who asked for them."""

    webhook_secret: SecretStr | None = None
    """Webhooks are signed with it (HMAC-SHA256 of time and body, header `X-Bookmill-Signature`); unsigned without."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts that webhooks may go to; any where none is named."""
    webhook_timeout_s: float = Field(5.0, gt=0)
    """How long an answer is waited for."""
    webhook_attempts: PositiveInt = 5
    """How often one alert is sent to a webhook that does not answer 2xx."""
    webhook_backoff_initial_s: float = Field(0.5, gt=0)
    """Wait after the first attempt that failed; doubles, with jitter."""
    webhook_backoff_max_s: float = Field(30.0, gt=0)
    """Longest wait."""
    webhook_queue: PositiveInt = 1000
    """Alerts that may wait for their webhooks; what would be one more is not sent, and counted."""


class GatewaySettings(Section):
    """REST, websocket and dashboard for everybody outside."""

    host: str = "127.0.0.1"
    """Where to listen. Anywhere but on the machine itself control calls need a key."""
    port: Port = 8400
    """0 takes any free one and logs it."""
    hosts: tuple[str, ...] = ()
    """Names it is asked by (`Host`) besides those of the machine itself, as behind a proxy; any, where it does not listen on the machine itself and none is named."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain: HTTPS and WSS instead of HTTP and WS."""
    tls_key: Path | None = None
    """PEM file with its key."""
    keys_file: Path | None = None
    """Where the hashes of API keys are kept (`bookmill keys`); `gateway-keys.json` in the data folder where not set."""
    read_needs_key: bool = False
    """Whether reading needs a key too."""
    cors_origins: tuple[str, ...] = ()
    """Pages of these origins (`https://charts.example`) may call from a browser."""
    rate_per_s: float = Field(1000.0, gt=0)
    """Requests a second that one client (address, or key) may make on average,"""
    rate_burst: PositiveInt = 2000
    """and so many at once; one more is answered 429 with `Retry-After`."""
    max_body_kib: PositiveInt = 64
    """Largest body of a request, and largest message of a websocket client."""
    max_rows: PositiveInt = 10_000
    """Most rows of one answer; the next ones come by its cursor."""
    query_timeout_s: float = Field(15.0, gt=0)
    """How long ClickHouse may take for one answer."""
    max_clients: PositiveInt = 2000
    """Most websocket clients; one more is refused."""
    max_subscriptions: PositiveInt = 200
    """Most subscriptions of one websocket client."""
    client_buffer: PositiveInt = 1000
    """Messages that may wait for one websocket client; with one more it is told that it is slow, and gets a fresh snapshot when it has caught up."""
    slow_close_s: float = Field(30.0, gt=0)
    """A websocket client that is slow for so long is closed with code 4008."""
    heartbeat_s: float = Field(15.0, gt=0)
    """A websocket client gets a heartbeat once in so long, and one that answers no ping for twice as long is closed."""
    stale_after_s: float = Field(15.0, gt=0)
    """What is older than this is marked stale."""
    recent_trades: PositiveInt = 1000
    """Trades of each instrument kept in memory."""
    parts: tuple[str, ...] = ()
    """Status addresses (`http://host:port`) of producers, workers and sinks that `/api/v1/status` tells of."""
