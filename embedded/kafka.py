"""A real Kafka broker on one machine: KRaft, broker and controller in one process."""

from __future__ import annotations

import base64
import socket
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bookmill.errors import PlatformError
from embedded.artifacts import locked
from embedded.java import java_command, java_environment
from embedded.part import Part, Place
from embedded.progress import Progress

__all__ = ["Kafka"]

_LOG4J = Path(__file__).with_name("log4j2.properties")

# One broker for one machine: a copy of each record, few internal partitions, no waiting for group members to be, small
# buffers. Flushing is the operating system's (Kafka's own default): a killed broker loses nothing, a power cut may.
_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.segment.bytes": "16777216",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "broker.session.timeout.ms": "4000",  # how long a killed broker is waited for when it is back
    "broker.heartbeat.interval.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.segment.bytes": "268435456",
    "log.retention.check.interval.ms": "60000",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "message.max.bytes": "8388608",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "compression.type": "producer",
}


class Kafka(Part):
    """The broker. ``place.data`` holds its log directories and its configuration."""

    key = "kafka"
    name = "Kafka"
    grace_s = 30.0

    def __init__(self, place: Place, *, port: int, controller_port: int, heap: str) -> None:
        super().__init__(place)
        self._port = port
        self._controller_port = controller_port
        self._heap = heap

    @property
    def address(self) -> str:
        """``host:port`` for ``bootstrap.servers``."""
        return f"127.0.0.1:{self._port}"

    def prepare(self, progress: Progress) -> None:
        """Write the configuration; format the storage the first time."""
        self.place.data.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(
            "".join(f"{name}={value}\n" for name, value in self._properties().items()), encoding="utf-8"
        )
        if not (self._storage / "meta.properties").exists():
            progress.step("formatting Kafka's storage")
            self._format()

    def command(self) -> list[str]:
        """``kafka.Kafka server.properties``; full compilation, a broker is worth it."""
        return self._java("kafka.Kafka", str(self._configuration), flags=tuple(self.place.java_flags))

    def environment(self) -> dict[str, str]:
        """Java's."""
        return java_environment()

    def answers(self) -> bool:
        """Whether the broker tells its cluster's brokers."""
        try:
            socket.create_connection(("127.0.0.1", self._port), 0.5).close()
        except OSError:
            return False
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            return bool(admin.list_topics(timeout=2.0).brokers)
        except KafkaException:
            return False

    @property
    def _configuration(self) -> Path:
        return self.place.data / "server.properties"

    @property
    def _storage(self) -> Path:
        return self.place.data / "log"

    def _properties(self) -> dict[str, str]:
        broker = f"PLAINTEXT://127.0.0.1:{self._port}"
        controller = f"127.0.0.1:{self._controller_port}"
        return {
            **_PROPERTIES,
            "listeners": f"{broker},CONTROLLER://{controller}",
            "advertised.listeners": broker,
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self._storage),
        }

    def _java(self, *program: str, flags: tuple[str, ...] = ()) -> list[str]:
        jars = (str(self.place.cache.file(artifact)) for artifact in locked("kafka"))
        settings = (f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}", "-Djava.awt.headless=true")
        return java_command(self._heap, (*settings, *flags, "-cp", ":".join(jars)), program)

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(
            "kafka.tools.StorageTool", "format", "--ignore-formatted",
            f"--cluster-id={cluster_id}", "--config", str(self._configuration),  # an id may begin with a dash
            flags=("-XX:TieredStopAtLevel=1",),
        )  # fmt: skip
        done = subprocess.run(command, env=java_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
            raise PlatformError(f"Kafka's storage in {self._storage} cannot be made: {lines[-1]}.")
