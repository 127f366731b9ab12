"""Which parts run on this machine and where each answers: a file a part in the data folder, for whoever wants to ask them all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["announced", "running"]

_FOLDER = "parts"


@contextmanager
def announced(data_dir: Path, part: str, address: str) -> Iterator[None]:
    """Leave word of a running part while the context lasts. A folder that cannot be written to keeps no part from working."""
    file = data_dir / _FOLDER / f"{part}-{os.getpid()}.json"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"part": part, "address": address, "pid": os.getpid()}), encoding="utf-8")
        new.replace(file)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def running(data_dir: Path) -> list[str]:
    """Addresses of the parts that run, sorted by their names. What a killed one has left is cleared away."""
    found: list[tuple[str, str]] = []
    for file in sorted((data_dir / _FOLDER).glob("*.json")):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            os.kill(int(said["pid"]), 0)
            found.append((str(said["part"]), str(said["address"])))
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except PermissionError:  # another user's: it runs
            found.append((str(said["part"]), str(said["address"])))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, or none of ours
    return [address for _, address in sorted(found)]
