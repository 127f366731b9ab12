"""Brings the platform's programs: fetched once, checked against the lock file, kept in the cache.

A file gets its name only after its checksum was right, so a file that is there with the right size is the right file
and is not hashed again; a missing or truncated one is fetched again. An interrupted download goes on where it stopped.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import shutil
import ssl
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import httpx2

from bookmill.errors import ChecksumError, NoSpaceError, PlatformError
from embedded.progress import Advance, Progress

__all__ = ["LOCK_FILE", "Artifact", "ArtifactCache", "locked", "require_space"]

LOCK_FILE = Path(__file__).with_name("artifacts.lock")

_PARALLEL = 8
_CHUNK = 1 << 20
_ATTEMPTS = 4
_WAIT_S = 0.5  # after the first failure; twice as long after each further one
_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository: its path in the repository, bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file name without folders."""
        return self.path.rpartition("/")[2]


class _BrokenOffError(Exception):
    """The download stopped in the middle, or the repository is busy: worth another attempt."""


def locked(part: str) -> tuple[Artifact, ...]:
    """What ``part`` (``kafka``, ``registry``) needs, from the lock file."""
    entries: list[dict[str, Any]] = json.loads(LOCK_FILE.read_text(encoding="utf-8"))[part]
    return tuple(Artifact(**entry) for entry in entries)


