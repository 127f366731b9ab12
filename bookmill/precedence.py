"""Who gives way on a machine that has everything to do at once.

What is stored a moment later is stored as well, but whoever looks at a page is waiting; and a real exchange takes no processor of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GIVES_WAY"]

GIVES_WAY: Mapping[str, int] = {"exchange": 10, "sink": 5, "watcher": 5, "clickhouse": 5}
"""How far each part that gives way does, as ``nice`` has it. The others do not."""
