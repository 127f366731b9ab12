"""Where the measuring happens: an embedded platform of its own, filled raw topics, and children with the right settings."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Producer

from bench.frames import RawFrame
from bookmill.addresses import Addresses
from bookmill.errors import BookmillError
from bookmill.kafka import client_config
from bookmill.processes import Child
from bookmill.settings import PlatformSettings, Settings
from embedded.platform import Platform
from embedded.progress import Progress
from schemas.admin import ensure_topics
from schemas.catalogue import EVENT_TOPICS, MAX_MESSAGE_BYTES, Topic, raw

__all__ = ["Part", "Stage"]

_ANY_PORTS = {"kafka_port": 0, "registry_port": 0, "clickhouse_port": 0}


class Part:
    """A child under measurement, and where its status is served."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.status_url = f"http://127.0.0.1:{port}/status"

    @property
    def pid(self) -> int:
        """Of the part's own process; raises :class:`BookmillError` when it does not run."""
        if self.child.pid is None:
            raise BookmillError(f"The part {self.child.name!r} does not run.")
        return self.child.pid


class Stage:
    """A platform in a temporary folder, gone at the end; a context manager.

    Every run has a topic prefix of its own, so none finds another's groups, checkpoints or events. ``gateway_first``: as the setting
    of the platform; otherwise no server gives way.
    """

    def __init__(self, settings: Settings, progress: Progress, *, gateway_first: bool = False) -> None:
        self._gateway_first = gateway_first
        self._given = settings
        self._progress = progress
        self._exit = ExitStack()
        self._prefixes = 0
        self._children = 0

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="bookmill-bench-")))
            self.folder = folder
            platform = self._given.platform.model_copy(
                update={**_ANY_PORTS, "gateway_first": self._gateway_first}
            )
            self.settings = Settings(
                data_dir=folder / "data",
                cache_dir=self._given.cache_dir,
                platform=PlatformSettings.model_validate(platform.model_dump()),
            )
            self.platform = undo.enter_context(Platform(self.settings, self._progress))
            self._exit = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    @property
    def addresses(self) -> Addresses:
        """Where the platform answers."""
        return self.platform.addresses

    def prefix(self, name: str) -> str:
        """A topic prefix nobody has used."""
        self._prefixes += 1
        return f"{name}{self._prefixes}."

    def make_topics(self, prefix: str, raw_topics: Sequence[str]) -> None:
        """Raw topics and event topics under a prefix, as the parts would make them."""
        kafka = self.settings.kafka.model_copy(update={"topic_prefix": prefix})
        topics: list[Topic] = [raw(*name.split(".")[1:]) for name in raw_topics]
        ensure_topics(kafka, self.addresses.kafka, [*topics, *EVENT_TOPICS])

    def preload(self, prefix: str, frames: Sequence[RawFrame]) -> None:
        """Write the frames to raw topics under a prefix, and wait until all are stored."""
        self.make_topics(prefix, sorted({frame.topic for frame in frames}))
        producer = Producer(
            {
                **client_config(self.settings.kafka, self.addresses.kafka),
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 50,
                "batch.size": 1_000_000,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "queue.buffering.max.messages": 1_000_000,
                "message.timeout.ms": 120_000,
            }
        )
        for frame in frames:
            producer.produce(prefix + frame.topic, frame.value, frame.key, headers=list(frame.headers))
        producer.flush()

    @contextmanager
    def part(
        self, name: str, prefix: str, extra: Mapping[str, str] | None = None, *, gives_way: int = 0
    ) -> Any:
        """``bookmill <name>`` as a child, stopped at the end. ``gives_way``: at 19 it gets the processor that others leave."""
        port = self.free_port()
        environment = self._environment(prefix) | {"BOOKMILL_STATUS__PORT": str(port)} | dict(extra or {})
        argv = [sys.executable, "-m", "bookmill", *name.split()]
        with self.child(name, argv, environment, gives_way=gives_way) as child:
            yield Part(child, port)

    @contextmanager
    def child(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], *, gives_way: int = 0
    ) -> Any:
        """Any program as a child in the temporary folder, stopped at the end."""
        self._children += 1
        child = Child(
            name.split(maxsplit=1)[0],
            argv,
            # One for each: what an earlier run said must not be taken for this one's words.
            log_path=self.folder / f"{self._children}-{name.split(maxsplit=1)[0]}.log",
            env=environment,
            cwd=self.folder,
            grace_s=20.0,
            gives_way=gives_way,
        )
        child.start()
        try:
            yield child
        finally:
            child.stop()

    @staticmethod
    def free_port() -> int:
        """One that nobody listens on now."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    @staticmethod
    def plain_environment() -> dict[str, str]:
        """Ours without our settings."""
        return {name: value for name, value in os.environ.items() if not name.startswith("BOOKMILL_")}

    def _environment(self, prefix: str) -> dict[str, str]:
        """What is measured is the default configuration on the stage's platform."""
        return self.plain_environment() | {
            "BOOKMILL_DATA_DIR": str(self.settings.data_dir),
            "BOOKMILL_KAFKA__BOOTSTRAP_SERVERS": self.addresses.kafka,
            "BOOKMILL_KAFKA__TOPIC_PREFIX": prefix,
            "BOOKMILL_REGISTRY__URL": self.addresses.registry,
            "BOOKMILL_CLICKHOUSE__URL": self.addresses.clickhouse,
            "BOOKMILL_CLICKHOUSE__DATABASE": f"bench_{prefix.rstrip('.')}",
        }
