"""What our Faust applications share: the batch transport, a group of static members, no web server, no tables."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

import faust

from bookmill.addresses import Addresses
from bookmill.errors import BookmillError, ConfigurationError
from bookmill.settings import KafkaSettings, Settings
from bookmill.status import Part

__all__ = ["PartApp", "app_options"]


class PartApp(faust.App):
    """A Faust application, and what it says of itself."""

    logger = logging.getLogger("faust.app")
    part: Part
    fetch_wait_ms = 25
    """How long the broker may hold a fetch that finds little. aiokafka has one fetch a broker under way: a partition that runs
    dry while empty ones are waited for stands still that long; Faust says 1500 ms."""
    ended: BookmillError | None = None
    """Why it has stopped of its own accord."""

    def _crash(self, reason: BaseException) -> None:
        # The first one counts: whatever that ends crashes after it, as cancelled.
        super()._crash(self.crash_reason or reason)


def app_options(
    settings: Settings,
    addresses: Addresses,
    *,
    poll_records: int,
    session_timeout_s: float,
    instance_id: str | None,
) -> dict[str, Any]:
    """How an application is made that reads batches and commits by itself."""
    return {
        "broker": ";".join(f"bookmill://{server}" for server in addresses.kafka.split(",")),
        "broker_credentials": _credentials(settings.kafka),
        "autodiscover": False,
        "web_enabled": False,  # every part answers on its status port
        "topic_disable_leader": True,
        "topic_allow_declare": False,  # the catalogue makes the topics
        "consumer_auto_offset_reset": "earliest",
        "broker_max_poll_records": poll_records,
        "consumer_max_fetch_size": 1024 * 1024,
        "stream_buffer_maxsize": 2,  # it counts batches
        "consumer_group_instance_id": instance_id,  # with one, leaving is not told to the group
        "broker_session_timeout": session_timeout_s,
        "broker_request_timeout": max(90.0, 2 * session_timeout_s),  # Faust wants it to be the longer one
        # A rebalance is heard of by heartbeat, however long a session may last.
        "broker_heartbeat_interval": min(3.0, session_timeout_s / 4),
        "broker_commit_interval": 3600.0,  # we commit, not Faust
        "table_standby_replicas": 1,
        "datadir": str(_faust_folder(settings)),
        "worker_redirect_stdouts": False,
    }


def _faust_folder(settings: Settings) -> Path:
    """Faust wants a folder even where it has no tables to keep there, and makes only the last part of its path."""
    folder = settings.data_dir / "faust"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {settings.data_dir} cannot be used: {error.strerror}.",
            hint="Set BOOKMILL_DATA_DIR to one that can be written.",
        ) from error
    return folder


def _credentials(kafka: KafkaSettings) -> Any:
    """Faust's form of the security settings; None for plain text."""
    context = None
    if kafka.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=str(kafka.ca_location) if kafka.ca_location else None)
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value() if kafka.sasl_password else None,
            mechanism=kafka.sasl_mechanism or "PLAIN",
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
