"""Writes ``artifacts.lock``: what to fetch for the platform, each file with its size and SHA-256.

For the maintainer, when a version changes::

    python -m embedded.lock

Resolving the poms takes a minute, which is why users get the result and never the resolution.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from jgo.maven import MavenContext

from embedded.artifacts import LOCK_FILE

__all__ = ["write_lock"]

_KAFKA = "4.1.2"
_LOG4J = "2.25.3"  # the version Kafka's own log4j-core has

_TRANSITIVE = {
    "kafka": (f"org.apache.kafka:kafka_2.13:{_KAFKA}", f"org.apache.kafka:kafka-tools:{_KAFKA}"),
}
_SINGLE = {
    # The broker logs through slf4j and brings no binding to the log4j it depends on.
    "kafka": ("org.apache.logging.log4j", "log4j-slf4j-impl", _LOG4J, "", "jar"),
    "registry": ("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz"),
}


def _entry(context: MavenContext, artifact: Any) -> dict[str, Any]:
    file: Path = artifact.resolve()
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "path": file.relative_to(context.repo_cache).as_posix(),
        "size": file.stat().st_size,
        "sha256": sha256,
    }


def write_lock(target: Path) -> None:
    """Resolve everything anew in an empty repository cache and write the lock file."""
    with tempfile.TemporaryDirectory() as directory:
        context = MavenContext(repo_cache=Path(directory))
        parts: dict[str, list[dict[str, Any]]] = {}
        for part, coordinates in _TRANSITIVE.items():
            roots = [context.create_dependency(coordinate) for coordinate in coordinates]
            for root in roots:
                root.scope = "runtime"
            inputs, transitive = context.resolver.resolve(roots)
            entries = [_entry(context, dependency.artifact) for dependency in (*inputs, *transitive)]
            parts[part] = entries
        for part, (group, name, version, classifier, packaging) in _SINGLE.items():
            artifact = context.project(group, name).at_version(version).artifact(classifier, packaging)
            parts.setdefault(part, []).append(_entry(context, artifact))
    for entries in parts.values():
        entries.sort(key=lambda entry: str(entry["path"]))
    target.write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_lock(LOCK_FILE)
    sys.stderr.write(f"{LOCK_FILE} is written.\n")
