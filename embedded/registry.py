"""A real schema registry: Apicurio with its Confluent-compatible API, schemas kept in an H2 file."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

from embedded.artifacts import locked
from embedded.java import java_command, java_environment
from embedded.part import Part, Place, answers
from embedded.progress import Progress

__all__ = ["Registry"]


class Registry(Part):
    """The registry. ``place.data`` holds its database file."""

    key = "registry"
    name = "The schema registry"
    grace_s = 15.0

    def __init__(self, place: Place, *, port: int, management_port: int, heap: str) -> None:
        super().__init__(place)
        self._port = port
        self._management_port = management_port
        self._heap = heap

    @property
    def address(self) -> str:
        """URL of the Confluent-compatible API."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def prepare(self, progress: Progress) -> None:
        """Unpack it the first time."""
        self.place.data.mkdir(parents=True, exist_ok=True)
        if not self._program.is_dir():
            progress.step("unpacking the schema registry")
            self._unpack()

    def command(self) -> list[str]:
        """Quick compilation only: it answers a few requests, it computes nothing.

        ``WRITE_DELAY=0``: a schema id that was given out is on disk, also when the process is killed at once.
        """
        options = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(self._port),
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": str(self._management_port),
            "quarkus.log.console.format": "%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1}: %m%n%e",
            "quarkus.otel.sdk.disabled": "true",
            "apicurio.storage.kind": "sql",
            "apicurio.storage.sql.kind": "h2",
            "apicurio.storage.snapshot.location": str(self.place.data),
            "apicurio.datasource.url": f"jdbc:h2:file:{self.place.data / 'registry'};WRITE_DELAY=0",
            "apicurio.datasource.jdbc.initial-size": "2",
            "apicurio.datasource.jdbc.min-size": "2",
            "apicurio.datasource.jdbc.max-size": "10",
        }
        flags = (
            "-XX:TieredStopAtLevel=1",
            *self.place.java_flags,
            *(f"-D{name}={value}" for name, value in options.items()),
        )
        return java_command(self._heap, flags, ("-jar", str(self._program / "quarkus-run.jar")))

    def environment(self) -> dict[str, str]:
        """Java's."""
        return java_environment()

    def answers(self) -> bool:
        """Whether it lists its subjects."""
        return answers(f"{self.address}/subjects")

    @property
    def _program(self) -> Path:
        return self.place.cache_dir / locked("registry")[0].name.removesuffix(".tar.gz")

    def _unpack(self) -> None:
        """Into a folder beside, renamed when whole: a folder that is there is complete."""
        archive = self.place.cache.file(locked("registry")[0])
        beside = Path(tempfile.mkdtemp(prefix=".unpack-", dir=self.place.cache_dir))
        try:
            with tarfile.open(archive) as tar:
                # Python before 3.11.4 has no filter; the archive is the one whose checksum is locked.
                tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
                tar.extractall(beside)  # noqa: S202  see above
            beside.chmod(0o755)
            if not self._program.is_dir():
                beside.rename(self._program)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
