"""Who gives way on a machine that has everything to do at once.

What is stored a moment later is stored as well, but whoever looks at a page is waiting; and a real exchange takes no processor of ours.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

__all__ = ["GIVES_WAY", "giving_way"]

GIVES_WAY: Mapping[str, int] = {"exchange": 10, "sink": 5, "watcher": 5, "clickhouse": 5}
"""How far each part that gives way does, as ``nice`` has it. The others do not."""


def giving_way(argv: Sequence[str], by: int) -> list[str]:
    """A command that starts the same program as one that gives way; where there is no ``nice``, or nothing to give, the same command."""
    return ["nice", "-n", str(by), *argv] if by and shutil.which("nice") else list(argv)
