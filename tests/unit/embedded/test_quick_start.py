"""Archives for quick starts: made once by a trial run, used when they are there, never in the way when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookmill.errors import PlatformError
from embedded.artifacts import ArtifactCache
from embedded.part import Part, Place
from embedded.progress import Progress, QuietProgress
from embedded.quick_start import java_flags, prepare


class FakeServer(Part):
    """Writes the archive when it is stopped, unless it cannot start."""

    key = name = "kafka"
    runs = 0

    def __init__(self, place: Place, *, works: bool = True) -> None:
        super().__init__(place)
        self._works = works

    @property
    def address(self) -> str:
        return ""

    def prepare(self, progress: Progress) -> None:  # noqa: ARG002  the signature is the part's
        type(self).runs += 1

    def command(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {}

    def answers(self) -> bool:
        return True

    def start(self) -> None:
        if not self._works:
            raise PlatformError("It does not start.")

    def stop(self) -> None:
        if self._works:
            (flag,) = self.place.java_flags
            Path(flag.partition("=")[2]).write_bytes(b"archive")


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    FakeServer.runs = 0


def cache(folder: Path) -> ArtifactCache:
    return ArtifactCache(folder, repository=None, minimum_free_mib=1)


def test_an_archive_is_made_once_and_used(tmp_path: Path) -> None:
    assert java_flags(tmp_path, "kafka") == ()
    for _ in range(2):
        prepare({"kafka": FakeServer}, cache(tmp_path), tmp_path, QuietProgress())
    assert FakeServer.runs == 1
    (flag,) = java_flags(tmp_path, "kafka")
    assert flag.startswith("-XX:AOTCache=")
    assert Path(flag.partition("=")[2]).read_bytes() == b"archive"
    assert [path.name for path in tmp_path.iterdir()] == ["quick-start"]


def test_a_trial_that_fails_is_not_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        prepare(
            {"kafka": lambda place: FakeServer(place, works=False)},
            cache(tmp_path),
            tmp_path,
            QuietProgress(),
        )
    assert FakeServer.runs == 1
    assert java_flags(tmp_path, "kafka") == ()