def require_space(directory: Path, minimum_mib: int, extra_bytes: int = 0) -> None:
    """Raise :class:`NoSpaceError` unless the disk of ``directory`` has ``minimum_mib`` and ``extra_bytes`` more."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free
    except OSError as error:
        raise PlatformError(f"The folder {directory} cannot be used: {error.strerror}.") from error
    needed = minimum_mib * 2**20 + extra_bytes
    if free < needed:
        raise NoSpaceError(
            f"The disk of {directory} has {free >> 20} MiB free; {needed >> 20} MiB are needed.",
            hint="Free some space, or set another folder (BOOKMILL_DATA_DIR, BOOKMILL_CACHE_DIR).",
        )


class ArtifactCache:
    """The fetched files under ``<directory>/maven``.

    ``repository`` is the base URL of a Maven repository; None is the default one of the ``jgo`` library.
    """

    def __init__(self, directory: Path, *, repository: str | None, minimum_free_mib: int) -> None:
        self._root = directory / "maven"
        self._repository = repository
        self._minimum_free_mib = minimum_free_mib

    def file(self, artifact: Artifact) -> Path:
        """Where the artifact is once fetched."""
        return self._root / artifact.path

    def has(self, artifact: Artifact) -> bool:
        """Whether it is there, whole."""
        try:
            return self.file(artifact).stat().st_size == artifact.size
        except FileNotFoundError:
            return False

    def fetch(self, artifacts: Sequence[Artifact], progress: Progress) -> None:
        """Bring what is missing, several at a time.

        Raises :class:`PlatformError` when the repository cannot be reached or has not got a file, :class:`ChecksumError`
        when what it sent is wrong, :class:`NoSpaceError` when the disk is or becomes full.
        """
        if all(map(self.has, artifacts)):
            return
        with self._alone():
            missing = sorted((a for a in artifacts if not self.has(a)), key=lambda a: -a.size)
            total = sum(artifact.size for artifact in missing)
            if not missing:  # another process has just brought them
                return
            require_space(self._root, self._minimum_free_mib, total)
            with (
                progress.download(f"fetching {len(missing)} files", total) as advance,
                httpx2.Client(
                    base_url=self._base_url(),
                    verify=ssl.create_default_context(),
                    timeout=_TIMEOUT,
                    follow_redirects=True,
                    limits=httpx2.Limits(max_connections=_PARALLEL),
                ) as client,
                ThreadPoolExecutor(_PARALLEL, "fetch") as pool,
            ):
                download = _Download(client, self._root, advance)
                try:
                    for done in [pool.submit(download.bring, artifact) for artifact in missing]:
                        done.result()
                except BaseException:
                    download.cancelled.set()
                    pool.shutdown(cancel_futures=True)
                    raise

    def _base_url(self) -> str:
        if self._repository is not None:
            return self._repository.rstrip("/") + "/"
        from jgo.maven import MavenContext

        base: str = next(iter(MavenContext().remote_repos.values()))
        return base.rstrip("/") + "/"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two platforms may share a cache: one fetches, the other waits and finds the files there."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class _Download:
    def __init__(self, client: httpx2.Client, root: Path, advance: Advance) -> None:
        self.cancelled = threading.Event()
        self._client = client
        self._root = root
        self._advance = advance
        self._told: dict[str, int] = {}

    def bring(self, artifact: Artifact) -> None:
        """Fetch one file, check it, and give it its name."""
        target = self._root / artifact.path
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            digest = self._receive_patiently(artifact, part)
        except _BrokenOffError as error:
            raise PlatformError(
                f"{artifact.name} cannot be fetched from {self._client.base_url.host}: {error}.",
                hint="Check the network or the proxy, or set BOOKMILL_PLATFORM__MAVEN_REPOSITORY to a mirror.",
            ) from error
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoSpaceError(
                    f"The disk of {self._root} became full while {artifact.name} was fetched.",
                    hint="Free some space, or set BOOKMILL_CACHE_DIR to another folder.",
                ) from error
            raise PlatformError(f"{part} cannot be written: {error.strerror}.") from error
        if digest != artifact.sha256:
            part.unlink()
            raise ChecksumError(
                f"{artifact.name} from {self._client.base_url.host} is not the locked file: its SHA-256 is {digest[:16]}…, "
                f"{artifact.sha256[:16]}… was expected.",
                hint="Something between here and the repository changes files; try another network or mirror.",
            )
        part.replace(target)

    def _receive_patiently(self, artifact: Artifact, part: Path) -> str:
        for attempt in range(_ATTEMPTS - 1):
            try:
                return self._receive(artifact, part)
            except _BrokenOffError:
                self.cancelled.wait(_WAIT_S * 2**attempt)
        return self._receive(artifact, part)

    def _receive(self, artifact: Artifact, part: Path) -> str:
        """Receive the rest of the file; the SHA-256 of the whole."""
        have = part.stat().st_size if part.exists() else 0
        if have > artifact.size:
            part.unlink()
            have = 0
        if have == artifact.size:
            self._tell(artifact, have)
            with part.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with self._client.stream("GET", artifact.path, headers=headers) as response:
                _check_status(response, artifact)
                resumed = response.status_code == HTTPStatus.PARTIAL_CONTENT
                with part.open("r+b" if resumed else "wb") as stream:
                    return self._write(response, stream, artifact)
        except httpx2.HTTPError as error:
            raise _BrokenOffError(str(error) or type(error).__name__) from error

    def _write(self, response: httpx2.Response, stream: IO[bytes], artifact: Artifact) -> str:
        digest = hashlib.sha256()
        while chunk := stream.read(_CHUNK) if stream.readable() else b"":
            digest.update(chunk)
        self._tell(artifact, stream.tell())
        for chunk in response.iter_raw():
            if self.cancelled.is_set():
                raise PlatformError("The download was stopped.")
            stream.write(chunk)
            digest.update(chunk)
            self._tell(artifact, stream.tell())
        if stream.tell() < artifact.size:
            raise _BrokenOffError("the connection was closed in the middle")
        return digest.hexdigest()

    def _tell(self, artifact: Artifact, position: int) -> None:
        """Progress is by bytes on disk, each told once, also when a download begins again."""
        self._advance(position - self._told.get(artifact.path, 0))
        self._told[artifact.path] = position


def _check_status(response: httpx2.Response, artifact: Artifact) -> None:
    status = response.status_code
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _BrokenOffError(f"it answers HTTP {status}")
    raise PlatformError(
        f"{response.url.host} answers HTTP {status} for {artifact.path}.",
        hint="Set BOOKMILL_PLATFORM__MAVEN_REPOSITORY to a complete mirror, or unset it.",
    )
