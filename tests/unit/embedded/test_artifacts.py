"""Fetching the platform's programs: checked, resumed, and one clear sentence when it does not work."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from bookmill.errors import ChecksumError, NoSpaceError, PlatformError
from embedded import artifacts
from embedded.artifacts import LOCK_FILE, Artifact, ArtifactCache, locked, require_space
from embedded.progress import QuietProgress

CONTENT = bytes(range(256)) * 5000
ARTIFACT = Artifact("org/x/x.jar", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
QUIET = QuietProgress()


class _Repository(BaseHTTPRequestHandler):
    content: ClassVar[bytes] = CONTENT
    break_off_after: ClassVar[int | None] = None
    busy: ClassVar[int] = 0
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked.append(self.headers.get("Range"))
        if kind.busy:
            kind.busy -= 1
            self.send_error(503)
        elif self.path != f"/maven/{ARTIFACT.path}":
            self.send_error(404)
        else:
            begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(kind.content) - begin))
            self.end_headers()
            end = len(kind.content)
            if kind.break_off_after is not None:
                end, kind.break_off_after = begin + kind.break_off_after, None
            self.wfile.write(kind.content[begin:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    _Repository.content, _Repository.break_off_after, _Repository.busy, _Repository.asked = (
        CONTENT,
        None,
        0,
        [],
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), _Repository) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(artifacts, "_WAIT_S", 0.0)
        yield f"http://127.0.0.1:{server.server_address[1]}/maven"
        server.shutdown()
        thread.join()


def cache(directory: Path, repository: str) -> ArtifactCache:
    return ArtifactCache(directory, repository=repository, minimum_free_mib=1)


def test_a_file_is_fetched_once(tmp_path: Path, repository: str) -> None:
    ours = cache(tmp_path, repository)
    ours.fetch([ARTIFACT], QUIET)
    ours.fetch([ARTIFACT], QUIET)
    assert ours.file(ARTIFACT).read_bytes() == CONTENT
    assert _Repository.asked == [None]


def test_a_truncated_or_missing_file_is_fetched_again(tmp_path: Path, repository: str) -> None:
    ours = cache(tmp_path, repository)
    ours.fetch([ARTIFACT], QUIET)
    ours.file(ARTIFACT).write_bytes(CONTENT[:-1])
    ours.fetch([ARTIFACT], QUIET)
    ours.file(ARTIFACT).unlink()
    ours.fetch([ARTIFACT], QUIET)
    assert ours.file(ARTIFACT).read_bytes() == CONTENT


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path, repository: str) -> None:
    _Repository.break_off_after = 1000
    ours = cache(tmp_path, repository)
    ours.fetch([ARTIFACT], QUIET)
    assert ours.file(ARTIFACT).read_bytes() == CONTENT
    assert _Repository.asked == [None, "bytes=1000-"]


def test_a_busy_repository_is_asked_again(tmp_path: Path, repository: str) -> None:
    _Repository.busy = 2
    ours = cache(tmp_path, repository)
    ours.fetch([ARTIFACT], QUIET)
    assert ours.has(ARTIFACT)


def test_a_repository_that_stays_busy_is_named(tmp_path: Path, repository: str) -> None:
    _Repository.busy = 99
    with pytest.raises(
        PlatformError, match=r"x\.jar cannot be fetched from 127\.0\.0\.1: it answers HTTP 503"
    ):
        cache(tmp_path, repository).fetch([ARTIFACT], QUIET)


def test_a_wrong_file_is_refused_and_not_kept(tmp_path: Path, repository: str) -> None:
    _Repository.content = CONTENT[::-1]
    ours = cache(tmp_path, repository)
    with pytest.raises(ChecksumError, match=r"x\.jar"):
        ours.fetch([ARTIFACT], QUIET)
    assert not ours.has(ARTIFACT)
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_the_repository_has_not_got_is_named(tmp_path: Path, repository: str) -> None:
    missing = Artifact("org/y/y.jar", 5, "0")
    with pytest.raises(PlatformError, match=r"HTTP 404 for org/y/y\.jar"):
        cache(tmp_path, repository).fetch([missing], QUIET)


def test_being_offline_is_one_sentence_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "_WAIT_S", 0.0)
    with pytest.raises(PlatformError, match="MAVEN_REPOSITORY"):
        cache(tmp_path, "http://127.0.0.1:9").fetch([ARTIFACT], QUIET)


def test_too_little_space_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(NoSpaceError, match=re.escape(str(tmp_path))):
        require_space(tmp_path, 1 << 40)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match="cannot be used"):
        require_space(tmp_path / "file" / "cache", 1)


def test_the_lock_file_is_whole_and_names_no_address() -> None:
    for part in ("kafka", "registry"):
        for artifact in locked(part):
            assert artifact.size > 0
            assert re.fullmatch(r"[0-9a-f]{64}", artifact.sha256)
            assert artifact.path[0].isalpha()
    assert "://" not in LOCK_FILE.read_text()
